"""A server as small as can be under the real supervisor.

`python -m tests.idp.server.small FOLDER PORT WORKERS DRAIN LOOK LOOKS`, where `FOLDER/word` is the configuration:
`unreadable` and `unforeseen` are broken for the supervisor, `unfit` and `away` for a worker; with `slow` the second worker
of a reload takes its time. `FOLDER/room`, where it is, says for how many processes more the machine has room. While there
is a `FOLDER/later`, its word is what workers find, whatever was loaded. A request that takes its time makes `FOLDER/taken`.
"""

import asyncio
import errno
import json
import os
import random
import secrets
import sys
import threading
import time
from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from idp.server.http import bind
from idp.server.workers import supervisor
from idp.server.workers.slots import Board, WorkerState
from idp.server.workers.worker import Generation
from idp.system.logs import configure_logs
from policies.errors import Misconfigured, Problem, StoreUnavailable

TAKEN = Path(sys.argv[1], "taken") if __name__ == "__main__" else Path("taken")
# Of two workers, which have the numbers 1 and 2 before
SECOND_OF_RELOAD = 4


class Small:
    """Says who answers; with `wait=S` it takes so long, with `hang=1` its event loop stands still."""

    def __init__(self, word: str, number: int) -> None:
        self.word, self.number = word, number

    async def asgi(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        body = await Request(scope, receive).body()
        if "wait" in asked:
            TAKEN.touch()
            await asyncio.sleep(float(asked["wait"]))
        if "hang" in asked:
            time.sleep(600)  # noqa: ASYNC251 - it hangs on purpose
        said = {
            "process": os.getpid(),
            "number": self.number,
            "word": self.word,
            "taken": len(body),
            "random": [random.random(), secrets.token_hex(8)],  # noqa: S311 - whether a fork shares it is the question
        }
        await PlainTextResponse(json.dumps(said))(scope, receive, send)

    def start(self) -> None:
        threading.Thread(target=lambda: None).start()

    def stop(self) -> None:
        # In one piece: print writes the line's end by itself, and another worker's line comes between
        sys.stderr.write(f"stopped {self.number}\n")
        sys.stderr.flush()


def compose(word: str, number: int) -> Small:
    if word == "unfit":
        raise Misconfigured((Problem("word", 1, "word", "no worker can use it.", "Write another."),))
    if word == "away":
        raise StoreUnavailable("the database is away")
    if word == "slow" and number == SECOND_OF_RELOAD:
        time.sleep(30)
    return Small(word, number)


def tell(error: Misconfigured | StoreUnavailable) -> None:
    print(f"told: {error}", file=sys.stderr, flush=True)


def beside(board: Board) -> None:
    """The companion: writes what the board says, so that a test can read it."""
    Path(sys.argv[1], "companion").write_text(str(os.getpid()), encoding="ascii")
    while True:
        ready = sum(slot.state == WorkerState.READY for slot in board.slots)
        Path(sys.argv[1], "ready").write_text(str(0 if board.draining() else ready), encoding="ascii")
        time.sleep(0.02)


def make_room_end(room: Path) -> None:
    """Let a fork fail as the kernel does where there is no room."""
    fork = os.fork

    def forked() -> int:
        if room.exists():
            left = int(room.read_text(encoding="ascii"))
            if not left:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            room.write_text(str(left - 1), encoding="ascii")
        return fork()

    os.fork = forked


def main() -> None:
    folder, port, workers, drain = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    # A test has not the patience of an operator, but with a worker that a busy machine lets wait
    supervisor.LOOK_SECONDS, supervisor.HUNG_LOOKS = float(sys.argv[5]), int(sys.argv[6])
    configure_logs()
    make_room_end(folder / "room")

    def found(word: str) -> str:
        later = folder / "later"
        return later.read_text(encoding="utf-8") if later.exists() else word

    def load() -> Generation:
        word = (folder / "word").read_text(encoding="utf-8").strip()
        if word == "unreadable":
            raise Misconfigured((Problem("word", 1, "word", "it cannot be read.", "Write another."),))
        if word == "unforeseen":
            raise KeyError("hunter2")
        return Generation(compose=lambda number: compose(found(word), number), tell=tell, again=load, drain_seconds=drain)

    server = supervisor.Supervisor(
        bind("127.0.0.1", port),
        workers=workers,
        ready=lambda: print("listening", flush=True),
        beside=beside,
    )
    sys.exit(server.run(load()))


if __name__ == "__main__":
    main()
