"""Keys as JSON: what we publish, and what of a relying party's JWKS becomes a key."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, RSAKey

from connectors.formats.claims import Json
from connectors.signatures.jwk import MAX_KEYS, keys_from_jwks, public_jwk, thumbprint
from connectors.signatures.jws import VerificationKey, verification_key, verify
from policies.errors import SignatureInvalid
from tests.connectors_jws.jws_doubles import b64, handmade, private_key

Jwk = dict[str, Json]


def jwk(made_for: str = "ES256", number: int = 0, **members: Json) -> Jwk:
    return {**public_jwk(private_key(made_for, number).public_key()), **members}


def read(*keys: Json, alg: str = "ES256") -> tuple[VerificationKey, ...]:
    return keys_from_jwks(json.dumps({"keys": list(keys)}), alg)


def refused(*keys: Json, alg: str = "ES256") -> None:
    with pytest.raises(SignatureInvalid) as caught:
        read(*keys, alg=alg)
    assert caught.value.check == "jwk"


@pytest.mark.parametrize("alg", ["RS256", "ES256", "ES384"])
def test_a_published_key_verifies_what_its_private_half_signed(alg: str) -> None:
    keys = read(jwk(alg, kid="k1", use="sig", alg=alg), alg=alg)
    token = handmade({"alg": alg, "kid": "k1"}, {"iss": "i"}, private_key(alg))
    assert verify(token, keys, alg=alg, types=frozenset({""})).text("iss") == "i"


@pytest.mark.spec("RFC 7638 §3.1")
def test_the_thumbprint_is_that_of_joserfc() -> None:
    for alg in ("ES256", "ES384"):
        assert thumbprint(private_key(alg).public_key()) == ECKey.import_key(jwk(alg)).thumbprint()  # type: ignore[arg-type] # a dict of texts
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


def test_keys_of_another_use_type_or_algorithm_are_passed_over() -> None:
    others: list[Jwk] = [
        jwk("RS256"),
        jwk("ES256", 1, use="enc"),
        jwk("ES256", 2, alg="ECDH-ES"),
        jwk("ES256", 3, key_ops=["sign"]),
        {"kty": "OKP", "crv": "Ed25519", "x": b64(bytes(32))},
        {"kty": "new"},
    ]
    assert [key.kid for key in read(*others, jwk(kid="k1"))] == ["k1"]
    refused(*others)


@pytest.mark.parametrize("name", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
def test_a_private_member_is_refused_even_beside_good_keys(name: str) -> None:
    refused(jwk(kid="good"), jwk("ES256", 1, **{name: "AA"}))
    refused(jwk(kid="good"), jwk("RS256", 1, **{name: "AA"}))


@pytest.mark.spec("PyJWT CVE-2026-48526")
def test_cve_2026_48526_a_symmetric_key_is_refused() -> None:
    refused({"kty": "oct", "k": "c2VjcmV0"})


@pytest.mark.parametrize("size", [1024, 1536, 2047])
def test_an_rsa_key_below_2048_bits_is_refused(size: int) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=size).public_key()
    refused({**public_jwk(weak)}, alg="RS256")
    with pytest.raises(SignatureInvalid):
        verification_key(weak, "RS256", "k1")


def test_an_rsa_key_that_makes_us_work_is_refused() -> None:
    refused({"kty": "RSA", "n": b64(b"\xff" * 1025), "e": "AQAB"}, alg="RS256")


@pytest.mark.parametrize("exponent", ["AQ", "Ag", "Aw", "AQAA", "AAEAAQ", "_____w8", ""])
def test_an_exponent_that_nobody_has_is_refused(exponent: str) -> None:
    refused(jwk("RS256", e=exponent), alg="RS256")


def test_a_modulus_that_is_not_the_shortest_spelling_is_refused() -> None:
    modulus = private_key("RS256").public_key().public_numbers()
    assert isinstance(modulus, rsa.RSAPublicNumbers)
    refused(jwk("RS256", n=b64(b"\x00" + modulus.n.to_bytes(256))), alg="RS256")


@pytest.mark.parametrize("alg", ["ES256", "ES384"])
def test_a_key_on_another_curve_is_refused(alg: str) -> None:
    other = "ES384" if alg == "ES256" else "ES256"
    refused(jwk(other), alg=alg)
    with pytest.raises(SignatureInvalid):
        verification_key(private_key(other).public_key(), alg, "k1")


@pytest.mark.parametrize("curve", ["P-521", "secp256k1", "P-384", "", None, 1])
def test_a_curve_by_another_name_is_refused(curve: Json) -> None:
    refused(jwk(crv=curve))


def test_a_curve_that_we_do_not_use_is_not_published() -> None:
    with pytest.raises(SignatureInvalid):
        public_jwk(ec.generate_private_key(ec.SECP256K1()).public_key())


def test_a_point_that_is_not_on_the_curve_is_refused() -> None:
    refused(jwk(x=b64(b"\x01" * 32)))


@pytest.mark.parametrize("x", [None, 1, "", "AAAA", b64(bytes(33)), "!" * 43, b64(bytes(32)) + "="])
def test_a_coordinate_in_another_spelling_is_refused(x: Json) -> None:
    refused(jwk(x=x))


def test_two_keys_of_one_kid_are_refused() -> None:
    refused(jwk(kid="k1"), jwk("ES256", 1, kid="k1"))
    refused(jwk(), jwk())


@pytest.mark.parametrize("kid", ["", 1, None, "k" * 257])
def test_a_kid_that_is_no_fitting_text_is_refused(kid: Json) -> None:
    refused(jwk(kid=kid))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"keys":[]}', '{"keys":{}}', '{"keys":null}', '{"keys":[1]}', '{"keys":[],"keys":[]}', "\ud800"],
)
@pytest.mark.spec("house-style.md 10")
def test_what_is_no_key_set_or_an_empty_one_is_refused(text: str) -> None:
    with pytest.raises(SignatureInvalid):
        keys_from_jwks(text, "ES256")


def test_too_many_keys_or_too_much_text_is_refused() -> None:
    refused(*[jwk("ES256", kid=str(number)) for number in range(MAX_KEYS + 1)])
    refused(jwk(pad="x" * 65_536))


@pytest.mark.parametrize("alg", ["HS256", "none", "", "PS256"])
def test_no_key_is_prepared_for_another_algorithm(alg: str) -> None:
    refused(jwk(), alg=alg)
    with pytest.raises(SignatureInvalid):
        verification_key(private_key("ES256").public_key(), alg, "k1")
