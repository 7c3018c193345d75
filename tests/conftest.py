"""What every test shares: sockets closed except on loopback, and the mark that names a clause."""

import socket
from collections.abc import Iterator
from typing import Any  # a socket address has no narrower type

import pytest

_connect = socket.socket.connect
LOOPBACK = ("127.", "::1")


def _loopback_only(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not str(address[0]).startswith(LOOPBACK):
        raise AssertionError(f"a test may connect to loopback alone, not to {address[0]}")
    _connect(self, address)


@pytest.fixture(autouse=True, scope="session")
def sockets_on_loopback_only() -> Iterator[None]:
    """Refuse every connection that would leave the machine."""
    socket.socket.connect = _loopback_only  # type: ignore[method-assign,assignment] # the guard stands in for the method
    yield
    socket.socket.connect = _connect  # type: ignore[method-assign] # as above
