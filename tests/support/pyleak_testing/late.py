"""What a target waits for: a peer, a writer or the owner of a lock that lets it wait for a while."""

import contextlib
import fcntl
import os
import socket
import tempfile
import threading


@contextlib.contextmanager
def _later(seconds, action):
    timer = threading.Timer(seconds, action)
    timer.start()
    try:
        yield
    finally:
        timer.join()


@contextlib.contextmanager
def late_writer(seconds):
    """The path of a FIFO into which a byte is written after that time."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "fifo")
        os.mkfifo(path)
        with open(os.open(path, os.O_RDWR), "wb", buffering=0) as fifo, _later(seconds, lambda: fifo.write(b"x")):
            yield path


@contextlib.contextmanager
def late_owner(seconds):
    """The path of a file whose lock, flock(2), is given back after that time."""
    with tempfile.NamedTemporaryFile() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with _later(seconds, lambda: fcntl.flock(file, fcntl.LOCK_UN)):
            yield file.name


@contextlib.contextmanager
def late_answer(seconds):
    """A port of 127.0.0.1 whose server sends a byte, that time after this begins."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with server.accept()[0] as client:
                client.send(b"x")

        with _later(seconds, answer):
            yield server.getsockname()[1]


@contextlib.contextmanager
def late_acceptor(seconds):
    """A port of 127.0.0.1 whose queue of connections is full for that time: the kernel lets who comes try again."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = server.getsockname()
        stack.enter_context(socket.create_connection(address))

        def make_room():
            stack.push(server.accept()[0])

        stack.enter_context(_later(seconds, make_room))
        yield address[1]
