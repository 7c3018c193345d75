"""The cookies of a login: a sealed one for its state, a Strict one for its decision; at most four logins a browser.

`__Host-l-<login>` holds a letter for the kind of state and the sealed state: `r` requested, `a` asked; in capitals where
the state was too long for a cookie and lies parked under the handle that the cookie holds. A browser keeps it for longer
than the seal holds, and a decided login leaves the letter `d` alone, or `u` until its last page was shown: so a page can
say what became of the login.
`__Host-a-<login>` holds the random secret that `Decided` and its answer are bound to. `__Host-cookies` says that this
browser keeps cookies, and nothing else. `__Host-session-<group>` holds the handle of a session (`idp.login.sessions`).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from os import urandom

from connectors.signatures.jws import base64url, read_handle
from idp.login.sealing import LoginId, Sealer
from idp.login.states import ANSWER_LIFE, ASKED, DECIDED_LIFE, LOGIN_LIFE, REQUESTED, Asked, BrowserSession, Requested
from idp.ports import Commits, Parked, Unit
from policies.errors import NotFound, Replayed
from policies.parties import Tenant

STATE = "__Host-l-"
STRICT = "__Host-a-"
SESSION = "__Host-session-"
# It ends with the browser's own session: as late as the tabs that may ask for it
KEEPS = "__Host-cookies"
DECIDED, UNSEEN = "d", "u"
# The keys of two hours open a seal: for so long a browser can show us a login whose time is over
SHOWN_LIFE = 3600
# What four logins may take of a browser's 8 kB of headers
MAX_COOKIE = 1700
MAX_LOGINS = 4
# A browser of ours has five at most. Whoever brings more made them up: each would be opened, and answered with a header
MAX_LOOKED_AT = 16
SECRET_BYTES = 32
LOGIN_ID = re.compile(r"[A-Za-z0-9_-]{22}")
# The language that the reader chose from a page's list
CHOSEN = "__Host-language"
# letter in the cookie -> kind of the seal
KINDS = {"r": "requested", "a": "asked"}
# The answer to a question comes by cross-site POST, and so may a request: each must see all logins of the browser, or the
# oldest ones never go. Whoever knows a login's id has 128 random bits
SAME_SITE = "None"


@dataclass(frozen=True, slots=True)
class Cookie:
    """A Set-Cookie header in the making. `max_age` 0 removes it; None keeps it until the browser is closed."""

    name: str
    value: str
    max_age: int | None
    same_site: str

    @property
    def size(self) -> int:
        """The octets that it takes in the header in which the browser sends it back."""
        return len(self.name) + 1 + len(self.value)

    def header(self) -> str:
        """`__Host-` demands Secure, Path=/ and no Domain (RFC 6265bis §4.1.3.2)."""
        life = "" if self.max_age is None else f" Max-Age={self.max_age};"
        return f"{self.name}={self.value};{life} Path=/; Secure; HttpOnly; SameSite={self.same_site}"


def chosen_language(language: str) -> Cookie:
    """The cookie of a choice of language. It lives a day, and comes with an answer from another site, too."""
    return Cookie(CHOSEN, language, 24 * 3600, SAME_SITE)


class Logins:
    """Reads and writes the cookies of logins for one tenant."""

    def __init__(self, *, tenant: Tenant, sealer: Sealer, commits: Commits, parked: Parked) -> None:
        self._tenant = tenant
        self._sealer = sealer
        self._commits = commits
        self._parked = parked

    def state(self, cookies: Mapping[str, str], login: str, now: int) -> Requested | Asked:
        """This browser's live login. Raises `Replayed` where there is none."""
        value = cookies.get(STATE + login, "") if LOGIN_ID.fullmatch(login) else ""
        if not value:
            raise Replayed("login_cookie", "no cookie of this login in this browser")
        letter, sealed = value[0], value[1:]
        if letter.lower() not in KINDS:
            raise Replayed("login_cookie", "a cookie of no kind that we make")
        kind = KINDS[letter.lower()]
        try:
            payload = self._sealer.open(kind, LoginId(login), sealed, now)
            if letter.isupper():
                row = self._parked.parked(self._tenant, "request", hashlib.sha256(payload).digest(), now)
                payload = self._sealer.unpark("request", payload, row, now)
            return (ASKED if kind == "asked" else REQUESTED).load(payload)
        except NotFound as error:
            raise Replayed("login_cookie", "a login that is not kept any more") from error

    def late(self, cookies: Mapping[str, str], login: str) -> Requested | Asked | None:
        """The login of this browser's cookie even if its time is over: it says which service it was for."""
        try:
            return self.state(cookies, login, 0)
        except Replayed:
            return None

    def keep(self, state: Requested | Asked, now: int) -> Cookie:
        """The cookie of `state`. Its seal holds for the rest of the login's fifteen minutes."""
        letter, payload = ("a", ASKED.dump(state)) if isinstance(state, Asked) else ("r", REQUESTED.dump(state))
        kind = KINDS[letter]
        end = state.began + LOGIN_LIFE
        life = max(state.began + SHOWN_LIFE - now, 0)
        cookie = Cookie(STATE + state.login, letter + self._sealer.seal(kind, state.login, end, payload), life, SAME_SITE)
        if cookie.size <= MAX_COOKIE:
            return cookie
        handle = urandom(SECRET_BYTES)
        row = self._sealer.park("request", handle, payload, end)
        self._commits.commit(Unit(tenant=self._tenant, parked=(row,)))
        return replace(cookie, value=letter.upper() + self._sealer.seal(kind, state.login, end, handle))

    def crowded(self, cookies: Mapping[str, str], now: int) -> list[Cookie]:
        """The removals that leave room for one more login: dead ones, and the oldest beyond three live ones.

        Before them comes `KEEPS`, for a browser that does not have it yet.
        """
        live: list[tuple[int, str]] = []
        removals: list[Cookie] = [] if KEEPS in cookies else [Cookie(KEEPS, "1", None, SAME_SITE)]
        ours = (name for name in cookies if name.startswith(STATE) and LOGIN_ID.fullmatch(name.removeprefix(STATE)))
        for name in islice(ours, MAX_LOOKED_AT):
            try:
                live.append((self.state(cookies, name.removeprefix(STATE), now).began, name))
            except Replayed:
                removals.append(_removal(name))
        live.sort()
        return removals + [_removal(name) for _, name in live[: max(0, len(live) - MAX_LOGINS + 1)]]


