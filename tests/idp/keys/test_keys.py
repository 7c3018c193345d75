"""Keys in files: nobody else may read them, none is replaced, and what is loaded signs as its protocol says."""

import base64
import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from connectors.profiles import EIDAS
from connectors.signatures.decryption_keys import FileAgreement, FileUnwrapper, unwrapper_of_pem
from connectors.signatures.key_ring import spelled
from connectors.signatures.signer import Agreement, DecryptionKey, Signer, algorithm_for
from idp.keys.file import create_saml_key, create_token_key, load_node_signer, load_signer, load_unwrapper
from idp.keys.folder import NODE_FILES, BrokerKeys, create_keys, load_keys
from idp.keys.kinds import NODE
from policies.errors import Misconfigured

NOW = 1_795_600_000
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def write(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def pem(key: Private) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


Loader = Callable[[Path], object]


def problem_of(load: Loader, path: Path) -> str:
    with pytest.raises(Misconfigured) as problems:
        load(path)
    (found,) = problems.value.problems
    assert found.file == str(path)
    assert found.fix
    return str(found)


def problem(path: Path) -> str:
    return problem_of(load_signer, path)


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
        (pem(point) + b"-----BEGIN CERTIFICATE-----\nx", "certificate behind this key cannot be read"),
        (pem(point) + certificate.partition(b"-----END")[0], "certificate behind this key cannot be read"),
        (pem(point) + of_another_version(with_certificate(point)), "certificate behind this key cannot be read"),
    ):
        assert words in problem(write(path, content))


def test_a_private_key_is_in_no_repr(saml_key: Path) -> None:
    shown = repr(load_signer(saml_key))
    assert "PrivateKey" not in shown
    assert "key_id" in shown


# -- a node's keys -------------------------------------------------------------------------------------------------------

ORIGIN = "broker.example/log"


def with_certificate(key: Private, of: Private | None = None, now: int = NOW) -> bytes:
    """A key and a certificate behind it, of another key where one is given."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node.example")])
    begin = datetime.fromtimestamp(now, UTC)
    signing = of or key
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(signing.public_key())
    builder = builder.serial_number(7).not_valid_before(begin).not_valid_after(begin + timedelta(days=1))
    certificate = builder.sign(signing, None if isinstance(signing, ed25519.Ed25519PrivateKey) else SHA256())
    return pem(key) + certificate.public_bytes(Encoding.PEM)


def of_another_version(content: bytes) -> bytes:
    """The certificate behind a key, as one of version 5, which does not exist (RFC 5280 §4.1.2.1)."""
    der = x509.load_pem_x509_certificate(content.partition(b"-----END PRIVATE KEY-----")[2]).public_bytes(Encoding.DER)
    changed = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x04", 1)
    assert changed != der
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(changed) + b"-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that create_keys made, once: nothing in it is changed, tests copy it."""
    path: Path = tmp_path_factory.mktemp("folder") / "keys"
    create_keys(path, ORIGIN, "broker.example")
    return path


def copied(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "keys"))


@pytest.mark.spec("eidas.md §7 minimum key sizes")
def test_a_node_has_three_keys_of_3072_bits_each_with_a_certificate_of_its_own(folder: Path) -> None:
    keys: BrokerKeys = load_keys(folder, ORIGIN)
    assert keys.node is not None
    unwrapper: DecryptionKey = keys.node.encryption.at(NOW)
    signers = [keys.saml.at(NOW), keys.node.messages.at(NOW), keys.node.metadata.at(NOW)]
    ders = [*(signer.certificate for signer in signers), unwrapper.certificate]
    certificates = [x509.load_der_x509_certificate(der) for der in ders]
    assert len({certificate.serial_number for certificate in certificates}) == 4
    assert len({*(signer.key_id for signer in signers), unwrapper.key_id}) == 4
    for certificate in certificates:
        public = certificate.public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        assert public.key_size == 3072
        assert certificate.subject.rfc4514_string() == "CN=broker.example"
    for name in NODE_FILES:
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    assert algorithm_for(keys.node.messages.at(NOW), EIDAS).scheme == "pss"


def test_what_is_encrypted_to_a_node_is_unwrapped_and_every_failure_is_a_value_error(folder: Path) -> None:
    unwrapper = load_unwrapper(folder / "node-encryption.pem")
    assert isinstance(unwrapper, FileUnwrapper)
    public = x509.load_der_x509_certificate(unwrapper.certificate).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    words = set()
    for digest in (SHA256(), SHA384(), SHA512()):
        wrapped = public.encrypt(b"k" * 32, OAEP(MGF1(digest), digest, None))
        assert unwrapper.unwrap(wrapped, digest, digest) == b"k" * 32
        for wrong in (
            wrapped[:-1],
            b"",
            b"\xff" * len(wrapped),
            bytes(len(wrapped)),
            wrapped[:-1] + bytes([wrapped[-1] ^ 1]),
        ):
            with pytest.raises(ValueError, match="does not unwrap") as failure:
                unwrapper.unwrap(wrong, digest, digest)
            assert not isinstance(failure.value, UnicodeError)
        with pytest.raises(ValueError, match="does not unwrap") as failure:
            unwrapper.unwrap(wrapped, digest, SHA1())  # noqa: S303 # another mask
        words.add(str(failure.value))
    assert len(words) == 1
    assert "PrivateKey" not in repr(unwrapper)


