"""Keys that are agreed on by ECDH-ES: read by a closed form on the recipient's own curve, and written for any of ours."""

import base64
import copy
from dataclasses import replace

import pytest
import xmlsec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key, load_pem_private_key
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from xmlsec import constants

from connectors.profiles import AES128_GCM, AES192_GCM, AES256_GCM, EIDAS, KW_AES128, KW_AES256, SAML2INT
from connectors.signatures.parse import Element
from connectors.signatures.signer import DecryptionKey
from connectors.signatures.xmlenc import check_recipient, encrypt, open_assertion
from policies.errors import AssertionRejected
from tests.connectors import crossing, forge
from tests.connectors.agreeing import OURS, URNS, ZEROS, Agreeing, agreement, point_of
from tests.connectors.crossing import CURVES, DIGEST_URIS, XENC, assertion, node, on_curve, outer, response
from tests.connectors.edits import DSIG11, Edit, into, part, text, without
from tests.connectors.forge import DS, SAML, Reply

GOOD = Agreeing()
PEER = (crossing.pinned(node("peer")),)
NAMES = [str(curve) for curve in OURS]
# Each curve with the strongest algorithms, and each pair of algorithms on one curve
CURVES_AND_ALGORITHMS = [
    *((curve, KW_AES256, AES256_GCM) for curve in OURS),
    (OURS[0], KW_AES128, AES128_GCM),
    (OURS[0], KW_AES256, AES192_GCM),
]


def opened(made: Agreeing, *keys: DecryptionKey) -> bytes:
    """The octets that come out."""
    ours = keys or (agreement(made.curve),)
    return open_assertion(outer(response(made.element())), ours, PEER, EIDAS).octets


def refused(holder: Element, *keys: DecryptionKey) -> AssertionRejected:
    with pytest.raises(AssertionRejected) as refusal:
        open_assertion(outer(response(holder)), keys, PEER, EIDAS)
    return refusal.value


# -- what is read ----------------------------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §7 ECDH-ES; eidas.md §7 brainpool; eidas.md §7 AES-GCM")
@pytest.mark.parametrize(("curve", "wrap", "content"), CURVES_AND_ALGORITHMS)
def test_a_key_that_is_agreed_on_opens_the_assertion(curve: int | str, wrap: str, content: str) -> None:
    octets = opened(replace(GOOD, curve=curve, wrap=wrap, content=content))
    assert etree.fromstring(octets).get("ID") == Reply().assertion_id
    assert "Õunapuu-李".encode() in octets


@pytest.mark.parametrize("bits", [256, 384, 512])
def test_the_derivation_has_the_hash_that_is_named(bits: int) -> None:
    made = replace(GOOD, bits=bits, digest=DIGEST_URIS[bits])
    assert opened(made).startswith(b"<saml:Assertion")
    named = replace(made, digest=DIGEST_URIS[256 if bits != 256 else 512])
    assert refused(named.element(), agreement(256)).check == "decryption"


# The second is what Poland's login.gov.pl sends: a length of four octets (whose first reads as no padding) and the text
POLISH = {
    "AlgorithmID": "0000002A" + f"{XENC}kw-aes256".encode().hex().upper(),
    "PartyUInfo": "00000010" + b"int.login.gov.pl".hex().upper(),
    "PartyVInfo": "0000000B" + b"otwartedane".hex(),
}


@pytest.mark.spec("XML Encryption 1.1 §5.4.1")
@pytest.mark.parametrize(
    ("said", "info"),
    [
        (ZEROS, bytes(3)),
        (POLISH, b"\0\0\x2a" + f"{XENC}kw-aes256".encode() + b"\0\0\x10int.login.gov.pl" + b"\0\0\x0botwartedane"),
        ({"AlgorithmID": "00", "PartyUInfo": "00", "PartyVInfo": "00"}, b""),
        ({"AlgorithmID": "", "PartyUInfo": "", "PartyVInfo": ""}, b""),
        ({}, b""),
        ({"PartyVInfo": "00aB", "AlgorithmID": "0001"}, b"\x01\xab"),
        ({"SuppPrivInfo": "0005", "SuppPubInfo": "0004", **ZEROS}, b"\0\0\0\x04\x05"),
        ({"PartyUInfo": "00" + "61" * 1028}, b"a" * 1028),
    ],
    ids=["zeros", "login.gov.pl", "padding alone", "empty", "absent", "in another order", "all five", "the longest"],
)
def test_parameters_are_whole_octets_after_the_one_that_counts_padding(said: dict[str, str], info: bytes) -> None:
    assert opened(replace(GOOD, said=said, info=info)).startswith(b"<saml:Assertion")


