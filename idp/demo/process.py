"""One node in a process of its own, on a socket that the demo bound: `python -m idp.demo.process FOLDER DESCRIPTOR`.

It ends when its standard input ends: with the demo, however that ended.
"""

import logging
import signal
import socket
import sys
import threading
from pathlib import Path

from idp.application.app import Application
from idp.server.http import Server
from idp.system.logs import configure_logs


def main(folder: Path, descriptor: int) -> None:
    """Serves the node of `folder` until the other end of our standard input is closed."""
    configure_logs(logging.WARNING)
    # Ctrl-C reaches the whole group of processes: the demo ends us, after its own last word
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    application = Application(folder)
    server = Server(application.asgi, socket.socket(fileno=descriptor))
    # uvicorn sends itself the signal again at its end: the default would kill us there
    signal.signal(signal.SIGTERM, lambda *_: server.stop())
    threading.Thread(target=_until_alone, args=(server,), daemon=True).start()
    application.start()
    try:
        server.run()
    finally:
        application.stop()


def _until_alone(server: Server) -> None:
    sys.stdin.buffer.read()
    server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
