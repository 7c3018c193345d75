"""A service that speaks SAML, for the benchmarks of logins, and a broker that knows it twice: with encryption and without.

It asks by POST with a signed AuthnRequest, and verifies both signatures of the answer. It lives in the driver's process.
"""

import base64
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import xmlsec
from lxml import etree
from xmlsec import constants

from idp.keys.file import load_signer
from idp.system.addresses import sso_url
from tests.benchmarks.logins_peers import ME, NAMESPACES, SIGNATURE, TRANSIENT, LoginFailedError, signed
from tests.benchmarks.logins_stage import ISSUER, PURPOSE, Stage, make_stage, new_party, pem_of
from tests.connectors.forge import DS, SAML, SAMLP, clock

POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
VALUES = {"Müller", "Anna"}
METADATA = (
    '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{entity}"><md:SPSSODescriptor '
    f'AuthnRequestsSigned="true" WantAssertionsSigned="true" protocolSupportEnumeration="{SAMLP}"><md:KeyDescriptor{{use}}>'
    f'<ds:KeyInfo xmlns:ds="{DS}"><ds:X509Data><ds:X509Certificate>{{key}}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>'
    f'</md:KeyDescriptor><md:AssertionConsumerService Binding="{POST}" Location="{ME}/sp/acs" index="0" isDefault="true"/>'
    "</md:SPSSODescriptor></md:EntityDescriptor>"
)
PARTY = f"""client_id = "{{name}}"
protocol = "saml"
title.en = "Bench"
entity_id = "{{entity}}"
metadata = "metadata/{{name}}.xml"
purposes = ["{PURPOSE}"]

[attributes]
family_name = "exact"
given_name = "exact"
email = "exact"
"""


@dataclass(frozen=True, slots=True)
class AskedSaml:
    """A service's request, and what it remembers of it."""

    fields: dict[str, str]
    request_id: str


class SamlService:
    """Asks at `sso`, and verifies what comes with the `broker`'s certificate (DER). `key` and `certificate` are in PEM.

    `encrypted`: what it gets has to be.
    """

    def __init__(
        self, *, key: bytes, certificate: bytes, entity: str, sso: str, broker: bytes, encrypted: bool = False
    ) -> None:
        self._key = xmlsec.Key.from_memory(key, constants.KeyDataFormatPem, None)
        self._key.load_cert_from_memory(certificate, constants.KeyDataFormatPem)
        self._opens = xmlsec.KeysManager()
        self._opens.add_key(xmlsec.Key.from_memory(key, constants.KeyDataFormatPem, None))
        self._broker = xmlsec.Key.from_memory(broker, constants.KeyDataFormatCertDer, None)
        self._entity, self._sso, self._encrypted = entity, sso, encrypted

    def ask(self) -> AskedSaml:
        """The form that the browser posts to the broker."""
        request_id = "_" + secrets.token_hex(16)
        root = etree.fromstring(
            f'<samlp:AuthnRequest xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" ID="{request_id}" Version="2.0" '
            f'IssueInstant="{clock(int(time.time()))}" Destination="{self._sso}" ProtocolBinding="{POST}" '
            f'AssertionConsumerServiceURL="{ME}/sp/acs"><saml:Issuer>{self._entity}</saml:Issuer>'
            f'{SIGNATURE.format(id=request_id)}<samlp:NameIDPolicy Format="{TRANSIENT}" AllowCreate="true"/>'
            "</samlp:AuthnRequest>"
        )
        signed(root, self._key)
        posted = base64.b64encode(etree.tostring(root)).decode()
        return AskedSaml({"SAMLRequest": posted, "RelayState": request_id[-16:]}, request_id)

    def verified(self, fields: dict[str, str], asked: AskedSaml) -> None:
        """Verify what a page of the broker posts to the service. Raises `LoginFailedError`, and errors of xmlsec."""
        if fields.get("RelayState") != asked.fields["RelayState"]:
            raise LoginFailedError(f"an answer without its RelayState: {sorted(fields)}")
        root = etree.fromstring(base64.b64decode(fields["SAMLResponse"]))
        self._verify(root)
        data = root.find("a:EncryptedAssertion/x:EncryptedData", NAMESPACES)
        if (data is not None) is not self._encrypted:
            raise LoginFailedError("encrypted, or not")
        if data is not None:
            xmlsec.EncryptionContext(self._opens).decrypt(data)
        assertion = root.find(".//a:Assertion", NAMESPACES)
        if assertion is None or root.get("InResponseTo") != asked.request_id:
            raise LoginFailedError("no assertion, or to another request")
        assertion = etree.fromstring(etree.tostring(assertion))
        self._verify(assertion)
        values = {one.text for one in assertion.iterfind(".//a:AttributeValue", NAMESPACES)}
        if not values >= VALUES or not any("@example.test" in str(one) for one in values):
            raise LoginFailedError("an attribute is missing")

    def _verify(self, element: etree._Element) -> None:  # lxml's name of the type of an element
        xmlsec.tree.add_ids(element, ["ID"])
        found = element.find("d:Signature", NAMESPACES)
        if found is None:
            raise LoginFailedError("not signed")
        context = xmlsec.SignatureContext()
        context.key = self._broker
        context.verify(found)


def make_saml_stage(folder: Path) -> tuple[Stage, SamlService, SamlService]:
    """The stage of the logins, with a service that takes plain assertions and one that takes encrypted ones.

    Raises as `make_stage`.
    """
    stage, party = make_stage(folder), new_party("sp")
    services = []
    for name, use in (("bench-saml", ' use="signing"'), ("bench-saml-encrypted", "")):
        entity = f"{ME}/{name}"
        described = METADATA.format(entity=entity, use=use, key=base64.b64encode(party.certificate).decode())
        (folder / "metadata" / f"{name}.xml").write_text(described, encoding="utf-8")
        (folder / "parties" / f"{name}.toml").write_text(PARTY.format(name=name, entity=entity), encoding="utf-8")
        services.append(
            SamlService(
                key=party.pem,
                certificate=pem_of(party.certificate),
                entity=entity,
                sso=sso_url(ISSUER),
                broker=load_signer(folder / "keys" / "saml.pem").certificate,
                encrypted=not use,
            )
        )
    return stage, services[0], services[1]
