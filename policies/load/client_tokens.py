"""The keys of a registration about its tokens, read into `policies.registrations.client_tokens`."""

from policies.load.kiosks import CODE
from policies.load.table import Table
from policies.registrations.client_tokens import LONGEST_REFRESH_LIFE, REFRESH_LIFE, TokenChoices
from policies.registrations.openid_client import OpenIDClient

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
