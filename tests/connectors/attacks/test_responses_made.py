"""What the generator makes is what it says: other people's code reads what is good, and nothing is signed by accident."""

import base64
from dataclasses import replace
from xml.parsers import expat

import pytest
import xmlsec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from xmlsec import constants

from connectors.attacks.case import Case
from connectors.attacks.responses.agreeing import Agreeing
from connectors.attacks.responses.agreements import on_curve
from connectors.attacks.responses.answer import NAMESPACES, attribute, attributed, audience, clock, fresh
from connectors.attacks.responses.encrypting import Encryption, encrypted_content
from connectors.attacks.responses.making import Setting, World, accepted, parsed, refused
from connectors.attacks.responses.meanings import valid_meanings
from connectors.attacks.responses.parties import identity_provider_metadata, node_metadata
from connectors.attacks.responses.party_keys import make_keys
from connectors.attacks.responses.variants import valid_signatures, valid_spellings
from connectors.attacks.signing import How, canonical, raw_signature, sign, swap, swap_octets
from connectors.attacks.verdict import verdict_of
from connectors.signatures.parse import Element, from_post
from connectors.signatures.profile import DS
from tests.connectors.schemas import assert_valid

NOW = 1_795_600_000
SIGNED = ("response", "assertion", "both")


@pytest.fixture(scope="module")
def world() -> World:
    return World(NOW)


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


def test_libxmlsec_verifies_what_is_honestly_signed_in_every_place(world: World) -> None:
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


def test_libxmlsec_verifies_every_valid_signature_by_a_key_of_the_party(world: World) -> None:
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


def message_of(case: Case) -> bytes:
    return case.octets if case.octets.startswith(b"<") else from_post(case.octets.decode())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda how: replace(how, digested=lambda _: b""), "another digest"),
        (lambda how: replace(how, signs=lambda _: b""), "another SignedInfo"),
        (lambda how: replace(how, value=lambda octets: octets[:-1] + b"\0"), "another value"),
        (lambda how: replace(how, made_with="http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"), "another algorithm"),
        (
            lambda how: replace(how, info=swap("<ds:Reference", '<ds:Reference Id="_x"'), signs=lambda _: b"x"),
            "another form",
        ),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_libxmlsec_refuses_what_is_signed_otherwise_than_it_says(world: World, change: object, what: str) -> None:
    assert callable(change), what
    octets = world.response.sent(how=change(world.response.how))
    assert not verifies(octets, 0, world.keys.idp.certificate)


def test_a_signer_of_its_own_signs_in_place_of_the_party(world: World) -> None:
    octets = world.response.sent(how=replace(world.response.how, holder=world.keys.stranger))
    assert not verifies(octets, 0, world.keys.idp.certificate)
    assert verifies(octets, 0, world.keys.stranger.certificate)


def test_an_edit_after_signing_leaves_the_signature_good(world: World) -> None:
    how = replace(world.response.how, finished=swap("</ds:Signature>", "<ds:Object>x</ds:Object></ds:Signature>"))
    octets = world.response.sent(how=how)
    assert b"<ds:Object>x</ds:Object>" in octets
    assert verifies(octets, 0, world.keys.idp.certificate)


def test_of_two_signatures_each_is_made_as_it_is_asked(world: World) -> None:
    other = replace(world.both.how, holder=world.keys.second)
    for octets, wrong in ((world.both.sent(how=other), 1), (world.both.outermost(other), 0)):
        found = [verifies(octets, number, world.keys.idp.certificate) for number in (0, 1)]
        assert found == [number != wrong for number in (0, 1)]


def test_what_is_swapped_has_to_be_there() -> None:
    assert swap("a", "b")("aa") == "ba"
    assert swap_octets("ä", "b")("ää".encode()) == "bä".encode()
    with pytest.raises(ValueError, match="nothing to swap"):
        swap("c", "b")("aa")


def test_raw_signatures_on_a_curve_are_as_long_as_two_numbers() -> None:
    for curve, size in ((ec.SECP256R1(), 64), (ec.SECP521R1(), 132), (ec.BrainpoolP384R1(), 96)):
        assert len(raw_signature(ec.generate_private_key(curve), b"octets", SHA256())) == size


