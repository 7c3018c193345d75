"""A provider's discovery document as pinned beside its registration (OpenID Connect Discovery 1.0 §3, RFC 8414 §2).

    {"issuer": "https://op.example", "authorization_endpoint": "...", "token_endpoint": "...", "jwks_uri": "...", ...}

The operator vouches for the file. Nothing is fetched from it but what it names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors.addresses import FetchError, judged_url
from connectors.metadata.pinned_provider import misconfigured
from connectors.wire.claims import Json, read_object
from policies.deviations import PLAIN_BASIC
from policies.errors import AssertionRejected
from policies.parties import IdentityProvider
from policies.registrations.openid_registration import OpenIDRegistration

# A document has some fifty members; the largest known ones have 10 kB
MAX_DOCUMENT = 64 * 1024
MAX_LISTED = 256
# The only algorithm that we sign with
OURS = "ES256"
_FIX = "Ask its operator for the discovery document of this issuer, and pin that file: `ciconia metadata discover ISSUER`."


@dataclass(frozen=True, slots=True)
class DiscoveryDocument:
    """The part of a discovery document that we use. An address is "" where the provider has none.

    A list that the document leaves out is empty, but for the defaults that the standards give.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    pushed_endpoint: str
    lists: Mapping[str, frozenset[str]]
    # claims_parameter_supported, authorization_response_iss_parameter_supported and so on, where they are true
    flags: frozenset[str]
    end_session_endpoint: str = ""


_ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_FURTHER = ("userinfo_endpoint", "pushed_authorization_request_endpoint", "end_session_endpoint")
# with the defaults of OpenID Connect Discovery 1.0 §3
_LISTS: Mapping[str, frozenset[str]] = {
    "response_types_supported": frozenset(),
    "response_modes_supported": frozenset({"query", "fragment"}),
    "token_endpoint_auth_methods_supported": frozenset({"client_secret_basic"}),
    "token_endpoint_auth_signing_alg_values_supported": frozenset(),
    "id_token_signing_alg_values_supported": frozenset(),
    "userinfo_signing_alg_values_supported": frozenset(),
    "request_object_signing_alg_values_supported": frozenset(),
    "dpop_signing_alg_values_supported": frozenset(),
    "code_challenge_methods_supported": frozenset(),
}
CLAIMS, NAMES_ISSUER = "claims_parameter_supported", "authorization_response_iss_parameter_supported"
_PUSHES, _SIGNS = "require_pushed_authorization_requests", "require_signed_request_object"
_FLAGS = (CLAIMS, NAMES_ISSUER, _PUSHES, _SIGNS, "request_parameter_supported")


def read_provider_metadata(document: bytes, issuer: str, *, demo: bool) -> DiscoveryDocument:
    """Read a document of this issuer. `demo` lets http on *.localhost pass. ValueError, with words, for any other."""
    if len(document) > MAX_DOCUMENT:
        raise ValueError(f"it has more than {MAX_DOCUMENT} octets.")
    try:
        members = read_object(document)
    except AssertionRejected as error:
        raise ValueError(f"it is no discovery document: {error.detail}.") from None
    if members.get("issuer") != issuer:
        raise ValueError("its issuer is another, sign by sign, than that of the registration.")
    addresses = {name: _address(members, name, demo=demo) for name in ("issuer", *_ADDRESSES, *_FURTHER)}
    for name in _ADDRESSES:
        if not addresses[name]:
            raise ValueError(f"it has no {name}.")
    return DiscoveryDocument(
        issuer=issuer,
        authorization_endpoint=addresses["authorization_endpoint"],
        token_endpoint=addresses["token_endpoint"],
        jwks_uri=addresses["jwks_uri"],
        userinfo_endpoint=addresses["userinfo_endpoint"],
        pushed_endpoint=addresses["pushed_authorization_request_endpoint"],
        lists={name: _listed(members, name, usual) for name, usual in _LISTS.items()},
        flags=frozenset(name for name in _FLAGS if members.get(name) is True),
        end_session_endpoint=addresses["end_session_endpoint"],
    )


