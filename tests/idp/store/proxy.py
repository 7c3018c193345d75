"""A TCP proxy before PostgreSQL that loses, holds back or slows what passes."""

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

COMMIT = b"COMMIT"

# Gets the sockets to the client and to the server, and the octets of the client that hold a COMMIT
OnCommit = Callable[[socket.socket, socket.socket, bytes], None]


class Proxy:
    """Forwards to a port of loopback. `on_commit` is called instead of forwarding, for the next COMMIT alone."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.on_commit: OnCommit | None = None
        self.held: socket.socket | None = None  # the client whose answers wait until the end
        self.struck = 0
        self._ended = threading.Event()
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        for each in (self._listening, *self._open):
            end(each)
        self._thread.join(5)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._target), timeout=5)
            except OSError:
                continue
            server.settimeout(None)
            self._open += [client, server]
            threading.Thread(target=self._to_server, args=(client, server), daemon=True).start()
            threading.Thread(target=self._to_client, args=(client, server), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while octets := client.recv(65536):
                if COMMIT in octets and self.on_commit is not None:
                    strike, self.on_commit = self.on_commit, None
                    self.struck += 1
                    strike(client, server, octets)
                else:
                    server.sendall(octets)
        end(server)

    def _to_client(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while octets := server.recv(65536):
                if client is self.held:
                    self._ended.wait()
                client.sendall(octets)
        end(client)


def end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def lose_the_reply(client: socket.socket, server: socket.socket, octets: bytes) -> None:
    """The server commits, and nobody hears of it."""
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
    server.sendall(octets)


def lose_the_commit(client: socket.socket, server: socket.socket, octets: bytes) -> None:
    """The server never hears of it."""
    del octets
    end(client)
    end(server)


def commit_late(client: socket.socket, server: socket.socket, octets: bytes) -> None:
    """The client hears that the connection ended, and the server commits half a second later."""
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
    threading.Event().wait(0.5)
    server.sendall(octets)
