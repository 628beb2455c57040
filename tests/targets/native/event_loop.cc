// A libevent loop with a timer of ten milliseconds.
#include <event2/event.h>
#include <unistd.h>

#include "tests/targets/native/control.h"

namespace {

using pyleak::targets::Control;

struct Service {
  Control control;
  event_base* base;
};

void OnReadable(evutil_socket_t /*input*/, short /*events*/, void* argument) {
  auto& service = *static_cast<Service*>(argument);
  if (!service.control.Obey()) event_base_loopbreak(service.base);
}

void OnTimer(evutil_socket_t /*none*/, short /*events*/, void* argument) {
  static_cast<Service*>(argument)->control.CountWork();
}

}  // namespace

int main() {
  Service service = {Control(STDIN_FILENO), event_base_new()};
  event* readable = event_new(service.base, service.control.input(), EV_READ | EV_PERSIST, OnReadable, &service);
  event_add(readable, nullptr);
  event* timer = event_new(service.base, -1, EV_PERSIST, OnTimer, &service);
  const timeval interval = {0, 10000};
  event_add(timer, &interval);
  service.control.SayReady("libevent");
  event_base_dispatch(service.base);
  event_free(timer);
  event_free(readable);
  event_base_free(service.base);
  return 0;
}