def test_a_folder_from_before_there_were_nodes_is_whole_and_has_no_node(folder: Path, tmp_path: Path) -> None:
    old = copied(folder, tmp_path)
    for name in NODE_FILES:
        (old / name).unlink()
    assert load_keys(old, ORIGIN).node is None


@pytest.mark.parametrize("name", ["log.key", "openings.key", "sealing.key", "pairwise.key", "index.key"])
@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_secret_that_others_may_read_is_not_served_with(folder: Path, tmp_path: Path, name: str, mode: int) -> None:
    path = Path(shutil.copytree(folder, tmp_path / "keys"))
    (path / name).chmod(mode)
    assert list(problems_in(path)) == [name]
    assert "others than its owner" in problems_in(path)[name]


CURVES = [
    (ec.SECP256R1(), 64),
    (ec.SECP384R1(), 96),
    (ec.SECP521R1(), 132),
    (ec.BrainpoolP256R1(), 64),
    (ec.BrainpoolP384R1(), 96),
    (ec.BrainpoolP512R1(), 128),
]


@pytest.mark.spec("eidas.md §7 minimum key sizes; eidas.md §7 brainpool")
@pytest.mark.parametrize(("curve", "size"), CURVES, ids=lambda value: getattr(value, "name", ""))
def test_a_node_may_sign_on_a_curve(tmp_path: Path, curve: ec.EllipticCurve, size: int) -> None:
    signer = load_node_signer(write(tmp_path / "node.pem", with_certificate(ec.generate_private_key(curve))))
    algorithm = algorithm_for(signer, EIDAS)
    assert algorithm.scheme == "ecdsa"
    assert len(signer.sign(b"data", algorithm)) == size


@pytest.mark.parametrize("load", [load_node_signer, load_unwrapper])
def test_what_is_no_key_of_a_node_is_named(tmp_path: Path, load: Loader) -> None:
    path = tmp_path / "node.pem"
    short = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    point = ec.generate_private_key(ec.SECP256R1())
    for content, words in (
        (b"", "no unencrypted PKCS#8"),
        (with_certificate(short), "2048 bits; 3072"),
        (with_certificate(ec.generate_private_key(ec.SECP256K1())), "another curve"),
        (with_certificate(ed25519.Ed25519PrivateKey.generate()), "This key is not RSA"),
        (with_certificate(short, point), "of another key"),
    ):
        assert words in problem_of(load, write(path, content)), words
    assert "Restore it from its backup" in problem_of(load, write(path, b""))
    assert "cannot be read" in problem_of(load, tmp_path / "absent.pem")
    path.chmod(0o644)
    assert "chmod 600" in problem_of(load, path)


@pytest.mark.spec("eidas.md §7 ECDH-ES; eidas.md §7 brainpool")
@pytest.mark.parametrize(("curve", "size"), CURVES, ids=lambda value: getattr(value, "name", ""))
def test_a_node_may_be_encrypted_to_on_a_curve(tmp_path: Path, curve: ec.EllipticCurve, size: int) -> None:
    private = ec.generate_private_key(curve)
    content = with_certificate(private)
    agreement = load_unwrapper(write(tmp_path / "node-encryption.pem", content))
    assert isinstance(agreement, FileAgreement)
    assert isinstance(agreement, Agreement)
    assert not hasattr(agreement, "unwrap")
    assert agreement.curve == curve.name
    assert x509.load_der_x509_certificate(agreement.certificate).public_key() == private.public_key()
    other = ec.generate_private_key(curve)
    secret = agreement.agree(other.public_key())
    assert secret == other.exchange(ec.ECDH(), private.public_key())
    assert len(secret) == size // 2
    assert "PrivateKey" not in repr(agreement)
    by_hand = unwrapper_of_pem(content)
    assert isinstance(by_hand, FileAgreement)
    assert (by_hand.key_id, by_hand.certificate) == (agreement.key_id, b"")


# -- each purpose has a key of its own


def problems_in(folder: Path, now: int | None = None) -> dict[str, str]:
    with pytest.raises(Misconfigured) as refusal:
        load_keys(folder, ORIGIN, now=now)
    assert all(found.fix and Path(found.file).parent == folder for found in refusal.value.problems)
    return {Path(found.file).name: found.what for found in refusal.value.problems}


def replaced(folder: Path, name: str, by: str) -> None:
    write(folder / name, (folder / by).read_bytes())


SIGNING = ["saml.pem", "es256.pem", "rs256.pem", *NODE_FILES]


