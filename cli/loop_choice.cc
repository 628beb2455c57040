#include "cli/loop_choice.h"

#include <algorithm>

namespace pyleak::cli {

bool IsChosen(const LoopChoice& choice, const ThreadName& thread, const std::string& kind) {
  const auto names_thread = [&](const std::string& wanted) {
    return wanted == thread.thread || wanted == std::to_string(thread.tid);
  };
  const bool right_kind = choice.kinds.empty() || std::ranges::find(choice.kinds, kind) != choice.kinds.end();
  const bool right_thread = choice.threads.empty() || std::ranges::any_of(choice.threads, names_thread);
  return right_kind && right_thread;
}

}  // namespace pyleak::cli
