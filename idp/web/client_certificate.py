"""The TLS certificate of a program that asks, out of the header in which the proxy hands it on (RFC 9440).

Only a proxy at a trusted address has taken what others sent under this name away. From anywhere else the header is nothing.
"""

from fastapi import Request

from connectors.client_certificate import certificate_in
from idp.config.setting_types import ClientCertificates
from idp.server.http import PROXIED
from idp.system.logs import log_of
from idp.web.requests import headers
from policies.errors import AssertionRejected, RequestRefused

IGNORED = "a client certificate came from an address that is not in trusted_proxies, and counts for nothing"


class ProxyHeader:
    """The header of one tenant, if one is configured. Says once in a process that somebody else sends it."""

    def __init__(self, proxy: ClientCertificates | None, tenant: str) -> None:
        self._name, self._tenant, self._told = proxy.header.lower().encode("ascii") if proxy else b"", tenant, False

    def certificate(self, request: Request) -> bytes:
        """The DER, b"" without one. Raises `RequestRefused` for a proxy's header that holds none, or came twice."""
        found = headers(request, self._name) if self._name else ()
        if not found:
            return b""
        if not request.scope.get(PROXIED):
            if not self._told:
                self._told = True
                log_of(self._tenant).warning("client_certificate_ignored", detail=IGNORED)
            return b""
        if len(found) > 1:
            raise RequestRefused("The TLS certificate came twice: the proxy does not take away what others send.")
        try:
            return certificate_in(found[0])
        except AssertionRejected as error:
            raise RequestRefused(f"The TLS certificate cannot be read: {error.check}.") from error
