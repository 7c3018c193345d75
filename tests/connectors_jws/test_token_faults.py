"""Faults of other implementations, each a token that is refused here, under its number.

Those that need nothing but the wrapper stand in `test_jws.py` and `test_jwk.py`, beside what they are about.
"""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jose import jwt as python_jose_jwt

from connectors.signatures.jwk import keys_from_jwks, public_jwk
from connectors.signatures.jws import VerificationKey, verification_key, verify
from connectors.wire.claims import Json
from policies.errors import SignatureInvalid
from tests.connectors_jws.jws_doubles import EVERY_ALGORITHM, b64, handmade, token_key

CLAIMS: dict[str, Json] = {"iss": "https://op.example", "exp": 1_795_600_300}
ASYMMETRIC = [alg for alg in EVERY_ALGORITHM if alg != "Ed25519"]


def keys(alg: str) -> list[VerificationKey]:
    return [verification_key(token_key(alg).public_key(), alg, "k1")]


def refused(token: str, alg: str = "ES256") -> str:
    with pytest.raises(SignatureInvalid) as caught:
        verify(token, keys(alg), alg=alg, types=frozenset({"", "JWT"}))
    return caught.value.check


def hmac_token(secret: bytes, alg: str = "HS256") -> str:
    octets = f"{b64(json.dumps({'alg': alg, 'kid': 'k1', 'typ': 'JWT'}))}.{b64(json.dumps(CLAIMS))}"
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(alg, hashlib.sha256)
    return f"{octets}.{b64(hmac.digest(secret, octets.encode(), digest))}"


def spellings(alg: str) -> list[bytes]:
    """Everything that a public key can be spelled as, and so be taken for a secret."""
    public = token_key(alg).public_key()
    jwk = public_jwk(public)
    found = [public.public_bytes(form, PublicFormat.SubjectPublicKeyInfo) for form in (Encoding.PEM, Encoding.DER)]
    found += [public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH), found[0].strip()]
    found += [json.dumps(jwk).encode(), json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()]
    return [*found, jwk.get("x", jwk.get("n", "")).encode(), b""]


@pytest.mark.spec("CVE-2026-48526")
@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_cve_2026_48526_a_public_jwk_is_no_hmac_secret(alg: str) -> None:
    for secret in spellings(alg):
        for said in ("HS256", "HS512"):
            assert refused(hmac_token(secret, said), alg) == "jws_alg"


@pytest.mark.spec("CVE-2024-37568")
@pytest.mark.spec("CVE-2022-29217")
@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_cve_2024_37568_an_hmac_under_a_public_key_that_names_the_keys_own_algorithm_does_not_hold(alg: str) -> None:
    """The header says what is pinned, and the signature is an HMAC all the same."""
    for secret in spellings(alg):
        assert refused(hmac_token(secret, alg), alg) == "jws_signature"


@pytest.mark.spec("python-jose #419")
def test_python_jose_419_the_algorithm_is_never_the_headers() -> None:
    """Where nobody says which algorithms, python-jose takes the header's. Our `verify` cannot be called without."""
    secret = "a secret of the developer"
    forged = hmac_token(secret.encode())
    assert python_jose_jwt.decode(forged, secret, algorithms=None, options={"verify_exp": False})["iss"] == CLAIMS["iss"]
    with pytest.raises(TypeError):
        verify(forged, keys("ES256"), types=frozenset({"JWT"}))  # type: ignore[call-arg] # the test is that this fails
    assert refused(forged) == "jws_alg"
    with pytest.raises(SignatureInvalid) as caught:
        verify(forged, keys("ES256"), alg="", types=frozenset({"JWT"}))
    assert caught.value.check == "jws_keys"


