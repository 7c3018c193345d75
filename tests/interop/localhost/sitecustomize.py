"""`*.localhost` is this machine, which Python's resolver does not know: on the path of programs that tests start."""

import socket
from typing import Any  # what a resolver is asked has no narrower type

_resolved = socket.getaddrinfo


def _local(host: Any, *arguments: Any, **named: Any) -> Any:
    text = host.decode("ascii") if isinstance(host, bytes) else str(host)
    return _resolved("127.0.0.1" if text.endswith(".localhost") else host, *arguments, **named)


socket.getaddrinfo = _local
