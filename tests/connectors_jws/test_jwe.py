"""Encrypted tokens: what is decrypted, each check broken alone, and one refusal for whatever fails with the key."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from jose import jwe as python_jose
from jose.exceptions import JWEError
from joserfc import jwe as joserfc_jwe
from joserfc.jwk import ECKey

from connectors.signatures.jwe import MAX_TOKEN, TokenEncryption, opened
from connectors.signatures.jwe_encrypt import Encrypting, encrypt
from connectors.wire.claims import Json
from policies.errors import AssertionRejected, BrokerError
from tests.connectors_jws.jwe_doubles import IV, encrypted, good_header, our_key, sealed
from tests.connectors_jws.jws_doubles import SoftwareAgreement, b64, private_key

INNER = "header.payload.signature"
ENCS = ["A128GCM", "A256GCM"]


def read(token: str, *keys: SoftwareAgreement, enc: str = "A128GCM", alg: str = "ECDH-ES") -> str:
    return opened(token, TokenEncryption(keys or (our_key(),), enc, alg))


def refused(token: str, *keys: SoftwareAgreement, enc: str = "A128GCM") -> str:
    with pytest.raises(AssertionRejected) as caught:
        read(token, *keys, enc=enc)
    assert INNER not in str(caught.value)
    return caught.value.check


# -- what is read ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("enc", ENCS)
def test_what_we_encrypt_is_decrypted_by_us_and_by_joserfc_with_the_private_key(enc: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    token = encrypt(INNER.encode(), Encrypting(key.public_key(), "ECDH-ES", enc, "k1"))
    other = joserfc_jwe.decrypt_compact(token, ECKey.import_key(key), algorithms=["ECDH-ES", enc])
    assert other.plaintext == INNER.encode()
    assert {name: other.protected[name] for name in ("alg", "enc", "kid", "cty")} == {
        "alg": "ECDH-ES",
        "enc": enc,
        "kid": "k1",
        "cty": "JWT",
    }
    unnamed = encrypt(INNER.encode(), Encrypting(key.public_key(), "ECDH-ES", enc))
    assert opened(unnamed, TokenEncryption((SoftwareAgreement(key),), enc)) == INNER


@pytest.mark.parametrize("enc", ENCS)
def test_what_is_encrypted_without_any_library_of_tokens_is_decrypted(enc: str) -> None:
    assert read(encrypted(INNER, None, enc), enc=enc) == INNER


@pytest.mark.parametrize(
    "changes",
    [
        {"cty": "LEFT OUT"},
        {"typ": "JWT"},
        {"kid": our_key().key_id},
        {"apu": ""},
    ],
)
def test_what_the_standard_leaves_open_is_read(changes: Mapping[str, Json]) -> None:
    assert read(encrypted(INNER, **changes)) == INNER


@pytest.mark.spec("RFC 7518 appendix C")
def test_the_key_of_the_standards_example_decrypts() -> None:
    """Alice agrees with Bob; the content's key is the one that the appendix prints, not one that we derived."""
    alice, bob = (
        ec.derive_private_key(int.from_bytes(_octets(d)), ec.SECP256R1())
        for d in ("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo", "VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw")
    )
    header = good_header(ephemeral=alice, apu="QWxpY2U", apv="Qm9i")
    token = sealed(header, INNER.encode(), _octets("VqqN6vgjbSBcIijNcacQGg"))
    assert read(token, SoftwareAgreement(bob)) == INNER
    assert refused(
        sealed({**header, "apu": "Qm9i"}, INNER.encode(), _octets("VqqN6vgjbSBcIijNcacQGg")), SoftwareAgreement(bob)
    )


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def test_kid_chooses_among_our_keys_and_without_it_there_is_one() -> None:
    first, second = our_key(), our_key(1)
    assert read(encrypted(INNER, second, kid=second.key_id), first, second) == INNER
    assert refused(encrypted(INNER, second), first, second) == "jwe_kid"
    assert refused(encrypted(INNER, second, kid=first.key_id), first, second) == "jwe_decryption"


def test_what_is_inside_is_nobodys_word_and_no_ascii_is_no_token() -> None:
    assert "\N{REPLACEMENT CHARACTER}" in read(encrypted(b"\xff.\x00.\xff"))


# -- what is refused ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Case:
    """A token that breaks one check."""

    check: str
    what: str
    token: str
    keys: tuple[SoftwareAgreement, ...] = (our_key(),)
    enc: str = "A128GCM"

    def __str__(self) -> str:
        return f"{self.check}-{self.what}".replace(" ", "-")


def _without(token: str, part: int, replacement: str) -> str:
    parts = token.split(".")
    parts[part] = replacement
    return ".".join(parts)


def _flipped(part: int) -> str:
    parts = encrypted(INNER).split(".")
    changed = bytearray(_octets(parts[part]))
    changed[0] ^= 1
    return _without(".".join(parts), part, b64(bytes(changed)))


