"""`providers/*.toml` with `protocol = "oidc"`: an upstream OpenID provider, and how we are registered there.

Keys have the names of OpenID Connect Dynamic Client Registration 1.0, RFC 9126, RFC 9101 and RFC 9449.
"""

import re
from collections.abc import Mapping

from policies.load.peers import read_networks
from policies.load.redirects import fault_of_address
from policies.load.table import Table
from policies.registrations.openid_registration import METHODS, OpenIDRegistration

KEYS = (
    "issuer",
    "client_id",
    "token_endpoint_auth_method",
    "scopes",
    "id_token_signed_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_enc",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "dpop_bound_access_tokens",
)
_ALGORITHMS = {alg: alg for alg in ("RS256", "ES256", "ES384", "PS256", "EdDSA", "Ed25519")}
_CONTENTS = {enc: enc for enc in ("A128GCM", "A256GCM")}
# RFC 6749 §3.3 and appendix A.1
_SCOPE = re.compile(r"[!#-\[\]-~]{1,128}")
_CLIENT = re.compile(r"[ -~]{1,256}")
_ISSUER_FIX = 'write issuer = "https://...": the issuer of its discovery document, sign by sign.'
_CLIENT_FIX = "write the client_id that the provider gave us."
_SCOPES_FIX = 'write scopes = ["profile"], or leave it out.'


def read_openid_registration(table: Table) -> OpenIDRegistration:
    """Our registration. Problems go to the table's list."""
    scopes = table.texts("scopes", _SCOPES_FIX, required="scopes" in table)
    for index, scope in enumerate(scopes):
        if not _SCOPE.fullmatch(scope) or scope == "openid":
            table.problem("scopes", f"{scope!r} is none, or goes without saying.", _SCOPES_FIX, str(index))
    found = OpenIDRegistration(
        client_id=table.matching("client_id", _CLIENT, _CLIENT_FIX),
        authentication_method=table.choice(
            "token_endpoint_auth_method", {method: method for method in METHODS}, METHODS[0], required=False
        ),
        scopes=scopes,
        id_token_alg=table.choice("id_token_signed_response_alg", _ALGORITHMS, "RS256", required=False),
        id_token_enc=table.choice("id_token_encrypted_response_enc", _CONTENTS, "", required=False),
        userinfo_alg=table.choice("userinfo_signed_response_alg", _ALGORITHMS, "", required=False),
        userinfo_enc=table.choice("userinfo_encrypted_response_enc", _CONTENTS, "", required=False),
        pushed=table.flag("require_pushed_authorization_requests"),
        signed=table.flag("require_signed_request_object"),
        dpop=table.flag("dpop_bound_access_tokens"),
        networks=read_networks(table),
    )
    if found.userinfo_enc and not found.userinfo_alg:
        what, fix = "is for userinfo that is signed, too.", "agree on userinfo_signed_response_alg with the provider."
        table.problem("userinfo_encrypted_response_enc", what, fix)
    return found


def read_issuer(table: Table) -> str:
    """The issuer: an https address without query and fragment (OpenID Connect Discovery 1.0 §3)."""
    issuer = table.text("issuer", _ISSUER_FIX)
    if issuer and (fault := fault_of_address(issuer) or ("has a query." if "?" in issuer else "")):
        table.problem("issuer", fault, _ISSUER_FIX)
    return issuer


def metadata_of(table: Table, files: Mapping[str, bytes]) -> bytes:
    """The pinned discovery document, as the file has it."""
    fix = "put the provider's /.well-known/openid-configuration into metadata/NAME.json, and name it."
    name = table.text("metadata", fix)
    return files[name] if name and table.has_file("metadata", name, files, fix) else b""
