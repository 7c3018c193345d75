"""New connections of a socket that several processes share, taken one at a time.

The kernel wakes every process for each of them, and it is nearly always the same one that comes first: a proxy that opens
its connections one after another, and keeps them, has them all at one worker. So whoever is ahead of the others waits for a
moment, and takes the connection only where nobody else did. Between two of them the event loop does its other work: a crowd
that connects keeps nobody waiting who has a connection.
"""

import asyncio
import socket
from collections.abc import Callable

# The event loop's clock counts so
PAUSE_SECONDS = 0.001
# After the process has no descriptor or memory left for one more; as asyncio's own
RETRY_SECONDS = 1.0


class Accepting:
    """Takes connections in the running event loop, from `start` to `stop`. `made` gives each its protocol.

    `ahead` says whether another process should take the next one.
    """

    def __init__(self, listening: socket.socket, made: Callable[[], asyncio.Protocol], ahead: Callable[[], bool]) -> None:
        self._listening, self._made, self._ahead = listening, made, ahead
        self._loop = asyncio.get_running_loop()
        self._opening: set[asyncio.Task[object]] = set()
        self._paused: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, or go on."""
        self._paused = None
        self._loop.add_reader(self._listening, self._take)

    def stop(self) -> None:
        """End. What waits in the kernel's queue is for others, or lost with the socket."""
        if self._paused is not None:
            self._paused.cancel()
        self._loop.remove_reader(self._listening)

    def _take(self) -> None:
        """One connection, or what others leave of it."""
        if self._ahead():
            self._pause(PAUSE_SECONDS, self._take_what_is_left)
        else:
            self._accept()

    def _take_what_is_left(self) -> None:
        # At once: a later connection is another one, of which nothing was left to anybody
        self.start()
        self._accept()

    def _accept(self) -> None:
        """One connection, where one is still there."""
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError:
            self._pause(RETRY_SECONDS, self.start)
            return
        opening = self._loop.create_task(self._open(connection))
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)

    def _pause(self, seconds: float, then: Callable[[], None]) -> None:
        self._loop.remove_reader(self._listening)
        self._paused = self._loop.call_later(seconds, then)

    async def _open(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._made, connection)
        except OSError:  # it is gone again
            connection.close()
