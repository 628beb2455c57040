#include "cli/launch/disregard.h"

#include <csignal>

namespace pyleak::cli {
namespace {

void DoNothing(int /*signal*/) {}

}  // namespace

void Disregard(int signal) {
  struct sigaction action {};
  if (::sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) return;
  action = {};
  action.sa_handler = DoNothing;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

}  // namespace pyleak::cli
