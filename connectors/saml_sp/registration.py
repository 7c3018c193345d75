"""Whether an identity provider, as registered and as its pinned metadata says, can be asked at all."""

from connectors.addresses import FetchError, judged_url
from connectors.formats.metadata import IdentityProviderMetadata
from connectors.mapping import ADDRESS_PARTS
from connectors.metadata.pinned_provider import misconfigured
from connectors.wire.names import CERTIFICATION, POST, REDIRECT
from policies.parties import IdentityProvider


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
