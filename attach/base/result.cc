#include "attach/base/result.h"

#include <cerrno>
#include <system_error>

namespace pyleak {
namespace {

ErrorCode CodeOf(int error_number) {
  switch (error_number) {
    case ESRCH:
      return ErrorCode::kNoSuchProcess;
    case EPERM:
    case EACCES:
      return ErrorCode::kNotPermitted;
    case ETIMEDOUT:
      return ErrorCode::kTimedOut;
    default:
      return ErrorCode::kSystem;
  }
}

}  // namespace

Error ErrnoError(std::string_view doing) { return ErrnoError(doing, errno); }

Error ErrnoError(std::string_view doing, int error_number) {
  return Error{CodeOf(error_number),
               std::string(doing).append(": ").append(std::generic_category().message(error_number))};
}

}  // namespace pyleak
