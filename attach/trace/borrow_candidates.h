#pragma once

#include <memory>
#include <string>
#include <vector>

#include "attach/proc/process_identity.h"
#include "attach/trace/borrow_choice.h"
#include "attach/trace/thread_look.h"

namespace pyleak::attach {

struct BorrowCandidate {
  std::unique_ptr<ThreadLook> look;
  BorrowRank rank;
};

/// Threads that may be fit to be borrowed, by a look from outside; those that are disturbed least come first.
std::vector<BorrowCandidate> FindBorrowCandidates(const ProcessIdentity& process);

/// In words for the user, where none is fit.
std::string WhyNoneIsFit(const ProcessIdentity& process);

}  // namespace pyleak::attach
