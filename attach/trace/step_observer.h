#pragma once

#include <string_view>

namespace pyleak::attach {

/// Told before and after each change that pyleak makes in the target. For tests, which end pyleak at each of them to
/// see that the target outlives it; the program itself passes none.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void At(std::string_view step) = 0;
};

}  // namespace pyleak::attach
