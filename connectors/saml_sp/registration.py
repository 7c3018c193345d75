"""Whether an identity provider, as registered and as its pinned metadata says, can be asked at all."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from connectors.addresses import FetchError, judged_url
from connectors.formats.metadata import IdentityProviderMetadata
from connectors.formats.saml_message import WireAttribute
from connectors.mapping import ADDRESS_PARTS
from connectors.metadata.pinned_provider import misconfigured
from connectors.wire.names import CERTIFICATION, POST, REDIRECT
from policies.federation.categories import RAF_VALUES
from policies.parties import IdentityProvider

# Scoped attributes: `name@scope` counts from an identity provider that its metadata gives that scope (saml2int SDP-SP18).
#
# Without this, one university says of its student that another employs them. A value of another scope is left out, as if
# the provider had sent none.

_EDU_PERSON = "urn:oid:1.3.6.1.4.1.5923.1.1.1."
_SUBJECT_ID = "urn:oasis:names:tc:SAML:attribute:"
_MACE = "urn:mace:dir:attribute-def:"
# eduPerson 2022 §3, Subject Identifier Attributes 1.0
SCOPED = frozenset(
    [f"{_EDU_PERSON}{number}" for number in (6, 9, 13)]
    + [f"{_MACE}eduPerson{name}" for name in ("PrincipalName", "ScopedAffiliation", "UniqueId")]
    + [f"{_SUBJECT_ID}{name}" for name in ("subject-id", "pairwise-id")]
)
_ASSURANCE = frozenset({f"{_EDU_PERSON}11", f"{_MACE}eduPersonAssurance"})
# schacHomeOrganization: the whole value is a scope
_HOME_ORGANIZATION = frozenset({"urn:oid:1.3.6.1.4.1.25178.1.2.9"})


def in_scope(attributes: Iterable[WireAttribute], scopes: Collection[str]) -> tuple[WireAttribute, ...]:
    """The attributes without the values of a scope that is none of `scopes` (in small letters)."""
    return tuple([_kept(one, scopes) for one in attributes])


def _kept(attribute: WireAttribute, scopes: Collection[str]) -> WireAttribute:
    if attribute.name in _HOME_ORGANIZATION:
        return replace(attribute, values=tuple([value for value in attribute.values if value.lower() in scopes]))
    if attribute.name not in SCOPED:
        return attribute
    # An at sign too many would be two scopes, of which two readers choose one each
    kept = [value for value in attribute.values if value.count("@") == 1 and value.partition("@")[2].lower() in scopes]
    return replace(attribute, values=tuple(kept), name_ids=())


def raf_values(attributes: Iterable[WireAttribute]) -> frozenset[str]:
    """The values of REFEDS assurance in eduPersonAssurance that we know; anything else there means nothing here."""
    return frozenset(value for one in attributes if one.name in _ASSURANCE for value in one.values) & RAF_VALUES


def check_registration(provider: IdentityProvider, metadata: IdentityProviderMetadata, sso_url: str) -> None:
    """Raises `Misconfigured` where nobody could be asked, or every answer would be refused."""
    if provider.binding not in ("post", "redirect") or not sso_url:
        raise misconfigured(
            provider.source,
            "binding",
            "The identity provider's metadata has no SingleSignOnService for this binding.",
            "Use the other of `redirect` and `post`.",
        )
    try:
        # A browser is sent there: in the open, or to run what stands there, it would go nowhere of theirs
        judged_url(sso_url, demo=True)
    except FetchError as error:
        raise misconfigured(
            provider.source,
            "SingleSignOnService",
            f"The SingleSignOnService of the identity provider is {error.detail}",
            "Ask its operator, and pin their metadata of today.",
        ) from error
    if not provider.assurance:
        raise misconfigured(
            provider.source,
            "assurance",
            "No AuthnContextClassRef is mapped to a level, so every answer would be refused.",
            "Map at least one, or leave the table out for the eIDAS URIs.",
        )
    for wire_name, (_, part) in provider.attributes.items():
        if part and part not in ADDRESS_PARTS:
            raise misconfigured(
                provider.source,
                wire_name,
                "An address has no such part.",
                f"Use one of {', '.join(sorted(ADDRESS_PARTS))}.",
            )
    # A federation's copy of tomorrow may have none, and of its members not all: nobody's sign-in ends by that
    pinned = not provider.federation
    if pinned and provider.logout_upstream and metadata.logout.keys().isdisjoint({REDIRECT, POST}):
        raise misconfigured(
            provider.source,
            "logout_upstream",
            "The identity provider's metadata has no SingleLogoutService by Redirect or POST.",
            "Leave it out.",
        )
    missing = set(provider.saml.certified) - metadata.entity_attributes.get(CERTIFICATION, frozenset())
    if missing:
        raise misconfigured(
            provider.source,
            "certified",
            f"The identity provider's metadata has no assurance-certification {min(missing)}.",
            "Ask its federation, and pin their metadata of today; or leave it out.",
        )
    if provider.saml.fetched and not metadata.resolvers:
        raise misconfigured(
            provider.source,
            "answers",
            "The identity provider's metadata has no ArtifactResolutionService over SOAP.",
            'Use answers = "post".',
        )
