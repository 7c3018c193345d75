"""A question to an OpenID provider: the parameters of OpenID Connect Core 1.0 §3.1.2.1, PKCE, and a request object. Pure.

The sealed state has one secret text: it is PKCE's verifier, and the nonce is made of it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from connectors.connector import Ask
from connectors.oidc.metadata import CLAIMS, OURS, DiscoveryDocument
from connectors.signatures.jws import TokenSigner, base64url, sign
from connectors.wire.claims import Json
from policies.assurance import LevelOfAssurance
from policies.errors import AssuranceTooLow
from policies.parties import IdentityProvider
from policies.registrations.openid_registration import OpenIDRegistration

# OpenID Connect Core 1.0 §5.4
_SCOPES: Mapping[str, frozenset[str]] = {
    "profile": frozenset(
        ("name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile", "picture")
    )
    | frozenset(("website", "gender", "birthdate", "zoneinfo", "locale", "updated_at")),
    "email": frozenset({"email", "email_verified"}),
    "phone": frozenset({"phone_number", "phone_number_verified"}),
    "address": frozenset({"address"}),
}
# FAPI 2.0 Message Signing §5.3.1: at most an hour; the browser goes at once
REQUEST_LIFE = 5 * 60
TYPE_OF_REQUEST = "oauth-authz-req+jwt"


def claims_of_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """The claims that these scopes ask for (OpenID Connect Core 1.0 §5.4)."""
    return frozenset(claim for scope in scopes for claim in _SCOPES.get(scope, ()))


def challenge_of(verifier: str) -> str:
    """PKCE's S256 (RFC 7636 §4.2)."""
    return base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def nonce_of(secret: str) -> str:
    """The nonce that belongs to this secret. Whoever sees it learns nothing of the verifier."""
    return base64url(hashlib.sha256(b"nonce " + secret.encode("ascii")).digest())


def names_reaching(table: Mapping[str, LevelOfAssurance], minimum: LevelOfAssurance) -> tuple[str, ...]:
    """The `acr` values that reach a level, the least sufficient first. Raises `AssuranceTooLow` where none does."""
    found = tuple(name for _, name in sorted((level, name) for name, level in table.items() if level >= minimum))
    if not found:
        raise AssuranceTooLow("assurance_unreachable", "the identity provider has no level that reaches what is asked")
    return found


def wire_names(provider: IdentityProvider, ask: Ask) -> Mapping[str, bool]:
    """The claims that the question needs, by their names on the wire without parts; whether each is essential.

    Nobody asks for a claim that no attribute of the question comes from, but for the one that identifies.
    """
    found: dict[str, bool] = {}
    if provider.subject_attribute:
        found[provider.subject_attribute] = True
    targets = {wire: name for wire, (name, _) in provider.attributes.items()} | dict(provider.latin)
    for wire, name in targets.items():
        if name in ask.attributes:
            claim = claim_of(wire)
            found[claim] = found.get(claim, False) or name in ask.required
    return found


def claim_of(wire: str) -> str:
    """The claim that a wire name is in: `address.locality` is a member of `address`, a URI is a name of its own."""
    return wire if ":" in wire else wire.partition(".")[0]


def parameters(
    provider: IdentityProvider, ours: OpenIDRegistration, metadata: DiscoveryDocument, ask: Ask, redirect_uri: str
) -> dict[str, str]:
    """The parameters of a question, without state, nonce and challenge. Raises `AssuranceTooLow`."""
    reaching, claims = names_reaching(provider.assurance, ask.minimum_assurance), wire_names(provider, ask)
    scopes = ["openid", *ours.scopes]
    found = {
        "client_id": ours.client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
        "acr_values": " ".join(reaching),
    }
    if CLAIMS in metadata.flags:
        found["claims"] = json.dumps(_claims(claims, reaching), separators=(",", ":"))
    else:
        scopes += [scope for scope, names in _SCOPES.items() if not names.isdisjoint(claims) and scope not in scopes]
    found["scope"] = " ".join(scopes)
    if ask.force_authentication:
        # With a max_age the answer says when (§3.1.2.1)
        found |= {"prompt": "login", "max_age": "0"}
    elif ask.max_age is not None:
        found["max_age"] = str(ask.max_age)
    return found


def _claims(claims: Mapping[str, bool], reaching: Iterable[str]) -> dict[str, Json]:
    """§5.5. An essential `acr` makes a provider refuse, rather than sign in somebody less surely (§5.5.1.1)."""
    userinfo: dict[str, Json] = {name: {"essential": True} if essential else None for name, essential in claims.items()}
    # Without a max_age this alone makes it say when (§2)
    of_token: dict[str, Json] = {
        "acr": {"essential": True, "values": list(reaching)},
        "auth_time": {"essential": True},
    }
    return {"id_token": of_token, **({"userinfo": userinfo} if userinfo else {})}


def request_object(asked: Mapping[str, str], issuer: str, signer: TokenSigner, now: int, jti: str) -> str:
    """The question as a signed request object (RFC 9101 §4)."""
    of_jwt: dict[str, Json] = {"iss": asked["client_id"], "aud": issuer, "iat": now, "nbf": now, "exp": now + REQUEST_LIFE}
    inside: dict[str, Json] = {**asked, **of_jwt, "jti": jti}
    for name in ("claims", "max_age"):
        if name in asked:
            # §4: JSON stays JSON, and a number a number
            inside[name] = json.loads(asked[name])
    return sign(inside, signer, alg=OURS, typ=TYPE_OF_REQUEST)


def address_with(endpoint: str, asked: Mapping[str, str]) -> str:
    """The address of a question by redirect. An endpoint may have a query of its own (RFC 6749 §3.1)."""
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"
