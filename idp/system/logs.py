"""Structured logs: one JSON object a line, on stderr. A line names checks, parties, codes and references, never a value."""

import json
import logging
import re
import select
import sys
import threading
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO, cast

import structlog

from idp.system.stderr import LossyStream

# Libraries whose words below a warning do not help an operator, and may quote what passes through them
QUIET = ("uvicorn", "uvicorn.error", "uvicorn.access", "sqlalchemy", "alembic", "asyncio", "httpx2", "httpcore2")
# It warns of strangers' single requests alone (bad octets, upgrades). Its errors are of the server
SERVER = "uvicorn.error"
# How long a line waits for a slow reader; once a line was lost, the next ones do not wait
PATIENCE_MILLISECONDS = 100
# Where asyncio's own words end, and the name of a function of ours
_QUOTED = re.compile(r"""[\n:(\[{'"]|<(?!locals>|lambda>)""")
_LEVELS = {"warn": "warning", "exception": "error"}
_ENCODER = json.JSONEncoder(default=repr)

# The fields of every line of this process, such as a worker's number
_OF_ALL: dict[str, object] = {}


def put_on_every_line(**fields: object) -> None:
    """Put these fields on each line of this process."""
    _OF_ALL.update(fields)


def log_of(tenant: str) -> structlog.typing.FilteringBoundLogger:
    """The log of one tenant, named on each line: several tenants write in one process."""
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger(tenant=tenant)
    return log


def _line(_logger: structlog.typing.WrappedLogger, method: str, event: structlog.typing.EventDict) -> str:
    """The line, with level and moment: four of structlog's processors in one, since each login passes five times."""
    second, part = divmod(time.time_ns(), 1_000_000_000)
    moment = f"{_second(second)}.{part // 1000:06}Z"
    return _ENCODER.encode({**event, **_OF_ALL, "level": _LEVELS.get(method, method), "timestamp": moment}) + "\n"


@lru_cache(maxsize=4)
def _second(moment: int) -> str:
    """A second since the epoch in RFC 3339, without its end."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S")


# One list for good: loggers keep it, and see what a test does to it
PROCESSORS: list[structlog.typing.Processor] = [_line]


class LogStream:
    """Writes lines, structlog's and those of `logging`. A line that cannot be written is lost, and no login waits for it.

    The disk may be full, or the reader gone; and a full pipe would keep a writer for ever.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream.heard if isinstance(stream, LossyStream) else stream
        self._lock = threading.RLock()
        self._cut = False  # whether the end of the last line is lost
        self.writable = True

    def write(self, line: str) -> None:
        """Write a line, or lose it, or the end of a long one."""
        with self._lock:
            try:
                self.writable = self._written("\n" + line if self._cut else line)
            except (OSError, ValueError):  # ValueError: a stream that was closed
                self.writable = False

    # What structlog calls with a line of each level that it has
    debug = info = warning = error = critical = write

    def _written(self, text: str) -> bool:
        """Write in pieces, since a pipe with room may not take all; returns whether all was written."""
        for begin in range(0, len(text), select.PIPE_BUF):
            if not _has_room(self._stream, PATIENCE_MILLISECONDS if self.writable else 0):
                return False
            piece = text[begin : begin + select.PIPE_BUF]
            self._cut = piece[-1] != "\n"
            self._stream.write(piece)
            self._stream.flush()
        return True

    def flush(self) -> None:
        """Nothing waits."""


def _has_room(stream: TextIO, milliseconds: int) -> bool:
    """Whether a pipe has room for `PIPE_BUF` octets within this time."""
    try:
        descriptor = stream.fileno()
    except OSError:  # a stream in memory
        return True
    waiting = select.poll()  # one each: it is not for two threads
    waiting.register(descriptor, select.POLLOUT)
    return bool(waiting.poll(milliseconds))


class _NoTraceback(logging.Formatter):
    """A library's message as one JSON line: its level, its name and its format string, without arguments or traceback.

    asyncio's messages quote values (`future: <Task ... exception=ValueError('...')>`): the words before that stay, and the
    type of the exception.
    """

    def format(self, record: logging.LogRecord) -> str:
        line = {"event": str(record.msg)[:200], "logger": record.name, "level": record.levelname.lower()}
        if record.name == "asyncio":
            line["event"] = _QUOTED.split(line["event"], maxsplit=1)[0].strip()
            if record.exc_info and record.exc_info[0]:
                line["kind"] = record.exc_info[0].__name__
        return structlog.processors.JSONRenderer()(None, "", line).__str__()


_lines = LogStream(sys.stderr)


def writable() -> bool:
    """Whether the last line could be written."""
    return _lines.writable


def configure_logs(level: int = logging.INFO) -> None:
    """Call once, before anything is served. `level` is the least level of our own lines."""
    global _lines  # noqa: PLW0603 - a process has one log, and configures it once
    _lines = lines = LogStream(sys.stderr)
    structlog.configure(
        processors=PROCESSORS,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_arguments: lines,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(cast(TextIO, _lines))
    handler.setFormatter(_NoTraceback())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR if name == SERVER else logging.WARNING)
