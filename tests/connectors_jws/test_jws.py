"""The wrapper around python-jose: what verifies, what is refused, and the faults of 3.5.0 that it stands in front of."""

import hashlib
import hmac
import json
from dataclasses import FrozenInstanceError

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jose import jws as python_jose
from jose.backends.base import Key
from joserfc import jws as joserfc_jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from connectors.signatures.jws import (
    TokenSigner,
    VerificationKey,
    sign,
    unverified_issuer,
    verification_key,
    verify,
)
from connectors.wire.claims import Json
from policies.errors import AssertionRejected, BrokerError, SignatureInvalid
from tests.connectors_jws.jws_doubles import (
    EVERY_ALGORITHM,
    EdwardsSigner,
    SoftwareSigner,
    b64,
    handmade,
    private_key,
    token_key,
)

CLAIMS: dict[str, Json] = {"iss": "https://city.example", "exp": 1795600000}
JWT_ALONE = frozenset({"JWT"})


def keys(alg: str = "ES256", *, kid: str = "k1", number: int = 0) -> list[VerificationKey]:
    return [verification_key(token_key(alg, number).public_key(), alg, kid)]


def token(header: object = None, payload: object = None, alg: str = "ES256") -> str:
    """A token that verifies under `keys(alg)`, but for what is given here."""
    found = {"alg": alg, "kid": "k1", "typ": "JWT"} if header is None else header
    return handmade(found, CLAIMS if payload is None else payload, token_key(alg))


def signer_of(alg: str) -> TokenSigner:
    key = token_key(alg)
    return EdwardsSigner(key) if isinstance(key, Ed25519PrivateKey) else SoftwareSigner(key)


def refused(text: str, alg: str = "ES256", among: list[VerificationKey] | None = None) -> str:
    """The name of the check that refuses this token."""
    with pytest.raises(SignatureInvalid) as caught:
        verify(text, keys(alg) if among is None else among, alg=alg, types=JWT_ALONE)
    return caught.value.check


@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
def test_a_token_of_each_algorithm_verifies_under_its_key(alg: str) -> None:
    signed = verify(token(alg=alg), keys(alg), alg=alg, types=JWT_ALONE)
    assert signed.text("iss") == "https://city.example"
    assert signed.seconds("exp") == 1795600000
    assert (signed.kid, signed.typ) == ("k1", "JWT")


@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated via RFC 9864")
def test_what_we_sign_is_verified_by_us_and_by_joserfc(alg: str) -> None:
    signer = signer_of(alg)
    made = sign({"iss": "i", "name": "Jõgeva"}, signer, alg=alg, typ="JWT")
    key = verification_key(signer.public_key, alg, signer.key_id)
    assert verify(made, [key], alg=alg, types=JWT_ALONE).text("name") == "Jõgeva"
    pem = signer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    other: RSAKey | ECKey | OKPKey
    if alg.startswith("ES"):
        other = ECKey.import_key(pem)
    else:
        other = RSAKey.import_key(pem) if alg in ("RS256", "PS256") else OKPKey.import_key(pem)
    assert json.loads(joserfc_jws.deserialize_compact(made, other, algorithms=[alg]).payload)["name"] == "Jõgeva"


def test_our_header_has_algorithm_key_and_type_and_nothing_else() -> None:
    signer = SoftwareSigner(private_key("ES256"))
    header = python_jose.get_unverified_header(sign(CLAIMS, signer, alg="ES256", typ="JWT"))
    assert header == {"alg": "ES256", "kid": signer.key_id, "typ": "JWT"}


@pytest.mark.parametrize("alg", ["HS256", "none"])
def test_nothing_is_signed_with_an_algorithm_that_signers_do_not_have(alg: str) -> None:
    with pytest.raises(BrokerError):
        sign(CLAIMS, SoftwareSigner(private_key("ES256")), alg=alg, typ="JWT")


@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
def test_one_changed_bit_anywhere_is_refused(alg: str) -> None:
    header, payload, signature = token(alg=alg).split(".")
    for part in (header, payload, signature):
        changed = ("A" if part[5] != "A" else "B").join([part[:5], part[6:]])
        altered = ".".join(changed if p is part else p for p in (header, payload, signature))
        assert refused(altered, alg) in {"jws_header", "jws_form", "jws_signature", "jws_alg", "jws_claims"}


@pytest.mark.spec("house-style.md 10")
def test_an_empty_key_set_is_refused() -> None:
    assert refused(token(), among=[]) == "jws_keys"


# -- one algorithm, pinned ---------------------------------------------------------------------------------------------


# -- a header is judged once -------------------------------------------------------------------------------------------


def test_a_header_that_was_accepted_under_one_key_says_nothing_of_another() -> None:
    good = token()
    assert verify(good, keys(), alg="ES256", types=JWT_ALONE)
    assert refused(good, among=keys(number=1)) == "jws_signature"
    assert refused(good, among=keys(kid="k2")) == "jws_kid"


# -- the key, by kid ---------------------------------------------------------------------------------------------------


def test_kid_chooses_among_our_keys() -> None:
    ours = [*keys(kid="other", number=1), *keys()]
    assert verify(token(), ours, alg="ES256", types=JWT_ALONE).kid == "k1"


def test_a_token_without_kid_verifies_only_where_there_is_one_key() -> None:
    bare = token({"alg": "ES256", "typ": "JWT"})
    assert verify(bare, keys(), alg="ES256", types=JWT_ALONE).kid == "k1"
    assert refused(bare, among=[*keys(), *keys(kid="k2", number=1)]) == "jws_kid"