@pytest.mark.parametrize("curve", [256, "brainpoolP256r1"])
def test_the_senders_key_may_come_as_a_subject_public_key_info(curve: int | str) -> None:
    assert opened(replace(GOOD, curve=curve, der=bytes)).startswith(b"<saml:Assertion")


def in_both_forms(*, other: bool = False) -> Edit:
    """The sender's key once more as a SubjectPublicKeyInfo, as the EU's node 2.9 writes it; or another key."""

    def edit(holder: Element) -> None:
        octets = base64.b64decode(part(holder, "PublicKey").text or "")
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), octets)
        key = ec.generate_private_key(ec.SECP256R1()).public_key() if other else key
        der = base64.encodebytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
        into("OriginatorKeyInfo", f"<dsig11:DEREncodedKeyValue>{der}</dsig11:DEREncodedKeyValue>")(holder)

    return edit


def test_the_senders_key_may_come_twice_and_two_keys_may_not() -> None:
    assert opened(replace(GOOD, edit=in_both_forms())).startswith(b"<saml:Assertion")
    error = refused(replace(GOOD, edit=in_both_forms(other=True)).element(), Counting())
    assert (error.check, error.detail) == ("originator_key", "two keys")


@pytest.mark.parametrize(
    "edit",
    [
        without("RecipientKeyInfo"),
        into("RecipientKeyInfo", f"<dsig11:DEREncodedKeyValue xmlns:dsig11='{DSIG11}'>eA==</dsig11:DEREncodedKeyValue>"),
        into("EncryptionMethod", f'<ds:DigestMethod Algorithm="{DIGEST_URIS[256]}"/>'),
    ],
    ids=["no hint", "a key as a hint", "a hash beside AES-GCM, as login.gov.pl has it"],
)
def test_what_real_peers_write_besides_says_nothing_and_passes(edit: Edit) -> None:
    assert opened(replace(GOOD, edit=edit)).startswith(b"<saml:Assertion")


@pytest.mark.parametrize("recipient", [256, "brainpoolP256r1", 384])
def test_a_message_to_any_of_our_keys_is_opened_while_they_change_from_rsa_to_a_curve(recipient: int | str) -> None:
    keys: list[DecryptionKey] = [crossing.unwrapper(node("ours"))]
    keys += [agreement(384), agreement(256), agreement("brainpoolP256r1")]
    for order in (keys, keys[::-1]):
        assert opened(replace(GOOD, curve=recipient), *order).startswith(b"<saml:Assertion")
        made = crossing.Encryption().element()
        assert open_assertion(outer(response(made)), order, PEER, EIDAS).octets.startswith(b"<saml:Assertion")


# -- refused by name, before a private key is used -------------------------------------------------------------------------


class Counting:
    """An agreement that nobody should have asked."""

    certificate = b""
    key_id = "ours"
    curve = "secp256r1"

    def __init__(self) -> None:
        self.calls = 0

    def agree(self, public_key: ec.EllipticCurvePublicKey) -> bytes:
        self.calls += 1
        raise ValueError(public_key.curve.name)


def compressed(point: bytes) -> bytes:
    size = len(point) // 2
    return bytes([2 + (point[-1] & 1)]) + point[1 : 1 + size]


def explicit(der: bytes) -> bytes:
    """The same point, on a curve that the sender spells out: P-256 in its explicit parameters (RFC 3279 §2.3.5)."""
    parameters = bytes.fromhex(
        "3081e0020101302c06072a8648ce3d0101022100ffffffff00000001000000000000000000000000ffffffffffffffffffffffff30440420"
        "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc04205ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53"
        "b0f63bce3c3e27d2604b0441046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb"
        "4a7c0f9e162bce33576b315ececbb6406837bf51f5022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"
        "020101"
    )
    algorithm = bytes.fromhex("06072a8648ce3d0201") + parameters
    inner = b"\x30\x81" + bytes([len(algorithm)]) + algorithm + der[-68:]
    return b"\x30\x82" + len(inner).to_bytes(2) + inner


def short(der: bytes) -> bytes:
    """The same key with a compressed point, which pyca loads too."""
    key = load_der_public_key(der)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    point = key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    made = der[2:-68] + b"\x03" + bytes([len(point) + 1]) + b"\0" + point
    return b"\x30" + bytes([len(made)]) + made


