"""The key to which identity providers encrypt: optional, RSA alone, with a certificate, and for nothing else."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from connectors.signatures.decryption_keys import FileUnwrapper
from idp.keys.file import is_marked, load_saml_unwrapper
from idp.keys.folder import SAML_ENCRYPTION, create_keys, load_keys
from policies.errors import Misconfigured

ORIGIN = "broker.example/log"
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("folder") / "keys"
    create_keys(path, ORIGIN, "broker.example", saml_encryption=True)
    return path


@pytest.fixture
def keys(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "keys"))


def written(path: Path, key: Private, *, certified: bool = True) -> Path:
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if certified:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker.example")])
        begin = datetime(2020, 1, 1, tzinfo=UTC)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(7).not_valid_before(begin).not_valid_after(begin + timedelta(days=1))
        content += builder.sign(key, SHA256()).public_bytes(Encoding.PEM)
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def problems(keys: Path) -> dict[str, str]:
    with pytest.raises(Misconfigured) as refusal:
        load_keys(keys, ORIGIN)
    return {Path(found.file).name: found.what for found in refusal.value.problems}


@pytest.mark.spec("saml.md §11 RSA keys")
def test_it_is_an_rsa_key_of_3072_bits_with_a_certificate_that_unwraps_what_the_profile_takes(folder: Path) -> None:
    ring = load_keys(folder, ORIGIN).saml_encryption
    assert ring is not None
    unwrapper = ring.at(0)
    assert isinstance(unwrapper, FileUnwrapper)
    public = x509.load_der_x509_certificate(unwrapper.certificate).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    assert public.key_size == 3072
    for digest, mask in ((SHA256(), SHA256()), (SHA256(), SHA1()), (SHA1(), SHA1())):  # noqa: S303 # what providers send
        wrapped = public.encrypt(b"k" * 32, OAEP(MGF1(mask), digest, None))
        assert unwrapper.unwrap(wrapped, digest, mask) == b"k" * 32
    path = folder / SAML_ENCRYPTION
    assert path.stat().st_mode & 0o777 == 0o600
    assert is_marked(path.read_bytes())


def test_nobody_gets_it_who_did_not_ask_and_a_folder_without_it_is_whole(keys: Path, tmp_path: Path) -> None:
    (keys / SAML_ENCRYPTION).unlink()
    assert load_keys(keys, ORIGIN).saml_encryption is None
    create_keys(tmp_path / "demo", ORIGIN, "broker.localhost", demo=True)
    assert not (tmp_path / "demo" / SAML_ENCRYPTION).exists()


def test_a_key_that_does_not_serve_is_named_and_never_left_out_silently(keys: Path) -> None:
    path = keys / SAML_ENCRYPTION
    path.chmod(0o640)
    assert "Others than its owner" in problems(keys)[SAML_ENCRYPTION]
    written(path, ec.generate_private_key(ec.SECP256R1()))
    assert problems(keys) == {SAML_ENCRYPTION: "This key is on a curve; it must be RSA."}
    written(path, rsa.generate_private_key(65537, 1024))  # noqa: S505 # to be refused
    assert "1024" in problems(keys)[SAML_ENCRYPTION]
    written(path, rsa.generate_private_key(65537, 2048), certified=False)
    assert problems(keys) == {SAML_ENCRYPTION: "There is no certificate behind this key."}
    path.unlink()
    path.symlink_to(keys / "nowhere.pem")
    assert "cannot be read" in problems(keys)[SAML_ENCRYPTION]


@pytest.mark.parametrize("other", ["saml.pem", "node-encryption.pem", "rs256.pem"])
def test_it_has_one_purpose(keys: Path, other: str) -> None:
    key = load_pem_private_key((keys / other).read_bytes().partition(b"-----BEGIN CERT")[0], None)
    assert isinstance(key, rsa.RSAPrivateKey)
    written(keys / SAML_ENCRYPTION, key)
    assert problems(keys) == {SAML_ENCRYPTION: f"it holds the same key as {other}, and each purpose has a key of its own."}


@pytest.mark.spec("saml.md §11: dates of pinned certificates")
def test_its_dates_are_not_looked_at_by_us(keys: Path) -> None:
    path = written(keys / SAML_ENCRYPTION, rsa.generate_private_key(65537, 2048))
    found = load_keys(keys, ORIGIN).saml_encryption
    assert found is not None
    assert found.at(0).key_id == load_saml_unwrapper(path).key_id
