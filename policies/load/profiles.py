"""The profile `fapi2` of a registration: what the FAPI 2.0 Security Profile (final) leaves a client no choice about.

profile = "fapi2"
token_endpoint_auth_method = "private_key_jwt"
jwks = "parties/permits.jwks.json"
dpop_bound_access_tokens = true
"""

from collections.abc import Iterator

from policies.load.table import Table
from policies.parties import RelyingParty
from policies.registrations.redirects import LOOPBACK

# §5.3.2.1 number 6, §5.4.1
METHODS = frozenset({"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"})
ALGORITHMS = frozenset({"ES256", "PS256", "EdDSA", "Ed25519"})
_CORE = 'or write profile = "core".'


def faults_of_fapi2(party: RelyingParty) -> Iterator[tuple[str, str, str]]:
    """The faults that keep a registration from the profile: key, what is wrong, how to mend it."""
    openid = party.openid
    if party.public:
        yield "public", "is not for fapi2: a client of this profile proves who it is.", f"leave it out, {_CORE}"
    elif party.authentication_method not in METHODS:
        what = f"is {party.authentication_method}, and a secret is not for fapi2."
        yield "token_endpoint_auth_method", what, f'write "private_key_jwt", {_CORE}'
    if not (openid.dpop_bound_access_tokens or openid.tls_client_certificate_bound_access_tokens):
        what = "is for clients whose access tokens are bound to a key or a certificate."
        yield "profile", what, f"write dpop_bound_access_tokens = true, {_CORE}"
    if not party.pkce_required:
        yield "pkce", "is required by fapi2.", f"leave it out, {_CORE}"
    if party.assertion_audience != "issuer":
        yield "assertion_audience", "is our issuer alone in fapi2.", f"leave it out, {_CORE}"
    for key, alg in (
        ("token_endpoint_auth_signing_alg", party.authentication_alg),
        ("id_token_signed_response_alg", party.id_token_alg),
        ("request_object_signing_alg", openid.request_object_signing_alg),
        ("authorization_signed_response_alg", openid.authorization_signed_response_alg),
        ("userinfo_signed_response_alg", openid.answers.userinfo_alg),
    ):
        if alg and alg not in ALGORITHMS:
            yield key, f"is {alg}, which fapi2 does not take.", f"take one of {', '.join(sorted(ALGORITHMS))}, {_CORE}"
    for uri in party.redirect_uris:
        if is_plain(uri):
            yield "redirect_uris", f"{uri!r} is http.", f"write an https address, or http://127.0.0.1/PATH, {_CORE}"


def is_plain(uri: str) -> bool:
    """Whether an answer would go in plain http; not to a native app's own machine, by its number (RFC 8252 §7.3, §8.3)."""
    return uri.startswith("http:") and not LOOPBACK.fullmatch(uri)


def check_profile(table: Table, party: RelyingParty) -> None:
    """Problems of a registration whose profile it does not fulfil go to the table's list."""
    if party.openid.is_fapi2:
        for key, what, fix in faults_of_fapi2(party):
            table.problem(key, what, fix)
