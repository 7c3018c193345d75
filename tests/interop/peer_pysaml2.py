"""pysaml2 as both sides of SAML, in this process. It signs, verifies and encrypts with Debian's xmlsec1.

Its template of encryption is set to AES-GCM where it is made. What we encrypt has OAEP of XML Encryption 1.1, which
Debian's xmlsec1 does not have: python-xmlsec does that one step.
"""

import gc
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any  # pysaml2 has no types
from urllib.parse import parse_qs

import xmlsec
from cryptography.utils import CryptographyDeprecationWarning
from lxml import etree

from connectors.connector import Inbound
from connectors.profiles import AES256_GCM
from tests.connectors import forge
from tests.connectors.forge import ACS, IDP, SP, SSO
from tests.interop import messages
from tests.interop.messages import OURS
from tests.interop.saml_peers import XMLSEC1, Refused
from tests.peers import require_peer

with warnings.catch_warnings():
    # It names ciphers where cryptography had them before
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT, SAMLError
    from saml2.client import Saml2Client
    from saml2.config import IdPConfig, SPConfig
    from saml2.entity import Entity
    from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
    from saml2.server import Server
    from saml2.sigver import CryptoBackendXmlSec1, DecryptError
    from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

BINDINGS = {"redirect": BINDING_HTTP_REDIRECT, "post": BINDING_HTTP_POST}
IDENTITY = {"sn": "Õunapuu-李", "givenName": "Mari & Jüri"}
ALGORITHMS = {"sign_alg": SIG_RSA_SHA256, "digest_alg": DIGEST_SHA256}


class Xmlsec1(CryptoBackendXmlSec1):  # type: ignore[misc] # pysaml2 is untyped
    """Its own way to run the program, with two steps of encryption as the module says."""

    def encrypt_assertion(self, statement: Any, enc_key: str, template: Any, *more: Any) -> Any:
        template.encryption_method.algorithm = AES256_GCM
        return super().encrypt_assertion(statement, enc_key, template, "aes-256", *more[1:])

    def decrypt(self, enctext: str, key_file: str) -> str:
        root = etree.fromstring(enctext.encode())
        manager = xmlsec.KeysManager()
        manager.add_key(xmlsec.Key.from_file(key_file, xmlsec.constants.KeyDataFormatPem))
        data = xmlsec.tree.find_node(root, "EncryptedData", xmlsec.constants.EncNs)
        assert data is not None
        try:
            xmlsec.EncryptionContext(manager).decrypt(data)
        except xmlsec.Error as error:
            raise DecryptError(str(error)) from error
        return etree.tostring(root, encoding="unicode")


def _believed(step: Callable[[], Any]) -> Any:
    """The result of a step of pysaml2's reading. It says no by exceptions of its own, and sometimes by None."""
    try:
        found = step()
    except SAMLError as error:
        raise Refused(type(error).__name__) from error
    if found is None:
        raise Refused("nothing")
    return found


