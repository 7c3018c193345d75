"""A stage whose services have TLS certificates of a made-up authority, and a proxy that may hand them on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from idp.application.app import Application
from idp.keys.file import FileSigner
from idp.server.http import Server, bind
from tests.connectors.client_certificates import DAY, Key, jwks, made
from tests.idp.staging import Clock, serving
from tests.idp.web.stage import Stage

ALIAS = "https://mtls.storkhaven.example"
HEADER = "Client-Cert"
SETTINGS = f'[client_certificates]\nheader = "{HEADER}"\nchains = true\naddress = "{ALIAS}"\n'
PARTY = """\
client_id = "NAME"
title.en = "Permits"
sector = "mobility"
redirect_uris = ["@CITY@/NAME/callback"]
purposes = ["resident-parking"]
METHOD
tls_client_certificate_bound_access_tokens = true

[attributes]
birthdate = "age_over(18)"
address = "resident_of(Storkhaven)"
"""
NAMED, SELF_SIGNED = "permits", "benches"
METHODS = {
    NAMED: 'token_endpoint_auth_method = "tls_client_auth"\ntls_client_auth_san_dns = "permits.storkhaven.example"',
    SELF_SIGNED: 'token_endpoint_auth_method = "self_signed_tls_client_auth"\njwks = "parties/benches.jwks.json"',
}


def _dns(name: str) -> tuple[x509.GeneralName, ...]:
    return (x509.DNSName(name),)


class CertificateStage(Stage):
    """The broker takes certificates in the header `Client-Cert`, from a proxy on this machine."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        begin, end = clock() - DAY, clock() + DAY
        keys: list[Key] = [ec.generate_private_key(ec.SECP256R1()) for _ in range(4)]
        self.authority_key, self.permits_key, self.benches_key, self.thief_key = keys
        dated = partial(made, begin=begin, end=end)
        issued = partial(dated, issuer="CN=authority", signer=self.authority_key)
        self.authority = dated(self.authority_key, subject="CN=authority", names=(), authority=True)
        self.permits = issued(self.permits_key, names=_dns("permits.storkhaven.example"))
        self.benches = dated(self.benches_key, names=())
        # The same name, by nobody's authority, and another name by the right one
        self.forged = dated(self.thief_key, names=_dns("permits.storkhaven.example"))
        self.neighbour = issued(self.thief_key, names=_dns("other.storkhaven.example"))
        super().__init__(folder, clock)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        settings = self.receiving / "ciconia.toml"
        settings.write_text(settings.read_text(encoding="utf-8") + "\n" + SETTINGS, encoding="utf-8")
        for name, method in METHODS.items():
            text = PARTY.replace("@CITY@", self.city_base).replace("NAME", name).replace("METHOD", method)
            (self.receiving / "parties" / f"{name}.toml").write_text(text, encoding="utf-8")
        (self.receiving / "parties" / "benches.jwks.json").write_text(jwks(self.benches), encoding="utf-8")

    @contextmanager
    def behind(self, *trusted: str, application: Application | None = None) -> Iterator[int]:
        """The port of a server of the same broker, or of another one, that trusts proxies at these addresses."""
        served = application or self.application
        with serving(Server(served.asgi, listening := bind("127.0.0.1", 0), trusted=trusted)):
            yield listening.getsockname()[1]
