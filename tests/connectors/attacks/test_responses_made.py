"""The generator makes what it says: other people's code reads what is good, and nothing is signed by accident."""

from dataclasses import replace
from xml.parsers import expat

import pytest
import xmlsec
from lxml import etree
from xmlsec import constants

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.assertion_sealing import CurveSealing, RsaSealing, encrypted_content
from connectors.attacks.responses.encryption import on_curve
from connectors.attacks.responses.meanings import valid_meanings
from connectors.attacks.responses.settings import ResponseWorld
from connectors.attacks.responses.variants import valid_signatures, valid_spellings
from connectors.attacks.xml_signer import swap, swap_octets
from connectors.signatures.parse import Element, from_post
from connectors.signatures.profile import DS
from tests.connectors.schemas import assert_valid

NOW = 1_795_600_000
SIGNED = ("response", "assertion", "both")


@pytest.fixture(scope="module")
def world() -> ResponseWorld:
    return ResponseWorld(NOW)


def holds(root: Element, signature: Element, certificate: bytes) -> None:
    """Libxmlsec verifies this Signature, or raises."""
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(certificate, constants.KeyDataFormatCertDer)
    context.verify(signature)


def signatures(octets: bytes) -> tuple[Element, list[Element]]:
    root = etree.fromstring(octets)
    return root, list(root.iter(f"{{{DS}}}Signature"))


# -- signing ---------------------------------------------------------------------------------------------------------------


def test_libxmlsec_verifies_what_is_honestly_signed_in_every_place(world: ResponseWorld) -> None:
    for setting, count in (
        (world.response, 1),
        (world.assertion, 1),
        (world.both, 2),
        (world.encrypted, 1),
        (world.eidas, 1),
    ):
        root, found = signatures(setting.sent())
        assert len(found) == count, setting.where
        for signature in found:
            holds(root, signature, setting.key.certificate)


def test_libxmlsec_verifies_every_valid_signature_by_a_key_of_the_party(world: ResponseWorld) -> None:
    """Spellings, algorithms and keys are those of the standard, not only those that we take."""
    certificates = [
        world.keys.idp.certificate,
        world.keys.next_idp.certificate,
        *(key.certificate for key in world.keys.on.values()),
    ]
    cases = [case for case in (*valid_spellings(world), *valid_signatures(world)) if case.name.rpartition("/")[2] in SIGNED]
    assert len(cases) > 80
    for case in cases:
        octets = message_of(case)
        for number, _ in enumerate(signatures(octets)[1]):
            assert any(verifies(octets, number, certificate) for certificate in certificates), case.name


def verifies(octets: bytes, number: int, certificate: bytes) -> bool:
    root, found = signatures(octets)
    try:
        holds(root, found[number], certificate)
    except xmlsec.Error:
        return False
    return True


def message_of(case: AttackCase) -> bytes:
    return case.octets if case.octets.startswith(b"<") else from_post(case.octets.decode())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda how: replace(how, digested=lambda _: b""), "another digest"),
        (lambda how: replace(how, signs=lambda _: b""), "another SignedInfo"),
        (lambda how: replace(how, value=lambda octets: octets[:-1] + bytes([octets[-1] ^ 1])), "another value"),
        (lambda how: replace(how, made_with="http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"), "another algorithm"),
        (
            lambda how: replace(how, info=swap("<ds:Reference", '<ds:Reference Id="_x"'), signs=lambda _: b"x"),
            "another form",
        ),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_libxmlsec_refuses_what_is_signed_otherwise_than_it_says(world: ResponseWorld, change: object, what: str) -> None:
    assert callable(change), what
    octets = world.response.sent(how=change(world.response.how))
    assert not verifies(octets, 0, world.keys.idp.certificate)


def test_a_signer_of_its_own_signs_in_place_of_the_party(world: ResponseWorld) -> None:
    octets = world.response.sent(how=replace(world.response.how, holder=world.keys.stranger))
    assert not verifies(octets, 0, world.keys.idp.certificate)
    assert verifies(octets, 0, world.keys.stranger.certificate)


