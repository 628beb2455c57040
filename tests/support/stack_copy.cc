#include "tests/support/stack_copy.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "attach/trace/frozen_thread.h"
#include "attach/trace/tracer.h"

namespace pyleak::testing_support {
namespace {

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

}  // namespace

attach::StackSnapshot CopyStack(attach::ThreadId thread, const attach::MemoryReader& memory) {
  attach::CaptureBuffer buffer;
  attach::Tracer tracer;
  tracer.Run([&] {
    auto look = attach::ThreadLook::Open(thread);
    if (!look) Fail(look.error().what.c_str());
    auto frozen = attach::FrozenThread::Freeze(*look, {.limit = std::chrono::seconds(5), .renew_poll = false});
    if (!frozen) Fail(frozen.error().what.c_str());
    if (!*frozen) Fail("the thread has ended");
    (*frozen)->CaptureStack(memory, buffer);
  });
  return buffer.Snapshot();
}

void WaitUntilAsleep(attach::ThreadId thread) {
  const auto look = attach::ThreadLook::Open(thread);
  if (!look) Fail(look.error().what.c_str());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (std::chrono::steady_clock::now() < deadline) {
    if (look->State() == 'S') return;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Fail("the thread does not fall asleep");
}

}  // namespace pyleak::testing_support
