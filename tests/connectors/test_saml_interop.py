"""Others' messages: pysaml2 as an identity provider, and signatures that signxml makes.

pysaml2 runs the program `xmlsec1` to sign. Here python-xmlsec fills the very same templates in its place, so that the test
needs nothing but Python packages.
"""

import base64
import time
import warnings
import zlib
from pathlib import Path
from typing import Any  # pysaml2 is untyped
from urllib.parse import parse_qs, urlsplit

import pytest
import xmlsec
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from signxml.algorithms import CanonicalizationMethod
from signxml.signer import XMLSigner
from xmlsec import constants

from connectors.connector import Ask, Expectation, Outbound, Post, Redirect
from connectors.saml_sp.connector import SamlConnector
from connectors.saml_sp.own_metadata import service_provider_metadata
from idp.keys.file import FileSigner
from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.errors import AssertionRejected, AuthenticationFailed
from tests.connectors import forge
from tests.connectors.forge import ACS, IDP, SP, Reply, SigningParty

with warnings.catch_warnings():
    # pysaml2 asks cryptography for what it calls old
    warnings.simplefilter("ignore")
    from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
    from saml2.config import IdPConfig
    from saml2.saml import NAMEID_FORMAT_PERSISTENT
    from saml2.server import Server
    from saml2.sigver import CryptoBackend

RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

pytestmark = pytest.mark.filterwarnings("ignore")  # pysaml2 again, on Python 3.12 and later


class PythonXmlsec(CryptoBackend):  # type: ignore[misc] # pysaml2 is untyped
    """Signs a document in this process, like the program `xmlsec1 --sign`."""

    def sign_statement(self, statement: object, node_name: str, key_file: str, node_id: str) -> str:
        root = etree.fromstring(statement if isinstance(statement, bytes) else str(statement).encode())
        xmlsec.tree.add_ids(root, ["ID"])
        signed = next(element for element in root.iter() if element.get("ID") == node_id)
        assert node_name.endswith(str(signed.tag).rpartition("}")[2])
        template = signed.find(f"{{{forge.DS}}}Signature")
        assert template is not None
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_file(key_file, constants.KeyDataFormatPem)
        context.sign(template)
        return etree.tostring(root, encoding="unicode")


@pytest.fixture(scope="module")
def pysaml2(tmp_path_factory: pytest.TempPathFactory, idp: SigningParty, signer: FileSigner) -> Any:
    """A pysaml2 identity provider that knows our metadata."""
    folder: Path = tmp_path_factory.mktemp("pysaml2")
    (folder / "idp.key").write_bytes(idp.pem)
    lines = base64.encodebytes(idp.certificate).decode()
    (folder / "idp.crt").write_text(f"-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n")
    ours = service_provider_metadata(entity_id=SP, acs_url=ACS, signer=signer, now=int(time.time()), valid_for=86_400)
    (folder / "broker.xml").write_bytes(ours)
    config = IdPConfig()
    config.load(
        {
            "entityid": IDP,
            "crypto_backend": "XMLSecurity",
            "key_file": str(folder / "idp.key"),
            "cert_file": str(folder / "idp.crt"),
            "metadata": {"local": [str(folder / "broker.xml")]},
            "service": {
                "idp": {
                    "endpoints": {
                        "single_sign_on_service": [(forge.SSO, BINDING_HTTP_REDIRECT), (forge.SSO, BINDING_HTTP_POST)]
                    },
                    "name_id_format": [NAMEID_FORMAT_PERSISTENT],
                    "policy": {"default": {"lifetime": {"minutes": 5}, "nameid_format": NAMEID_FORMAT_PERSISTENT}},
                    "signing_algorithm": RSA_SHA256,
                    "digest_algorithm": SHA256,
                    "sign_response": True,
                    "sign_assertion": True,
                    "want_authn_requests_signed": True,
                }
            },
        }
    )
    server = Server(config=config)
    server.sec.crypto = PythonXmlsec()
    return server


def request_of(outbound: Outbound) -> tuple[str, str]:
    """The SAMLRequest of what we send, and its binding as pysaml2 names it."""
    if isinstance(outbound, Redirect):
        return parse_qs(urlsplit(outbound.url).query)["SAMLRequest"][0], BINDING_HTTP_REDIRECT
    assert isinstance(outbound, Post)
    return dict(outbound.fields)["SAMLRequest"], BINDING_HTTP_POST


