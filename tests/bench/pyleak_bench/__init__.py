"""What pyleak costs and how exact it is, each figure beside what it is to be compared with: see scripts/bench."""