def test_what_is_swapped_has_to_be_there() -> None:
    assert swap("a", "b")("aa") == "ba"
    assert swap_octets("ä", "b")("ää".encode()) == "bä".encode()
    with pytest.raises(ValueError, match="nothing to swap"):
        swap("c", "b")("aa")


# -- encrypting ------------------------------------------------------------------------------------------------------------


def test_libxmlsec_decrypts_what_is_honestly_encrypted(world: ResponseWorld) -> None:
    for setting, ours in ((world.encrypted, world.keys.ours), (world.eidas, world.keys.our_node)):
        answer = setting.good
        root = etree.fromstring(setting.sent(answer))
        manager = xmlsec.KeysManager()
        manager.add_key(xmlsec.Key.from_memory(ours.pem, constants.KeyDataFormatPem))
        data = next(root.iter("{http://www.w3.org/2001/04/xmlenc#}EncryptedData"))
        found = xmlsec.EncryptionContext(manager).decrypt(data)
        assert found.get("ID") == answer.assertion_id
        assert answer.name_id.encode() in etree.tostring(found)


def test_cipher_block_chaining_has_the_padding_of_xml_encryption() -> None:
    key = bytes(16)
    for size in range(33):
        octets = encrypted_content("http://www.w3.org/2001/04/xmlenc#aes128-cbc", key, bytes(size))
        assert len(octets) == 16 + (size // 16 + 1) * 16


def test_an_encrypter_says_which_keys_it_needs(world: ResponseWorld) -> None:
    with pytest.raises(TypeError, match="RSA"):
        RsaSealing(world.keys.ours_on["p-256"]).xml(b"x")
    with pytest.raises(TypeError, match="curve"):
        CurveSealing(world.keys.ours).xml(b"x")
    with pytest.raises(ValueError, match="not encrypted"):
        _ = world.response.encryption_here
    with pytest.raises(ValueError, match="not encrypted"):
        _ = on_curve(world, "p-256").encryption_here


# -- answers ---------------------------------------------------------------------------------------------------------------


def test_what_is_called_valid_is_so_by_the_schemas_of_the_standards(world: ResponseWorld) -> None:
    """Whatever we take: a variant that no standard allows would prove nothing. Encrypted ones hold the same answers."""
    cases = [*valid_spellings(world), *valid_signatures(world), *valid_meanings(world)]
    plain = [case for case in cases if case.name.rpartition("/")[2] in SIGNED]
    assert len(plain) > 200
    for case in plain:
        root = etree.fromstring(message_of(case))
        # The package has no schema of exclusive C14N, which declares this one element
        etree.strip_elements(root, "{http://www.w3.org/2001/10/xml-exc-c14n#}InclusiveNamespaces")
        assert_valid(root, "saml-schema-protocol-2.0.xsd")


def test_expat_reads_every_valid_message_too(world: ResponseWorld) -> None:
    for case in valid_spellings(world):
        parser = expat.ParserCreate(namespace_separator=" ")
        assert parser.Parse(message_of(case), True)  # noqa: FBT003 # expat has no name for it


def test_an_edit_stands_where_its_name_says(world: ResponseWorld) -> None:
    answer = world.eidas.good
    assert b"<x/>" not in world.eidas.sent(answer, late=lambda octets: octets + b"<x/>"), "it is encrypted"
    assert world.eidas.sent(answer, envelope=lambda octets: octets + b"<x/>").endswith(b"<x/>")
    assert b'Consent="x"' in world.eidas.sent(answer, framed=swap("<samlp:Response", '<samlp:Response Consent="x"'))
    octets = world.both.sent(world.both.good, spelled=swap("<saml:Subject>", "<saml:Subject><!-- x -->"))
    assert b"<!-- x -->" in octets
    assert verifies(octets, 0, world.keys.idp.certificate)


def test_an_unsigned_answer_is_unsigned_and_encrypted_where_its_setting_encrypts(world: ResponseWorld) -> None:
    assert not signatures(world.both.unsigned())[1]
    assert b"EncryptedAssertion" in world.eidas.unsigned()
    assert b"Selftest" not in world.eidas.unsigned()


# -- parties ---------------------------------------------------------------------------------------------------------------
