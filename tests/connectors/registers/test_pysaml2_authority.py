"""pysaml2 as an attribute authority, over a real socket: it verifies our question, and answers signed and encrypted."""

import base64
import gc
import logging
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any  # pysaml2 has no types

import pytest
from cryptography.utils import CryptographyDeprecationWarning

from connectors.attribute_provider import asked
from connectors.formats.artifact import message_in
from connectors.registers.attribute_authority import AttributeAuthority
from policies.attributes import Address, AttributeName
from policies.errors import AssertionRejected
from tests.connectors.forge import IDP, SP
from tests.connectors.registers.authority import (
    ADDRESS,
    COUNTRY,
    HANDED,
    PERSON,
    STREET,
    TOWN,
    listening,
    metadata,
    ours,
    question,
    register,
)
from tests.interop import messages
from tests.interop.messages import OURS, STRANGER, THEIRS, key
from tests.interop.peer_pysaml2 import ALGORITHMS, Xmlsec1
from tests.interop.saml_peers import XMLSEC1
from tests.peers import require_peer

with warnings.catch_warnings():
    # It names ciphers where cryptography had them before
    warnings.simplefilter("ignore", CryptographyDeprecationWarning)
    from saml2 import BINDING_HTTP_POST, BINDING_SOAP, SAMLError
    from saml2.config import IdPConfig
    from saml2.samlp import STATUS_UNKNOWN_PRINCIPAL
    from saml2.server import Server

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]  # pysaml2's, on Python 3.12 and later

# Its own names of Attributes, the names that are asked for, and what it knows
RESIDENCE = {
    "street": (STREET, "Quaggenweg 17"),
    "l": (TOWN, "Storkhaven"),
    "c": (COUNTRY, "EE"),
    "mail": ("urn:oid:0.9.2342.19200300.100.1.3", "never asked"),
}


class PySaml2Authority:
    """Its server, which knows one person."""

    def __init__(self, folder: Path) -> None:
        require_peer("xmlsec1", present=XMLSEC1.exists())
        logging.getLogger("saml2").setLevel(logging.CRITICAL)
        paths = messages.written(folder)
        self._ours = messages.certificate_pem(key(OURS))
        self.refused: list[str] = []
        self._server: Any = None
        self._common = {
            "xmlsec_binary": str(XMLSEC1),
            "key_file": paths["theirs.key"],
            "cert_file": paths["theirs.crt"],
            "entityid": IDP,
            "metadata": {"inline": [messages.metadata(SP, OURS)]},
        }

    def open(self, url: str) -> None:
        policy = {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}}
        services = {
            "aa": {"endpoints": {"attribute_service": [(url, BINDING_HTTP_POST)]}, "policy": policy},
            "idp": {"endpoints": {"single_sign_on_service": []}, "want_authn_requests_signed": True, "policy": policy},
        }
        self._server = Server(config=IdPConfig().load({**self._common, "service": services}))
        self._server.sec.crypto = Xmlsec1(str(XMLSEC1))

    def post(self, octets: bytes) -> bytes:
        # Its soap.py writes the message anew with prefixes of its own, which no signature of others survives
        alone = base64.b64encode(message_in(octets)).decode()
        try:
            query = self._server.parse_attribute_query(alone, BINDING_HTTP_POST).message
        except SAMLError as error:
            self.refused.append(type(error).__name__)
            return b""
        asked_for = {one.name for one in query.attribute}
        if query.subject.name_id.text != PERSON:
            made = self._server.create_error_response(
                query.id, "", (STATUS_UNKNOWN_PRINCIPAL, "nobody"), sign=True, **ALGORITHMS
            )
        else:
            made = self._server.create_attribute_response(
                {own: value for own, (name, value) in RESIDENCE.items() if name in asked_for},
                in_response_to=query.id,
                destination="",
                sp_entity_id=query.issuer.text,
                name_id=query.subject.name_id,
                sign_response=True,
                sign_assertion=True,
                encrypt_assertion=True,
                encrypt_assertion_self_contained=True,
                encrypt_cert_assertion=self._ours,
                **ALGORITHMS,
            )
        return str(self._server.apply_binding(BINDING_SOAP, str(made), "", response=True)["data"]).encode()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PySaml2Authority, str]]:
    peer = PySaml2Authority(tmp_path_factory.mktemp("authority"))
    with listening(peer.post) as url:
        peer.open(url)
        yield peer, url
    # It leaves its temporary files to the garbage collector, whose warnings would come in somebody else's test
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def _by(url: str, keys: str = OURS) -> AttributeAuthority:
    return ours(register(metadata(url, key(THEIRS))), keys)


@pytest.mark.spec("issue 33 real parts")
def test_pysaml2_answers_our_question_and_nothing_but_it(authority: tuple[PySaml2Authority, str]) -> None:
    _, url = authority
    now = int(time.time())
    found = _by(url).ask(question([ADDRESS], now), time.monotonic() + 60)
    assert found.attributes == {ADDRESS: Address("Quaggenweg 17", "", "Storkhaven", "", "EE")}


@pytest.mark.spec("issue 33 real parts")
def test_pysaml2_refuses_a_question_that_we_did_not_sign(authority: tuple[PySaml2Authority, str]) -> None:
    peer, url = authority
    with pytest.raises(AssertionRejected):
        _by(url, STRANGER).ask(question([ADDRESS], int(time.time())), time.monotonic() + 60)
    assert peer.refused


def test_pysaml2_does_not_know_everybody(authority: tuple[PySaml2Authority, str]) -> None:
    _, url = authority
    other = {AttributeName("person_identifier"): "EE/SE/38001085718"}
    assert set(other) == set(HANDED)
    with pytest.raises(AssertionRejected) as caught:
        _by(url).ask(asked(other, [ADDRESS], int(time.time())), time.monotonic() + 60)
    assert caught.value.check == "person_unknown"
