"""The keys of a registration beyond the code flow, read into `policies.openid_client`."""

from policies.load.table import Table
from policies.openid_client import OpenIDClient

_PROFILES = {word: word for word in ("core", "fapi2")}


def read_openid_client(table: Table) -> OpenIDClient:
    """The choices of one client. Problems go to the table's list."""
    return OpenIDClient(profile=table.choice("profile", _PROFILES, "core", required=False))
