"""`*.localhost` is this machine, which Python's resolver does not know: on the path of programs that tests start.

AHEAD names a file of seconds by which the program's clock is ahead of the machine's, as the broker's is in a test.
"""

import os
import socket
import time
from pathlib import Path
from typing import Any  # what a resolver is asked has no narrower type

_resolved = socket.getaddrinfo


def _local(host: Any, *arguments: Any, **named: Any) -> Any:
    text = host.decode("ascii") if isinstance(host, bytes) else str(host)
    return _resolved("127.0.0.1" if text.endswith(".localhost") else host, *arguments, **named)


socket.getaddrinfo = _local

if file := os.environ.get("AHEAD"):
    _now, _ahead = time.time, Path(file)
    time.time = lambda: _now() + int(_ahead.read_text())
