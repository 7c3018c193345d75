"""The settings of the proxy that hands on relying parties' TLS certificates."""

from idp.config.settings import Settings
from idp.protocols.oidc.certificates import NO_CERTIFICATES, CertificateProxy


def proxy_of(settings: Settings) -> CertificateProxy:
    """The proxy's part, as registrations are held against it."""
    found = settings.client_certificates
    return CertificateProxy(hands_on=True, chains=found.chains, address=found.address) if found else NO_CERTIFICATES
