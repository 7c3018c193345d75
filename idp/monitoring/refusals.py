"""Writes the log lines of one tenant's refusals: a flood of requests must not become a flood of lines.

A refusal that needs no login has so many lines a minute and cause. One more line is written, and all further refusals share
its reference: it says why, as their own line would have. Where there are more causes than are told apart, it says what kind
of refusal it was, and no more. After the minute the next refusal tells how many lines are missing. The metric counts each.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from idp.system.logs import log_of

# A minute and cause, in one worker. Citizens who lost a cookie, or whose service asks wrongly, come nowhere near it
MOST = 100
SECONDS = 60
# A stranger may choose a size that a detail names. Causes beyond so many in a minute are told apart by their code alone
MAX_CAUSES = 64
REFERENCE_BYTES = 5
Fields = Mapping[str, object]
# The fields that all causes of a code share, and the detail of a line that stands for several of them
KIND, MIXED = ("code", "status"), {"detail": f"one of more than {MAX_CAUSES} causes"}


@dataclass(slots=True)
class _Cause:
    """The refusals of one cause (`alone`) or of a code in this minute; all beyond the most have the line `shared`."""

    alone: bool
    came: int = 0
    shared: Fields | None = None


class Refusals:
    """Each worker's own, as limits are."""

    def __init__(self, *, tenant: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._clock = log_of(tenant), clock
        self._lock = threading.Lock()
        self._causes: dict[tuple[object, ...], _Cause] = {}
        self._until = 0.0

    def line(self, fields: Fields, reference: str = "", *, anybodys: bool, level: int = logging.WARNING) -> str:
        """Write the line of a refusal, and return the reference that finds it, which may be another than it had.

        `anybodys` says that it takes no login of ours to cause it.
        """
        fields = {**fields, **({"reference": reference} if reference else {})}
        if not anybodys:
            self._write(level, fields)
            return reference
        with self._lock:
            ended = self._ended()
            cause = self._cause(fields)
            cause.came += 1
            written = cause.came <= MOST + 1
            if cause.came > MOST:
                if cause.shared is None:
                    # It names no login: what that one did is not what the others did
                    own = {"reference": secrets.token_hex(REFERENCE_BYTES)} if reference else {}
                    alike = fields if cause.alone else {name: fields[name] for name in KIND if name in fields} | MIXED
                    cause.shared = {**alike, **own}
                fields = {**cause.shared, "shared": True}
                reference = str(cause.shared.get("reference", ""))
        for shared, left_out in ended:
            self._write(logging.WARNING, {**shared, "left_out": left_out})
        if written:
            self._write(level, fields)
        return reference

    def _write(self, level: int, fields: Fields) -> None:
        self._log.log(level, "refused", **fields)

    def _ended(self) -> list[tuple[Fields, int]]:
        """Return once what was left out in the minute that is over."""
        now = self._clock()
        if now < self._until:
            return []
        ended = [(one.shared, one.came - MOST - 1) for one in self._causes.values() if one.shared and one.came > MOST + 1]
        self._causes.clear()
        self._until = now + SECONDS
        return ended

    def _cause(self, fields: Fields) -> _Cause:
        # Not the path: of one cause a stranger may name any
        key = tuple(fields.get(name) for name in ("code", "status", "check", "peer", "detail"))
        if alone := key in self._causes or len(self._causes) < MAX_CAUSES:
            return self._causes.setdefault(key, _Cause(alone))
        return self._causes.setdefault(key[:2], _Cause(alone))
