"""Keys in files: nobody else may read them, none is replaced, and what is loaded signs as its protocol says."""

import base64
import hashlib
import json
import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from connectors.signatures.signer import Signer
from idp.keys.file import create_saml_key, create_token_key, load_signer
from policies.errors import Misconfigured

NOW = 1_795_600_000
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def pem(key: Private) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def problem(path: Path) -> str:
    with pytest.raises(Misconfigured) as problems:
        load_signer(path)
    (found,) = problems.value.problems
    assert found.file == str(path)
    assert found.fix
    return str(found)


@pytest.fixture(scope="module")
def saml_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("keys") / "saml.pem"
    create_saml_key(path, "broker.example", now=NOW)
    return path


def test_a_saml_key_is_rsa_3072_with_a_certificate_of_its_own(saml_key: Path) -> None:
    signer: Signer = load_signer(saml_key)
    assert isinstance(signer.public_key, rsa.RSAPublicKey)
    assert signer.public_key.key_size == 3072
    certificate = x509.load_der_x509_certificate(signer.certificate)
    assert certificate.public_key() == signer.public_key
    assert certificate.subject == certificate.issuer
    assert certificate.subject.rfc4514_string() == "CN=broker.example"
    assert int(certificate.not_valid_before_utc.timestamp()) == NOW
    certificate.verify_directly_issued_by(certificate)
    signer.public_key.verify(signer.sign(b"data"), b"data", PKCS1v15(), SHA256())


@pytest.mark.spec("RFC 7518 §3.4")
def test_a_p_256_key_signs_r_and_s_in_64_bytes(tmp_path: Path) -> None:
    create_token_key(tmp_path / "es256.pem", "ES256")
    signer = load_signer(tmp_path / "es256.pem")
    assert isinstance(signer.public_key, ec.EllipticCurvePublicKey)
    assert signer.certificate == b""
    # Often enough that an r or s with a leading zero byte is among them
    for number in range(300):
        signature = signer.sign(bytes([number % 256, number // 256]))
        assert len(signature) == 64
        encoded = encode_dss_signature(int.from_bytes(signature[:32]), int.from_bytes(signature[32:]))
        signer.public_key.verify(encoded, bytes([number % 256, number // 256]), ec.ECDSA(SHA256()))


def test_a_token_key_is_made_for_two_algorithms_alone(tmp_path: Path) -> None:
    create_token_key(tmp_path / "rs256.pem", "RS256")
    signer = load_signer(tmp_path / "rs256.pem")
    assert isinstance(signer.public_key, rsa.RSAPublicKey)
    assert signer.certificate == b""
    for algorithm in ("none", "HS256", "ES384", ""):
        with pytest.raises(ValueError, match="ES256 and RS256"):
            create_token_key(tmp_path / "other.pem", algorithm)
    assert not (tmp_path / "other.pem").exists()


@pytest.mark.spec("RFC 7638")
def test_a_key_is_named_by_its_thumbprint(tmp_path: Path) -> None:
    create_token_key(tmp_path / "es256.pem", "ES256")
    signer = load_signer(tmp_path / "es256.pem")
    assert isinstance(signer.public_key, ec.EllipticCurvePublicKey)
    point = signer.public_key.public_numbers()
    x, y = (base64.urlsafe_b64encode(part.to_bytes(32)).rstrip(b"=").decode() for part in (point.x, point.y))
    members = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"))
    expected = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()
    assert signer.key_id == expected


def test_only_the_owner_may_read_a_key_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_token_key(tmp_path / "es256.pem", "ES256")
    finally:
        os.umask(before)
    assert (tmp_path / "es256.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_a_key_that_others_may_read_is_not_loaded(tmp_path: Path, mode: int) -> None:
    create_token_key(tmp_path / "es256.pem", "ES256")
    (tmp_path / "es256.pem").chmod(mode)
    assert f"chmod 600 {tmp_path / 'es256.pem'}" in problem(tmp_path / "es256.pem")


def test_a_key_is_never_replaced(saml_key: Path) -> None:
    before = saml_key.read_bytes()
    with pytest.raises(FileExistsError):
        create_saml_key(saml_key)
    with pytest.raises(FileExistsError):
        create_token_key(saml_key, "ES256")
    assert saml_key.read_bytes() == before


def test_what_is_no_key_of_ours_is_named(tmp_path: Path, saml_key: Path) -> None:
    path = tmp_path / "key.pem"
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - what must be refused
    point = ec.generate_private_key(ec.SECP256R1())
    certificate = b"-----BEGIN CERTIFICATE-----" + saml_key.read_bytes().partition(b"-----BEGIN CERTIFICATE-----")[2]
    secret = point.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    for content, words in (
        (b"", "no unencrypted PKCS#8"),
        (b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n", "no unencrypted PKCS#8"),
        (secret, "no unencrypted PKCS#8"),
        (pem(small), "1024 bits"),
        (pem(ec.generate_private_key(ec.SECP384R1())), "another curve"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "not RSA or P-256"),
        (pem(point) + certificate, "of another key"),
        (pem(point) + b"-----BEGIN CERTIFICATE-----\nx", "no unencrypted PKCS#8"),
    ):
        assert words in problem(write(path, content))


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    assert "cannot be read" in problem(tmp_path / "absent.pem")
    assert "cannot be read" in problem(tmp_path)


def test_a_private_key_is_in_no_repr(saml_key: Path) -> None:
    shown = repr(load_signer(saml_key))
    assert "PrivateKey" not in shown
    assert "key_id" in shown
