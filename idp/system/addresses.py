"""The addresses of our own parts under an issuer."""


def entity_id(issuer: str) -> str:
    """Our SAML entity id: the address of our metadata."""
    return f"{issuer}/saml/metadata"


def bodies_url(issuer: str) -> str:
    """The address of the metadata of all public bodies for which we stand. Under it each has its own."""
    return f"{issuer}/saml/bodies"


def idp_entity_id(issuer: str) -> str:
    """Our SAML entity id among services: the address of our metadata as an identity provider."""
    return f"{issuer}/saml/idp"


def sso_url(issuer: str) -> str:
    """The address to which services send the citizen with an AuthnRequest."""
    return f"{issuer}/saml/sso"


def resolution_url(issuer: str) -> str:
    """The address at which services resolve artifacts of ours."""
    return f"{issuer}/saml/artifact"


def error_url(issuer: str) -> str:
    """Our page for a citizen whom a service turned away after a sign-in here (errorURL)."""
    return f"{issuer}/saml/error"


def ecp_url(issuer: str) -> str:
    """The address to which programs post a service's AuthnRequest (ECP)."""
    return f"{issuer}/saml/ecp"


def idp_logout_url(issuer: str) -> str:
    """The address to which services send the citizen to sign out. Their programs ask at `idp_logout_soap_url`."""
    return f"{issuer}/saml/idp/logout"


def idp_logout_soap_url(issuer: str) -> str:
    """The address at which services say over SOAP that a session ends."""
    return f"{issuer}/saml/idp/logout/soap"


def logout_url(issuer: str) -> str:
    """The address to which identity providers send the browser with a LogoutRequest."""
    return f"{issuer}/saml/logout"


def body_logout_url(issuer: str, place: str) -> str:
    """The address to which identity providers send the browser with a LogoutRequest for a public body."""
    return f"{logout_url(issuer)}/bodies/{place}"


def logout_soap_url(issuer: str) -> str:
    """The address at which identity providers say over SOAP that a session ended."""
    return f"{issuer}/saml/logout/soap"


def logout_back_url(issuer: str) -> str:
    """The address to which an OpenID provider that was asked to sign the citizen out sends them back."""
    return f"{issuer}/logout/back"


def acs_url(issuer: str) -> str:
    """The address to which responses come."""
    return f"{issuer}/saml/acs"


def artifact_url(issuer: str) -> str:
    """The address to which artifacts come, whose responses we fetch."""
    return f"{issuer}/saml/acs/artifact"


def discovered_url(issuer: str) -> str:
    """The address to which a discovery service sends the browser back."""
    return f"{issuer}/saml/discovered"


def landing_url(issuer: str, provider_id: str) -> str:
    """The address to which one provider sends answers that nobody asked for."""
    return f"{issuer}/saml/landing/{provider_id}"


def node_entity_id(issuer: str) -> str:
    """Our entity id among nodes, in either role: the address of our metadata."""
    return f"{issuer}/eidas/metadata"


def node_acs_url(issuer: str) -> str:
    """The address to which other countries' responses come."""
    return f"{issuer}/eidas/acs"


def token_endpoint(issuer: str) -> str:
    """The address at which relying parties redeem codes."""
    return f"{issuer}/token"


def callback_url(issuer: str, provider_id: str) -> str:
    """The address to which one OpenID provider answers, and no other."""
    return f"{issuer}/oidc/callback/{provider_id}"