def new_secret(login: LoginId) -> tuple[bytes, Cookie]:
    """A new Strict cookie: whatever was decided before for this login opens no more (decision 0000.3)."""
    secret = urandom(SECRET_BYTES)
    return secret, strict_cookie(login, secret)


def strict_cookie(login: LoginId, secret: bytes) -> Cookie:
    """The Strict cookie of a question that begins or lasts longer."""
    return Cookie(STRICT + login, base64url(secret), DECIDED_LIFE, "Strict")


def session_cookie(session: BrowserSession, now: int) -> Cookie:
    """The cookie of a session, for as long as it lives without another sign-in."""
    return Cookie(SESSION + session.group, session.handle, max(session.end - now, 0), "Lax")


def secret_of(cookies: Mapping[str, str], login: str) -> bytes:
    """The secret of this login's Strict cookie. Raises `Replayed` where this browser has none."""
    if not (secret := read_handle(cookies.get(STRICT + login, ""), SECRET_BYTES)):
        raise Replayed("strict_cookie", "no Strict cookie of this login in this browser")
    return secret


def after_decision(login: LoginId, secret: bytes | None, life: int = ANSWER_LIFE, *, letter: str = DECIDED) -> list[Cookie]:
    """The login's cookie says only that; the Strict one lives on for as long as the answer may be asked for, or again."""
    kept = [] if secret is None else [Cookie(STRICT + login, base64url(secret), life, "Strict")]
    return [Cookie(STATE + login, letter, LOGIN_LIFE, SAME_SITE), *kept]


def given_up(login: LoginId) -> list[Cookie]:
    """The login's cookie ends, and nobody decided anything."""
    return [_removal(STATE + login)]


def _removal(name: str) -> Cookie:
    return Cookie(name, "", 0, "None" if name.startswith(STATE) else "Strict")
