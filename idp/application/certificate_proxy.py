"""The settings of the proxy that hands on relying parties' TLS certificates."""

from idp.config.settings import Settings
from idp.protocols.oidc.certificates import NO_CERTIFICATES, CertificateProxy
from idp.web.client_certificate import ProxyHeader


def proxy_of(settings: Settings) -> CertificateProxy:
    """The proxy's part, as registrations are held against it."""
    found = settings.client_certificates
    return CertificateProxy(hands_on=True, chains=found.chains, address=found.address) if found else NO_CERTIFICATES


def header_of(settings: Settings) -> ProxyHeader:
    """Its header; none where the settings name none."""
    found = settings.client_certificates
    return ProxyHeader(found.header if found else "", settings.tenant)
