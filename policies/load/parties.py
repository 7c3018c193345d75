"""`parties/*.toml`: one file a relying party. Keys have the names of OpenID Connect Dynamic Client Registration 1.0."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from policies.assurance.ladders import Ladders, vocabulary
from policies.attributes import AttributeName
from policies.catalogue import Catalogue
from policies.load.bodies import read_body_of
from policies.load.client_answers import fault_of_encryption_keys
from policies.load.federation import read_federation
from policies.load.kiosks import CODE
from policies.load.ladders import NO_LADDERS, read_named
from policies.load.openid_client import read_openid_client
from policies.load.profiles import check_profile
from policies.load.public_clients import fault_of_public_redirect_uri, read_origins
from policies.load.purposes import form_of, known_attributes
from policies.load.redirects import fault_of_redirect_uri
from policies.load.table import MAX_TITLE, URI, Table
from policies.parties import (
    ASSERTION_LIFE,
    LONGEST_ASSERTION_LIFE,
    ClientId,
    PurposeId,
    RelyingParty,
    Rule,
    Sector,
)

# The name of a client's certificate in `parties/*.toml` (RFC 8705 §2.1.2): exactly one, where the client proves one.
#

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


_SECRET_METHODS = ("client_secret_basic", "client_secret_post")
_METHODS = {method: method for method in (*_SECRET_METHODS, "private_key_jwt", TLS, SELF_SIGNED_TLS)}
# The keys of a registration that say how its client assertions are judged
_OF_ASSERTIONS = ("token_endpoint_auth_signing_alg", "assertion_audience", "assertion_life")
_AUDIENCES = {word: word for word in ("issuer", "token_endpoint")}
_PKCE = {"required": True, "optional": False}
# Nothing else binds a code to a public client (RFC 9700 §2.1.1)
_PKCE_OF_PUBLIC = {"required": True}
# The value that a public client writes, or leaves out
_NO_METHOD = {"none": "none"}
_ID_TOKEN_ALGORITHMS = {alg: alg for alg in ("ES256", "RS256")}
# algorithm of a client assertion -> key type and curve (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2)
_ASSERTION_ALGORITHMS = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "RS256": ("RSA", ""),
    "PS256": ("RSA", ""),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
SP_TYPES = {word: word for word in ("public", "private")}
REQUESTER_FIX = "write the URI by which other countries know the service, or leave it out for our own name."
_HASH = re.compile(r"[0-9a-f]{64}")
_HASH_FIX = "write the SHA-256 of the secret as 64 hex digits: `printf %s SECRET | sha256sum`."
_JWKS_FIX = "put the public keys beside this file as parties/NAME.jwks.json, and name it."


def read_party(
    table: Table, files: Mapping[str, bytes], catalogue: Catalogue, ladders: Ladders = NO_LADDERS
) -> RelyingParty:
    """One relying party. Problems go to the table's list."""
    public = table.flag("public")
    methods, usual = (_NO_METHOD, "none") if public else (_METHODS, "client_secret_basic")
    method = table.choice("token_endpoint_auth_method", methods, usual, required=False)
    known = vocabulary(read_named(table, ladders)) if "assurance" in table else {}
    openid = read_openid_client(table, known, public=public)
    openid = replace(openid, tls_client_auth=read_certificate_name(table, method))
    signs_in = not openid.tokens.resource_server
    redirect_uris = _redirect_uris(table, public=public, required=signs_in and CODE in openid.grant_types)
    algorithm = table.choice(
        "token_endpoint_auth_signing_alg", {alg: alg for alg in _ASSERTION_ALGORITHMS}, "ES256", required=False
    )
    signs = {"token_endpoint_auth_signing_alg": algorithm} if method == "private_key_jwt" else {}
    if method == SELF_SIGNED_TLS:
        signs["token_endpoint_auth_method"] = method
    if openid.request_object_signing_alg and not public:
        signs["request_object_signing_alg"] = openid.request_object_signing_alg
    body, attribute_service = read_body_of(table)
    party = RelyingParty(
        client_id=ClientId(table.identifier("client_id")),
        title=table.translated("title", "Resident parking", most=MAX_TITLE),
        sector=Sector(table.identifier("sector")),
        redirect_uris=redirect_uris,
        purposes=read_purposes(table) if signs_in else (),
        attributes=read_rules(table, catalogue) if signs_in else {},
        source=table.source("client_id"),
        authentication_method=method,
        secret_sha256=_secret(table, method),
        jwks=_jwks(table, signs, openid.answers.key_algorithms, files),
        authentication_alg=algorithm,
        assertion_audience=table.choice("assertion_audience", _AUDIENCES, "issuer", required=False),
        assertion_life=table.seconds("assertion_life", ASSERTION_LIFE, most=LONGEST_ASSERTION_LIFE),
        claims_in_id_token=table.flag("claims_in_id_token"),
        pkce_required=table.choice("pkce", _PKCE_OF_PUBLIC if public else _PKCE, default=True, required=False),
        id_token_alg=table.choice("id_token_signed_response_alg", _ID_TOKEN_ALGORITHMS, "ES256", required=False),
        sp_type=table.choice("sp_type", SP_TYPES, "public", required=False),
        requester_id=table.matching("requester_id", URI, REQUESTER_FIX, default=""),
        blind=table.flag("blind"),
        public=public,
        origins=read_origins(table, redirect_uris, public=public),
        enforce=table.flag("enforce"),
        sphere=table.sphere(),
        federation=read_federation(table),
        openid=openid,
        body=body,
        attribute_service=attribute_service,
        vocabulary=known,
        persons=table.persons(),
    )
    if public and openid.answers.key_algorithms:
        what, fix = "encrypts to a key that every copy of the app would have.", "leave it out, or public = true."
        table.problem("jwks", what, fix)
    if party.enforce and len(party.purposes) > 1:
        # The request travels through the citizen's browser, which may name the other purpose
        what, fix = (
            "is for one purpose: whoever signs in could choose another.",
            "register the service once for each purpose.",
        )
        table.problem("enforce", what, fix)
    check_shown(table, party)
    if public and openid.request_object_signing_alg:
        what, fix = "is not for a public client, which has no key.", "leave it out."
        table.problem("request_object_signing_alg", what, fix)
    if method != "private_key_jwt":
        for key in _OF_ASSERTIONS:
            if key in table:
                table.problem(key, "is for private_key_jwt alone.", "leave it out, or change the method.")
    check_profile(table, party)
    table.close()
    return party


