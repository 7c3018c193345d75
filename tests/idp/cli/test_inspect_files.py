"""`ciconia inspect` on whatever a path can be, and on options that do not fit: a sentence and an exit code."""

import json
import os
import resource
import subprocess
import threading
from pathlib import Path
from urllib.parse import quote

import pytest

from connectors.signatures.parse import MAX_OCTETS
from tests.connectors import forge
from tests.connectors.forge import Reply
from tests.idp.cli.command import CICONIA, ciconia
from tests.idp.cli.inspecting import answers, inspect, only, saml, written

ENOUGH = (
    400 * 1024 * 1024
)  # of address space for an interpreter with its libraries; a file of 300 MB would not fit in, twice


@pytest.fixture(scope="module")
def idp() -> forge.SigningParty:
    return forge.rsa_party()


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


@pytest.mark.parametrize(
    "form",
    ["SAMLResponse={}&RelayState=a%2Fb", "{}", "\nSAMLResponse={}", "RelayState=a%2Fb&SAMLResponse={}", "{}&RelayState=x"],
    ids=["the whole form", "its value", "after a line's end", "the other field first", "its value and the other field"],
)
def test_a_form_as_it_was_sent_is_no_answer_and_nobodys_fault(
    tmp_path: Path, idp: forge.SigningParty, good: str, form: str
) -> None:
    sent = tmp_path / "sent"
    sent.write_text(form.format(quote(Path(good).read_text(encoding="ascii"), safe="")), encoding="ascii")
    words = saml(tmp_path, idp)
    result = inspect(sent, *words)
    found = only(result)
    assert (result.exit_code, found.code, found.check) == (2, "as_sent", None)
    page = inspect(sent, *[word for word in words if word != "--json"]).stdout
    assert "this is the form as sent: take the field's decoded value." in page


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_unreadable(tmp_path: Path, idp: forge.SigningParty, good: str) -> None:
    Path(good).chmod(0)
    result = inspect(good, *saml(tmp_path, idp))
    assert (result.exit_code, only(result).code) == (2, "unreadable")


def test_the_worst_of_several_files_is_the_exit_code(tmp_path: Path, idp: forge.SigningParty, good: str) -> None:
    bad, gone = tmp_path / "bad", tmp_path / "gone"
    bad.write_bytes(b"PGE+PC9hPg==")
    words = saml(tmp_path, idp)
    assert inspect(good, good, *words).exit_code == 0
    assert inspect(good, bad, good, *words).exit_code == 1
    assert inspect(gone, bad, good, *words).exit_code == 2
    assert inspect(bad, gone, *words).exit_code == 2


def test_a_pipe_is_read_to_its_end_and_one_without_end_to_the_limit(
    tmp_path: Path, idp: forge.SigningParty, good: str
) -> None:
    pipe, endless = tmp_path / "pipe", tmp_path / "endless"
    os.mkfifo(pipe)
    os.mkfifo(endless)

    def write() -> None:
        octets = Path(good).read_bytes()
        with pipe.open("wb", buffering=0) as file:
            for start in range(0, len(octets), 1000):
                file.write(octets[start : start + 1000])
        try:
            with endless.open("wb", buffering=0) as file:
                while True:
                    file.write(b"A" * 4096)
        except BrokenPipeError:
            pass

    writer = threading.Thread(target=write)
    writer.start()
    whole, cut = answers(inspect(pipe, endless, *saml(tmp_path, idp)))
    writer.join(20)
    assert not writer.is_alive()
    assert whole.accepted
    assert cut.check == "size"


def test_standard_input_is_a_file_and_a_large_one_costs_no_memory(
    tmp_path: Path, idp: forge.SigningParty, good: str
) -> None:
    with (tmp_path / "large").open("wb") as large:
        large.truncate(300 * 1024 * 1024)

    def bounded() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (ENOUGH, ENOUGH))

    run = subprocess.run(
        [CICONIA, "inspect", "-", str(tmp_path / "large"), *saml(tmp_path, idp)],
        input=Path(good).read_bytes(),
        capture_output=True,
        timeout=60,
        check=False,
        preexec_fn=bounded,
    )
    first, second = (json.loads(line) for line in run.stdout.splitlines())
    assert (first["file"], first["accepted"], second["error"]["check"]) == ("-", True, "size")
    assert (run.returncode, run.stderr) == (1, b"")


def test_a_limit_is_the_servers(tmp_path: Path, idp: forge.SigningParty) -> None:
    path = tmp_path / "spaces"
    path.write_bytes(b"A" * MAX_OCTETS)
    assert only(inspect(path, *saml(tmp_path, idp))).check != "size"
    path.write_bytes(b"A" * (MAX_OCTETS + 1))
    assert only(inspect(path, *saml(tmp_path, idp))).check == "size"


def test_a_name_that_a_terminal_would_obey_is_shown_harmless(tmp_path: Path, idp: forge.SigningParty) -> None:
    words = [word for word in saml(tmp_path, idp) if word != "--json"]
    text = inspect(tmp_path / "a\x1b[2J\nb", *words).stdout
    assert "a?[2J?b: nothing can be said of it (unreadable)" in text


@pytest.mark.parametrize(
    ("words", "named"),
    [
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
    ],
)
def test_options_that_do_not_fit_say_so_and_nothing_of_a_file(words: list[str], named: str) -> None:
    result = inspect("file", *words, "--json")
    assert result.exit_code == 2
    assert named in json.dumps(json.loads(result.stdout), ensure_ascii=False)
    plain = inspect("file", *words)
    assert (plain.exit_code, plain.stdout) == (2, "")
    assert named in plain.stderr


@pytest.mark.parametrize("name", ["--audience", "--acs", "--request-id"])
def test_an_empty_expectation_matches_nothing(tmp_path: Path, idp: forge.SigningParty, good: str, name: str) -> None:
    words = [*saml(tmp_path, idp), name, ""]
    result = inspect(good, *words)
    assert (result.exit_code, "is empty, and empty matches nothing" in result.stdout) == (2, True)


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


def test_a_kind_that_there_is_not_is_a_usage_error() -> None:
    run = ciconia("inspect", "file", "--as", "banana")
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