# -- the form ----------------------------------------------------------------------------------------------------------


# -- the header --------------------------------------------------------------------------------------------------------


# -- the claims --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        '{"a":' + "[" * 63 + "]" * 63 + "}",
        '{"a":' * 64 + "1" + "}" * 64,
        json.dumps({"a": [{}] * 200, "b": "[{" * 100}),
        '{"a":"\\ud83d\\ude00","b":"\\\\ud800"}',
    ],
)
def test_claims_of_64_levels_and_of_whole_pairs_of_surrogates_are_read(payload: str) -> None:
    assert "a" in verify(token(payload=payload), keys(), alg="ES256", types=JWT_ALONE).members


def test_claims_are_frozen_and_never_shown() -> None:
    signed = verify(token(payload={"name": "Canary-Kärt-Example"}), keys(), alg="ES256", types=JWT_ALONE)
    assert "Canary" not in repr(signed)
    with pytest.raises(TypeError):
        signed.members["name"] = "x"  # type: ignore[index] # the test is that this fails
    with pytest.raises(FrozenInstanceError):
        signed.kid = "x"  # type: ignore[misc] # as above


def test_the_unverified_issuer_is_read_without_a_key_and_only_as_a_hint() -> None:
    assert unverified_issuer(token()) == "https://city.example"
    assert unverified_issuer(token(payload={"iss": 5})) == ""
    assert unverified_issuer(token(payload={})) == ""
    with pytest.raises(SignatureInvalid):
        unverified_issuer("a.b")


@given(st.text(max_size=200))
def test_whatever_is_sent_is_refused_by_name_and_nothing_else_is_raised(text: str) -> None:
    assert refused(text).startswith("jws_")


# -- faults of libraries, by their names -------------------------------------------------------------------------------


def _hmac_token(secret: bytes, alg: str = "HS256") -> str:
    signing_input = f"{b64(json.dumps({'alg': alg, 'typ': 'JWT'}))}.{b64(json.dumps(CLAIMS))}"
    return f"{signing_input}.{b64(hmac.digest(secret, signing_input.encode(), hashlib.sha256))}"


def python_jose_key() -> Key:
    """The very object that we verify with, in the hands of the whole library."""
    prepared = keys()[0].prepared
    assert isinstance(prepared, Key)
    return prepared


def _der(alg: str = "RS256") -> bytes:
    return private_key(alg).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.spec("security.md §2.2")
def test_python_jose_350_accepts_hs256_under_a_public_key_in_der_and_we_do_not() -> None:
    forged = _hmac_token(_der())
    assert python_jose.verify(forged, _der(), ["HS256", "RS256"])
    assert refused(forged, "RS256") == "jws_alg"


@pytest.mark.spec("security.md §2.2")
def test_python_jose_350_accepts_an_empty_hmac_key_and_we_do_not() -> None:
    forged = _hmac_token(b"")
    assert python_jose.verify(forged, b"", ["HS256"])
    assert refused(forged) == "jws_alg"


@pytest.mark.spec("security.md §2.2")
def test_python_jose_350_accepts_a_token_without_exp_and_our_reader_of_times_does_not() -> None:
    endless = token(payload={"iss": "i"})
    assert python_jose.verify(endless, python_jose_key(), ["ES256"])
    with pytest.raises(AssertionRejected) as caught:
        verify(endless, keys(), alg="ES256", types=JWT_ALONE).seconds("exp")
    assert caught.value.check == "claim_exp"


@pytest.mark.spec("CVE-2024-33664")
def test_cve_2024_33664_a_jwe_bomb_is_never_inflated() -> None:
    header = b64(json.dumps({"alg": "dir", "enc": "A128CBC-HS256", "zip": "DEF"}))
    assert refused(f"{header}..{b64(b'0' * 16)}.{b64(b'0' * 1024)}.{b64(b'0' * 16)}") == "jws_form"


@pytest.mark.spec("RFC 8725 §3.1")
@pytest.mark.parametrize("pinned", EVERY_ALGORITHM)
def test_a_token_of_another_algorithm_is_refused_even_where_the_same_key_would_fit(pinned: str) -> None:
    for found in set(EVERY_ALGORITHM) - {pinned}:
        made = handmade({"alg": found, "kid": "k1", "typ": "JWT"}, CLAIMS, token_key(found))
        assert refused(made, pinned) == "jws_alg"


@pytest.mark.spec("RFC 7518 §3.5")
@pytest.mark.parametrize("salt", [0, 64])
def test_a_salt_of_another_length_than_the_hash_is_refused(salt: int) -> None:
    key = private_key("PS256")
    assert isinstance(key, rsa.RSAPrivateKey)
    octets = f"{b64(json.dumps({'alg': 'PS256', 'kid': 'k1', 'typ': 'JWT'}))}.{b64(json.dumps(CLAIMS))}"
    signature = key.sign(octets.encode(), padding.PSS(padding.MGF1(SHA256()), salt), SHA256())
    assert refused(f"{octets}.{b64(signature)}", "PS256") == "jws_signature"


@pytest.mark.spec("oidc.md §19")
@pytest.mark.parametrize("name", ["b64", "zip", "jku", "jwk", "anything"])
def test_a_header_member_that_we_do_not_accept_is_refused(name: str) -> None:
    assert refused(token({"alg": "ES256", "kid": "k1", "typ": "JWT", name: "x"})) == "jws_header"
