"""The grant types of a client in `parties/*.toml`, and what it needs to be a kiosk (RFC 8628).

grant_types = ["urn:ietf:params:oauth:grant-type:device_code"]
place.en = "Town hall, ground floor"
"""

from policies.load.table import Table
from policies.registrations.openid_client import DEVICE_CODE, REFRESH_TOKEN, OpenIDClient

CODE = "authorization_code"
GRANT_TYPES = (CODE, REFRESH_TOKEN, DEVICE_CODE)
_GRANTS_FIX = "write grant_types = some of " + ", ".join(f'"{one}"' for one in GRANT_TYPES) + "."


def read_grant_types(table: Table) -> tuple[str, ...]:
    """The grant types that a client may redeem: codes alone, if it does not say."""
    named = table.texts("grant_types", _GRANTS_FIX, required="grant_types" in table)
    for index, one in enumerate(named):
        if one not in GRANT_TYPES:
            table.problem("grant_types", f"{one!r} is not offered.", _GRANTS_FIX, str(index))
    return named or (CODE,)


def check_kiosk(table: Table, client: OpenIDClient, *, public: bool) -> None:
    """The citizen has to know who asks, and where: so a kiosk proves who it is, and its place is registered (RFC 10027)."""
    if not client.is_kiosk:
        if client.place:
            table.problem("place", "is for clients with the device code.", "leave it out, or add that to grant_types.")
        return
    if public:
        what, fix = "names the device code, in whose name anybody could ask.", "leave out public: a kiosk keeps a secret."
        table.problem("grant_types", what, fix)
    if client.is_fapi2:
        table.problem("grant_types", "names the device code, which fapi2 does not have.", "register the kiosk by itself.")
    if not client.place:
        table.problem("place", "is missing: the citizen reads where the kiosk stands.", 'write place.en = "Town hall".')
