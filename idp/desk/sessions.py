"""The sessions at a desk.

A session is short, and lies sealed under its browser's handle. Each request looks whether its holder is still listed.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from os import urandom
from typing import Protocol

from connectors.signatures.jws import base64url, read_handle
from idp.login.sealing import Sealer
from idp.ports import Mark, Unit
from idp.web.login_cookies import Cookie
from policies.errors import NotFound
from policies.parties import Tenant

KIND = "desk"
HANDLE_BYTES = 32
# Whoever reads for longer signs in again
SESSION_SECONDS = 30 * 60
CIVIL, PASSKEY = "ciconia", "passkey"


@dataclass(frozen=True, slots=True)
class DeskSession:
    """Somebody in a session. `entry` is their entry in the list: the digest of a `sub`, or the id of a passkey."""

    way: str
    entry: str
    name: str
    end: int
    # proves that a form is of this session's own page
    token: str = ""


# The name of an entry that still stands in the list; None where it was taken out
Listed = Callable[[str, str], str | None]


class Rows(Protocol):
    """The part of the store that sessions use."""

    def commit(self, unit: Unit) -> None:
        """See `idp.ports.Commits`."""

    def parked(self, tenant: Tenant, kind: str, digest: bytes, now: int) -> bytes:
        """See `idp.ports.Parked`."""


class DeskSessions:
    """One tenant's. Every method raises `StoreUnavailable` where the database does not answer."""

    def __init__(self, *, tenant: Tenant, url: str, sealer: Sealer, rows: Rows, listed: Listed, kind: str = KIND) -> None:
        self._kind, self._cookie = kind, f"__Host-{kind}"
        self._tenant, self._url, self._sealer, self._rows, self._listed = tenant, url, sealer, rows, listed

    def begin(self, way: str, entry: str, once: bytes, now: int) -> tuple[DeskSession, Cookie]:
        """Begin a session for somebody who has proved who they are, once for the sign-in `once`.

        Raises `NotFound` for somebody who is not listed, `Conflict` for a sign-in that was used before.
        """
        name = self._listed(way, entry)
        if name is None:
            raise NotFound("nobody of the list")
        handle, end = urandom(HANDLE_BYTES), now + SESSION_SECONDS
        session = DeskSession(way, entry, name, end)
        said = json.dumps({**asdict(session), "url": self._url}).encode()
        mark = Mark(self._kind, hashlib.sha256(once).digest(), end)
        self._rows.commit(Unit(self._tenant, marks=(mark,), parked=(self._sealer.park(self._kind, handle, said, end),)))
        return replace(session, token=_token(handle)), Cookie(self._cookie, base64url(handle), SESSION_SECONDS, "Strict")

    def current(self, cookies: Mapping[str, str], now: int) -> DeskSession | None:
        """The session of this browser, None where none is alive or its holder is not listed any more."""
        handle = self._handle(cookies)
        if not handle:
            return None
        digest = hashlib.sha256(handle).digest()
        try:
            row = self._rows.parked(self._tenant, self._kind, digest, now)
            said = json.loads(self._sealer.unpark(self._kind, handle, row, now))
        except NotFound:
            return None
        if said.pop("url") != self._url:
            return None
        name = self._listed(said["way"], said["entry"])
        return None if name is None else DeskSession(**{**said, "name": name, "token": _token(handle)})

    def end(self, cookies: Mapping[str, str]) -> Cookie:
        """End the session of this browser for good: nobody who copied the cookie has one any more."""
        if handle := self._handle(cookies):
            self._rows.commit(Unit(self._tenant, removed=(hashlib.sha256(handle).digest(),)))
        return Cookie(self._cookie, "", 0, "Strict")

    def _handle(self, cookies: Mapping[str, str]) -> bytes:
        return read_handle(cookies.get(self._cookie, ""), HANDLE_BYTES)


def entry_of(sub: str) -> str:
    """The entry of a person in the list, which no page shows: the digest of their number."""
    return hashlib.sha256(sub.encode()).hexdigest()


def _token(handle: bytes) -> str:
    """The token of a session: nobody can say it who does not hold the handle."""
    return hashlib.sha256(b"form" + handle).hexdigest()