@pytest.mark.spec("CVE-2025-59420")
@pytest.mark.spec("CVE-2026-32597")
@pytest.mark.parametrize("crit", [["bork"], ["b64"], [], None])
def test_cve_2025_59420_a_header_that_is_critical_is_refused_whatever_it_says(crit: Json) -> None:
    for alg in EVERY_ALGORITHM:
        header: dict[str, Json] = {"alg": alg, "kid": "k1", "crit": crit, "bork": True, "b64": True}
        assert refused(handmade(header, CLAIMS, token_key(alg)), alg) == "jws_header"


@pytest.mark.spec("RFC 7797 §3")
def test_a_payload_that_is_not_encoded_is_refused() -> None:
    octets = f"{b64(json.dumps({'alg': 'ES256', 'b64': False, 'crit': ['b64']}))}.{json.dumps(CLAIMS)}"
    assert refused(f"{octets}.{b64(bytes(64))}") == "jws_form"


@pytest.mark.spec("CVE-2026-28802")
@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
def test_cve_2026_28802_no_algorithm_is_no_algorithm(alg: str) -> None:
    for none in ("none", "nonE", "none "):
        body = f"{b64(json.dumps({'alg': none, 'kid': 'k1'}))}.{b64(json.dumps(CLAIMS))}"
        for signature in ("", b64(bytes(64))):
            assert refused(f"{body}.{signature}", alg) == "jws_alg"
    signed = handmade({"alg": alg, "kid": "k1"}, CLAIMS, token_key(alg)).rpartition(".")[0]
    assert refused(f"{signed}.", alg) == "jws_signature"


@pytest.mark.spec("CVE-2026-27962")
@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
def test_cve_2026_27962_a_stranger_who_brings_the_key_along_is_refused(alg: str) -> None:
    stranger = token_key(alg, 1)
    brought: dict[str, Json] = {"jwk": {**public_jwk(stranger.public_key())}, "x5c": ["MII"]}
    for member, value in {**brought, "jku": "https://evil.example/keys"}.items():
        assert refused(handmade({"alg": alg, "kid": "k1", member: value}, CLAIMS, stranger), alg) == "jws_header"


@pytest.mark.spec("CVE-2024-33663")
@pytest.mark.parametrize("alg", ASYMMETRIC)
def test_cve_2024_33663_keys_are_objects_and_never_text(alg: str) -> None:
    (key,) = keys(alg)
    assert not isinstance(key.prepared, str | bytes | dict)
    symmetric = json.dumps({"keys": [{"kty": "oct", "k": b64(spellings(alg)[1]), "alg": alg}]})
    with pytest.raises(SignatureInvalid) as caught:
        keys_from_jwks(symmetric, alg)
    assert caught.value.check == "jwk"


@pytest.mark.spec("CVE-2022-21449")
@pytest.mark.parametrize("alg", ["ES256", "ES384", "EdDSA"])
def test_cve_2022_21449_numbers_that_no_signature_has_are_refused(alg: str) -> None:
    size = {"ES256": 32, "ES384": 48, "EdDSA": 32}[alg]
    order = {
        "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        "EdDSA": 2**252 + 27742317777372353535851937790883648493,
    }[alg]
    header, payload, _ = handmade({"alg": alg, "kid": "k1"}, CLAIMS, token_key(alg)).split(".")
    for r in (0, 1, order, order - 1, 2 ** (8 * size) - 1):
        for s in (0, 1, order, 2 ** (8 * size) - 1):
            both = r.to_bytes(size) + s.to_bytes(size, "little" if alg == "EdDSA" else "big")
            assert refused(f"{header}.{payload}.{b64(both)}", alg) == "jws_signature"


@pytest.mark.spec("RFC 8032 §5.1.7")
def test_the_second_spelling_of_an_edwards_signature_is_refused() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    header, payload, signature = handmade({"alg": "EdDSA", "kid": "k1"}, CLAIMS, token_key("EdDSA")).split(".")
    octets = base64.urlsafe_b64decode(signature + "==")
    longer = int.from_bytes(octets[32:], "little") + order
    assert refused(f"{header}.{payload}.{b64(octets[:32] + longer.to_bytes(32, 'little'))}", "EdDSA") == "jws_signature"
