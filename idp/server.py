"""uvicorn, as we run it: a bound socket, no access log (addresses hold codes), no library's banner."""

import socket
from collections.abc import Sequence

import uvicorn
from starlette.types import ASGIApp

BACKLOG = 512
# A keep-alive connection is worth less than a worker's memory
KEEP_ALIVE = 15
GRACEFUL_SECONDS = 10


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises OSError where it cannot be."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


class Server:
    """One server on one socket that `bind` made."""

    def __init__(self, app: ASGIApp, listening: socket.socket, *, trusted: Sequence[str] = ()) -> None:
        self._socket = listening
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                access_log=False,
                log_config=None,
                server_header=False,
                lifespan="off",
                proxy_headers=bool(trusted),
                forwarded_allow_ips=list(trusted),
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=GRACEFUL_SECONDS,
            )
        )

    def run(self) -> None:
        """Serve until stopped, by a signal in the main thread or by `stop`."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Ask the server to end; `run` returns when open requests are answered."""
        self._server.should_exit = True
