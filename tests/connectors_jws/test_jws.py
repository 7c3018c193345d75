"""The wrapper around python-jose: what verifies, what is refused, and the faults of 3.5.0 that it stands in front of."""

import hashlib
import hmac
import json
from dataclasses import FrozenInstanceError

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
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


@pytest.mark.spec("house-style.md 10")
def test_an_empty_key_set_is_refused() -> None:
    assert refused(token(), among=[]) == "jws_keys"


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


@pytest.mark.spec("python-jose #419")
def test_python_jose_419_the_algorithm_is_never_the_headers() -> None:
    """Where nobody says which algorithms, python-jose takes the header's. Our `verify` cannot be called without."""
    forged = _hmac_token(b"a secret of the developer")
    assert python_jose.verify(forged, "a secret of the developer", None)
    with pytest.raises(TypeError):
        verify(forged, keys(), types=JWT_ALONE)  # type: ignore[call-arg] # the test is that this fails
    with pytest.raises(SignatureInvalid) as caught:
        verify(forged, keys(), alg="", types=JWT_ALONE)
    assert caught.value.check == "jws_keys"


@pytest.mark.spec("CVE-2024-33663")
@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
def test_cve_2024_33663_keys_are_objects_and_never_text(alg: str) -> None:
    assert not isinstance(keys(alg)[0].prepared, str | bytes | dict)
