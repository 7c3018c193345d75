"""The servers on a stage: web applications in threads of this process, and nodes in processes of their own."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from starlette.types import ASGIApp

from idp.server.http import Server

STOPPING_SECONDS = 10


class StageServers:
    """Starts servers one after another, and ends them in the same order."""

    def __init__(self) -> None:
        self._servers: list[tuple[Server, threading.Thread]] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def thread(self, name: str, app: ASGIApp, listening: socket.socket) -> None:
        """Serves an application in a thread."""
        server = Server(app, listening)
        thread = threading.Thread(target=server.run, name=name, daemon=True)
        thread.start()
        self._servers.append((server, thread))

    def process(self, folder: Path, listening: socket.socket) -> subprocess.Popen[bytes]:
        """Serves the node of a configuration folder in a process, which takes the socket over."""
        command = [sys.executable, "-m", "idp.demo.process", str(folder), str(listening.fileno())]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module, a folder of ours
            command, stdin=subprocess.PIPE, pass_fds=(listening.fileno(),), env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        self._processes.append(process)
        return process

    def close(self) -> None:
        """Ends all."""
        for process in self._processes:
            if process.stdin is not None:
                process.stdin.close()
        for process in self._processes:
            try:
                process.wait(STOPPING_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for server, _ in self._servers:
            server.stop()
        for _, thread in self._servers:
            thread.join(STOPPING_SECONDS)
        self._servers.clear()
        self._processes.clear()
