#include <poll.h>

/// Waits for nothing, a millisecond long.
extern "C" int WaitOnce() {
  pollfd none{-1, 0, 0};
  return ::poll(&none, 1, 1);
}
