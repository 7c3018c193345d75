"""Encrypted assertions of another node: a closed form, one answer for every failure, the whole plan for the plaintext."""

import base64
from dataclasses import replace

import pytest
import xmlsec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from lxml import etree
from xmlsec import constants

from connectors import profiles
from connectors.profiles import AES128_GCM, AES192_GCM, AES256_GCM, EIDAS, SAML2INT
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.shapes import ENCRYPTED_RESPONSE
from connectors.signatures.xmldsig import verify
from connectors.signatures.xmlenc import encrypt, open_assertion
from connectors.signatures.xmlsign import sign_enveloped
from policies.errors import AssertionRejected
from tests.connectors import crossing
from tests.connectors.crossing import (
    DIGEST_URIS,
    XENC,
    XENC11,
    Encryption,
    assertion,
    node,
    opened,
    outer,
    response,
    unwrapper,
)
from tests.connectors.edits import part, rename
from tests.connectors.forge import DS, SAML, Reply

GOOD = Encryption()


def check_of(octets: bytes) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        opened(octets)
    return refusal.value.check


# -- what is read ----------------------------------------------------------------------------------------------------------


@pytest.mark.spec("eidas.md §7 AES-GCM; eidas.md §7 RSA-OAEP")
@pytest.mark.parametrize(("content", "bits"), [(AES128_GCM, 256), (AES192_GCM, 384), (AES256_GCM, 512)])
def test_aes_gcm_with_rsa_oaep_of_sha_2_is_opened(content: str, bits: int) -> None:
    made = replace(
        GOOD, content=content, hashes=(bits, bits), digest=DIGEST_URIS[bits], mgf=f"{XENC11}mgf1sha{bits}"
    ).element()
    found = opened(response(made))
    root = etree.fromstring(found.octets)
    assert root.tag == f"{{{SAML}}}Assertion"
    assert root.get("ID") == Reply().assertion_id
    assert "Õunapuu-李".encode() in found.octets
    assert found.key_id == crossing.pinned(node("peer")).key_id
    assert "Õunapuu" not in repr(found)


def test_types_of_values_keep_their_prefix() -> None:
    """`xsi:type="xs:string"` names a namespace in its text, which exclusive C14N alone would drop."""
    root = etree.fromstring(opened(response(GOOD.element())).octets)
    assert part(root, "AttributeValue").nsmap["xs"] == "http://www.w3.org/2001/XMLSchema"


@pytest.mark.parametrize("ours", [("ours", "older"), ("older", "ours"), ("another", "older", "ours")])
def test_a_message_to_any_of_our_keys_is_opened_while_they_change(ours: tuple[str, ...]) -> None:
    for recipient in ours:
        made = replace(GOOD, recipient=recipient).element()
        assert opened(response(made), ours=ours).octets.startswith(b"<saml:Assertion")


EVERY_HASH = {1: profiles.SHA1, **DIGEST_URIS}


@pytest.mark.spec("eidas.md §7 RSA-OAEP; eidas.md §7 PKCS1 and SHA-1 refused; saml.md §11")
@pytest.mark.parametrize(("digest", "mask"), [(256, 256), (256, 512), (384, 256), (1, 256), (256, 1), (1, 1)])
def test_every_hash_and_mask_that_is_declared_is_used_and_sha_1_in_either_is_refused_by_eidas(
    digest: int, mask: int
) -> None:
    made = replace(GOOD, hashes=(digest, mask), digest=EVERY_HASH[digest], mgf=f"{XENC11}mgf1sha{mask}")
    octets = response(made.element())
    assert opened(octets, SAML2INT).octets.startswith(b"<saml:Assertion")
    if 1 not in (digest, mask):
        assert opened(octets).octets.startswith(b"<saml:Assertion")
    else:
        assert check_of(octets) == ("oaep_digest" if digest == 1 else "oaep_mgf")
    if mask == 1:
        octets = response(replace(made, transport=f"{XENC}rsa-oaep-mgf1p", mgf=None).element())
        assert opened(octets, SAML2INT).octets.startswith(b"<saml:Assertion")
        assert check_of(octets) == "key_transport"


# -- structure of the Response ---------------------------------------------------------------------------------------------


