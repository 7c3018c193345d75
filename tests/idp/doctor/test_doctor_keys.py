"""Keys and certificates: who may read them, whether they are one key for two purposes, how old, how short, until when."""

import os
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from idp.doctor.key_files import KNOWN, YEAR
from idp.keys.file import CERTIFICATE_LIFE, create_saml_key
from idp.keys.folder import SAML_ENCRYPTION
from idp.keys.index_folder import separate
from tests.connectors.metadata import node
from tests.idp.doctor.ward import (
    DAY,
    ERROR,
    NOTICE,
    NOW,
    WARNING,
    at,
    examined,
    only,
    pem,
    provider_metadata,
    write,
)

END = NOW - DAY + int(CERTIFICATE_LIFE.total_seconds())
PRIVATE = [name for name in KNOWN if name != "log.vkey"]


@pytest.mark.spec("decisions.md 24")
def test_a_folder_of_the_keys_that_find_a_person_is_looked_at_as_well(city: Path, tmp_path: Path) -> None:
    apart, settings = tmp_path / "index", city / "ciconia.toml"
    apart.mkdir(0o700)
    settings.write_text(f'index_keys = "{apart}"\n{settings.read_text(encoding="utf-8")}', encoding="utf-8")
    separate(city / "keys", apart)
    apart.chmod(0o750)
    shutil.copy(city / "keys" / "es256.pem", apart)
    (apart / "index.key").chmod(0o644)
    told = [one for one in examined(city).findings if str(apart) in one.file or one.key == "index_keys"]
    found = {(one.file, one.severity): one.what for one in told}
    assert "(mode 750)" in found[str(apart), WARNING]
    assert found[str(apart / "es256.pem"), NOTICE] == "it is no key that this broker uses."
    assert "others than its owner may read" in found[str(apart / "index.key"), ERROR]
    assert "on the same disk" in found["ciconia.toml", NOTICE]


# The ledger's keys are read one after the other
@pytest.mark.parametrize(
    "names",
    [
        [f"keys/{name}" for name in KNOWN if name not in ("openings.key", "log.vkey")],
        *(["keys/openings.key"], ["keys/log.vkey"], ["ciconia.toml"], ["ciconia.db"]),
    ],
)
def test_a_pipe_in_the_place_of_a_file_is_named_and_not_waited_for(city: Path, names: list[str]) -> None:
    for name in names:
        (city / name).unlink()
        os.mkfifo(city / name, 0o600)
    found = examined(city).findings
    named = {one.file for one in found if "it is no regular file" in f"{one.what} {one.fix}"}
    assert named == set(names), found


def test_a_key_that_others_may_read_is_an_error(city: Path) -> None:
    for name in PRIVATE:
        (city / "keys" / name).chmod(0o640)
    found = {one.file: (one.severity, one.fix) for one in examined(city).findings}
    assert found == {f"keys/{name}": (ERROR, f"chmod 600 {city / 'keys' / name}") for name in PRIVATE}


@pytest.mark.parametrize(("mode", "severity"), [(0o755, WARNING), (0o770, ERROR), (0o702, ERROR)])
def test_the_folder_of_keys_is_its_owners_alone(city: Path, mode: int, severity: str) -> None:
    (city / "keys").chmod(mode)
    found = only(examined(city))
    assert (found.severity, found.file, found.key) == (severity, "keys", "permissions")


@pytest.mark.parametrize("name", [name for name in PRIVATE if name != SAML_ENCRYPTION])
def test_a_key_that_is_missing_is_an_error_with_its_why(city: Path, name: str) -> None:
    (city / "keys" / name).unlink()
    found = [one for one in examined(city).of(ERROR) if one.file == f"keys/{name}"]
    assert len(found) == 1
    assert found[0].why
    assert found[0].fix


