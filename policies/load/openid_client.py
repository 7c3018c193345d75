"""The keys of a registration beyond the code flow, read into `policies.registrations.openid_client`."""

from policies.load.client_answers import read_client_answers
from policies.load.client_tokens import check_tokens, read_tokens
from policies.load.kiosks import check_kiosk, read_grant_types
from policies.load.logout import read_logout
from policies.load.table import MAX_TITLE, Table
from policies.registrations.openid_client import CORE, FAPI2, OpenIDClient

_PROFILES = {word: word for word in (CORE, FAPI2)}
_REQUEST_ALGORITHMS = {alg: alg for alg in ("ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519")}
_RESPONSE_ALGORITHMS = {alg: alg for alg in ("ES256", "RS256")}


def read_openid_client(table: Table, *, public: bool) -> OpenIDClient:
    """The choices of one client. Problems go to the table's list."""
    client = OpenIDClient(
        profile=table.choice("profile", _PROFILES, CORE, required=False),
        require_pushed_authorization_requests=table.flag("require_pushed_authorization_requests"),
        require_signed_request_object=table.flag("require_signed_request_object"),
        request_object_signing_alg=table.choice("request_object_signing_alg", _REQUEST_ALGORITHMS, "", required=False),
        authorization_signed_response_alg=table.choice(
            "authorization_signed_response_alg", _RESPONSE_ALGORITHMS, "", required=False
        ),
        dpop_bound_access_tokens=table.flag("dpop_bound_access_tokens"),
        tls_client_certificate_bound_access_tokens=table.flag("tls_client_certificate_bound_access_tokens"),
        answers=read_client_answers(table),
        logout=read_logout(table),
        grant_types=read_grant_types(table),
        tokens=read_tokens(table),
        place=table.translated("place", "Town hall, ground floor", most=MAX_TITLE) if "place" in table else {},
    )
    check_kiosk(table, client, public=public)
    check_tokens(table, client)
    if client.dpop_bound_access_tokens and client.tls_client_certificate_bound_access_tokens:
        fix = "leave out one of the two: a token is bound to one thing."
        table.problem("tls_client_certificate_bound_access_tokens", "stands beside dpop_bound_access_tokens.", fix)
    if client.require_signed_request_object and not client.request_object_signing_alg:
        fix = 'write request_object_signing_alg = "ES256", or the algorithm of its key.'
        table.problem("require_signed_request_object", "stands without an algorithm.", fix)
    return client
