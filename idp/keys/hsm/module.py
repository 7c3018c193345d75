"""The modules (libraries) of PKCS#11 that this process uses, and one session of each token.

PKCS#11 wants a module that was opened without locks of its own to be used by one thread at a time, so calls take turns;
workers are processes, and each has its own session. A module must not be open in a process that forks (PKCS#11 v2.40 base
§5.4), so it is closed before, and each side opens it again when it needs it. A lost session is opened once more.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from idp.keys.hsm.address import TokenAddress
from policies.errors import KeysUnavailable

with suppress(ImportError):  # the extra `hsm`, without which `loading` refuses
    import pkcs11

# How long a call waits for its turn: a module may hang for as long as its network does
TURN_SECONDS = 5.0
PAUSES = (0.05, 0.1, 0.0)
# A token that was away is not asked again within this time
AGAIN_SECONDS = 1.0
T = TypeVar("T")


@dataclass(slots=True)
class Session:
    """An open session, and the keys that were found in it by their addresses."""

    session: "pkcs11.Session"
    found: dict[object, "pkcs11.Key"] = field(default_factory=dict)


class Module:
    """One module. Safe in any thread, and over a fork."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._turn = threading.Lock()
        self._library: pkcs11.lib | None = None
        self._sessions: dict[TokenAddress, Session] = {}
        # Until when a token is not asked again, and why
        self._away: dict[TokenAddress, tuple[float, str]] = {}
        # The digest of a PIN that the token refused: asking again would lock it
        self._refused: dict[TokenAddress, bytes] = {}

    def use(self, token: TokenAddress, act: Callable[[Session], T], *, writes: bool = False) -> T:
        """The result of `act`, which may be called several times. Raises `KeysUnavailable` if the token is away."""
        if not self._turn.acquire(timeout=TURN_SECONDS):
            raise _away(token, "it does not answer")
        try:
            if writes:
                # No session that reads may be open beside it for long: some tokens have room for few
                self._close()
            return self._use(token, act, writes=writes)
        finally:
            self._turn.release()

    def before_fork(self) -> None:
        """Close the module, and keep others from opening it until `after_fork`."""
        self._turn.acquire()
        self._close()

    def after_fork(self) -> None:
        """Let both sides open it when they need it."""
        self._turn.release()

    def _use(self, token: TokenAddress, act: Callable[[Session], T], *, writes: bool) -> T:
        if (session := self._sessions.get(token)) is not None:
            try:
                return act(session)
            except pkcs11.PKCS11Error:
                # The token was taken out, or its module closed: a fresh session finds it, or says that it is away
                self._close()
        until, why = self._away.get(token, (0.0, ""))
        if time.monotonic() < until:
            raise _away(token, why)
        # A module that several processes open at the same moment may not find its token at once
        for pause in PAUSES:
            try:
                found = act(self._opened(token, writes=writes))
            except (pkcs11.PKCS11Error, OSError) as error:
                self._close()
                # Some of these errors say nothing; none holds a PIN
                why = f"{type(error).__name__} {error}".strip()
                if token in self._refused:
                    break
                time.sleep(pause)
            else:
                self._away.pop(token, None)
                return found
        self._away[token] = time.monotonic() + AGAIN_SECONDS, why
        raise _away(token, why)

    def _opened(self, token: TokenAddress, *, writes: bool) -> Session:
        pin = token.pin()
        digest = hashlib.sha256(pin.encode()).digest()
        if self._refused.get(token) == digest:
            raise KeysUnavailable(f"the token {token} refused the PIN of {token.pin_source}: correct it there")
        with token.alone():
            return self._logged_in(token, pin, digest, writes=writes)

    def _logged_in(self, token: TokenAddress, pin: str, digest: bytes, *, writes: bool) -> Session:
        if self._library is None:
            self._library = pkcs11.lib(self._path)
        wanted = dict(token.named)
        slots = self._library.get_slots(token_present=True)
        tokens = [each for each in map(_token_of, slots) if each is not None and wanted.items() <= _names(each).items()]
        if len(tokens) != 1:
            raise pkcs11.NoSuchToken("no such token is there" if not tokens else "several tokens have these names")
        # Whoever was refused knows whether the PIN was changed since. Everybody else would spend another try
        if token not in self._refused and pkcs11.TokenFlag.USER_PIN_COUNT_LOW in tokens[0].flags:
            what = f"the token {token} was given a wrong PIN, and no right one since"
            raise KeysUnavailable(f"{what}: correct {token.pin_source}, and log in once with the token's own program")
        try:
            session = Session(tokens[0].open(rw=writes, user_pin=pin))
        except (pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange):
            self._refused[token] = digest
            raise
        self._refused.pop(token, None)
        self._sessions[token] = session
        return session

    def _close(self) -> None:
        self._sessions.clear()
        if self._library is not None:
            library, self._library = self._library, None
            with suppress(Exception):  # it is gone either way
                library.finalize()


_MODULES: dict[str, Module] = {}
_MAKING = threading.Lock()


def use_token(token: TokenAddress, act: Callable[[Session], T], *, writes: bool = False) -> T:
    """The result of `act` in a session of a token, which `writes` or does not. Raises `KeysUnavailable`.

    `act` may be called several times.
    """
    with _MAKING:
        module = _MODULES.setdefault(token.module, Module(token.module))
    return module.use(token, act, writes=writes)


def _before_fork() -> None:
    _MAKING.acquire()
    for module in _MODULES.values():
        module.before_fork()


def _after_fork() -> None:
    for module in _MODULES.values():
        module.after_fork()
    _MAKING.release()


def _token_of(slot: "pkcs11.Slot") -> "pkcs11.Token | None":
    try:
        return slot.get_token()
    except pkcs11.PKCS11Error:
        return None


def _names(token: "pkcs11.Token") -> dict[str, str]:
    serial = token.serial.decode("latin-1").strip()
    return {"token": token.label, "serial": serial, "model": token.model, "manufacturer": token.manufacturer_id}


def _away(token: TokenAddress, why: str) -> KeysUnavailable:
    return KeysUnavailable(f"the token {token} does not serve ({why}): plug it in, or start its service")


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
