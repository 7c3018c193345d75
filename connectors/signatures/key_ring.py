"""Keys of one kind in the order in which they begin: which one counts now, and which ones others have to know.

Others know a key before it signs, and the one before it for as long as somebody may hold what it signed. Every worker of
every machine has the same files and looks at its own clock. A key that an operator revoked counts for nothing.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from policies.errors import AllRevoked

# es256.pem counts from the beginning, es256-20261125T2100Z.pem from that minute of UTC
_MOMENT = re.compile(r"([0-9]{8}T[0-9]{4})Z")
_FORMAT = "%Y%m%dT%H%M"

# Since when a key of this id is revoked (seconds since the epoch), 0 where it is not
Revoked = Callable[[str], int]


class Named(Protocol):
    """A key that has a name which says nothing of it."""

    @property
    def key_id(self) -> str:
        """The same on every machine."""


K = TypeVar("K", bound=Named)
K_co = TypeVar("K_co", bound=Named, covariant=True)


class KeyState(StrEnum):
    """The state of a key. `NEXT` is published and waits for its moment, `PUBLISHED` was replaced and is still known."""

    NEXT = "next"
    SIGNS = "signs"
    PUBLISHED = "published"
    OVER = "over"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Scheduled(Generic[K_co]):
    """A key that counts from `begins` (seconds since the epoch) on; `file` is the name of its file."""

    begins: int
    key: K_co
    file: str = ""


def none_revoked(_key_id: str) -> int:
    """No key is revoked, as far as a command without a database knows."""
    return 0


class Ring(Generic[K]):
    """The keys of one kind. `overlap` is how long (seconds) a key is known after the next one began. For any thread."""

    def __init__(self, keys: Iterable[Scheduled[K]], overlap: int, *, revoked: Revoked = none_revoked) -> None:
        self.overlap = overlap
        self._revoked = revoked
        self._newest_first: tuple[Scheduled[K], ...] = ()
        self.replace(keys)

    def replace(self, keys: Iterable[Scheduled[K]]) -> None:
        """Take other keys: whoever asks from now on gets them. ValueError where there is none."""
        found = tuple(sorted(keys, key=lambda each: each.begins, reverse=True))
        if not found:
            raise ValueError("a kind without any key")
        self._newest_first = found

    def obey(self, revoked: Revoked) -> None:
        """Ask `revoked`, from now on, which key ids count for nothing, and since when."""
        self._revoked = revoked

    def revoked(self, key_id: str) -> bool:
        """Whether a key of this kind is revoked, though it may not be here. Raises `StoreUnavailable`."""
        return bool(self._revoked(key_id))

    @property
    def scheduled(self) -> Sequence[Scheduled[K]]:
        """Every key of the folder, the newest first."""
        return self._newest_first

    def at(self, now: int) -> K:
        """The key that counts at `now`: the last one that began, is still known to others, and is not revoked.

        If there is none, the next one takes over before its time: others know it already. A key that is over never comes
        back, since it may be in anybody's hands. Raises `AllRevoked` if no key is left, and `StoreUnavailable`.
        """
        return self._counts(self._newest_first, now).key

    # Whether a key is revoked may take a while to ask, and other keys come meanwhile: an answer is about one set of them

    def _counts(self, keys: Sequence[Scheduled[K]], now: int) -> Scheduled[K]:
        for each in keys:
            if each.begins <= now and not self._revoked(each.key.key_id) and self._known(keys, each, now):
                return each
        for each in reversed(keys):
            if each.begins > now and not self._revoked(each.key.key_id):
                return each
        raise AllRevoked("every key of this kind is revoked: `ciconia keys list`")

    def published(self, now: int) -> tuple[K, ...]:
        """The keys that others have to know at `now`, the one that counts first; none that is revoked.

        Raises `StoreUnavailable`: readers would keep a set without keys.
        """
        return tuple(each.key for each in self._published(self._newest_first, now))

    def _published(self, keys: Sequence[Scheduled[K]], now: int) -> Sequence[Scheduled[K]]:
        try:
            first = self._counts(keys, now)
        except AllRevoked:
            return ()
        known = (each for each in keys if each is not first and self._known(keys, each, now))
        return (first, *(each for each in known if not self._revoked(each.key.key_id)))

    def lasting(self, now: int, seconds: int) -> tuple[K, ...]:
        """The keys that others may begin to use at `now`: the one that counts, then those that stay known for `seconds`.

        None that begins later: another machine may not have its file yet. Raises as `published` does.
        """
        keys = self._newest_first

        def lasts(each: Scheduled[K]) -> bool:
            ends = self._ends(keys, each)
            return each.begins <= now and ends is not None and ends > now + seconds

        published = self._published(keys, now)
        return tuple(each.key for place, each in enumerate(published) if place == 0 or lasts(each))

    def state(self, each: Scheduled[Named], now: int) -> KeyState:
        """The state of one of `scheduled` at `now`."""
        if self._revoked(each.key.key_id):
            return KeyState.REVOKED
        published = [key.key_id for key in self.published(now)]
        if published[:1] == [each.key.key_id]:
            return KeyState.SIGNS
        if each.begins > now:
            return KeyState.NEXT
        return KeyState.PUBLISHED if each.key.key_id in published else KeyState.OVER

    def ends(self, each: Scheduled[Named]) -> int | None:
        """The moment from which nobody needs to know this key: the overlap after its successor began; None for the newest.

        A key that was revoked while this one was known is no successor. One that was revoked later stays the successor.
        """
        return self._ends(self._newest_first, each)

    def _ends(self, keys: Sequence[Scheduled[K]], each: Scheduled[Named]) -> int | None:
        later = [other.begins for other in keys if other.begins > each.begins and self._took_over(other)]
        return min(later) + self.overlap if later else None

    def _took_over(self, each: Scheduled[Named]) -> bool:
        since = self._revoked(each.key.key_id)
        return not since or since >= each.begins + self.overlap

    def _known(self, keys: Sequence[Scheduled[K]], each: Scheduled[K], now: int) -> bool:
        ends = self._ends(keys, each)
        return ends is None or now < ends


def moment(text: str) -> int | None:
    """The seconds since the epoch that `20261125T2100Z` says; None for anything else."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    try:
        return int(datetime.strptime(found[1], _FORMAT).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def spelled(begins: int) -> str:
    """The minute of a file's name."""
    return datetime.fromtimestamp(begins, UTC).strftime(_FORMAT) + "Z"