class PySaml2:
    """Its two entities. Implements `saml_peers.SamlPeer`."""

    def __init__(self, folder: Path) -> None:
        require_peer("xmlsec1", present=XMLSEC1.exists())
        logging.getLogger("saml2").setLevel(logging.CRITICAL)
        paths = messages.written(folder)
        self._ours = messages.certificate_pem(messages.key(OURS))
        common = {
            "xmlsec_binary": str(XMLSEC1),
            "key_file": paths["theirs.key"],
            "cert_file": paths["theirs.crt"],
            "encryption_keypairs": [{"key_file": paths["theirs.key"], "cert_file": paths["theirs.crt"]}],
        }
        both = list(BINDINGS.values())
        endpoints = {
            "single_sign_on_service": [(SSO, binding) for binding in both],
            "single_logout_service": [(messages.SLO[IDP], binding) for binding in both],
        }
        policy = {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}}
        service: dict[str, Any] = {"endpoints": endpoints, "want_authn_requests_signed": True, "policy": policy}
        known = {"inline": [messages.metadata(SP, OURS)]}
        self._idp = Server(
            config=IdPConfig().load({**common, "entityid": IDP, "metadata": known, "service": {"idp": service}})
        )
        service = {
            "endpoints": {"assertion_consumer_service": [(ACS, BINDING_HTTP_POST)]},
            "authn_requests_signed": True,
            "want_response_signed": False,
            "want_assertions_signed": False,
            "want_assertions_or_response_signed": True,
            "signing_algorithm": SIG_RSA_SHA256,
            "digest_algorithm": DIGEST_SHA256,
        }
        known = {"inline": [messages.metadata(IDP, OURS)]}
        self._sp = Saml2Client(
            config=SPConfig().load({**common, "entityid": SP, "metadata": known, "service": {"sp": service}})
        )
        for entity in (self._idp, self._sp):
            entity.sec.crypto = Xmlsec1(str(XMLSEC1))
        self._asked = self._begun = ""

    def close(self) -> None:
        """It leaves its temporary files to the garbage collector, whose warnings would come in somebody else's test."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()

    def answer(self, request: Inbound, request_id: str, signed_at: str, *, encrypted: bool) -> Inbound:  # noqa: ARG002 # it reads
        asked = _believed(lambda: self._idp.parse_authn_request(*_received(request), **_detached(request))).message
        made = self._idp.create_authn_response(
            IDENTITY,
            in_response_to=asked.id,
            destination=ACS,
            sp_entity_id=asked.issuer.text,
            name_id=NameID(format=NAMEID_FORMAT_PERSISTENT, text=messages.SUBJECT),
            authn={"class_ref": forge.HIGH, "authn_auth": IDP},
            sign_response=signed_at != "assertion",
            sign_assertion=signed_at != "response",
            encrypt_assertion=encrypted,
            encrypt_cert_assertion=self._ours if encrypted else None,
            **ALGORITHMS,
        )
        return messages.posted("SAMLResponse", str(made).encode())

    def ask(self, binding: str) -> Inbound:
        self._asked, made = self._sp.create_authn_request(
            SSO, sign=binding == "post", binding=BINDING_HTTP_POST, nameid_format=NAMEID_FORMAT_PERSISTENT, **ALGORITHMS
        )
        return _sent(self._sp, made, binding, SSO, "SAMLRequest", messages.RELAY_STATE)

    def hear(self, answer: Inbound) -> str:
        outstanding = {self._asked: "/"}
        octets = answer.parameters["SAMLResponse"]
        read = _believed(lambda: self._sp.parse_authn_request_response(octets, BINDING_HTTP_POST, outstanding))
        if read.name_id is None:
            raise Refused("nobody")
        return str(read.name_id.text)

    def begin_logout(self, binding: str) -> Inbound:
        self._begun, made = self._idp.create_logout_request(
            messages.SLO[SP],
            SP,
            name_id=NameID(format=NAMEID_FORMAT_PERSISTENT, text=messages.SUBJECT),
            session_indexes=[messages.SESSION],
            expire=forge.clock(messages.clock() + 120),
            sign=binding == "post",
            **ALGORITHMS,
        )
        return _sent(self._idp, made, binding, messages.SLO[SP], "SAMLRequest", messages.RELAY_STATE)

    def hear_logout(self, answer: Inbound) -> str:
        read = _believed(lambda: self._idp.parse_logout_request_response(*_received(answer)))
        return str(read.response.in_response_to)

    def end_logout(self, request: Inbound) -> Inbound:
        read = _believed(lambda: self._idp.parse_logout_request(*_received(request), **_detached(request)))
        made = self._idp.create_logout_response(
            read.message, [BINDINGS[request.binding]], sign=request.binding == "post", **ALGORITHMS
        )
        return _sent(self._idp, made, request.binding, messages.SLO[SP], "SAMLResponse", messages.RELAY_STATE)


def _received(message: Inbound) -> tuple[str, str]:
    parameters = message.parameters or {name: values[0] for name, values in parse_qs(message.raw).items()}
    value = next(parameters[name] for name in ("SAMLRequest", "SAMLResponse") if name in parameters)
    return value, BINDINGS[message.binding]


def _detached(message: Inbound) -> dict[str, str]:
    """The signature beside a message, as its parsers want it."""
    if message.binding == "post":
        return {}
    query = {name: values[0] for name, values in parse_qs(message.raw).items()}
    return {"relay_state": query.get("RelayState", ""), "sigalg": query["SigAlg"], "signature": query["Signature"]}


def _sent(entity: Entity, made: Any, binding: str, to: str, parameter: str, relay_state: str) -> Inbound:
    if binding == "post":
        return messages.posted(parameter, str(made).encode())
    is_response = parameter == "SAMLResponse"
    applied = entity.apply_binding(
        BINDING_HTTP_REDIRECT, str(made), to, relay_state, response=is_response, sign=True, sigalg=SIG_RSA_SHA256
    )
    return messages.redirected(dict(applied["headers"])["Location"])
