"""The keys of a registration beyond the code flow, read into `policies.registrations.openid_client`."""

from policies.assurance.ladders import Vocabulary
from policies.load.client_answers import read_client_answers
from policies.load.kiosks import CODE, check_kiosk, read_grant_types
from policies.load.logout import read_logout
from policies.load.table import MAX_TITLE, Table
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE, REFRESH_LIFE, TokenChoices
from policies.registrations.openid_client import CORE, FAPI2, OpenIDClient

_ALGORITHMS = {alg: alg for alg in ("RS256", "ES256")}
# What a resource server has no use for: nobody signs in at it, and no token is its own
_OF_CLIENTS = ("redirect_uris", "purposes", "attributes", "public", "grant_types", "resource_servers", "enforce")


def read_tokens(table: Table) -> TokenChoices:
    """The choices of one client. Problems go to the table's list."""
    resource_server = table.flag("resource_server")
    for key in _OF_CLIENTS if resource_server else ():
        if table.take(key) is not None:
            table.problem(key, "is of no use to a resource server, which signs nobody in.", "leave out one of the two.")
    found = TokenChoices(
        refresh_life=table.seconds("refresh_token_life", REFRESH_LIFE, most=LONGEST_REFRESH_LIFE),
        resource_servers=_resource_servers(table),
        resource_server=resource_server,
        introspection_alg=table.choice("introspection_signed_response_alg", _ALGORITHMS, "RS256", required=False),
    )
    if "introspection_signed_response_alg" in table and not resource_server:
        table.problem("introspection_signed_response_alg", "is for a resource server.", "leave it out.")
    return found


def check_tokens(table: Table, client: OpenIDClient) -> None:
    """A refresh token comes of a code, and its life is of one alone."""
    fix = 'leave it out, or write grant_types = ["authorization_code", "refresh_token"].'
    if "refresh_token_life" in table and not client.refreshes:
        table.problem("refresh_token_life", "is for refresh tokens.", fix)
    if client.refreshes and CODE not in client.grant_types:
        table.problem("grant_types", "has refresh tokens, and no code that they come of.", fix)


def _resource_servers(table: Table) -> tuple[str, ...]:
    fix = 'write resource_servers = ["the client_id of a registration with resource_server = true"].'
    return table.texts("resource_servers", fix, required="resource_servers" in table)


_PROFILES = {word: word for word in (CORE, FAPI2)}
_REQUEST_ALGORITHMS = {alg: alg for alg in ("ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519")}
_RESPONSE_ALGORITHMS = {alg: alg for alg in ("ES256", "RS256")}


def read_openid_client(table: Table, known: Vocabulary, *, public: bool) -> OpenIDClient:
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
        answers=read_client_answers(table, known),
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
