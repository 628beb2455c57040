#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace pyleak {

/// Why something could not be done. The command line turns each into one line of advice and an exit status.
enum class ErrorCode {
  kSystem,             ///< A system call failed for a reason that has no name of its own here.
  kNoSuchProcess,      ///< There is, or is no longer, such a process.
  kNotPermitted,       ///< The kernel refuses to let this user look at or trace the process.
  kAlreadyTraced,      ///< A debugger, or another tracer, holds the thread.
  kAlreadyWatched,     ///< Another pyleak watches the process.
  kZombie,             ///< The process has ended and waits for its parent.
  kKernelThread,       ///< A kernel thread has no user memory and no event loop.
  kStaticProgram,      ///< No dynamic linker, so no import slots that could be redirected.
  kWrongArchitecture,  ///< A program of another word size or CPU.
  kRefused,            ///< It could be done, but not without a risk to the target (seccomp, shadow stack).
  kTimedOut,           ///< The deadline passed; everything begun has been taken back.
  kCorrupt,            ///< What was read from the target cannot be true.
  kInvalidArgument,    ///< Nonsense from the user.
};

/// What went wrong, in words for the user, from the innermost cause outwards.
struct Error {
  ErrorCode code = ErrorCode::kSystem;
  std::string what;

  /// Says what was being done: "while <doing>: <what>".
  [[nodiscard]] Error While(std::string_view doing) && {
    what = std::string("while ").append(doing).append(": ").append(what);
    return std::move(*this);
  }
};

/// An Error for the current `errno`: "<doing>: <text of errno>", with the code that fits it.
[[nodiscard]] Error ErrnoError(std::string_view doing);
[[nodiscard]] Error ErrnoError(std::string_view doing, int error_number);

/// A T, or the Error that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: converts by design
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: converts by design

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const& { return std::get<1>(state_); }
  [[nodiscard]] Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

/// Done, or the Error that says why not.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: converts by design

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const& { return *error_; }
  [[nodiscard]] Error&& error() && { return *std::move(error_); }

 private:
  std::optional<Error> error_;
};

}  // namespace pyleak
