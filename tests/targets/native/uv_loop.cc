// A libuv loop with a timer of ten milliseconds.
#include <unistd.h>
#include <uv.h>

#include "tests/targets/native/control.h"

namespace {

using pyleak::targets::Control;

Control& ControlOf(uv_loop_t* loop) { return *static_cast<Control*>(loop->data); }

void OnReadable(uv_poll_t* poll, int /*status*/, int /*events*/) {
  if (!ControlOf(poll->loop).Obey()) uv_stop(poll->loop);
}

void OnTimer(uv_timer_t* timer) { ControlOf(timer->loop).CountWork(); }

}  // namespace

int main() {
  Control control(STDIN_FILENO);
  uv_loop_t* loop = uv_default_loop();
  loop->data = &control;
  uv_poll_t poll;
  uv_poll_init(loop, &poll, control.input());
  uv_poll_start(&poll, UV_READABLE, OnReadable);
  uv_timer_t timer;
  uv_timer_init(loop, &timer);
  uv_timer_start(&timer, OnTimer, 10, 10);
  control.SayReady("libuv");
  uv_run(loop, UV_RUN_DEFAULT);
  return 0;
}
