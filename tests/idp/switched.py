"""Switches that change while somebody looks at them."""

from typing import TypeVar

from idp.store.switches.switch import Name

_T = TypeVar("_T")


class MemorySwitches:
    """`Switched` without a database: the things that are off, and the number of the last act on each."""

    def __init__(self) -> None:
        self.acts = 0
        self._off: set[Name] = set()
        self._last: dict[Name, int] = {}

    def set_switch(self, kind: str, name: str, *, off: bool) -> None:
        self._last[kind, name] = self.acts
        self.acts += 1
        (self._off.add if off else self._off.discard)((kind, name))

    def any_off(self, *things: Name, acts: int | None = None) -> bool:
        return any(one in self._off or (acts is not None and self._last.get(one, -1) >= acts) for one in things)


def off_and_on(switches: MemorySwitches, kind: str, name: str) -> None:
    """It is on again, and what was asked before has ended."""
    for off in (True, False):
        switches.set_switch(kind, name, off=off)


class Interrupted:
    """`Switched`; after the look with which `left` comes to 0 a thing is switched off, and on again."""

    def __init__(self, thing: tuple[str, str]) -> None:
        self._switches, self._thing = MemorySwitches(), thing
        self.left = 0

    @property
    def acts(self) -> int:
        return self._looked(self._switches.acts)

    def any_off(self, *things: tuple[str, str], acts: int | None = None) -> bool:
        return self._looked(self._switches.any_off(*things, acts=acts))

    def _looked(self, found: _T) -> _T:
        if self.left:
            self.left -= 1
            if not self.left:
                off_and_on(self._switches, *self._thing)
        return found
