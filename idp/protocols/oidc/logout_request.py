"""A service asks us to sign somebody out (OpenID Connect RP-Initiated Logout 1.0 §2 and §3).

A valid `id_token_hint` names the service and its session. Without one a page of ours asks first. The citizen is sent back
to an address that is registered for the service in its very spelling, and to no other. A hint that is none sends nobody
anywhere: whoever made it up may have made up the rest.
"""

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.signatures.signer import Signers
from idp.protocols.oidc.requests.hint import issued_token
from idp.protocols.oidc.requests.request import LANGUAGE_TAG, MAX_STATE, MAX_UI_LOCALES, VISIBLE
from policies.errors import RequestRefused, about
from policies.parties import ClientId, RelyingParty
from policies.registrations.redirects import is_redirect

# What our own question brings back, to be judged again
CARRIED = ("client_id", "post_logout_redirect_uri", "state", "ui_locales")


@dataclass(frozen=True, slots=True)
class EndSession:
    """A request, judged. `party` is None where nobody is named, `sid` "" where no hint names a session.

    `hinted`: the hint holds, so nobody need be asked. `back` is the verified address to go on to, with `state`, or "";
    `unregistered` says that another one was sent. `carried` are the parameters that a question brings back.
    """

    party: RelyingParty | None
    hinted: bool
    sid: str = field(repr=False)
    back: str = field(repr=False)
    unregistered: bool
    languages: tuple[str, ...]
    carried: tuple[tuple[str, str], ...] = field(repr=False)


def judged_logout(
    parameters: Mapping[str, str],
    parties: Mapping[ClientId, RelyingParty],
    issuer: str,
    signers: Mapping[str, Signers],
    now: int,
) -> EndSession:
    """Judge a request. Raises `RequestRefused`, for a page of ours, where hint and client_id name two services."""
    given = {name: value for name, value in parameters.items() if value}
    token, client_id = given.get("id_token_hint", ""), given.get("client_id", "")
    issued = issued_token(token, issuer, signers, now) if token else None
    if issued is not None and client_id not in ("", issued.client_id):
        with about(issued.client_id):
            raise RequestRefused("client_id is not the client of id_token_hint.")
    named = issued.client_id if issued is not None else ClientId("" if token else client_id)
    party = parties.get(named)
    wanted = given.get("post_logout_redirect_uri", "")
    registered = party.openid.logout.post_logout_redirect_uris if party is not None else ()
    known = party is not None and bool(wanted) and is_redirect(wanted, registered, any_port=party.public)
    tags = given.get("ui_locales", "").split(" ")
    kept = given if not token else {**given, "client_id": issued.client_id} if issued is not None else {}
    return EndSession(
        party=party,
        hinted=issued is not None and party is not None,
        sid=issued.sid if issued is not None else "",
        back=_with_state(wanted, given.get("state", "")) if known else "",
        unregistered=bool(wanted) and not known,
        languages=tuple(tag for tag in tags if LANGUAGE_TAG.fullmatch(tag))[:MAX_UI_LOCALES],
        carried=tuple((name, kept[name]) for name in CARRIED if name in kept),
    )


def _with_state(address: str, state: str) -> str:
    if not state or len(state) > MAX_STATE or not VISIBLE.fullmatch(state):
        return address
    return f"{address}{'&' if '?' in address else '?'}{urllib.parse.urlencode({'state': state})}"
