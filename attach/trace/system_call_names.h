#pragma once

#include <cstdint>
#include <string>

namespace pyleak::attach {

/// "clock_nanosleep" for 230 on x86-64; "system call 999" for a number that the kernel headers of the build lack.
std::string SystemCallName(std::int64_t number);

}  // namespace pyleak::attach