SPKI = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
NAMED = f'<ds:KeyValue><dsig11:ECKeyValue><dsig11:NamedCurve URI="{URNS[256]}"/></dsig11:ECKeyValue></ds:KeyValue>'


def with_parameters(**said: str) -> Agreeing:
    return replace(GOOD, said={**ZEROS, **said})


def test_a_curve_that_the_sender_spells_out_is_refused_for_that_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """CVE-2020-0601: pyca loads such a key where the parameters are those of a named curve. It is too long besides."""
    for der in (short, explicit):
        key = load_der_public_key(der(SPKI))
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert key.curve.name == "secp256r1"
    monkeypatch.setattr("connectors.signatures.xmlenc.agreement.MAX_DER", 4096)
    error = refused(replace(GOOD, der=explicit).element(), Counting())
    assert (error.check, error.detail) == ("originator_key", "a key in a spelling of its own")


def test_a_profile_without_key_agreement_takes_none() -> None:
    """saml2int names transport alone."""
    signed = outer(response(GOOD.element()))
    for profile in (SAML2INT, replace(EIDAS, key_agreements=frozenset())):
        with pytest.raises(AssertionRejected) as refusal:
            open_assertion(signed, [agreement(256)], PEER, profile)
        assert refusal.value.check == "key_agreement"
    for narrower, check in (
        (replace(EIDAS, kdf_digests=frozenset()), "key_derivation"),
        (replace(EIDAS, key_wraps=frozenset({KW_AES128})), "key_wrap"),
        (replace(EIDAS, curves=frozenset({"secp384r1"})), "originator_key"),
    ):
        with pytest.raises(AssertionRejected) as refusal:
            open_assertion(signed, [agreement(256)], PEER, narrower)
        assert refusal.value.check == check


@settings(max_examples=60)
@given(st.binary(max_size=140), st.text(max_size=40))
def test_no_octets_as_key_or_parameter_are_anything_but_a_refusal_by_name(octets: bytes, said: str) -> None:
    bits = said.encode().hex()[:39]
    for made in (
        replace(GOOD, point=lambda _: octets),
        replace(GOOD, der=lambda _: octets),
        with_parameters(PartyUInfo=bits),
    ):
        assert refused(made.element(), Counting()).check in {"originator_key", "key_derivation", "decryption"}


# -- one answer for every failure ------------------------------------------------------------------------------------------

FAILURES = {
    "another key of ours": replace(GOOD, secret=bytes(32)),
    "a key on another curve": replace(GOOD, curve=384),
    "other parameters than said": replace(GOOD, info=b""),
    "a wrapped key with another check": replace(GOOD, check=b"\xa6" * 7 + b"\xa7"),
    "a wrapped key that is none": replace(GOOD, edit=text("CipherValue", 0, base64.b64encode(bytes(40)).decode())),
    "another key for the content": replace(GOOD, content_key=bytes(32)),
    "another ciphertext": replace(GOOD, flip=20),
    "a tag of 12 octets": replace(GOOD, cut=4),
}