def check_shown(table: Table, party: RelyingParty) -> None:
    """A service that hides from other countries has no name of its own there."""
    if party.blind and party.requester_id:
        what, fix = "names the service to other countries, which `blind` forbids.", "leave out one of the two."
        table.problem("requester_id", what, fix)


def read_purposes(table: Table) -> tuple[PurposeId, ...]:
    """The purposes for which a service may ask."""
    return tuple(PurposeId(one) for one in table.texts("purposes", 'write purposes = ["ID of a purpose"].'))


def _redirect_uris(table: Table, *, public: bool, required: bool) -> tuple[str, ...]:
    fault_of = fault_of_public_redirect_uri if public else fault_of_redirect_uri
    fix = 'write redirect_uris = ["https://parking.storkhaven.example/callback"].'
    uris = table.texts("redirect_uris", fix, required=required or "redirect_uris" in table)
    for index, uri in enumerate(uris):
        if fault := fault_of(uri):
            table.problem(
                "redirect_uris", f"{uri!r} {fault}", "write the one full https address of the callback.", str(index)
            )
    return uris


def read_rules(party: Table, catalogue: Catalogue) -> Mapping[AttributeName, Rule]:
    """The forms in which attributes may go to a service."""
    table = party.table("attributes", 'write [attributes] with lines such as birthdate = "exact".', required=False)
    named = known_attributes(table, catalogue.attributes)
    return {name: Rule(form_of(one, key, name, one.take(key), catalogue), one.source(key)) for one, key, name in named}


def _secret(table: Table, method: str) -> str:
    if method in _SECRET_METHODS:
        return table.matching("client_secret_sha256", _HASH, _HASH_FIX)
    _check_absent(table, "client_secret_sha256", method)
    return ""


def _check_absent(table: Table, key: str, method: str) -> None:
    if table.take(key) is not None:
        table.problem(key, f"is not for {method}.", "leave it out: one way to authenticate a party.")


def _jwks(table: Table, signs: Mapping[str, str], encrypts: Sequence[str], files: Mapping[str, bytes]) -> str:
    """The client's key set, with a key for each algorithm with which it signs, or answers are encrypted to it.

    `signs` has each by the key that registers it; a method stands for the certificate that the client made itself.
    """
    if not signs and not encrypts:
        if table.take("jwks") is not None:
            what, fix = (
                "is for a client that signs, or to which answers are encrypted.",
                "leave it out: nothing needs a key.",
            )
            table.problem("jwks", what, fix)
        return ""
    name = table.text("jwks", _JWKS_FIX)
    if not name or not table.has_file("jwks", name, files, _JWKS_FIX):
        return ""
    faults = [_fault_of_jwks(files[name], algorithm, encrypts) for algorithm in signs.values() or ("",)]
    if fault := next(filter(None, faults), ""):
        table.problem("jwks", f"{name} {fault}", _JWKS_FIX)
        return ""
    return files[name].decode("utf-8")


def _fault_of_jwks(content: bytes, algorithm: str, encrypts: Sequence[str]) -> str:
    """The fault of a key set (RFC 7517 §5), as a sentence; "" for none."""
    try:
        parsed: object = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError):
        return "is no JSON."
    keys = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(keys, list) or not keys or not all(isinstance(key, dict) for key in keys):
        return "holds no keys."
    if any(_PRIVATE_MEMBERS & set(key) for key in keys):
        return "holds a private or a secret key: make a new pair, this one has been seen."
    if algorithm == SELF_SIGNED_TLS:
        if not any("x5c" in key for key in keys):
            return "holds no certificate (x5c)."
    elif algorithm:
        kind, curve = _ASSERTION_ALGORITHMS[algorithm]
        if not any(key.get("kty") == kind and (not curve or key.get("crv") == curve) for key in keys):
            return f"holds no key for {algorithm}."
    return fault_of_encryption_keys(keys, encrypts)
