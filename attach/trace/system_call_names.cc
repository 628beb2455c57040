#include "attach/trace/system_call_names.h"

namespace pyleak::attach {

std::string SystemCallName(std::int64_t number) {
  switch (number) {
#define PYLEAK_SYSTEM_CALL(name, value) \
  case value:                           \
    return #name;
#include "system_calls.inc"  // made from the kernel's headers, see CMakeLists.txt
#undef PYLEAK_SYSTEM_CALL
    default:
      return "system call " + std::to_string(number);
  }
}

}  // namespace pyleak::attach
