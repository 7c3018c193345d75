"""`ciconia keys`, as an operator runs it: what is listed, what is made and when it begins, and what a revocation says."""

import os
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any  # Any: the arguments of a function that is wrapped

import pytest

from idp.config.settings import load_settings
from idp.keys.folder import NODE_FILES, BrokerKeys, load_keys
from idp.keys.keeper import KeyFolderWatch
from idp.keys.kinds import ES256, KINDS, LOG
from idp.ledger.key_list import read_keys
from idp.store.switches.switch import KEY
from idp.store.switches.switches import Switches
from tests.idp.cli.keys_said import REASON, keys, listed, problem, said, states
from tests.idp.cli.ledgers import opened


def seconds(text: object) -> int:
    assert isinstance(text, str)
    return int(datetime.fromisoformat(text).timestamp())


def test_every_kind_is_listed_with_its_state_and_its_certificates_end(city: Path) -> None:
    found = said(keys(city, "list", "--json"))
    assert found["revocations_known"] is True
    lines = found["keys"]
    assert isinstance(lines, list)
    assert [line["kind"] for line in lines] == list(KINDS)
    assert {line["state"] for line in lines} == {"signs"}
    without = {line["kind"] for line in lines if line["certificate_end"] is None}
    assert without == {"sealing", "es256", "rs256", "openid", "openid-encryption", "log"}
    text = keys(city, "list").output
    assert all(line["key_id"] in text for line in lines)
    assert [word in text.splitlines()[0] for word in ("KIND", "KEY", "STATE", "FROM", "UNTIL", "CERTIFICATE")] == [True] * 6


def test_a_new_key_begins_when_everybody_can_know_it(city: Path) -> None:
    before = int(time.time())
    found = said(keys(city, "new", "es256", "--json"))
    assert ES256.lead <= seconds(found["from"]) - before <= ES256.lead + 120
    assert states(city, "es256") == ["next", "signs"]
    line, first = listed(city, "es256")
    assert line["key_id"] == found["key_id"]
    assert first["until"] is not None
    assert Path(str(found["file"])).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("at", ["20201231T2359Z", "20991331T2359Z", ""])
def test_a_minute_that_is_none_or_is_over_is_refused(city: Path, at: str) -> None:
    before = sorted((city / "keys").iterdir())
    assert problem(keys(city, "new", "es256", "--at", at, "--json"))["key"] == "--at"
    assert sorted((city / "keys").iterdir()) == before


def test_there_is_one_next_key_of_a_kind(city: Path) -> None:
    said(keys(city, "new", "es256", "--json"))
    found = problem(keys(city, "new", "es256", "--json"))
    assert "is there already" in found["what"]
    assert f"`ciconia keys rotate es256 --config {city}`" in found["fix"]


def test_a_rotation_takes_the_next_key_as_soon_as_is_safe(city: Path) -> None:
    made = Path(str(said(keys(city, "new", "es256", "--at", "20991231T2359Z", "--json"))["file"]))
    key_id, before = listed(city, "es256")[0]["key_id"], int(time.time())
    found = said(keys(city, "rotate", "es256", "--json"))
    assert found["key_id"] == key_id
    assert ES256.lead <= seconds(found["from"]) - before <= ES256.lead + 120
    assert not made.exists()
    # It has been known for long enough meanwhile
    path = Path(str(found["file"]))
    os.utime(path, (time.time() - ES256.lead, time.time() - ES256.lead))
    assert seconds(said(keys(city, "rotate", "es256", "--json"))["from"]) - time.time() <= 60


def test_a_revoked_key_gives_way_and_its_reason_is_recorded(city: Path) -> None:
    said(keys(city, "rotate", "es256", "--now", "--json"))
    second, first = (line["key_id"] for line in listed(city, "es256"))
    found = said(keys(city, "revoke", second[:10], "--reason", REASON, "--json"))
    assert (found["kind"], found["key_id"], found["signs"]) == ("es256", second, first)
    assert found["signs_known"] is True
    assert states(city, "es256") == ["revoked", "signs"]
    run = keys(city, "revoke", first, "--reason", REASON)
    assert "No key of es256 is left" in run.output
    assert f"ciconia keys rotate es256 --now --config {city}" in run.output
    assert states(city, "es256") == ["revoked", "revoked"]


