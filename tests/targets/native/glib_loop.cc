// A GLib main loop with a timer of ten milliseconds.
#include <glib-unix.h>
#include <unistd.h>

#include "tests/targets/native/control.h"

namespace {

using pyleak::targets::Control;

struct Service {
  Control control;
  GMainLoop* loop;
};

gboolean OnReadable(gint /*input*/, GIOCondition /*condition*/, gpointer argument) {
  auto& service = *static_cast<Service*>(argument);
  if (!service.control.Obey()) g_main_loop_quit(service.loop);
  return G_SOURCE_CONTINUE;
}

gboolean OnTimer(gpointer argument) {
  static_cast<Service*>(argument)->control.CountWork();
  return G_SOURCE_CONTINUE;
}

}  // namespace

int main() {
  Service service = {Control(STDIN_FILENO), g_main_loop_new(nullptr, FALSE)};
  const auto condition = static_cast<GIOCondition>(G_IO_IN | G_IO_HUP);
  g_unix_fd_add(service.control.input(), condition, OnReadable, &service);
  g_timeout_add(10, OnTimer, &service);
  service.control.SayReady("glib");
  g_main_loop_run(service.loop);
  g_main_loop_unref(service.loop);
  return 0;
}
