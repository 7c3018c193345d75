"""A provider upstream says that a session of its ended: ours that rest on it end, too (Back-Channel Logout 1.0 §2.5).

Each provider has an address of its own for that, and its token is judged with its own keys alone. A token is used once.
"""

import hashlib
from collections.abc import Mapping

from connectors.connector import Connector
from connectors.logout_token import SKEW, LogoutToken
from connectors.oidc.connector import OidcConnector
from connectors.wire.claims import Json
from idp.ledger.ledger_keys import framed
from idp.login.sessions import UNCLEAR
from idp.ports import Commits, Mark, Unit
from idp.protocols.oidc.direct import NO_STORE, JsonAnswer, unavailable
from idp.protocols.oidc.logouts import Logouts
from policies.errors import AssertionRejected, Conflict, PeerUnavailable, StoreUnavailable
from policies.parties import IdentityProvider, ProviderId, Tenant

# An id_token has as much at the most
MAX_TOKEN = 8 * 1024
_USED = "the logout token was used already"


class ReceivedLogouts:
    """One tenant's."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        providers: Mapping[ProviderId, IdentityProvider],
        connectors: Mapping[ProviderId, Connector],
        logouts: Logouts,
        commits: Commits,
    ) -> None:
        self._tenant, self._providers, self._connectors = tenant, providers, connectors
        self._logouts, self._commits = logouts, commits

    def receive(self, provider_id: ProviderId, form: Mapping[str, str], now: int) -> JsonAnswer:
        """Judge a token, and end what it names: 200, or 400 with why not (§2.8). 503 asks the provider to try again."""
        provider, connector = self._providers.get(provider_id), self._connectors.get(provider_id)
        if provider is None or not isinstance(connector, OidcConnector):
            return _refused("no OpenID provider of ours has this address", "")
        token = form.get("logout_token", "")
        if not 0 < len(token) <= MAX_TOKEN:
            return _refused("logout_token is absent, or too long", provider_id)
        try:
            told = connector.logged_out(token, now)
            # Who brings it again ends no sign-in that came since
            if self._logouts.sessions.stored.taken(_mark(told)):
                return _refused(_USED, provider_id, vouched=True)
            sessions, at = self._logouts.sessions, max(now, told.issued_at)
            named = sessions.ended_upstream(provider, told.subject, (told.session,) if told.session else (), at)
            # Before the mark: what dies between the two is done by the provider's next try
            sessions.end(named, now)
            self._commits.commit(Unit(tenant=self._tenant, marks=(_mark(told),)))
        except AssertionRejected as error:
            return _refused(error.check, provider_id, vouched=error.check == UNCLEAR)
        except Conflict:
            return _refused(_USED, provider_id, vouched=True)
        except (StoreUnavailable, PeerUnavailable) as error:
            return unavailable(error.detail)
        return JsonAnswer(200, NO_STORE, {})


def _mark(told: LogoutToken) -> Mark:
    digest = hashlib.sha256(framed(b"logout", told.issuer.encode(), told.jti.encode())).digest()
    return Mark("jti", digest, told.ends + SKEW)


def _refused(why: str, peer: str, *, vouched: bool = False) -> JsonAnswer:
    """§2.8. What is wrong is named by the check alone: the provider's operator finds it in our error codes."""
    body: dict[str, Json] = {"error": "invalid_request", "error_description": f"The logout token was not taken: {why}."}
    return JsonAnswer(400, NO_STORE, body, f"logout refused: {why}", peer, vouched=vouched)