def test_canonical_octets_are_those_of_the_algorithm_that_is_named() -> None:
    element = etree.fromstring('<a xmlns:b="urn:b"><!-- c --></a>')
    assert canonical(element, "http://www.w3.org/2001/10/xml-exc-c14n#") == b"<a></a>"
    assert canonical(element, "http://www.w3.org/2001/10/xml-exc-c14n#WithComments") == b"<a><!-- c --></a>"
    assert canonical(element, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315") == b'<a xmlns:b="urn:b"></a>'
    assert canonical(element, "http://www.w3.org/2001/10/xml-exc-c14n#", ["b"]) == b'<a xmlns:b="urn:b"></a>'


def test_a_signature_stands_where_it_is_put(world: World) -> None:
    answer = world.response.good
    octets = sign(answer.response("").encode(), answer.response_id, world.keys.idp, replace(world.response.how, place=0))
    assert parsed(octets)[0].tag == f"{{{DS}}}Signature"
    assert verifies(octets, 0, world.keys.idp.certificate)


# -- encrypting ------------------------------------------------------------------------------------------------------------


def test_libxmlsec_decrypts_what_is_honestly_encrypted(world: World) -> None:
    for setting, ours in ((world.encrypted, world.keys.ours), (world.eidas, world.keys.our_node)):
        answer = setting.good
        root = etree.fromstring(setting.sent(answer))
        manager = xmlsec.KeysManager()
        manager.add_key(xmlsec.Key.from_memory(ours.pem, constants.KeyDataFormatPem))
        data = next(root.iter("{http://www.w3.org/2001/04/xmlenc#}EncryptedData"))
        found = xmlsec.EncryptionContext(manager).decrypt(data)
        assert found.get("ID") == answer.assertion_id
        assert answer.name_id.encode() in etree.tostring(found)


def test_two_encryptions_of_one_assertion_have_nothing_in_common(world: World) -> None:
    plaintext = world.eidas.plaintext()
    for sealing in (Encryption(world.keys.our_node), Agreeing(world.keys.ours_on["p-256"])):
        values = [
            {value.text for value in parsed(sealing.xml(plaintext).encode()).iter("{*}CipherValue")} for _ in range(2)
        ]
        assert values[0].isdisjoint(values[1])


def test_cipher_block_chaining_has_the_padding_of_xml_encryption() -> None:
    key = bytes(16)
    for size in range(33):
        octets = encrypted_content("http://www.w3.org/2001/04/xmlenc#aes128-cbc", key, bytes(size))
        assert len(octets) == 16 + (size // 16 + 1) * 16


def test_an_encrypter_says_which_keys_it_needs(world: World) -> None:
    with pytest.raises(TypeError, match="RSA"):
        Encryption(world.keys.ours_on["p-256"]).xml(b"x")
    with pytest.raises(TypeError, match="curve"):
        Agreeing(world.keys.ours).xml(b"x")
    with pytest.raises(ValueError, match="not encrypted"):
        _ = world.response.encryption_here
    with pytest.raises(ValueError, match="not encrypted"):
        _ = on_curve(world, "p-256").encryption_here


def test_a_setting_on_a_curve_has_its_entrance_and_its_key(world: World) -> None:
    for name, holder in world.keys.ours_on.items():
        setting = on_curve(world, name)
        assert setting.where == f"eidas/{name}"
        assert setting.entrance.files["sp.pem"] == holder.pem
        assert verdict_of(setting.entrance.judge, setting.sent()).check is None


# -- answers ---------------------------------------------------------------------------------------------------------------


def test_what_is_called_valid_is_so_by_the_schemas_of_the_standards(world: World) -> None:
    """Whatever we take: a variant that no standard allows would prove nothing. Encrypted ones hold the same answers."""
    cases = [*valid_spellings(world), *valid_signatures(world), *valid_meanings(world)]
    plain = [case for case in cases if case.name.rpartition("/")[2] in SIGNED]
    assert len(plain) > 200
    for case in plain:
        root = etree.fromstring(message_of(case))
        # The package has no schema of exclusive C14N, which declares this one element
        etree.strip_elements(root, "{http://www.w3.org/2001/10/xml-exc-c14n#}InclusiveNamespaces")
        assert_valid(root, "saml-schema-protocol-2.0.xsd")


def test_expat_reads_every_valid_message_too(world: World) -> None:
    for case in valid_spellings(world):
        parser = expat.ParserCreate(namespace_separator=" ")
        assert parser.Parse(message_of(case), True)  # noqa: FBT003 # expat has no name for it


def test_good_answers_have_identifiers_of_their_own(world: World) -> None:
    answers = [world.both.good for _ in range(3)]
    assert len({answer.response_id for answer in answers} | {answer.assertion_id for answer in answers}) == 6
    assert {answer.in_response_to for answer in answers} == {world.request_id}
    assert fresh("a") != fresh("a")


def test_parts_of_an_answer_are_written_as_they_are_told() -> None:
    assert attributed(A="1", B=None, C="") == ' A="1" C=""'
    assert audience("a", "b").count("<saml:Audience>") == 2
    assert clock(NOW) == "2026-11-25T09:46:40Z"
    made = etree.fromstring(f"<x{NAMESPACES}>{attribute('urn:x', '1', '&amp;')}</x>")
    assert [value.text for value in made.iter("{*}AttributeValue")] == ["1", "&"]


def test_an_edit_stands_where_its_name_says(world: World) -> None:
    answer = world.eidas.good
    assert b"<x/>" not in world.eidas.sent(answer, late=lambda octets: octets + b"<x/>"), "it is encrypted"
    assert world.eidas.sent(answer, envelope=lambda octets: octets + b"<x/>").endswith(b"<x/>")
    assert b'Consent="x"' in world.eidas.sent(answer, framed=swap("<samlp:Response", '<samlp:Response Consent="x"'))
    octets = world.both.sent(world.both.good, spelled=swap("<saml:Subject>", "<saml:Subject><!-- x -->"))
    assert b"<!-- x -->" in octets
    assert verifies(octets, 0, world.keys.idp.certificate)


def test_an_unsigned_answer_is_unsigned_and_encrypted_where_its_setting_encrypts(world: World) -> None:
    assert not signatures(world.both.unsigned())[1]
    assert b"EncryptedAssertion" in world.eidas.unsigned()
    assert b"Selftest" not in world.eidas.unsigned()


def test_names_say_family_what_and_where(world: World) -> None:
    rows = {"a-thing": Setting.unsigned}
    (case,) = refused("a family", [world.eidas_both], {"text": rows})
    assert (case.name, case.check) == ("a-family/a-thing/eidas-both", "text")
    high = world.entrances["high"]
    (case,) = accepted("a family", [world.encrypted], rows, entrance=high)
    assert (case.name, case.check, case.entrance) == ("a-family/a-thing/response/encrypted", None, high)


# -- parties ---------------------------------------------------------------------------------------------------------------


def test_keys_are_of_this_run_and_as_large_as_the_profiles_want(world: World) -> None:
    first, second = world.keys, make_keys(NOW)
    for name in ("idp", "next_idp", "second", "stranger", "node", "ours", "ours_older", "our_node"):
        keys = [getattr(made, name).key for made in (first, second)]
        assert all(isinstance(key, rsa.RSAPrivateKey) for key in keys)
        assert keys[0].public_key() != keys[1].public_key()
        assert keys[0].key_size == (3072 if name in ("node", "our_node", "stranger") else 2048)
    ended = load_der_x509_certificate(first.ended.certificate)
    assert ended.not_valid_after_utc.timestamp() < NOW
    assert load_der_x509_certificate(first.node.certificate).not_valid_after_utc.timestamp() > NOW


def test_a_strangers_certificate_looks_like_the_genuine_one(world: World) -> None:
    genuine, strange = (load_der_x509_certificate(each.certificate) for each in (world.keys.idp, world.keys.stranger))
    assert genuine.subject == strange.subject
    assert genuine.issuer == strange.issuer


def test_metadata_holds_the_keys_that_it_is_told(world: World) -> None:
    keys = world.keys
    for octets in (identity_provider_metadata([keys.idp, keys.second]), node_metadata([keys.idp, keys.second])):
        found = [base64.b64decode(each.text or "") for each in etree.fromstring(octets).iter("{*}X509Certificate")]
        assert found == [keys.idp.certificate, keys.second.certificate]


def test_an_entrance_judges_text_as_a_parameter_and_xml_as_the_message(world: World) -> None:
    octets = world.response.sent()
    judge = world.response.entrance.judge
    assert verdict_of(judge, octets).check is None
    assert verdict_of(judge, base64.b64encode(octets)).check is None
    assert verdict_of(judge, b"\n" + octets).check == "base64"
    assert verdict_of(judge, b"\xff\xfe").check == "base64"


def test_a_signature_by_a_key_that_nobody_knows_is_made_by_the_party_all_the_same(world: World) -> None:
    """What no signer knows is signed as usual: the name alone is wrong."""
    octets = world.response.sent(how=How(method="urn:selftest:none"))
    mended = octets.replace(b"urn:selftest:none", world.response.how.method.encode())
    value = base64.b64decode(next(etree.fromstring(octets).iter("{*}SignatureValue")).text or "")
    assert len(value) == 256
    assert not verifies(mended, 0, world.keys.idp.certificate)