def revoke(city: Path, *key_ids: str) -> None:
    for key_id in key_ids:
        said(keys(city, "revoke", key_id, "--reason", REASON, "--json"))


def with_a_key_that_waits(city: Path) -> tuple[str, str]:
    """The ids of the key that signs and of the next one."""
    said(keys(city, "new", "es256", "--json"))
    waiting, first = (line["key_id"] for line in listed(city, "es256"))
    return first, waiting


def signing(city: Path) -> str:
    """The key that a server would sign with now, which asks the database itself."""
    settings = load_settings(city)
    found = load_keys(settings.key_folder, settings.origin)
    with opened(city) as (store, _):
        switches = Switches(engine=store.engine, tenant=settings.tenant, keys=found.ledger)
        found.obey(lambda key_id: switches.off(KEY, key_id))
        return found.es256.at(int(time.time())).key_id


def test_a_revocation_that_is_repeated_hours_later_takes_no_other_key_along(
    city: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was revoked as soon as it began succeeded nobody: the one before it goes on."""
    (first,) = [one["key_id"] for one in listed(city, "es256")]
    second = said(keys(city, "rotate", "es256", "--now", "--json"))["key_id"]
    assert isinstance(second, str)
    assert said(keys(city, "revoke", second, "--reason", REASON, "--json"))["signs"] == first
    later = int(time.time()) + ES256.overlap + 3600
    for module in ("keys", "keys_revoke"):
        monkeypatch.setattr(f"idp.cli.{module}.system_clock", lambda: later)
    run = said(keys(city, "revoke", second, "--reason", REASON, "--json"))
    assert (run["signs"], run["placed"]) == (first, True)
    assert states(city, "es256") == ["revoked", "signs"]


def test_a_new_key_is_made_beside_a_revoked_next_one(city: Path) -> None:
    first, waiting = with_a_key_that_waits(city)
    revoke(city, waiting)
    found = said(keys(city, "new", "es256", "--at", "20991231T2359Z", "--json"))
    assert found["key_id"] not in (first, waiting)
    assert states(city, "es256") == ["next", "revoked", "signs"]
    assert "is there already" in problem(keys(city, "new", "es256", "--json"))["what"]


@pytest.mark.parametrize("fault", ["garbage", "missing", "shared"])
def test_a_key_is_revoked_by_its_whole_id_whatever_is_wrong_with_the_key_files(city: Path, fault: str) -> None:
    (line,) = listed(city, "es256")
    other = city / "keys" / "rs256.pem"
    before = other.read_bytes()
    if fault == "garbage":
        other.write_bytes(b"no key")
    elif fault == "missing":
        other.unlink()
    else:
        other.write_bytes((city / "keys" / "es256.pem").read_bytes())
    assert problem(keys(city, "revoke", line["key_id"][:10], "--reason", REASON, "--json"))["key"] == "KEY"
    found = said(keys(city, "revoke", line["key_id"], "--reason", REASON, "--json"))
    assert (found["kind"], found["key_id"]) == (None, line["key_id"])
    assert "`ciconia doctor`" in keys(city, "revoke", line["key_id"], "--reason", REASON).output
    other.write_bytes(before)
    other.chmod(0o600)
    assert states(city, "es256") == ["revoked"]


def test_without_a_database_the_list_says_what_it_does_not_know(city: Path) -> None:
    for path in city.glob("ciconia.db*"):
        path.unlink()
    assert said(keys(city, "list", "--json"))["revocations_known"] is False
    assert "may stand here as any other" in keys(city, "list").output
    (line,) = listed(city, "es256")
    problem(keys(city, "revoke", line["key_id"], "--reason", REASON, "--json"), 2)


@pytest.mark.parametrize("key_id", ["-JqX9_" + "a" * 37, "--9_" + "a" * 39])
def test_a_key_whose_id_begins_with_a_dash_can_be_revoked(city: Path, key_id: str) -> None:
    said(keys(city, "revoke", key_id, "--unknown", "--reason", REASON, "--json"))
    with closing(sqlite3.connect(city / "ciconia.db")) as connection:
        assert connection.execute("SELECT off FROM switches WHERE name = ?", [key_id]).fetchall() == [(1,)]


@pytest.mark.spec("issue 5 item 4: signing keys for id_tokens, SAML, metadata and log with overlap")
def test_a_key_of_the_log_takes_over_and_both_are_listed_for_auditors(city: Path) -> None:
    (first,) = listed(city, "log")
    made = said(keys(city, "new", "log", "--json"))
    vkeys = read_keys((city / "keys" / "log.vkey").read_text(encoding="utf-8"))
    assert [key.key_id.hex() for key in vkeys] == [first["key_id"], made["key_id"]]
    assert seconds(made["from"]) - time.time() == pytest.approx(LOG.lead, abs=120)
    said(keys(city, "rotate", "log", "--now", "--json"))
    assert states(city, "log") == ["signs", "published"]
    lost = keys(city, "revoke", first["key_id"], "--reason", REASON)
    assert (lost.exit_code, f"What counts now: {made['key_id']}" in lost.output) == (0, True)
    assert states(city, "log") == ["signs", "revoked"]
    assert keys(city, "revoke", str(made["key_id"]), "--reason", REASON).exit_code == 0
    assert states(city, "log") == ["revoked", "revoked"]


@pytest.mark.parametrize("kind", ["node", "node-metadata", "node-encryption"])
def test_a_folder_from_before_there_were_nodes_gets_no_half_of_a_nodes_keys(city: Path, kind: str) -> None:
    for file in NODE_FILES:
        (city / "keys" / file).unlink()
    before = sorted((city / "keys").iterdir())
    for command in (("new", kind), ("rotate", kind, "--now")):
        found = problem(keys(city, *command, "--json"))
        assert "a node needs all three (node.pem, node-metadata.pem, node-encryption.pem)" in found["what"]
        assert "ciconia init DIR --issuer https://login.city.example" in found["fix"]
    assert sorted((city / "keys").iterdir()) == before
    assert keys(city, "list").exit_code == 0


@pytest.mark.parametrize("kind", ["sealing", "es256", "log"])
def test_a_key_that_a_server_may_use_already_outlives_the_interruption_of_its_command(
    city: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Else its signatures and sealed things would belong to a key that nobody has."""
    settings = load_settings(city)
    served = load_keys(settings.key_folder, settings.origin)
    look = KeyFolderWatch(served, settings.key_folder, settings.origin)
    first, loads = served.rings[kind].at(int(time.time())).key_id, iter([load_keys])

    def interrupted(*given: Any, **named: Any) -> BrokerKeys:
        for load in loads:
            return load(*given, **named)
        look()
        raise KeyboardInterrupt

    monkeypatch.setattr("idp.cli.keys.load_keys", interrupted)
    assert keys(city, "rotate", kind, "--now").exit_code != 0
    monkeypatch.undo()
    uses = served.rings[kind].at(int(time.time())).key_id
    assert uses != first
    assert uses in {one["key_id"] for one in listed(city, kind)}
    # The next command brings what the interrupted one left out
    assert keys(city, "new", kind).exit_code == 0
    if kind == "log":
        assert uses in (settings.key_folder / "log.vkey").read_text(encoding="utf-8")


def test_a_key_to_which_providers_encrypt_is_made_alone(city: Path) -> None:
    (city / "keys" / "saml-encryption.pem").unlink()
    said(keys(city, "new", "saml-encryption", "--json"))
    assert states(city, "saml-encryption") == ["signs"]
