"""One sign-in at the desk under way: its state travels sealed in the browser's cookie, and ends after ten minutes.

So a stranger who begins a thousand writes nothing into the database. The one that succeeds takes its one-time mark there,
in the transaction that begins the session: what it used, nobody uses again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.connector import Ask, Connector, Expectation, Inbound, Redirect
from idp.login.sealing import LoginId, Sealer, new_login_id
from idp.web.login_cookies import LOGIN_ID, Cookie
from policies.assurance import LevelOfAssurance
from policies.errors import Replayed
from policies.parties import ProviderId

KIND = "desk"
WAY_SECONDS = 600
# How long ago the auditor may have signed in at their identity provider, from the question on
MAX_AGE = 300


@dataclass(frozen=True, slots=True)
class ProvedPerson:
    """A person whom the broker named at high. `once` is the sign-in, which is used once."""

    sub: str = field(repr=False)
    once: bytes = field(repr=False)


class Ways:
    """The cookies of sign-ins under way at a desk of this kind. `same_site` is Lax where another site leads back to us."""

    def __init__(self, sealer: Sealer, url: str, kind: str = KIND) -> None:
        self._sealer, self._bound, self._kind = sealer, url.encode(), kind
        self._cookie = f"__Host-{kind}-way"

    def keep(self, way: str, login: LoginId, said: Mapping[str, object], now: int, same_site: str) -> Cookie:
        """The cookie of a sign-in that begins."""
        payload = json.dumps(said).encode()
        sealed = self._sealer.seal(self._kind, login, now + WAY_SECONDS, payload, self._bound, way.encode())
        return Cookie(self._cookie, f"{login}{sealed}", WAY_SECONDS, same_site)

    def read(self, way: str, cookies: Mapping[str, str], now: int) -> tuple[LoginId, dict[str, object]]:
        """The sign-in of this browser. Raises `Replayed` where there is none."""
        value = cookies.get(self._cookie, "")
        login, sealed = value[:22], value[22:]
        if not LOGIN_ID.fullmatch(login):
            raise Replayed("login_cookie", "no sign-in at the desk in this browser")
        found = json.loads(self._sealer.open(self._kind, LoginId(login), sealed, now, self._bound, way.encode()))
        return LoginId(login), found

    def ended(self) -> Cookie:
        """The removal of the cookie of a sign-in."""
        return Cookie(self._cookie, "", 0, "Lax")


class CiconiaSignIn:
    """Sign-in through our own broker."""

    WAY = "ciconia"

    def __init__(self, connector: Connector, ways: Ways, client: str) -> None:
        self._connector, self._ways, self._client = connector, ways, client

    def begin(self, now: int) -> tuple[str, Cookie]:
        """The address of the broker's question, and the cookie of this sign-in."""
        login = new_login_id()
        ask = Ask(
            relay_state=login,
            minimum_assurance=LevelOfAssurance.HIGH,
            force_authentication=False,
            max_age=MAX_AGE,
        )
        outbound, expected = self._connector.request(ask, now)
        if not isinstance(outbound, Redirect):
            raise TypeError("OpenID Connect asks by a redirect")
        said = {"request": expected.request_id, "at": expected.issued_at, "secret": expected.secret}
        # The broker's page leads back: a browser would bring no Strict cookie
        return outbound.url, self._ways.keep(self.WAY, login, said, now, "Lax")

    def receive(self, parameters: Mapping[str, str], cookies: Mapping[str, str], now: int) -> ProvedPerson:
        """The person whom the broker names. Raises `AssertionRejected` and its kinds, and `PeerUnavailable`."""
        login, said = self._ways.read(self.WAY, cookies, now)
        if parameters.get("state", "").partition(".")[0] != login:
            raise Replayed("login_cookie", "an answer to another sign-in than this browser's")
        expected = Expectation(
            provider_id=ProviderId(self._client),
            request_id=str(said["request"]),
            issued_at=int(str(said["at"])),
            minimum_assurance=LevelOfAssurance.HIGH,
            force_authentication=False,
            max_age=MAX_AGE,
            secret=str(said["secret"]),
        )
        found = self._connector.receive(Inbound("redirect", parameters), expected, now)
        return ProvedPerson(found.subject, login.encode())