def test_a_key_to_encrypt_to_that_does_not_serve_is_an_error_and_a_short_one_a_warning(
    city: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = city / "keys" / SAML_ENCRYPTION
    path.write_text("x", encoding="utf-8")
    # What cannot be read has a line of no key, too
    found = next(one for one in examined(city).of(ERROR) if one.line == 0)
    assert (found.file, "every answer is refused" in found.why) == (f"keys/{SAML_ENCRYPTION}", True)
    path.unlink()
    monkeypatch.setattr("idp.keys.file.RSA_BITS", 2048)
    create_saml_key(path, now=NOW - DAY)
    found = only(examined(city))
    assert (found.severity, found.file, "2048 bits" in found.what) == (WARNING, f"keys/{SAML_ENCRYPTION}", True)


def test_one_key_for_two_purposes_is_an_error(city: Path) -> None:
    keys = city / "keys"
    shutil.copy2(keys / "node.pem", keys / "node-metadata.pem")
    shutil.copy2(keys / "sealing.key", keys / "index.key")
    shutil.copy2(keys / "saml.pem", keys / SAML_ENCRYPTION)
    report = examined(city)
    assert "the same key as saml.pem" in at(report, f"keys/{SAML_ENCRYPTION}", SAML_ENCRYPTION).what
    assert "the same key as node.pem" in at(report, "keys/node-metadata.pem", "node-metadata.pem").what
    assert "the same key as sealing.key" in at(report, "keys/index.key", "index.key").what


def test_an_old_key_is_a_warning_and_a_secret_of_that_age_is_none(city: Path) -> None:
    for name in ("es256.pem", "pairwise.key", "openings.key"):
        os.utime(city / "keys" / name, (NOW - 4 * YEAR, NOW - 4 * YEAR))
    found = only(examined(city))
    assert (found.severity, found.file) == (WARNING, "keys/es256.pem")
    assert "4 years" in found.what


def test_a_short_key_is_a_warning_and_a_shorter_one_an_error(city: Path) -> None:
    for bits, severity in ((2048, WARNING), (1024, ERROR)):
        private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
        octets = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (city / "keys" / "rs256.pem").write_bytes(octets)
        assert str(bits) in " ".join(one.what for one in examined(city).of(severity) if one.file == "keys/rs256.pem")


def test_the_public_key_of_the_log_is_the_one_that_auditors_are_told(city: Path) -> None:
    path = city / "keys" / "log.vkey"
    right = path.read_text(encoding="utf-8").strip()
    path.write_text("login.storkhaven.test/log+00000000+AAAA\n", encoding="utf-8")
    found = only(examined(city))
    assert (found.severity, found.key) == (ERROR, "log.vkey")
    assert right in found.fix
    path.unlink()
    assert "missing" in only(examined(city)).what


def test_no_key_is_ever_shown(city: Path) -> None:
    secret = (city / "keys" / "sealing.key").read_text(encoding="utf-8").strip()
    for name in ("sealing.key", "openings.key"):
        write(city, f"keys/{name}", f"{secret}{secret}\n{secret} = 1\n", mode=0o600)
    assert secret not in repr(examined(city))


@pytest.mark.parametrize(
    ("now", "severity", "words"),
    [
        (END - 31 * DAY, None, ""),
        (END - 29 * DAY, WARNING, "in less than 30 days"),
        (END + DAY, ERROR, "ended on"),
        (NOW - 3 * DAY, ERROR, "begins on"),
    ],
)
def test_the_dates_of_our_own_certificate(city: Path, now: int, severity: str | None, words: str) -> None:
    found = [one for one in examined(city, now=now).findings if one.file == "keys/saml.pem" and "certificate" in one.what]
    assert [one.severity for one in found] == ([severity] if severity else [])
    assert all(words in one.what for one in found)


@pytest.mark.parametrize(("end", "severity"), [(NOW + 10 * DAY, WARNING), (NOW - DAY // 2, ERROR)])
def test_the_dates_of_whoever_signs_a_nodes_metadata(city: Path, end: int, severity: str) -> None:
    write(city, "metadata/ee.pem", pem(node.curve_signer(NOW - 2 * DAY, end).certificate))
    found = at(examined(city), "metadata/ee.pem", "certificate")
    assert found.severity == severity


def test_a_pinned_identity_providers_certificate_that_ended_is_a_warning(city: Path) -> None:
    certificate = node.curve_signer(NOW - 9 * DAY, NOW - DAY).certificate
    write(city, "metadata/lv.xml", provider_metadata(certificate))
    found = only(examined(city))
    assert (found.severity, found.file) == (WARNING, "metadata/lv.xml")
    assert "pinned" in found.why
