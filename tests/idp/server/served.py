"""One server in a thread of the test's process, and a client that speaks to it in octets."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any  # of what `Server` takes by name

from starlette.types import ASGIApp

from idp.server.http import Server, bind

SECONDS = 60


@contextmanager
def served(app: ASGIApp, *, room: int = 0, **options: Any) -> Iterator[int]:  # Any: see the import
    """The port. With `room` the kernel keeps so many octets of a connection: what it takes is not what we take."""
    with bind("127.0.0.1", 0) as listening:
        if room:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        port = int(listening.getsockname()[1])
        with running(Server(app, listening, **options)):
            yield port


@contextmanager
def running(server: Server) -> Iterator[threading.Thread]:
    """Run it until the block ends."""
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield thread
    finally:
        server.stop()
        thread.join(SECONDS)


@contextmanager
def connected(app: ASGIApp, *, room: int = 0) -> Iterator[socket.socket]:
    """A connection to a server of this application."""
    with served(app, room=room) as port, socket.socket() as client:
        client.settimeout(SECONDS)
        if room:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, room)
        client.connect(("127.0.0.1", port))
        yield client


def rest(client: socket.socket) -> bytes:
    """All that still comes until the other end closes, in order or not."""
    read = b""
    try:
        while more := client.recv(65536):
            read += more
    except ConnectionError:
        pass
    return read
