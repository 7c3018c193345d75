"""The keys of a registration beyond the code flow, read into `policies.openid_client`."""

from policies.load.table import Table
from policies.openid_client import OpenIDClient

_PROFILES = {word: word for word in ("core", "fapi2")}


def read_openid_client(table: Table) -> OpenIDClient:
    """The choices of one client. Problems go to the table's list."""
    client = OpenIDClient(
        profile=table.choice("profile", _PROFILES, "core", required=False),
        dpop_bound_access_tokens=table.flag("dpop_bound_access_tokens"),
        tls_client_certificate_bound_access_tokens=table.flag("tls_client_certificate_bound_access_tokens"),
    )
    if client.dpop_bound_access_tokens and client.tls_client_certificate_bound_access_tokens:
        fix = "leave out one of the two: a token is bound to one thing."
        table.problem("tls_client_certificate_bound_access_tokens", "stands beside dpop_bound_access_tokens.", fix)
    return client
