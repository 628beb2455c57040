#pragma once

#include <string_view>
#include <vector>

namespace pyleak::attach {

/// The numbers in /proc/PID/task/TID/children. Anything else ends the list.
std::vector<int> ParseChildren(std::string_view text);

/// The children of a process, their children, and so on, parents first. A process whose parent has ended belongs to
/// whoever adopted it and is not found: whoever wants to follow it must have seen it before. Making pyleak a subreaper
/// (prctl(2)) would keep it in the tree, but the orphan would see another parent than it does without pyleak.
std::vector<int> Descendants(int pid);

}  // namespace pyleak::attach