def answered(pysaml2: Any, outbound: Outbound, **changes: object) -> str:
    """pysaml2 reads our request and makes its response."""
    message, binding = request_of(outbound)
    octets = base64.b64decode(message)
    request = etree.fromstring(zlib.decompress(octets, wbits=-15) if binding == BINDING_HTTP_REDIRECT else octets)
    arguments: dict[str, object] = {
        "identity": {"sn": "Õunapuu", "givenName": "Mari", "schacDateOfBirth": "18870412"},
        "in_response_to": request.get("ID"),
        "destination": request.get("AssertionConsumerServiceURL"),
        "sp_entity_id": request.findtext(f"{{{forge.SAML}}}Issuer"),
        "userid": "mari",
        "authn": {"class_ref": forge.HIGH, "authn_auth": "https://upstream.example"},
    }
    return str(pysaml2.create_authn_response(**(arguments | changes)))


def asked(
    idp: SigningParty, signer: FileSigner, now: int, binding: str = "redirect"
) -> tuple[SamlConnector, Outbound, Expectation]:
    connector = SamlConnector(
        provider=forge.provider(forge.metadata(idp), binding=binding), entity_id=SP, acs_url=ACS, signer=signer
    )
    question = Ask(relay_state="r", minimum_assurance=LevelOfAssurance.SUBSTANTIAL, force_authentication=False)
    return connector, *connector.request(question, now)


@pytest.mark.parametrize("signs", [(True, False), (True, True)], ids=["response", "both"])
@pytest.mark.parametrize("binding", ["redirect", "post"])
def test_a_response_of_pysaml2_is_accepted_and_one_altered_refused(
    pysaml2: Any, idp: SigningParty, signer: FileSigner, signs: tuple[bool, bool], binding: str
) -> None:
    now = int(time.time())
    connector, outbound, expectation = asked(idp, signer, now, binding)
    xml = answered(pysaml2, outbound, sign_response=signs[0], sign_assertion=signs[1])
    found = connector.receive(forge.post(xml.encode()), expectation, now)
    assert found.offered.attributes == {
        AttributeName("family_name"): "Õunapuu",
        AttributeName("given_name"): "Mari",
        AttributeName("birthdate"): "1887-04-12",
    }
    assert found.offered.loa is LevelOfAssurance.HIGH
    altered = xml.replace("Õunapuu", "Kask")
    assert altered != xml
    with pytest.raises(AssertionRejected) as refusal:
        connector.receive(forge.post(altered.encode()), expectation, now)
    assert refusal.value.check == "digest"


@pytest.mark.spec("saml.md §11")
def test_what_pysaml2_signs_by_default_has_sha_1_and_is_refused(
    pysaml2: Any, idp: SigningParty, signer: FileSigner
) -> None:
    now = int(time.time())
    connector, outbound, expectation = asked(idp, signer, now)
    for algorithms, check in (
        ({"sign_alg": "http://www.w3.org/2000/09/xmldsig#rsa-sha1"}, "signature_algorithm"),
        ({"digest_alg": "http://www.w3.org/2000/09/xmldsig#sha1"}, "digest_algorithm"),
    ):
        xml = answered(pysaml2, outbound, **algorithms)
        with pytest.raises(AssertionRejected) as refusal:
            connector.receive(forge.post(xml.encode()), expectation, now)
        assert refusal.value.check == check


@pytest.mark.parametrize("sign", [False])
def test_a_failure_of_pysaml2_is_a_failed_authentication(
    pysaml2: Any, idp: SigningParty, signer: FileSigner, *, sign: bool
) -> None:
    now = int(time.time())
    connector, _, expectation = asked(idp, signer, now)
    info = ("urn:oasis:names:tc:SAML:2.0:status:AuthnFailed", "the citizen went away")
    error = str(pysaml2.create_error_response(expectation.request_id, ACS, info, sign=sign))
    assert ("SignatureValue" in error) is sign
    with pytest.raises(AuthenticationFailed):
        connector.receive(forge.post(error.encode()), expectation, now)


@pytest.mark.parametrize(("method", "local"), [("rsa-sha256", "Response"), ("rsa-sha512", "Assertion")])
def test_what_signxml_signs_is_accepted(connector: SamlConnector, idp: SigningParty, method: str, local: str) -> None:
    root = etree.fromstring(Reply().xml())
    target = root if local == "Response" else root[-1]
    made = XMLSigner(
        signature_algorithm=method,
        digest_algorithm=method.removeprefix("rsa-"),
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    ).sign(
        target,
        key=idp.pem,
        cert=[load_der_x509_certificate(idp.certificate)],
        reference_uri=target.get("ID"),
    )
    # signxml puts its Signature last, and works on a copy
    made.insert(1, made[-1])
    if target is not root:
        root.replace(target, made)
        made = root
    inbound = forge.post(etree.tostring(made))
    assert connector.receive(inbound, forge.expectation(), forge.NOW).subject == "subject-0001"
    altered = etree.tostring(made).replace(b"Pikk 1", b"Pikk 2")
    with pytest.raises(AssertionRejected) as refusal:
        connector.receive(forge.post(altered), forge.expectation(), forge.NOW)
    assert refusal.value.check == "digest"
