"""The name of a client's certificate in `parties/*.toml` (RFC 8705 §2.1.2): exactly one, where the client proves one.

token_endpoint_auth_method = "tls_client_auth"
tls_client_auth_san_dns = "parking.storkhaven.example"
"""

from policies.load.table import Table

TLS, SELF_SIGNED_TLS = "tls_client_auth", "self_signed_tls_client_auth"
NAMES = ("subject_dn", "san_dns", "san_uri", "san_ip", "san_email")
_FIX = "write exactly one of " + ", ".join(f"tls_client_auth_{name}" for name in NAMES) + "."


def read_certificate_name(table: Table, method: str) -> tuple[str, str]:
    """Which name its certificate has, and the name; twice "" for a client of another method."""
    keys = {f"tls_client_auth_{name}": name for name in NAMES}
    given = {name: table.text(key, _FIX) for key, name in keys.items() if key in table}
    if method != TLS:
        for name in given:
            table.problem(f"tls_client_auth_{name}", f"is for {TLS} alone.", "leave it out, or change the method.")
        return "", ""
    if len(given) != 1:
        table.problem("token_endpoint_auth_method", f"has {len(given)} names of its certificate.", _FIX)
        return "", ""
    return next(iter(given.items()))
