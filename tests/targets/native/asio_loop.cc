// A loop of Boost.Asio with a timer of ten milliseconds.
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "tests/targets/native/control.h"

namespace {

namespace asio = boost::asio;
using pyleak::targets::Control;

class Service {
 public:
  Service() : control_(STDIN_FILENO), input_(context_, control_.input()), timer_(context_) {}

  void Run() {
    WaitForInput();
    WaitForTimer();
    control_.SayReady("asio");
    context_.run();
  }

 private:
  void WaitForInput() {
    input_.async_wait(asio::posix::descriptor_base::wait_read, [this](const boost::system::error_code& /*error*/) {
      if (control_.Obey()) {
        WaitForInput();
      } else {
        context_.stop();
      }
    });
  }

  void WaitForTimer() {
    timer_.expires_after(std::chrono::milliseconds(10));
    timer_.async_wait([this](const boost::system::error_code& /*error*/) {
      control_.CountWork();
      WaitForTimer();
    });
  }

  Control control_;
  asio::io_context context_;
  asio::posix::stream_descriptor input_;
  asio::steady_timer timer_;
};

}  // namespace

int main() {
  Service().Run();
  return 0;
}
