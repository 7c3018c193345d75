"""A TLS handshake with our own address, as the settings have it. Nothing is sent in it."""

import socket
import ssl

Handshake = tuple[str, str, bytes]
_SECONDS = 10.0


def handshake(host: str, port: int, context: ssl.SSLContext | None = None) -> Handshake | None:
    """The version, the cipher suite and the certificate (DER) of a TLS server, as we reach it; None where there is none."""
    if context is None:
        # Whom the certificate is from is asked where we fetch
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as secured,
        ):
            cipher = secured.cipher()
            return secured.version() or "", cipher[0] if cipher else "", secured.getpeercert(binary_form=True) or b""
    except (OSError, ValueError):
        return None
