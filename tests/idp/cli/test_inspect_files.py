"""`ciconia inspect` on whatever a path can be, and on options that do not fit: a sentence and an exit code."""

import json
from pathlib import Path

import pytest

from tests.connectors import forge
from tests.connectors.forge import Reply
from tests.idp.cli.inspecting import answers, inspect, saml, written


@pytest.fixture
def good(tmp_path: Path, idp: forge.SigningParty) -> str:
    (path,) = written(tmp_path, [forge.post(forge.signed_reply(Reply(), idp))])
    return path


def test_each_odd_file_gets_its_answer_and_the_others_are_judged_all_the_same(
    tmp_path: Path, idp: forge.SigningParty, good: str
) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "nul.xml").write_bytes(b"<\x00" * 100)
    (tmp_path / "utf16.xml").write_bytes("<a/>".encode("utf-16"))
    with (tmp_path / "large").open("wb") as large:
        large.truncate(300 * 1024 * 1024)
    with (tmp_path / "large.xml").open("wb") as large:
        large.write(b"<")
        large.truncate(300 * 1024 * 1024)
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    wanted = {
        "empty": "base64",
        "binary": "base64",
        "nul.xml": "not_well_formed",
        "utf16.xml": "base64",
        "large": "size",
        "large.xml": "size",
        "folder": None,
        "loop": None,
        "not-there": None,
        "n" * 300: None,
    }
    result = inspect(*(tmp_path / name for name in wanted), good, *saml(tmp_path, idp))
    assert result.exit_code == 2
    *odd, last = answers(result)
    assert {name: one.check for name, one in zip(wanted, odd, strict=True)} == wanted
    assert [one.code for one in odd if one.check is None] == ["unreadable"] * 4
    assert not any(one.accepted for one in odd)
    assert last.accepted


def test_the_worst_of_several_files_is_the_exit_code(tmp_path: Path, idp: forge.SigningParty, good: str) -> None:
    bad, gone = tmp_path / "bad", tmp_path / "gone"
    bad.write_bytes(b"PGE+PC9hPg==")
    words = saml(tmp_path, idp)
    assert inspect(good, good, *words).exit_code == 0
    assert inspect(good, bad, good, *words).exit_code == 1
    assert inspect(gone, bad, good, *words).exit_code == 2
    assert inspect(bad, gone, *words).exit_code == 2


def test_options_that_do_not_fit_say_so_and_nothing_of_a_file() -> None:
    for words, named in [
        (["--as", "response"], "--acs, --audience, --idp-metadata or `--config DIR --from PARTY`"),
        (["--as", "response", "--config", "x"], "--from"),
        (["--as", "metadata"], "--trust"),
        (["--as", "id-token"], "--alg, --audience, --issuer, --jwks"),
        (["--as", "id-token", "--config", "x", "--from", "y"], "says nothing of `--as id-token` yet"),
        (["--as", "authn-request"], "--destination, --sp-metadata or `--config DIR --from PARTY`"),
        (["--as", "logout-request"], "--destination, --metadata: what"),
        (["--as", "logout-response"], "--destination, --metadata: what"),
        (["--as", "redirect"], "--destination, --metadata or `--config DIR --from PARTY`"),
        (["--as", "client-assertion"], "--alg, --audience, --client, --jwks or `--config DIR --from PARTY`"),
        (["--as", "logout-request", "--config", "x", "--from", "y"], "says nothing of `--as logout-request` yet"),
        (
            ["--as", "redirect", "--metadata", "x", "--destination", "y", "--second-opinion"],
            "--second-opinion says nothing",
        ),
        (
            ["--as", "logout-request", "--metadata", "x", "--destination", "y", "--request-id", "z"],
            "--request-id says nothing",
        ),
        (["--as", "logout-request", "--metadata", "x", "--destination", ""], "--destination is empty"),
        (["--as", "logout-request", "--metadata", "/nowhere.xml", "--destination", "y"], "/nowhere.xml cannot be read"),
        (["--as", "metadata", "--trust", "x", "--nonce", "n"], "--nonce says nothing beside --as metadata"),
        (["--as", "metadata", "--trust", "x", "--max-age", "0"], "--max-age says nothing beside --as metadata"),
        (["--as", "response", "--config", "x", "--from", "y", "--acs", "z"], "--acs says nothing beside --config"),
        (["--as", "metadata", "--trust", "/nowhere.pem"], "/nowhere.pem cannot be read"),
        (["--as", "metadata", "--config", "/nowhere", "--from", "y"], "nowhere"),
    ]:
        result = inspect("file", *words, "--json")
        assert result.exit_code == 2
        assert named in json.dumps(json.loads(result.stdout), ensure_ascii=False)
        plain = inspect("file", *words)
        assert (plain.exit_code, plain.stdout) == (2, "")
        assert named in plain.stderr


@pytest.mark.parametrize(
    "metadata",
    [b"", b"<a/>", b"\xff\xfe", b"<!DOCTYPE a><a/>", forge.metadata(), forge.metadata(forge.rsa_party(1024))],
    ids=["empty", "another root", "binary", "DOCTYPE", "no key", "a weak key"],
)
@pytest.mark.parametrize("profile", ["saml2int", "eidas"])
def test_metadata_that_cannot_be_pinned_is_named(
    tmp_path: Path, idp: forge.SigningParty, good: str, metadata: bytes, profile: str
) -> None:
    words = saml(tmp_path, idp, "--profile", profile, "--sp-key", "/nowhere" if profile == "saml2int" else good)
    words = words if profile == "eidas" else words[:-2]
    (tmp_path / "idp-metadata.xml").write_bytes(metadata)
    result = inspect(good, *words)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "could_not_run"


def test_a_countrys_node_needs_a_key_to_decrypt(tmp_path: Path, idp: forge.SigningParty, good: str) -> None:
    result = inspect(good, *saml(tmp_path, idp, "--profile", "eidas"))
    assert (result.exit_code, "--profile eidas needs --sp-key" in result.stdout) == (2, True)
