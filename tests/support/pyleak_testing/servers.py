"""HTTP servers as their users start them, for the applications among the Python targets."""

import signal
import socket
import subprocess
import tempfile

from .lines import wait_until
from .load import get
from .places import ROOT


class Server:
    """Runs `command(port)`, for a free port of 127.0.0.1, and answers when the constructor returns."""

    def __init__(self, command, **popen_options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/"
        self._log = tempfile.TemporaryFile()
        folder = ROOT / "tests/targets/python"
        streams = {"stdin": subprocess.DEVNULL, "stdout": self._log, "stderr": self._log}
        self.process = subprocess.Popen(command(port), cwd=folder, **streams, **popen_options)
        wait_until(self._answers, "the server answers", 30)

    @property
    def pid(self):
        return self.process.pid

    def _answers(self):
        try:
            return get(self.url)
        except OSError:
            return None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self._log.close()