_EPHEMERAL = ec.generate_private_key(ec.SECP256R1())
TWICE = '{"alg":"ECDH-ES",' + json.dumps(good_header(ephemeral=_EPHEMERAL))[1:]
CASES = (
    Case("jwe_size", "a token beyond 64 KiB", encrypted("x" * MAX_TOKEN)),
    Case("jwe_form", "empty", ""),
    Case("jwe_form", "a signed token that is not encrypted", "e30.e30.e30"),
    Case("jwe_header", "no JSON", sealed("{", b"", bytes(16))),
    Case("jwe_header", "a member twice", sealed(TWICE, INNER.encode(), bytes(16))),
    Case("jwe_header", "zip", encrypted(INNER, zip="DEF")),
    Case("jwe_header", "no epk", encrypted(INNER, epk="LEFT OUT")),
    Case("jwe_alg", "agreement and wrapping", encrypted(INNER, alg="ECDH-ES+A128KW")),
    Case("jwe_alg", "RSA of PKCS1", encrypted(INNER, alg="RSA1_5")),
    Case("jwe_typ", "content of another type", encrypted(INNER, cty="application/xml")),
    Case("jwe_kid", "unknown", encrypted(INNER, kid="k2")),
    Case("jwe_keys", "none", encrypted(INNER), ()),
    Case("jwe_decryption", "to another key", encrypted(INNER, our_key(1))),
    Case("jwe_decryption", "a bit of the ciphertext", _flipped(3)),
    Case("jwe_decryption", "a bit of the tag", _flipped(4)),
    Case("jwe_decryption", "a bit of the IV", _flipped(2)),
    Case("jwe_decryption", "a header of another token", _without(encrypted(INNER), 0, encrypted(INNER).split(".")[0])),
    Case("jwe_decryption", "no ciphertext", _without(encrypted(INNER), 3, "")),
)


@pytest.mark.spec("security.md §2.2")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_encrypted_token_that_breaks_one_check_is_refused_by_that_check(case: Case) -> None:
    with pytest.raises(AssertionRejected) as refusal:
        opened(case.token, TokenEncryption(case.keys, case.enc))
    assert refusal.value.check == case.check
    assert refusal.value.__cause__ is None or case.check != "jwe_decryption"


@pytest.mark.spec("house-style.md 30")
def test_every_failure_with_the_key_is_told_in_the_same_words() -> None:
    told = set()
    for case in CASES:
        if case.check == "jwe_decryption":
            with pytest.raises(AssertionRejected) as refusal:
                opened(case.token, TokenEncryption(case.keys, case.enc))
            told.add((str(refusal.value), refusal.value.code, refusal.value.public, type(refusal.value)))
    assert len(told) == 1


def test_no_key_is_touched_before_size_form_and_header_were_judged() -> None:
    for case in CASES:
        if case.check != "jwe_decryption":
            untouched = SoftwareAgreement(ec.generate_private_key(ec.SECP256R1()))
            with pytest.raises(AssertionRejected):
                opened(case.token, TokenEncryption((untouched,), case.enc))
            assert untouched.calls <= (case.check in ("jwe_kid", "jwe_keys")), case


def test_a_key_that_fails_is_told_as_every_other_failure() -> None:
    class Broken(SoftwareAgreement):
        def agree(self, public_key: ec.EllipticCurvePublicKey) -> bytes:
            raise ValueError(f"a secret of the module, on {public_key.curve.name}")

    key = private_key("ES256", 100)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert refused(encrypted(INNER), Broken(key)) == "jwe_decryption"


@pytest.mark.parametrize(
    ("alg", "enc", "curve"),
    [
        ("ECDH-ES", "A128CBC-HS256", ec.SECP256R1()),
        ("ECDH-ES", "", ec.SECP256R1()),
        ("RSA-OAEP", "A128GCM", ec.SECP256R1()),
        ("ECDH-ES", "A128GCM", ec.SECP521R1()),
        ("RSA-OAEP-256", "A128GCM", ec.SECP256R1()),
        ("RSA1_5", "A128GCM", ec.SECP256R1()),
    ],
)
def test_nothing_is_encrypted_in_another_way(alg: str, enc: str, curve: ec.EllipticCurve) -> None:
    with pytest.raises(BrokerError):
        encrypt(b"", Encrypting(ec.generate_private_key(curve).public_key(), alg, enc))


@given(st.text(max_size=200))
def test_whatever_is_sent_is_refused_by_name_and_nothing_else_is_raised(text: str) -> None:
    assert refused(text).startswith("jwe_")


# -- python-jose's padding oracle --------------------------------------------------------------------------------------


@pytest.mark.spec("security.md §2.2")
def test_python_jose_350_tells_a_bad_padding_from_a_bad_tag_and_no_such_token_reaches_a_key_of_ours() -> None:
    secret = bytes(32)
    token = python_jose.encrypt(b"x" * 15, secret, algorithm="dir", encryption="A128CBC-HS256").decode()
    parts = token.split(".")
    told = set()
    for value in range(256):
        iv = bytearray(_octets(parts[2]))
        iv[-1] ^= value
        with pytest.raises(JWEError) as caught:
            python_jose.decrypt(".".join([*parts[:2], b64(bytes(iv)), parts[3], b64(b"0" * 16)]), secret)
        told.add(str(caught.value))
    assert told == {"Invalid padding bytes.", "Invalid JWE Auth Tag"}, "the oracle: two words for two faults"
    key = SoftwareAgreement(ec.generate_private_key(ec.SECP256R1()))
    for header in ({"alg": "dir", "enc": "A128CBC-HS256"}, good_header(ephemeral=_EPHEMERAL, enc="A128CBC-HS256")):
        ours = sealed(header, b"x" * 15, bytes(16), iv=IV)
        with pytest.raises(AssertionRejected) as refusal:
            opened(ours, TokenEncryption((key,), "A128GCM"))
        assert refusal.value.check == "jwe_alg"
    with pytest.raises(AssertionRejected) as refusal:
        opened(token, TokenEncryption((key,), "A128GCM"))
    assert refusal.value.check == "jwe_form"
    assert key.calls == 0
