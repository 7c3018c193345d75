"""The peers of the benchmark of signatures, asked as their documentation has it, with all prepared that can be.

`xmlsec` and `signxml` verify the signature and nothing more, the others judge the Response too. Only their time is of
interest here: they all accept the message, and what else they would accept is counted nowhere.
"""

import base64
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from signxml.verifier import XMLVerifier
from xmlsec import constants

from tests.benchmarks.signatures_made import World
from tests.connectors import forge

with warnings.catch_warnings():
    # pysaml2 asks cryptography for what it calls old
    warnings.simplefilter("ignore")
    from saml2 import BINDING_HTTP_POST
    from saml2.client import Saml2Client
    from saml2.config import SPConfig

LIBRARIES = ("xmlsec", "signxml", "python3-saml", "pysaml2")
REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


def by_xmlsec(world: World, message: bytes) -> Callable[[], object]:
    """python-xmlsec on a parsed tree, with a key that was loaded before: the signature alone."""
    key = xmlsec.Key.from_memory(world.party.certificate, constants.KeyDataFormatCertDer)

    def verify() -> None:
        root = etree.fromstring(message)
        xmlsec.tree.add_ids(root, ["ID"])
        context = xmlsec.SignatureContext()
        context.key = key
        context.verify(root[1])

    return verify


def by_signxml(world: World, message: bytes) -> Callable[[], object]:
    """Signxml with the pinned certificate as an object."""
    certificate = load_der_x509_certificate(world.party.certificate)
    return lambda: XMLVerifier().verify(message, x509_cert=certificate, id_attribute="ID")


def by_python3_saml(world: World, message: bytes) -> Callable[[], object]:
    """python3-saml, its settings made before: the Response and its meaning."""
    settings = OneLogin_Saml2_Settings(
        {
            "strict": True,
            "sp": {
                "entityId": forge.SP,
                "assertionConsumerService": {"url": forge.ACS, "binding": POST},
                "NameIDFormat": forge.PERSISTENT,
            },
            "idp": {
                "entityId": forge.IDP,
                "singleSignOnService": {"url": forge.SSO, "binding": REDIRECT},
                "x509cert": base64.b64encode(world.party.certificate).decode(),
            },
            "security": {"wantMessagesSigned": True, "rejectDeprecatedAlgorithm": True},
        }
    )
    request = {"https": "on", "http_host": "broker.example", "script_name": "/saml/acs", "get_data": {}, "post_data": {}}
    posted = base64.b64encode(message).decode()

    def judge() -> None:
        response = OneLogin_Saml2_Response(settings, posted)
        if not response.is_valid(request, forge.REQUEST):
            raise ValueError(f"python3-saml: {response.get_error()}")
        response.get_attributes()

    return judge


def by_pysaml2(world: World, message: bytes, folder: Path) -> Callable[[], object]:
    """pysaml2, its client made before: the Response and its meaning. It runs the program xmlsec1 for each signature."""
    pem = folder / "sp.pem"
    pem.write_bytes(world.party.pem)
    certificate = folder / "sp.crt"
    certificate.write_bytes(load_der_x509_certificate(world.party.certificate).public_bytes(Encoding.PEM))
    metadata = folder / "idp.xml"
    metadata.write_bytes(world.metadata)
    config = SPConfig()
    config.load(
        {
            "entityid": forge.SP,
            "xmlsec_binary": shutil.which("xmlsec1"),
            "key_file": str(pem),
            "cert_file": str(certificate),
            "metadata": {"local": [str(metadata)]},
            "allow_unknown_attributes": True,
            "service": {
                "sp": {
                    "endpoints": {"assertion_consumer_service": [(forge.ACS, BINDING_HTTP_POST)]},
                    "want_response_signed": True,
                    "want_assertions_signed": False,
                    "allow_unsolicited": False,
                }
            },
        }
    )
    client = Saml2Client(config=config)
    posted = base64.b64encode(message).decode()

    def judge() -> None:
        if client.parse_authn_request_response(posted, BINDING_HTTP_POST, outstanding={forge.REQUEST: "/"}) is None:
            raise ValueError("pysaml2 does not take the message")

    return judge


def peers(world: World, message: bytes) -> dict[str, Callable[[], object]]:
    """All of them, by their names, each to be called again and again. OSError where the program xmlsec1 is missing."""
    if shutil.which("xmlsec1") is None:
        raise OSError("pysaml2 needs the program xmlsec1: apt-get install xmlsec1")
    folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
    return {
        "python-xmlsec, signature only": by_xmlsec(world, message),
        "signxml, signature only": by_signxml(world, message),
        "python3-saml": by_python3_saml(world, message),
        "pysaml2": by_pysaml2(world, message, folder),
    }
