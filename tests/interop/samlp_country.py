"""npm `samlp` as a country's identity provider beside the demo's stage; what it says is a file that it reads each time."""

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path

from idp.demo.loopback import client, send
from idp.demo.scene import Scene
from idp.keys.file import FileSigner, create_saml_key, load_signer
from idp.keys.folder import SAML_ENCRYPTION
from tests.interop.node import Node

AES256_GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"
HIGH = "http://eidas.europa.eu/LoA/high"
PERSON = {
    "urn:oid:2.5.4.4": "Lindqvistsson",
    "urn:oid:2.5.4.42": "Astrid-Margareta",
    "urn:oid:1.3.6.1.4.1.25178.1.2.3": "19820311",
    "urn:oid:1.3.6.1.4.1.25178.1.2.15": "SE-19820311-2384",
    "urn:oid:0.9.2342.19200300.100.1.3": "astrid.lindqvistsson@post.example",
    "urn:oid:2.5.4.9": "Lock Keeper Lane 9",
    "urn:oid:2.5.4.17": "4718",
    "urn:oid:2.5.4.7": "Storkhaven",
    "urn:oid:2.5.4.6": "NL",
}
PROVIDER = """\
id = "samlp"
country = "SE"
namespace = "demo/SE"
entity_id = "@BASE@/metadata"
metadata = "metadata/samlp.xml"
binding = "@BINDING@"
subject = "urn:oid:1.3.6.1.4.1.25178.1.2.15"

[title]
en = "samlp"
"""


class SamlpCountry:
    """The running peer. `say` tells it what to answer next."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        keys = {name: self._key_pair(name) for name in ("own", "stranger")}
        self.stranger = keys["stranger"]
        self._broker: str | None = None
        self.say()
        own_key, own_certificate = keys["own"]
        environment = {
            "KEY": own_key,
            "CERT": own_certificate,
            "SAYS": str(folder / "says.json"),
            "HOST": "sweden.localhost",
        }
        self._node = Node("samlp_idp.cjs", environment)
        self.base = str(self._node.hear()["ready"])

    def say(self, **wrong: object) -> None:
        """Answer honestly, but for `wrong`."""
        honest = {"attributes": PERSON, "loa": HIGH, "signResponse": True, "signingCert": self._broker}
        (self._folder / "says.json").write_text(json.dumps({**honest, **wrong}), encoding="utf-8")

    def know(self, certificate: bytes) -> None:
        """From now on verify requests with the broker's certificate (DER)."""
        self._broker = pem(certificate)
        self.say()

    def encrypt(self, to: str, **wrong: object) -> None:
        """Answer honestly, encrypted to a certificate (PEM), but for `wrong`."""
        self.say(**{"encryptionCert": to, "encryptionPublicKey": to, "encryptionAlgorithm": AES256_GCM, **wrong})

    def metadata(self) -> bytes:
        with client() as http:
            return send(http, "GET", f"{self.base}/metadata").content

    def close(self) -> None:
        self._node.close()

    def _key_pair(self, name: str) -> tuple[str, str]:
        """Files of a new key and its certificate."""
        whole, key, certificate = (self._folder / f"{name}{end}" for end in (".pem", ".key", ".crt"))
        create_saml_key(whole, "sweden.localhost")
        first, mark, rest = whole.read_text(encoding="ascii").partition("-----BEGIN CERTIFICATE")
        key.write_text(first, encoding="ascii")
        certificate.write_text(mark + rest, encoding="ascii")
        return str(key), str(certificate)


def pem(certificate: bytes) -> str:
    lines = base64.encodebytes(certificate).decode()
    return f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n"


class StageWithSamlp(Scene):
    """The demo's stage, and samlp as the provider `samlp` that the broker asks by `binding`, which may encrypt to it."""

    def __init__(self, folder: Path, binding: str) -> None:
        folder.mkdir()
        (folder / "samlp").mkdir()
        self.other = SamlpCountry(folder / "samlp")
        self._binding = binding
        super().__init__(folder, fixed=False)

    def close(self) -> None:
        self.other.close()
        super().close()

    def published(self) -> str:
        """The certificate (PEM) that the broker's metadata has to encrypt to."""
        with client() as http:
            metadata = send(http, "GET", f"{self.issuer}/saml/metadata").text
        (found,) = re.findall(r'use="encryption".*?<ds:X509Certificate>([^<]+)<', metadata, re.DOTALL)
        return pem(base64.b64decode(found))

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        create_saml_key(self.receiving / "keys" / SAML_ENCRYPTION, "broker.localhost")
        own = (self.receiving / "providers" / "demo-ee.toml").read_text(encoding="utf-8")
        attributes = own[own.index("[attributes]") :]
        text = PROVIDER.replace("@BASE@", self.other.base).replace("@BINDING@", self._binding)
        (self.receiving / "providers" / "samlp.toml").write_text(f"{text}\n{attributes}", encoding="utf-8")
        (self.receiving / "metadata" / "samlp.xml").write_bytes(self.other.metadata())
        certificate = load_signer(self.receiving / "keys" / "saml.pem").certificate
        self.other.know(certificate)
