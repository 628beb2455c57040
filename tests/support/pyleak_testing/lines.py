"""Lines of a stream, read as they come, each waited for until a deadline."""

import queue
import threading
import time

_END = object()


class Lines:
    """Reads `stream` to its end in a thread of its own, so that the writer is never held up by a full pipe."""

    def __init__(self, stream):
        self._queue = queue.Queue()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        with stream:
            for line in stream:
                self._queue.put(line)
        self._queue.put(_END)

    def next(self, deadline):
        """The next line, or None at the end of the stream; TimeoutError at `deadline` (on time.monotonic())."""
        try:
            line = self._queue.get(timeout=max(0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimeoutError("no line came in time") from None
        if line is _END:
            self._queue.put(_END)
            return None
        return line


def wait_until(condition, what, seconds=30):
    """Waits until `condition()` is true, and returns what it returned; at the deadline AssertionError says `what`."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.01)