@pytest.mark.parametrize("name", SIGNING[3:])
@pytest.mark.parametrize("other", ["saml.pem", "rs256.pem"])
def test_a_key_of_a_node_that_serves_tokens_or_saml_too_is_refused(
    folder: Path, tmp_path: Path, name: str, other: str
) -> None:
    path = copied(folder, tmp_path)
    replaced(path, other, name)
    found = problems_in(path)
    assert found == {name: f"it holds the same key as {other}, and each purpose has a key of its own."}


def test_every_file_that_holds_one_key_is_named_at_once(folder: Path, tmp_path: Path) -> None:
    path = copied(folder, tmp_path)
    for name in ("saml.pem", "rs256.pem", "node-metadata.pem", "node-encryption.pem"):
        replaced(path, name, "node.pem")
    replaced(path, "pairwise.key", "sealing.key")
    replaced(path, "index.key", "sealing.key")
    (path / "es256.pem").unlink()
    found = problems_in(path)
    assert set(found) == {"rs256.pem", *NODE_FILES, "pairwise.key", "index.key", "es256.pem"}
    assert all("same key as saml.pem" in found[name] for name in ("rs256.pem", *NODE_FILES))
    assert all("same key as sealing.key" in found[name] for name in ("pairwise.key", "index.key"))


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("sealing.key", "openings.key"),
        ("index.key", "pairwise.key"),
        ("pairwise.key", "sealing-20991125T2100Z.key"),
        ("sealing.key", "sealing-20991125T2100Z.key"),
    ],
)
def test_a_secret_that_serves_twice_is_refused(folder: Path, tmp_path: Path, name: str, other: str) -> None:
    path = copied(folder, tmp_path)
    replaced(path, other, name)
    (found,) = problems_in(path).values()
    assert "the same key as" in found
    # the same secret, spelled otherwise
    write(path / other, (path / name).read_bytes().upper().strip())
    assert len(problems_in(path)) == 1
    assert (path / name).read_text().strip() not in str(problems_in(path))


@pytest.mark.spec("eidas.md §7 certificate dates")
def test_a_certificate_of_a_node_outside_its_dates_is_refused(folder: Path, tmp_path: Path) -> None:
    path = copied(folder, tmp_path)
    for name in NODE_FILES:
        write(path / name, with_certificate(rsa.generate_private_key(65537, 3072)))  # from NOW on, for a day
    write(path / "saml.pem", with_certificate(rsa.generate_private_key(65537, 3072)))
    for now in (NOW, NOW + 86400):
        assert load_keys(path, ORIGIN, now=now).node is not None
    for now in (NOW - 1, NOW + 86401):
        found = problems_in(path, now)
        assert set(found) == set(NODE_FILES), "nobody looks at the dates of the other"
        assert all("2026-11-25 to 2026-11-26" in what for what in found.values())


@pytest.mark.spec("eidas.md §7 certificate dates")
def test_a_clock_a_minute_behind_finds_no_new_certificate_that_is_to_come(tmp_path: Path) -> None:
    create_keys(tmp_path / "keys", ORIGIN, "login.localhost")
    assert load_keys(tmp_path / "keys", ORIGIN, now=int(time.time()) - 60).node is not None


@pytest.mark.spec("eidas.md §7 certificate dates")
def test_dates_of_a_certificate_count_from_when_its_key_begins_until_it_is_over(folder: Path, tmp_path: Path) -> None:
    path = copied(folder, tmp_path)
    now = int(time.time()) // 60 * 60 + 120
    write(path / "node.pem", with_certificate(rsa.generate_private_key(65537, 3072), now=now - 10 * 86400))
    assert set(problems_in(path, now)) == {"node.pem"}
    begins = now - NODE.overlap
    create_saml_key(path / f"node-{spelled(begins)}.pem", now=begins)
    assert set(problems_in(path, now - 1)) == {"node.pem"}, "others know it still"
    assert load_keys(path, ORIGIN, now=now).node is not None
    create_saml_key(path / f"node-{spelled(now + 60)}.pem", now=now + 60)
    assert load_keys(path, ORIGIN, now=now).node is not None


def test_a_key_that_a_chip_made_as_roca_has_it_is_none_of_ours(tmp_path: Path) -> None:
    """OpenSSL finds both primes in order, and has no eyes for how they were made."""
    first = math.prod(n for n in range(2, 702) if all(n % factor for factor in range(2, n)))

    def prime(draw: int) -> int:
        start = pow(65537, draw, first) + first * ((3 << 1022) // first + 1)
        return next(p for p in range(start, 2**1024, first) if pow(2, p - 1, p) == 1)

    p, q = prime(1887), prime(1923)
    d = rsa.rsa_recover_private_exponent(65537, p, q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(65537, p * q))
    said = problem(write(tmp_path / "rs256.pem", pem(numbers.private_key())))
    assert "the form that ROCA breaks" in said
