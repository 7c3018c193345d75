"""The keys of a ledger: made once, loaded as they were, refused where they are not what they should be."""

import hmac
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from idp.keys.ledger_files import create_ledger_keys, load_ledger_keys
from idp.ledger.key_list import read_keys
from idp.ledger.ledger_keys import derived, framed, ledger_keys
from policies.errors import Misconfigured
from tests.idp.store.units import KEYS, NOW, ORIGIN, TENANT

PEM = (Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_keys_load_as_they_were_made(tmp_path: Path) -> None:
    made = create_ledger_keys(tmp_path, ORIGIN)
    loaded = load_ledger_keys(tmp_path, ORIGIN)
    assert loaded.log.known == made.log.known
    assert (loaded.openings, loaded.subjects, loaded.rows) == (made.openings, made.subjects, made.rows)


def test_secret_files_are_their_owners_alone_and_the_public_one_reads_back(tmp_path: Path) -> None:
    made = create_ledger_keys(tmp_path, ORIGIN)
    for name in ("log.key", "openings.key"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert read_keys((tmp_path / "log.vkey").read_text(encoding="utf-8")) == made.log.known


@pytest.mark.parametrize("origin", ["", "two words", "a+b", "a\nb", "a\tb"])
def test_a_log_has_a_name_that_a_note_can_carry(tmp_path: Path, origin: str) -> None:
    with pytest.raises(Misconfigured, match="origin"):
        create_ledger_keys(tmp_path, origin)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("log.key", b""),
        ("log.key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        ("log.key", generate_private_key(SECP256R1()).private_bytes(*PEM)),
        ("openings.key", b""),
        ("openings.key", b"00" * 31),
        ("openings.key", b"00" * 33),
        ("openings.key", b"zz" * 32),
        ("openings.key", "é".encode()),
    ],
)
def test_a_file_that_is_not_the_key_is_named_and_not_quoted(tmp_path: Path, name: str, content: bytes) -> None:
    create_ledger_keys(tmp_path, ORIGIN)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Misconfigured, match=name) as caught:
        load_ledger_keys(tmp_path, ORIGIN)
    assert caught.value.__cause__ is None
    assert "0000" not in str(caught.value)


@pytest.mark.parametrize("name", ["log.key", "openings.key"])
def test_a_file_that_is_missing_is_named(tmp_path: Path, name: str) -> None:
    create_ledger_keys(tmp_path, ORIGIN)
    (tmp_path / name).unlink()
    with pytest.raises(Misconfigured, match=name):
        load_ledger_keys(tmp_path, ORIGIN)


def test_a_master_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        ledger_keys(ORIGIN, Ed25519PrivateKey.generate(), b"short")


def test_every_use_tenant_month_and_salt_has_a_key_of_its_own() -> None:
    month = 32 * 86400
    keys = [
        KEYS.openings,
        KEYS.subjects,
        KEYS.rows,
        KEYS.period_key(TENANT, NOW),
        KEYS.period_key(TENANT, NOW + month),
        KEYS.period_key("other.example", NOW),
        KEYS.subject_key(TENANT, b"s", b"1"),
        KEYS.subject_key(TENANT, b"s", b"2"),
        KEYS.subject_key(TENANT, b"o", b"1"),
        KEYS.subject_key("other.example", b"s", b"1"),
    ]
    assert len(set(keys)) == len(keys)
    assert {len(key) for key in keys} == {32}


@pytest.mark.spec("RFC 5869 §2")
@given(
    secret=st.binary(min_size=32, max_size=32),
    salt=st.binary(max_size=80),
    parts=st.lists(st.binary(max_size=200), max_size=5),
)
def test_what_is_derived_is_what_hkdf_derives(secret: bytes, salt: bytes, parts: list[bytes]) -> None:
    extracted = hmac.digest(salt, secret, "sha256")
    assert derived(secret, salt, *parts) == hmac.digest(extracted, framed(*parts) + b"\x01", "sha256")
