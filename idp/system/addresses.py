"""Where our own parts are, under an issuer: what others know us by."""


def entity_id(issuer: str) -> str:
    """Our SAML entity id: the address of our metadata."""
    return f"{issuer}/saml/metadata"


def acs_url(issuer: str) -> str:
    """Where responses come."""
    return f"{issuer}/saml/acs"


def node_entity_id(issuer: str) -> str:
    """Our entity id among nodes, in either role: the address of our metadata."""
    return f"{issuer}/eidas/metadata"


def node_acs_url(issuer: str) -> str:
    """Where other countries' responses come."""
    return f"{issuer}/eidas/acs"


def token_endpoint(issuer: str) -> str:
    """Where relying parties redeem codes, as discovery says."""
    return f"{issuer}/token"