@pytest.mark.spec("eidas.md §7 uniform answer; eidas.md §7 ECDH-ES; eidas.md §7 GCM tag")
@pytest.mark.parametrize("name", FAILURES)
def test_every_failure_to_decrypt_is_the_same_refusal_after_the_same_work(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def unwrap(key: bytes, wrapped: bytes) -> bytes:
        done.append(f"unwrap by {len(key)}")
        return aes_key_unwrap(key, wrapped)

    def content(key: bytes) -> AESGCM:
        done.append(f"content by {len(key)}")
        return AESGCM(key)

    monkeypatch.setattr("connectors.signatures.xmlenc.decryption.aes_key_unwrap", unwrap)
    monkeypatch.setattr("connectors.signatures.xmlenc.decryption.AESGCM", content)
    error = refused(FAILURES[name].element(), agreement(256))
    assert type(error) is AssertionRejected
    assert (error.check, error.detail) == ("decryption", "an assertion that our key does not decrypt")
    assert (error.code, error.public) == (AssertionRejected.code, AssertionRejected.public)
    assert (error.__cause__, error.__context__) == (None, None)
    assert done == ["unwrap by 32", "content by 32"]


# -- what we encrypt -------------------------------------------------------------------------------------------------------


def judge(holder: Element, party: forge.SigningParty) -> Element:
    """Decrypt with libxmlsec. It reads no key from a message, so it gets the sender's by name."""
    made = copy.deepcopy(holder)
    manager = xmlsec.KeysManager()
    ours = xmlsec.Key.from_memory(party.pem, constants.KeyDataFormatPem)
    ours.name = "recipient"
    manager.add_key(ours)
    private = load_pem_private_key(party.pem, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    shown = base64.b64decode(part(made, "PublicKey").text or "")
    public = ec.EllipticCurvePublicKey.from_encoded_point(private.curve, shown)
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    theirs = xmlsec.Key.from_memory(pem, constants.KeyDataFormatPem)
    theirs.name = "originator"
    manager.add_key(theirs)
    for name in ("Originator", "Recipient"):
        info = part(made, f"{name}KeyInfo")
        info.remove(info[0])
        etree.SubElement(info, f"{{{DS}}}KeyName").text = name.lower()
    found: Element = xmlsec.EncryptionContext(manager).decrypt(made[0])
    return found


@pytest.mark.spec("eidas.md §7 ECDH-ES; eidas.md §7 brainpool")
@pytest.mark.parametrize("curve", OURS, ids=NAMES)
def test_libxmlsec_decrypts_what_we_encrypt(curve: int | str) -> None:
    for wrap in (KW_AES128, KW_AES256):
        made = encrypt(etree.fromstring(assertion()), on_curve(curve).certificate, EIDAS, wrap=wrap)
        assert judge(made, on_curve(curve)).tag == f"{{{SAML}}}Assertion"
    with pytest.raises(xmlsec.Error):
        judge(made, forge.party(ec.generate_private_key(CURVES[curve])))


@pytest.mark.parametrize("curve", OURS, ids=NAMES)
def test_what_libxmlsec_encrypts_is_opened(curve: int | str) -> None:
    theirs = ec.generate_private_key(CURVES[curve])
    said = {"AlgorithmID": "0001", "PartyUInfo": "00aa", "PartyVInfo": "00bbcc"}
    template = replace(GOOD, curve=curve, digest=DIGEST_URIS[512], said=said).element()
    for name in ("Originator", "Recipient"):
        info = part(template, f"{name}KeyInfo")
        info.remove(info[0])
        etree.SubElement(info, f"{{{DS}}}KeyName").text = name.lower()
    for value in template.iter("{*}CipherValue"):
        value.text = None
    manager = xmlsec.KeysManager()
    ours = load_pem_private_key(on_curve(curve).pem, None).public_key()
    for name, pem in (
        ("originator", forge.party(theirs).pem),
        ("recipient", ours.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
    ):
        key = xmlsec.Key.from_memory(pem, constants.KeyDataFormatPem)
        key.name = name
        manager.add_key(key)
    context = xmlsec.EncryptionContext(manager)
    context.key = xmlsec.Key.generate(constants.KeyDataAes, 256, constants.KeyDataTypeSession)
    context.encrypt_binary(template[0], assertion())
    # It leaves it to the application to say whose key it was
    info = part(template, "OriginatorKeyInfo")
    info.remove(info[0])
    point = base64.b64encode(point_of(theirs)).decode()
    into("OriginatorKeyInfo", NAMED.replace(URNS[256], URNS[curve]))(template)
    into("ECKeyValue", f"<dsig11:PublicKey>{point}</dsig11:PublicKey>")(template)
    octets = open_assertion(outer(response(template)), [agreement(curve)], PEER, EIDAS).octets
    assert "Õunapuu-李".encode() in octets


def test_what_a_profile_does_not_take_is_not_sent() -> None:
    element, certificate = etree.fromstring(assertion()), on_curve(256).certificate
    for wrap in (f"{XENC}kw-aes192", f"{XENC}kw-tripledes", ""):
        with pytest.raises(ValueError, match="does not take"):
            encrypt(element, certificate, EIDAS, wrap=wrap)
    with pytest.raises(ValueError, match="does not take"):
        encrypt(element, certificate, EIDAS, content=f"{XENC}aes256-cbc")
    with pytest.raises(ValueError, match="saml2int does not take"):
        encrypt(element, certificate, SAML2INT)
    with pytest.raises(ValueError, match="neither RSA nor on"):
        encrypt(element, on_curve("brainpoolP256r1").certificate, SAML2INT)


def test_a_recipient_of_one_profile_is_not_one_of_another() -> None:
    """A key that one profile takes may be too short for the other, or of a kind that it does not have."""
    party = on_curve(256)
    check_recipient(party.certificate, EIDAS)
    with pytest.raises(ValueError, match="P-384"):
        check_recipient(party.certificate, replace(EIDAS, curves=frozenset({"secp384r1"})))
    check_recipient(party.certificate, EIDAS)
