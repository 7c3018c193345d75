"""The deviation `aes_cbc`: what a pinned provider may encrypt, its bounds, and one answer for every failure."""

from collections.abc import Callable

import pytest
import xmlsec
from lxml import etree

from connectors.connector import Inbound
from connectors.profiles import AES128_CBC
from connectors.saml_sp.connector import SamlConnector
from idp.keys.file import FileSigner
from policies.deviations import AES_CBC
from policies.errors import AssertionRejected
from tests.connectors import crossing, forge
from tests.connectors.crossing import XENC, Encryption, assertion, node
from tests.connectors.forge import NOW, Reply
from tests.connectors.test_saml_encrypted import response

GOOD = Encryption(content=AES128_CBC)
# What a plaintext may not be, and may not be told from a padding that is wrong
NOT_OPENED = ("decryption", "an assertion that our key does not decrypt", AES_CBC)


def connector(
    idp: forge.SigningParty, signer: FileSigner, *ours: str, deviations: tuple[str, ...] = (AES_CBC,), off: bool = False
) -> SamlConnector:
    return SamlConnector(
        provider=forge.provider(forge.metadata(idp), deviations=frozenset(deviations)),
        entity_id=forge.SP,
        acs_url=forge.ACS,
        signer=signer,
        unwrappers=[crossing.unwrapper(crossing.node(name)) for name in ours or ("ours",)],
        suspended=lambda deviation: off and deviation == AES_CBC,
    )


def refusal(made: SamlConnector, inbound: Inbound) -> tuple[str, str, str]:
    with pytest.raises(AssertionRejected) as refused:
        made.receive(inbound, forge.expectation(), NOW)
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)
    return refused.value.check, refused.value.detail, refused.value.deviation


def test_what_libxmlsec_encrypts_is_opened(idp: forge.SigningParty, signer: FileSigner) -> None:
    """python-xmlsec is what lasso and pysaml2 stand on."""
    holder = etree.fromstring('<saml:EncryptedAssertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"/>')
    data = xmlsec.template.encrypted_data_create(
        holder, xmlsec.constants.TransformAes256Cbc, type=f"{XENC}Element", ns="xenc"
    )
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    wrapped = xmlsec.template.add_encrypted_key(info, xmlsec.constants.TransformRsaOaep)
    xmlsec.template.encrypted_data_ensure_cipher_value(wrapped)
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(node("ours").certificate, xmlsec.constants.KeyDataFormatCertDer))
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(xmlsec.constants.KeyDataAes, 256, xmlsec.constants.KeyDataTypeSession)
    holder.append(context.encrypt_binary(data, assertion()))
    found = connector(idp, signer).receive(response(idp, holder), forge.expectation(), NOW)
    assert (found.subject, found.deviations) == ("subject-0001", (AES_CBC,))


def test_without_the_deviation_and_while_it_is_off_it_is_refused_before_a_key_is_used(
    idp: forge.SigningParty, signer: FileSigner
) -> None:
    inbound = response(idp, GOOD.element())
    for made in (connector(idp, signer, deviations=()), connector(idp, signer, off=True)):
        assert refusal(made, inbound) == ("content_encryption", "an algorithm that we do not take", "")
        assert made.receive(response(idp, Encryption().element()), forge.expectation(), NOW).deviations == ()


def _ends(*octets: int) -> Callable[[bytes], bytes]:
    """A padding that ends so, and makes whole blocks."""
    end = bytes(octets)
    return lambda plaintext: plaintext + bytes(-(len(plaintext) + len(end)) % 16) + end


def _unpadded(plaintext: bytes) -> bytes:
    """Whole blocks of an assertion alone: its last octet, `>`, counts no padding."""
    return plaintext.replace(b"<saml:Assertion ", b"<saml:Assertion " + b" " * (-len(plaintext) % 16))


def _nested(plaintext: bytes) -> bytes:
    encrypted = f'<xenc:EncryptedData xmlns:xenc="{XENC}"/>'.encode()
    return plaintext.replace(b"</saml:Assertion>", encrypted + b"</saml:Assertion>")


def test_every_failure_to_open_it_is_the_same(
    idp: forge.SigningParty, stranger: forge.SigningParty, signer: FileSigner
) -> None:
    made, good = connector(idp, signer), assertion()
    forged = forge.signed(good, [Reply().assertion_id], stranger)
    failing = {
        "a padding of no octet": Encryption(content=AES128_CBC, pad=_ends(0)),
        "a padding of more than a block": Encryption(content=AES128_CBC, pad=_ends(17)),
        "a padding of the most": Encryption(content=AES128_CBC, pad=_ends(255)),
        "no padding": Encryption(content=AES128_CBC, pad=_unpadded),
        "a padding that eats the end": Encryption(content=AES128_CBC, plaintext=good[:-1]),
        "a changed block": Encryption(content=AES128_CBC, flip=40),
        "a changed IV": Encryption(content=AES128_CBC, flip=0),
        "a changed padding": Encryption(content=AES128_CBC, flip=-17),
        "a block that lacks": Encryption(content=AES128_CBC, cut=16),
        "another key": Encryption(content=AES128_CBC, recipient="theirs"),
        "a wrapped key that is none": Encryption(content=AES128_CBC, wrapped=lambda key: bytes(len(key))),
        "a wrapped key of another size": Encryption(content=AES128_CBC, key=bytes(32)),
        "no XML": Encryption(content=AES128_CBC, plaintext=b"<saml:AuthnStatement/>"),
        "no UTF-8": Encryption(content=AES128_CBC, plaintext=b"\xff\xfe\xff"),
        "nothing": Encryption(content=AES128_CBC, plaintext=b""),
        "a doctype": Encryption(content=AES128_CBC, plaintext=b"<!DOCTYPE a []>" + good),
        "another element": Encryption(content=AES128_CBC, plaintext=good.replace(b"saml:Assertion", b"saml:Advice")),
        "a signature of nobody's": Encryption(content=AES128_CBC, plaintext=forged),
        "encrypted once more": Encryption(content=AES128_CBC, plaintext=_nested(good)),
        "the Response's own id": Encryption(
            content=AES128_CBC, plaintext=good.replace(Reply().assertion_id.encode(), Reply().response_id.encode())
        ),
    }
    found = {name: refusal(made, response(idp, how.element())) for name, how in failing.items()}
    assert found == dict.fromkeys(failing, NOT_OPENED)


def test_the_same_work_is_done_however_a_key_fails(
    idp: forge.SigningParty, signer: FileSigner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key of ours unwraps, once is decrypted and once is parsed: neither the key nor the padding shortens it."""
    done: list[str] = []
    opening = __import__("connectors.signatures.xmlenc.decryption", fromlist=["opening"])
    for name in ("_unwrapped", "Cipher", "parse_message"):
        monkeypatch.setattr(opening, name, _counting(getattr(opening, name), name, done))
    made = connector(idp, signer, "ours", "older")
    counts = []
    for how in (GOOD, Encryption(content=AES128_CBC, pad=_ends(0)), Encryption(content=AES128_CBC, recipient="theirs")):
        done.clear()
        try:
            made.receive(response(idp, how.element()), forge.expectation(), NOW)
        except AssertionRejected:
            assert how is not GOOD
        counts.append(list(done))
    assert counts == [["_unwrapped", "_unwrapped", "Cipher", "parse_message"]] * 3


def _counting(function: Callable[..., object], name: str, done: list[str]) -> Callable[..., object]:
    def counted(*arguments: object, **named: object) -> object:
        done.append(name)
        return function(*arguments, **named)

    return counted
