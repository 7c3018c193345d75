"""The addresses of our own parts under an issuer."""

from collections.abc import Callable


def _at(path: str) -> Callable[[str], str]:
    """The address of ours at a path, of an issuer."""
    return lambda issuer: issuer + path


# Our SAML entity id: the address of our metadata.
entity_id = _at("/saml/metadata")
# The address of the metadata of all public bodies for which we stand. Under it each has its own.
bodies_url = _at("/saml/bodies")
# Our SAML entity id among services: the address of our metadata as an identity provider.
idp_entity_id = _at("/saml/idp")
# The address to which services send the citizen with an AuthnRequest.
sso_url = _at("/saml/sso")
# The address at which services resolve artifacts of ours.
resolution_url = _at("/saml/artifact")
# Our page for a citizen whom a service turned away after a sign-in here (errorURL).
error_url = _at("/saml/error")
# The address to which programs post a service's AuthnRequest (ECP).
ecp_url = _at("/saml/ecp")
# The address to which services send the citizen to sign out. Their programs ask at `idp_logout_soap_url`.
idp_logout_url = _at("/saml/idp/logout")
# The address at which services say over SOAP that a session ends.
idp_logout_soap_url = _at("/saml/idp/logout/soap")
# The address to which identity providers send the browser with a LogoutRequest.
logout_url = _at("/saml/logout")
# The address at which identity providers say over SOAP that a session ended.
logout_soap_url = _at("/saml/logout/soap")
# The address to which an OpenID provider that was asked to sign the citizen out sends them back.
logout_back_url = _at("/logout/back")
# The address to which responses come.
acs_url = _at("/saml/acs")
# The address to which artifacts come, whose responses we fetch.
artifact_url = _at("/saml/acs/artifact")
# The address to which a discovery service sends the browser back.
discovered_url = _at("/saml/discovered")
# Our entity id among nodes, in either role: the address of our metadata.
node_entity_id = _at("/eidas/metadata")
# The address to which other countries' responses come.
node_acs_url = _at("/eidas/acs")
# Our name among countries that speak STORK, in either role: the Issuer of our messages. Nothing is served there.
stork_entity_id = _at("/stork")
# The address to which their responses come, and the one to which they send their citizens with a request.
stork_acs_url = _at("/stork/acs")
stork_sso_url = _at("/stork/sso")
# The address at which relying parties redeem codes.
token_endpoint = _at("/token")


def body_logout_url(issuer: str, place: str) -> str:
    """The address to which identity providers send the browser with a LogoutRequest for a public body."""
    return f"{logout_url(issuer)}/bodies/{place}"


def landing_url(issuer: str, provider_id: str) -> str:
    """The address to which one provider sends answers that nobody asked for."""
    return f"{issuer}/saml/landing/{provider_id}"


def callback_url(issuer: str, provider_id: str) -> str:
    """The address to which one OpenID provider answers, and no other."""
    return f"{issuer}/oidc/callback/{provider_id}"