def pinned_metadata(provider: IdentityProvider, *, demo: bool) -> DiscoveryDocument:
    """A provider's pinned document, which our registration fits. Raises `Misconfigured`."""
    registration = provider.openid
    if registration is None:
        raise misconfigured(provider.source, "protocol", "It is no OpenID provider.", 'Write protocol = "oidc".')
    try:
        found = read_provider_metadata(provider.metadata, provider.entity_id, demo=demo)
    except ValueError as error:
        raise misconfigured(provider.source, "metadata", f"The pinned document cannot be used: {error}", _FIX) from error
    if provider.logout_upstream and not found.end_session_endpoint:
        what = "The provider's document has no end_session_endpoint."
        raise misconfigured(provider.source, "logout_upstream", what, "Leave it out.")
    for key, what, fix in _misfits(found, registration):
        raise misconfigured(provider.source, key, what, fix)
    if PLAIN_BASIC in provider.deviations and ":" in registration.client_id:
        what = "A colon in it would end the client_id early, since the deviation plain_basic spells it as it is."
        raise misconfigured(provider.source, "client_id", what, "Leave out the deviation, or get another client_id.")
    if not provider.assurance:
        what = "No acr is mapped to a level, so every answer would be refused."
        raise misconfigured(
            provider.source, "assurance", what, "Map at least one, or leave the table out for the eIDAS URIs."
        )
    return found


def _address(members: Mapping[str, Json], name: str, *, demo: bool) -> str:
    value = members.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"its {name} is no text.")  # noqa: TRY004 - one kind of error for one kind of fault
    try:
        if value:
            judged_url(value, demo=demo)
    except FetchError as error:
        raise ValueError(f"its {name} is {error.detail}") from None
    return value


def _listed(members: Mapping[str, Json], name: str, usual: frozenset[str]) -> frozenset[str]:
    value = members.get(name)
    if value is None:
        return usual
    if not isinstance(value, list) or len(value) > MAX_LISTED or not all(isinstance(one, str) for one in value):
        raise ValueError(f"its {name} is no list of texts.")
    return frozenset(one for one in value if isinstance(one, str))


def _misfits(found: DiscoveryDocument, ours: OpenIDRegistration) -> Iterator[tuple[str, str, str]]:
    """Key, what and fix of each agreement that the provider does not offer, or that it demands and we have not."""
    lists, method = found.lists, ours.authentication_method
    agree = "Agree on another one with its operator, or pin their metadata of today."
    if method not in lists["token_endpoint_auth_methods_supported"]:
        yield "token_endpoint_auth_method", f"The provider's metadata does not name {method}.", agree
    offered = {
        "response_types_supported": ("metadata", "code", True),
        "code_challenge_methods_supported": ("metadata", "S256", False),
        "id_token_signing_alg_values_supported": ("id_token_signed_response_alg", ours.id_token_alg, True),
        "userinfo_signing_alg_values_supported": ("userinfo_signed_response_alg", ours.userinfo_alg, False),
        "token_endpoint_auth_signing_alg_values_supported": (
            "token_endpoint_auth_method",
            OURS if not ours.has_secret else "",
            False,
        ),
        "request_object_signing_alg_values_supported": (
            "require_signed_request_object",
            OURS if ours.signed else "",
            ours.signed,
        ),
        "dpop_signing_alg_values_supported": ("dpop_bound_access_tokens", OURS if ours.dpop else "", ours.dpop),
    }
    for name, (key, value, needed) in offered.items():
        if value and value not in lists[name] and (needed or lists[name]):
            yield key, f"The provider's {name} has no {value}.", agree
    if ours.pushed and not found.pushed_endpoint:
        yield _PUSHES, "The provider's metadata has no pushed_authorization_request_endpoint.", "Leave it out."
    if _PUSHES in found.flags and not ours.pushed:
        yield _PUSHES, "The provider takes no other requests.", f"Write {_PUSHES} = true."
    if _SIGNS in found.flags and not ours.signed:
        yield _SIGNS, "The provider takes no other requests.", f"Write {_SIGNS} = true."
