// A libev loop with a timer of ten milliseconds.
#include <ev.h>
#include <unistd.h>

#include "tests/targets/native/control.h"

namespace {

using pyleak::targets::Control;

void OnReadable(struct ev_loop* loop, ev_io* watcher, int /*events*/) {
  if (!static_cast<Control*>(watcher->data)->Obey()) ev_break(loop, EVBREAK_ALL);
}

void OnTimer(struct ev_loop* /*loop*/, ev_timer* timer, int /*events*/) {
  static_cast<Control*>(timer->data)->CountWork();
}

}  // namespace

int main() {
  Control control(STDIN_FILENO);
  struct ev_loop* loop = ev_default_loop(0);
  ev_io readable;
  ev_io_init(&readable, OnReadable, control.input(), EV_READ);
  readable.data = &control;
  ev_io_start(loop, &readable);
  ev_timer timer;
  ev_timer_init(&timer, OnTimer, 0.01, 0.01);
  timer.data = &control;
  ev_timer_start(loop, &timer);
  control.SayReady("libev");
  ev_run(loop, 0);
  return 0;
}
