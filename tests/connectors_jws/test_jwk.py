"""Keys as JSON: what we publish, and what of a relying party's JWKS becomes a key."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey, OKPKey, RSAKey

from connectors.signatures.jwk import _SMALL_ORDER, keys_from_jwks, public_jwk, thumbprint
from connectors.signatures.jws import VerificationKey, from_base64url, verification_key, verify
from connectors.wire.claims import Json
from policies.errors import SignatureInvalid
from tests.connectors_jws.jws_doubles import EVERY_ALGORITHM, b64, handmade, private_key, token_key

Jwk = dict[str, Json]


def jwk(made_for: str = "ES256", number: int = 0, **members: Json) -> Jwk:
    return {**public_jwk(token_key(made_for, number).public_key()), **members}


def read(*keys: Json, alg: str = "ES256") -> tuple[VerificationKey, ...]:
    return keys_from_jwks(json.dumps({"keys": list(keys)}), alg)


def refused(*keys: Json, alg: str = "ES256") -> None:
    with pytest.raises(SignatureInvalid) as caught:
        read(*keys, alg=alg)
    assert caught.value.check == "jwk"


@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
def test_a_published_key_verifies_what_its_private_half_signed(alg: str) -> None:
    keys = read(jwk(alg, kid="k1", use="sig", alg=alg), alg=alg)
    token = handmade({"alg": alg, "kid": "k1"}, {"iss": "i"}, token_key(alg))
    assert verify(token, keys, alg=alg, types=frozenset({""})).text("iss") == "i"


@pytest.mark.spec("RFC 7638 §3.1")
def test_the_thumbprint_is_that_of_joserfc() -> None:
    for alg in ("ES256", "ES384"):
        assert thumbprint(private_key(alg).public_key()) == ECKey.import_key(jwk(alg)).thumbprint()  # type: ignore[arg-type] # a dict of texts
    assert thumbprint(token_key("EdDSA").public_key()) == OKPKey.import_key(jwk("EdDSA")).thumbprint()  # type: ignore[arg-type] # as above
    assert thumbprint(private_key("RS256").public_key()) == RSAKey.import_key(jwk("RS256")).thumbprint()  # type: ignore[arg-type] # as above


@pytest.mark.spec("RFC 7638 §3.1")
def test_the_thumbprint_of_the_standards_example() -> None:
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst"
        "n64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajr"
        "n1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    (key,) = read({"kty": "RSA", "n": modulus, "e": "AQAB"}, alg="RS256")
    assert key.kid == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_key_without_kid_is_named_by_its_thumbprint() -> None:
    assert read(jwk())[0].kid == thumbprint(private_key("ES256").public_key())


def test_a_coordinate_keeps_its_leading_zeros() -> None:
    # one key in 256 has one: found by trying
    number = next(n for n in range(20_000) if b64(bytes(1))[0] == "A" and _has_leading_zero(n))
    key = ec.derive_private_key(number + 1, ec.SECP256R1()).public_key()
    assert len(public_jwk(key)["x"]) == len(public_jwk(key)["y"]) == 43


def _has_leading_zero(number: int) -> bool:
    point = ec.derive_private_key(number + 1, ec.SECP256R1()).public_key().public_numbers()
    return point.x < 2**248 or point.y < 2**248


def test_a_curve_that_we_do_not_use_is_not_published() -> None:
    with pytest.raises(SignatureInvalid):
        public_jwk(ec.generate_private_key(ec.SECP256K1()).public_key())


# -- RSA for one padding, Ed25519 --------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", EVERY_ALGORITHM)
def test_a_key_is_prepared_for_an_algorithm_of_its_type_alone(alg: str) -> None:
    kind = {"RS256": "rsa", "PS256": "rsa", "EdDSA": "ed", "Ed25519": "ed"}
    for made_for in EVERY_ALGORITHM:
        public = token_key(made_for).public_key()
        if kind.get(alg, alg) == kind.get(made_for, made_for):
            assert verification_key(public, alg, "k1").alg == alg
        else:
            with pytest.raises(SignatureInvalid):
                verification_key(public, alg, "k1")


@pytest.mark.spec("RFC 8037 appendix A.3")
def test_the_thumbprint_of_the_standards_edwards_key() -> None:
    (key,) = read({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, alg="EdDSA")
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.spec("RFC 8037 appendix A.4")
def test_the_signature_of_the_standards_edwards_key_holds() -> None:
    (key,) = read({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}, alg="EdDSA")
    octets = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    made = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    assert key.prepared.verify(octets, from_base64url(made))
    assert not key.prepared.verify(octets + b"x", from_base64url(made))


P = 2**255 - 19


def test_the_points_of_small_order_are_those_that_eight_times_are_nothing() -> None:
    for y in _SMALL_ORDER:
        assert _times_eight(y) == (0, 1)
    ordinary = int.from_bytes(from_base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"), "little") & 2**255 - 1
    assert _times_eight(ordinary) != (0, 1)


def _times_eight(y: int) -> tuple[int, int]:
    """8 P, by doubling (RFC 8032 §5.1.4 in affine form), of the point with this y and some x."""
    d = -121665 * pow(121666, -1, P) % P
    square = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == square
    for _ in range(3):
        both = d * x * x * y * y
        x, y = 2 * x * y * pow(1 + both, -1, P) % P, (y * y + x * x) * pow(1 - both, -1, P) % P
    return x, y


def test_the_two_names_of_one_algorithm_are_two_registrations() -> None:
    """RFC 9864 names what RFC 8037 left to the key: a registration says which, and a token says the same."""
    assert read(jwk("EdDSA"), alg="Ed25519")[0].alg == "Ed25519"
    refused(jwk("EdDSA", alg="EdDSA"), alg="Ed25519")
