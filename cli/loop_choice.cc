#include "cli/loop_choice.h"

#include <algorithm>

namespace pyleak::cli {

bool IsChosenThread(const LoopChoice& choice, const ThreadName& thread) {
  return choice.threads.empty() || std::ranges::any_of(choice.threads, [&](const std::string& wanted) {
           return wanted == thread.thread || wanted == std::to_string(thread.tid);
         });
}

bool IsChosenKind(const LoopChoice& choice, const std::string& kind) {
  return choice.kinds.empty() || std::ranges::find(choice.kinds, kind) != choice.kinds.end();
}

}  // namespace pyleak::cli
