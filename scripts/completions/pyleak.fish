# fish completion for pyleak(1)

set -l commands attach run dump list doctor report
set -l any "__fish_seen_subcommand_from $commands"
set -l watch "__fish_seen_subcommand_from attach run"
set -l look "__fish_seen_subcommand_from attach run dump"

complete -c pyleak -f
complete -c pyleak -n "not $any" -a attach -d "Watch a running process"
complete -c pyleak -n "not $any" -a run -d "Start a program and watch it"
complete -c pyleak -n "not $any" -a dump -d "Look at a process once"
complete -c pyleak -n "not $any" -a list -d "List event loops"
complete -c pyleak -n "not $any" -a doctor -d "Say whether a process may be watched"
complete -c pyleak -n "not $any" -a report -d "Summarise recorded blocks"
complete -c pyleak -s h -l help -d "Show help and exit"
complete -c pyleak -n "not $any" -s V -l version -d "Show the version and exit"

complete -c pyleak -n "__fish_seen_subcommand_from attach dump list doctor" -a "(__fish_complete_pids)"
complete -c pyleak -n "__fish_seen_subcommand_from run" -a "(__fish_complete_subcommand --fcs-skip=2)"

complete -c pyleak -n "__fish_seen_subcommand_from report" -F
complete -c pyleak -n "__fish_seen_subcommand_from report" -s f -l format -x -a "folded speedscope chrome"

complete -c pyleak -n $watch -s t -l threshold -x -d "Least block to report"
complete -c pyleak -n $watch -s i -l check-interval -x -d "How often to look at an idle loop"
complete -c pyleak -n $watch -l caller -r -F -d "Only blocks with such a frame on the stack"
complete -c pyleak -n $watch -l ignore -r -F -d "No blocks whose innermost user frame is this"
complete -c pyleak -n $watch -l children -d "Follow child processes"
complete -c pyleak -n $watch -l no-children -d "Do not follow child processes"
complete -c pyleak -n $watch -l agent -x -a "auto none" -d "Place code in the process, or only look from outside"
complete -c pyleak -n $watch -s d -l duration -x -d "Stop after this time"
complete -c pyleak -n $watch -s n -l max-blocks -x -d "Stop after this many blocks"
complete -c pyleak -n $watch -s a -l action -x -a "warn log cancel raise" -d "What to do about a block"
complete -c pyleak -n $watch -l max-reports-per-minute -x -d "So many blocks in text at most"
complete -c pyleak -n $watch -l stats-interval -x -d "Statistics of each loop this often"
complete -c pyleak -n $watch -l log-file -r -F -d "Where --action log writes"

complete -c pyleak -n $look -l loop -x -a "asyncio uvloop node libuv libevent libev glib redis generic" -d "Only loops of this kind"
complete -c pyleak -n $look -l thread -x -d "Only the loops of this thread"
complete -c pyleak -n $look -l native -d "Every native frame in the text"
complete -c pyleak -n $look -l locals -d "Local variables of Python frames"
complete -c pyleak -n $look -l redact -x -d "Do not show what has this in its name"

complete -c pyleak -n $any -s f -l format -x -a "text json" -d "For people, or JSON Lines for programs"
complete -c pyleak -n $any -s o -l output -r -F -d "Where to"
complete -c pyleak -n $any -l color -x -a "auto always never" -d "Colours"