def test_without_a_key_of_ours_nothing_is_opened() -> None:
    with pytest.raises(AssertionRejected) as refusal:
        open_assertion(outer(response(GOOD.element())), [], [crossing.pinned(node("peer"))], EIDAS)
    assert refusal.value.check == "decryption"


# -- one answer for every failure ------------------------------------------------------------------------------------------

FAILURES = {
    "a key of somebody else": replace(GOOD, recipient="another"),
    "another hash than said": replace(GOOD, hashes=(384, 256)),
    "another mask than said": replace(GOOD, hashes=(256, 384)),
    "a label": replace(GOOD, label=b"label"),
    "a key of 64 octets": replace(GOOD, key=bytes(64)),
    "a wrapped key of another length": replace(GOOD, wrapped=lambda key: key[:-1]),
    "a wrapped key beyond the modulus": replace(GOOD, wrapped=lambda key: b"\xff" * len(key)),
    "another ciphertext": replace(GOOD, flip=20),
    "a tag of 12 octets": replace(GOOD, cut=4),
    "no tag": replace(GOOD, cut=16),
    "another algorithm than said": replace(
        GOOD, content=AES128_GCM, edit=rename("EncryptionMethod", 0, "Algorithm", AES256_GCM)
    ),
}


@pytest.mark.spec("eidas.md §7 uniform answer; eidas.md §7 GCM tag; eidas.md §7 AES-GCM")
@pytest.mark.parametrize("name", FAILURES)
def test_every_failure_to_decrypt_is_the_same_refusal_after_the_same_work(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A difference would be an oracle (Bleichenbacher, Manger); CVE-2026-32313 is a library that takes a shorter tag."""
    tries = 0

    def watched(key: bytes) -> AESGCM:
        nonlocal tries
        tries += 1
        return AESGCM(key)

    monkeypatch.setattr("connectors.signatures.xmlenc.decryption.AESGCM", watched)
    with pytest.raises(AssertionRejected) as refusal:
        opened(response(FAILURES[name].element()))
    error = refusal.value
    assert type(error) is AssertionRejected
    assert (error.check, error.detail) == ("decryption", "an assertion that our key does not decrypt")
    assert (error.code, error.public) == (AssertionRejected.code, AssertionRejected.public)
    assert (error.__cause__, error.__context__) == (None, None)
    assert tries == 1


# -- what we encrypt -------------------------------------------------------------------------------------------------------


def private(name: str) -> rsa.RSAPrivateKey:
    key = load_pem_private_key(node(name).pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@pytest.mark.parametrize("content", [AES128_GCM, AES192_GCM, AES256_GCM])
def test_what_we_encrypt_is_decrypted_by_hand(content: str) -> None:
    root = etree.fromstring(Reply().xml())
    before = etree.tostring(root)
    made = encrypt(root[-1], node("another").certificate, EIDAS, content=content)
    assert etree.tostring(root) == before
    assert made.tag == f"{{{SAML}}}EncryptedAssertion"
    data = made[0]
    assert data.get("Type") == f"{XENC}Element"
    assert [method.get("Algorithm") for method in made.iter("{*}EncryptionMethod")] == [content, f"{XENC11}rsa-oaep"]
    assert [found.get("Algorithm") for found in made.iter("{*}DigestMethod", "{*}MGF")] == [
        f"{XENC}sha256",
        f"{XENC11}mgf1sha256",
    ]
    certificate = part(made, "X509Certificate").text or ""
    assert base64.b64decode(certificate) == node("another").certificate
    wrapped, value = (base64.b64decode(found.text or "") for found in made.iter("{*}CipherValue"))
    key = private("another").decrypt(wrapped, OAEP(MGF1(SHA256()), SHA256(), None))
    assert len(key) == crossing.KEY_OCTETS[content]
    plaintext = AESGCM(key).decrypt(value[:12], value[12:], None)
    # By itself it has every namespace that it needs
    alone = etree.fromstring(plaintext)
    assert alone.get("ID") == Reply().assertion_id
    assert alone.nsmap["xs"] == "http://www.w3.org/2001/XMLSchema"


def test_libxmlsec_decrypts_what_we_encrypt_and_verifies_what_we_sign_around_it() -> None:
    root = etree.fromstring(Reply().xml())
    root.replace(root[-1], encrypt(root[-1], node("another").certificate, EIDAS))
    octets = sign_enveloped(root, crossing.file_signer(node("ours")), place=1, profile=EIDAS)
    received = etree.fromstring(octets)
    xmlsec.tree.add_ids(received, ["ID"])
    verification = xmlsec.SignatureContext()
    verification.key = xmlsec.Key.from_memory(node("ours").certificate, constants.KeyDataFormatCertDer)
    verification.verify(received[1])
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(node("another").pem, constants.KeyDataFormatPem))
    found = xmlsec.EncryptionContext(manager).decrypt(part(received, "EncryptedData"))
    assert found.tag == f"{{{SAML}}}Assertion"
    assert next(value.text for value in found.iter("{*}AttributeValue")) == "Õunapuu-李"
    # And so do we
    keys = [key_of_certificate(node("ours").certificate, EIDAS)]
    message = verify(octets, keys, ENCRYPTED_RESPONSE, EIDAS)
    opened_again = open_assertion(message.signed, [unwrapper(node("another"))], keys, EIDAS)  # type: ignore[union-attr] # signed
    assert "Õunapuu-李".encode() in opened_again.octets


@pytest.mark.parametrize(
    "content", [constants.TransformAes128Gcm, constants.TransformAes192Gcm, constants.TransformAes256Gcm]
)
def test_what_libxmlsec_encrypts_is_opened(content: object) -> None:
    holder = etree.Element(f"{{{SAML}}}EncryptedAssertion")
    data = xmlsec.template.encrypted_data_create(holder, content, type=constants.TypeEncElement, ns="xenc")  # type: ignore[arg-type] # no public type
    xmlsec.template.encrypted_data_ensure_cipher_value(data)
    info = xmlsec.template.encrypted_data_ensure_key_info(data, ns="ds")
    key = xmlsec.template.add_encrypted_key(info, constants.TransformRsaOaep)
    xmlsec.template.encrypted_data_ensure_cipher_value(key)
    key[0].set("Algorithm", f"{XENC11}rsa-oaep")
    etree.SubElement(key[0], f"{{{DS}}}DigestMethod").set("Algorithm", f"{XENC}sha512")
    etree.SubElement(key[0], f"{{{XENC11}}}MGF").set("Algorithm", f"{XENC11}mgf1sha384")
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(node("ours").certificate, constants.KeyDataFormatCertDer))
    context = xmlsec.EncryptionContext(manager)
    bits = {"128": 128, "192": 192, "256": 256}[str(data[0].get("Algorithm"))[-7:-4]]
    context.key = xmlsec.Key.generate(constants.KeyDataAes, bits, constants.KeyDataTypeSession)
    holder.append(context.encrypt_binary(data, assertion()))
    assert "Õunapuu-李".encode() in opened(response(holder)).octets


def test_what_a_profile_does_not_take_is_not_sent() -> None:
    element = etree.fromstring(assertion())
    for certificate, content, words in (
        (node("").certificate, AES256_GCM, "2048 bits"),
        (crossing.on_curve("secp256k1").certificate, AES256_GCM, "neither RSA nor on"),
        (node("another").certificate, f"{XENC}aes256-cbc", "does not take"),
    ):
        with pytest.raises(ValueError, match=words):
            encrypt(element, certificate, EIDAS, content=content)
    with pytest.raises(ValueError, match="does not take"):
        encrypt(element, node("another").certificate, replace(EIDAS, key_transports=frozenset()))


@pytest.mark.spec("eidas.md §7 defaults of XML Encryption")
def test_sha_1_inside_oaep_is_opened_for_pinned_providers_alone() -> None:
    """Design §3: deployed identity providers of saml2int still send it, and it is no weakness there."""
    plain = replace(GOOD, transport=f"{XENC}rsa-oaep-mgf1p", hashes=(1, 1), digest=profiles.SHA1, mgf=None)
    for made in (plain, replace(plain, digest=None), replace(plain, transport=f"{XENC11}rsa-oaep")):
        octets = response(made.element())
        assert opened(octets, SAML2INT).octets.startswith(b"<saml:Assertion")
        with pytest.raises(AssertionRejected):
            opened(octets)
