// Sleeps below many frames of every kind that a C++ compiler makes: recursion, a template, a member function, functions
// that it inlines, a lambda, and (argument "signal") a signal handler, also on a stack of its own ("altstack").
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace shop {

volatile int depth_reached = 0;

[[gnu::noinline]] void WaitForever() {
  std::puts("ready");
  std::fflush(stdout);
  while (true) ::pause();
}

void OnSignal(int /*signal*/) { WaitForever(); }

[[gnu::always_inline]] inline void InnerInline(bool by_signal) {
  if (by_signal) {
    ::raise(SIGUSR1);
  } else {
    WaitForever();
  }
  depth_reached = 1;
}

[[gnu::always_inline]] inline void OuterInline(bool by_signal) {
  InnerInline(by_signal);
  depth_reached = 2;
}

class Basket {
 public:
  [[gnu::noinline]] int Pay(const std::string& name, bool by_signal) {
    OuterInline(by_signal);
    return static_cast<int>(name.size()) + depth_reached;
  }
};

template <typename T>
[[gnu::noinline]] int Visit(const std::vector<T>& items, int depth, bool by_signal) {
  if (depth == 0) {
    const auto pay = [&](Basket basket) { return basket.Pay("basket", by_signal); };
    return pay(Basket()) + 1;
  }
  return Visit(items, depth - 1, by_signal) + static_cast<int>(items.size());
}

}  // namespace shop

int main(int argc, char** argv) {
  const char* const kind = argc > 1 ? argv[1] : "plain";
  struct sigaction action {};
  action.sa_handler = shop::OnSignal;
  if (std::strcmp(kind, "altstack") == 0) {
    stack_t own{};
    own.ss_size = 65536;
    own.ss_sp = std::malloc(own.ss_size);
    ::sigaltstack(&own, nullptr);
    action.sa_flags = SA_ONSTACK;
  }
  ::sigaction(SIGUSR1, &action, nullptr);
  return shop::Visit(std::vector<int>(3), 25, std::strcmp(kind, "plain") != 0);
}
