"""Clients that authenticate by their TLS certificate (RFC 8705 §2), which the proxy in front hands on.

| method | what is registered |
|---|---|
| `tls_client_auth` | one name of a certificate; the proxy lets no other chain through than to the operator's authorities |
| `self_signed_tls_client_auth` | the certificates themselves, as `x5c` in the JWKS |
"""

import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from connectors.client_certificate import canonical_name, judge_certificate, thumbprint_of
from connectors.wire.claims import read_object
from policies.errors import AssertionRejected, Problem
from policies.parties import ClientId, RelyingParty

TLS, SELF_SIGNED_TLS = "tls_client_auth", "self_signed_tls_client_auth"
TLS_METHODS = (TLS, SELF_SIGNED_TLS)
NO_PROXY = "no proxy hands certificates on, so it could never prove one."
NO_CHAINS = "the proxy does not verify whose certificates they are, so anybody could make one of this name."
FIX_PROXY = "Write [client_certificates] in ciconia.toml, and let the proxy send the header."
FIX_CHAINS = "Let the proxy take certificates of your authorities alone, and write chains = true beside the header."


@dataclass(frozen=True, slots=True)
class CertificateProxy:
    """The proxy's part, as the operator says: whether it hands on certificates, and only those whose chains it verified.

    `address` is the other address at which it asks for them, "" where it asks at the issuer's own.
    """

    hands_on: bool = False
    chains: bool = False
    address: str = ""


NO_CERTIFICATES = CertificateProxy()
# Where nobody knows the proxy yet
ANY_PROXY = CertificateProxy(hands_on=True, chains=True)


class Certificates:
    """Registrations by certificate, prepared."""

    def __init__(self, proxy: CertificateProxy) -> None:
        self._proxy = proxy
        self._names: dict[ClientId, str] = {}
        self._thumbprints: dict[ClientId, frozenset[str]] = {}

    def prepare(self, party: RelyingParty) -> list[Problem]:
        """Prepare a registration, and name what can never work, or would let a stranger in."""
        file, line, method = party.source.file, party.source.line, party.authentication_method
        bound = party.openid.tls_client_certificate_bound_access_tokens
        if method not in TLS_METHODS and not bound:
            return []
        key = "token_endpoint_auth_method" if method in TLS_METHODS else "tls_client_certificate_bound_access_tokens"
        if not self._proxy.hands_on:
            return [Problem(file, line, key, NO_PROXY, FIX_PROXY)]
        if method == TLS and not self._proxy.chains:
            return [Problem(file, line, key, NO_CHAINS, FIX_CHAINS)]
        try:
            if method == TLS:
                self._names[party.client_id] = canonical_name(*party.openid.tls_client_auth)
            elif method == SELF_SIGNED_TLS:
                self._thumbprints[party.client_id] = frozenset(map(thumbprint_of, _registered(party.jwks)))
        except (ValueError, AssertionRejected) as error:
            what = str(error) if method == SELF_SIGNED_TLS else "the name is none of its kind"
            return [Problem(file, line, key, f"{what}.", "See the reference: what a service's library needs.")]
        return []

    def fault_of(self, party: RelyingParty, der: bytes, now: int) -> str:
        """Why a connection's certificate does not prove this client, "" where it does. The handshake proved its key."""
        if not der:
            return "The connection has no client certificate."
        try:
            held = judge_certificate(der, now)
        except AssertionRejected as error:
            return f"The client certificate was refused: {error.check}, {error.detail}."
        if party.authentication_method == SELF_SIGNED_TLS:
            known = held.thumbprint in self._thumbprints[party.client_id]
        else:
            known = held.has(party.openid.tls_client_auth[0], self._names[party.client_id])
        return "" if known else "The client certificate is none that is registered for this client."


def _registered(jwks: str) -> Iterator[bytes]:
    """The first certificate of each `x5c` (RFC 7517 §4.7). ValueError and `AssertionRejected` where there is none."""
    keys, found = read_object(jwks.encode(errors="surrogatepass")).get("keys"), False
    for one in keys if isinstance(keys, list) else ():
        chain = one.get("x5c") if isinstance(one, dict) else None
        first = chain[0] if isinstance(chain, list) and chain else None
        if isinstance(first, str):
            found = True
            yield binascii.a2b_base64(first.encode("ascii"), strict_mode=True)
    if not found:
        raise ValueError("the JWKS has no certificate (x5c)")
