"""`ciconia keys revoke`, as an operator runs it: which key is meant, and what is said of the one that counts then."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from policies.errors import StoreUnavailable
from tests.idp.cli.keys_said import REASON, keys, listed, problem, said, states


def test_a_slip_in_a_whole_id_revokes_nothing_and_the_nearest_id_is_named(city: Path) -> None:
    (line,) = listed(city, "es256")
    key_id = line["key_id"]
    slip = key_id[:20] + ("A" if key_id[20] != "A" else "B") + key_id[21:]
    found = problem(keys(city, "revoke", slip, "--reason", REASON, "--json"))
    assert (found["key"], found["what"]) == ("KEY", "no key here has this id.")
    assert f"Did you mean {key_id}?" in found["fix"]
    assert "--unknown" in found["fix"]
    assert states(city, "es256") == ["signs"]
    told = said(keys(city, "revoke", slip, "--unknown", "--reason", REASON, "--json"))
    assert (told["kind"], told["key_id"], told["signs"], told["signs_known"]) == (None, slip, None, False)


@pytest.mark.parametrize(("kind", "file"), [("es256", "es256.pem"), ("saml", "keys/saml.pem"), ("log", "log.key")])
def test_the_name_of_a_file_revokes_nothing_and_the_id_of_its_key_is_told(city: Path, kind: str, file: str) -> None:
    (line,) = listed(city, kind)
    for more in ([], ["--unknown"]):
        found = problem(keys(city, "revoke", file, "--reason", REASON, "--json", *more))
        assert (found["key"], found["what"]) == ("KEY", "that is the name of a file.")
        assert found["fix"] == f"The id of the key in it is {line['key_id']}."
    assert states(city, kind) == ["signs"]


def test_where_the_database_does_not_say_what_counts_after_a_revocation_no_key_is_named(
    city: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(keys(city, "rotate", "es256", "--now", "--json"))
    second, first = (line["key_id"] for line in listed(city, "es256"))

    def silent(*_given: object, **_named: object) -> None:
        raise StoreUnavailable("SQLITE_BUSY")

    with monkeypatch.context() as patched:
        patched.setattr("idp.application.revocations.open_store", silent)
        found = said(keys(city, "revoke", second, "--reason", REASON, "--json"))
        run = keys(city, "revoke", first, "--reason", REASON)
    assert (found["signs"], found["signs_known"]) == (None, False)
    assert (run.exit_code, "What counts now" in run.output) == (0, False)
    assert "Which key of es256 counts now is not known." in run.stderr
    assert "SQLITE_BUSY" in run.stderr
    assert states(city, "es256") == ["revoked", "revoked"]


def test_where_a_record_of_a_switch_is_lost_a_key_is_revoked_and_it_is_said_what_is_not_known(city: Path) -> None:
    said(keys(city, "revoke", listed(city, "rs256")[0]["key_id"], "--reason", REASON, "--json"))
    (line,) = listed(city, "es256")
    with closing(sqlite3.connect(city / "ciconia.db")) as connection, connection:
        connection.execute("UPDATE records SET time = ?", [2**60])
    run = keys(city, "revoke", line["key_id"], "--reason", REASON)
    assert (run.exit_code, "Revoked and recorded: es256" in run.stdout) == (0, True), run.output
    assert "a record of a switch is gone. So which keys are revoked is not known." in run.stderr
    told = said(keys(city, "list", "--json"))
    assert told["revocations_known"] is False
