"""`ciconia backup` and `restore`: the ledger verifies elsewhere and on the other database; nothing taken is free."""

import hashlib
import secrets
import shutil
import sqlite3
import stat
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.formats.grammar import written
from idp.citizen.erasures import Erasures, SignIn
from idp.config.settings import SETTINGS_FILE, load_settings
from idp.keys.backup_files import FOLDER, KEPT_DAYS, key_of_day
from idp.keys.folder import create_keys
from idp.ledger.ledger_keys import DAY
from idp.ledger.person_records import APPROVAL_OFF, DISOWNED, OBJECTION, WITHDRAWAL, ActOn, draft_own_act
from idp.ledger.record_contents import DecidedBy, new_record
from idp.login.approvals import Approvals
from idp.sequencer.sequencer import Sequencer
from idp.sequencer.witness import Witness
from idp.store import tables
from idp.store.backup import CLOSED_SECONDS, COPIED, back_up
from idp.store.migrate import migrate
from idp.store.records.backup_wrapping import BackupWrapping
from idp.store.store import Store
from policies.assurance import LevelOfAssurance
from policies.errors import StoreUnavailable
from policies.parties import PurposeId, ServiceId
from tests.idp.cli.command import in_process as ciconia
from tests.idp.cli.command import json_of
from tests.idp.cli.ledgers import change, opened
from tests.idp.store.units import NEVER, commit_all, marks, parked, refusal, release
from tests.idp.store.units import unit as made
from tests.kill.checker import check
from tests.postgres import server

ISSUER = "https://login.storkhaven.example"


def folder_of(parent: Path, name: str, database: str = "ciconia.db", *, witness: str = "") -> Path:
    """A broker's folder with settings alone."""
    folder = parent / name
    folder.mkdir()
    lines = [f'issuer = "{ISSUER}"', f'database = "{database}"', f'witness = "{witness}"']
    (folder / SETTINGS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def with_keys_of(folder: Path, other: Path) -> Path:
    """The keys of the other folder, as an operator brings them along."""
    (folder / "keys").symlink_to(other / "keys")
    return folder


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose database has eleven records, two of them staged, and rows of every kind that is left out."""
    folder = folder_of(tmp_path_factory.mktemp("example"), "served")
    settings = load_settings(folder)
    create_keys(settings.key_folder, settings.origin, settings.tenant)
    migrate(settings.database_url)
    grow(folder, 9)
    grow(folder, 2, sequence=False)
    return folder


@pytest.fixture
def served(example: Path, tmp_path: Path) -> Path:
    """A copy of the example."""
    return Path(shutil.copytree(example, tmp_path / "served"))


def grow(folder: Path, count: int, *, sequence: bool = True, witness: bool = False) -> None:
    now, path = int(time.time()), load_settings(folder).witness_path
    units = [
        made(
            *marks(f"login {now} {number} {count}", end=NEVER),
            record=refusal(now) if number % 4 == 0 else release(time=now),
            parked=[parked(f"{now} {number} {count}".encode().ljust(32, b"p"), end=NEVER, payload=b"CANARY of a value")],
            end=NEVER,
        )
        for number in range(count)
    ]
    with opened(folder) as (store, keys):
        store._closed = 1  # closed until long ago
        commit_all(store, units)
        if sequence:
            sequencer = Sequencer(
                store, keys, checkpoint_seconds=0, witness=Witness(path, keys) if witness and path else None
            )
            assert sequencer.step()
            sequencer.stop()


@pytest.fixture
def url() -> str:
    return server().fresh()


def rows(file: Path, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return sorted(connection.execute(f"SELECT * FROM {table}"), key=repr)  # noqa: S608  our names


def test_a_backup_restores_to_another_folder_and_its_ledger_verifies(served: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    told = json_of(ciconia("backup", "--config", served, "--to", file, "--json"))
    assert (told["ok"], told["size"], told["records"]) == (True, 9, 11)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = with_keys_of(folder_of(tmp_path, "again"), served)
    restored = json_of(ciconia("restore", "--config", again, "--from", file, "--json"))
    assert (restored["ok"], restored["rows"], restored["root"]) == (True, told["rows"], told["root"])
    verified = ciconia("ledger", "verify", "--config", again, "--json")
    assert json_of(verified)["ok"] is True
    assert check(again / "ciconia.db", []) == []
    for table in COPIED:
        # The restore is on record, and waits for its place
        extra = 1 if table in (tables.marks, tables.records, tables.staged) else 0
        assert len(rows(again / "ciconia.db", table.name)) == len(rows(served / "ciconia.db", table.name)) + extra
    # whoever goes on places and signs what was staged
    grow(again, 1)
    assert json_of(ciconia("ledger", "verify", "--config", again, "--json"))["size"] == 13


def test_what_must_not_lie_in_a_backup_is_not_in_it(served: Path, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    with closing(sqlite3.connect(served / "ciconia.db")) as connection:
        connection.execute("INSERT INTO sealing_keys VALUES ('login.storkhaven.example', 'code', 1, x'ab', 2)")
        connection.commit()
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    assert rows(served / "ciconia.db", "parked")
    for name in ("sealing_keys", "parked", "decisions"):
        assert rows(file, name) == []
    assert b"CANARY" not in file.read_bytes()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(("copy", ".copy"))] == ["copy.db"]


def test_from_sqlite_to_postgresql_and_back_nothing_changes(served: Path, tmp_path: Path, url: str) -> None:
    first, second = tmp_path / "first.db", tmp_path / "second.db"
    assert ciconia("backup", "--config", served, "--to", first).returncode == 0
    cluster = with_keys_of(folder_of(tmp_path, "cluster", url), served)
    restored = ciconia("restore", "--config", cluster, "--from", first, "--json")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert ciconia("backup", "--config", cluster, "--to", second).returncode == 0
    back = with_keys_of(folder_of(tmp_path, "back"), served)
    assert json_of(ciconia("restore", "--config", back, "--from", second, "--json"))["ok"] is True
    assert json_of(ciconia("ledger", "verify", "--config", back, "--json"))["ok"] is True
    for table in COPIED:
        if table in (tables.records, tables.staged):
            # Both restores are on record
            before = rows(served / "ciconia.db", table.name)
            after = rows(back / "ciconia.db", table.name)
            assert len(after) == len(before) + 2, table.name
            assert all(row in after for row in before), table.name
        elif table is not tables.marks:
            assert rows(back / "ciconia.db", table.name) == rows(served / "ciconia.db", table.name), table.name


def test_a_backup_beside_a_broker_that_writes_is_one_moment(served: Path, tmp_path: Path) -> None:
    sizes = []
    with opened(served) as (store, keys):
        sequencer = Sequencer(store, keys, checkpoint_seconds=0, lease_seconds=1, poll_seconds=0.01)
        sequencer.start()
        for number in range(2):
            commit_all(store, [made(record=release()) for _ in range(20)])
            told = json_of(ciconia("backup", "--config", served, "--to", tmp_path / f"{number}.db", "--json"))
            assert told["ok"] is True
            sizes.append(told["records"])
        sequencer.stop()
    assert sizes == [31, 51]


@pytest.mark.parametrize("what", ["no database", "not empty", "no backup", "another's", "other keys", "changed", "there"])
def test_what_cannot_be_restored_changes_nothing(served: Path, tmp_path: Path, what: str) -> None:
    file, again = tmp_path / "copy.db", with_keys_of(folder_of(tmp_path, "again"), served)
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    before = file.read_bytes()
    code, word = 2, ""
    match what:
        case "no database":
            file, word = tmp_path / "nothing.db", "No such file"
        case "not empty":
            assert ciconia("restore", "--config", again, "--from", file).returncode == 0
            word = "the database is not empty: restore into one that is new"
        case "no backup":
            file.write_bytes(b"something else")
            word = "the file is no backup: name one that"
        case "another's":
            change(file, "UPDATE marks SET tenant = 'other.example'")
            word = "the backup is of another broker"
        case "other keys":
            (again / "keys").unlink()
            settings = load_settings(again)
            create_keys(settings.key_folder, settings.origin, settings.tenant)
            word = "it was made with other keys than those in"
        case "changed":
            change(file, "UPDATE records SET time = time + 1")
            code, word = 1, "is not restored"
        case _:
            found = ciconia("backup", "--config", served, "--to", file)
            assert (found.returncode, file.read_bytes()) == (2, before)
            assert "exists already: name a new file" in found.stderr
            nowhere = ciconia("backup", "--config", served, "--to", tmp_path / "nowhere" / "x.db")
            assert (nowhere.returncode, f"{tmp_path / 'nowhere'}: there is no such folder" in nowhere.stderr) == (2, True)
            return
    found = ciconia("restore", "--config", again, "--from", file)
    assert (found.returncode, word in found.stdout + found.stderr) == (code, True), found.stdout + found.stderr
    assert ("other keys" in found.stderr, "DOES NOT FIT" in found.stderr) == (what == "other keys", code == 1)
    assert not [path for path in again.iterdir() if path.name.startswith(".")]
    if what != "not empty":
        assert not (again / "ciconia.db").exists()


@pytest.mark.spec("decisions.md 2")
def test_for_eighteen_minutes_after_a_restore_nothing_is_taken(served: Path, tmp_path: Path) -> None:
    file, again = tmp_path / "copy.db", with_keys_of(folder_of(tmp_path, "again"), served)
    ciconia("backup", "--config", served, "--to", file)
    begun = time.time()
    ciconia("restore", "--config", again, "--from", file)
    with opened(again) as (store, _):
        assert CLOSED_SECONDS - 60 < store.closed <= CLOSED_SECONDS
        with pytest.raises(StoreUnavailable, match="restored from a backup"):
            store.commit(made(record=release()))
        store._clock = lambda: begun + CLOSED_SECONDS + 60
        assert store.closed == 0
        store.commit(made(record=release()))


@pytest.mark.spec("decisions.md 2")
def test_a_broker_that_began_before_a_restore_ended_takes_nothing_either(served: Path, tmp_path: Path, url: str) -> None:
    file, cluster = tmp_path / "copy.db", with_keys_of(folder_of(tmp_path, "cluster", url), served)
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    migrate(load_settings(cluster).database_url)
    with opened(cluster) as (store, _):
        assert store.closed == 0, "the control: nothing is restored yet"
        assert ciconia("restore", "--config", cluster, "--from", file).returncode == 0
        waited = time.monotonic() + 2
        while not store.closed and time.monotonic() < waited:
            time.sleep(0.05)
        with pytest.raises(StoreUnavailable, match="restored from a backup"):
            store.commit(made(record=release()))


@pytest.mark.spec("security.md §3 restore from backup")
def test_a_backup_that_is_older_than_the_witness_saw_is_named_and_signs_nothing(example: Path, tmp_path: Path) -> None:
    (tmp_path / "witness").mkdir()
    served = with_keys_of(folder_of(tmp_path, "served", witness=str(tmp_path / "witness")), example)
    migrate(load_settings(served).database_url)
    grow(served, 3, witness=True)
    assert ciconia("backup", "--config", served, "--to", tmp_path / "old.db").returncode == 0
    grow(served, 4, witness=True)
    assert ciconia("backup", "--config", served, "--to", tmp_path / "new.db").returncode == 0
    older = with_keys_of(folder_of(tmp_path, "older", witness=str(tmp_path / "witness")), served)
    found = ciconia("restore", "--config", older, "--from", tmp_path / "old.db")
    assert found.returncode == 1
    assert "The witness saw 7 leaves, and this ledger has 3" in found.stderr
    with pytest.raises(StoreUnavailable):
        grow(older, 1, witness=True)
    newer = with_keys_of(folder_of(tmp_path, "newer", witness=str(tmp_path / "witness")), served)
    assert json_of(ciconia("restore", "--config", newer, "--from", tmp_path / "new.db", "--json"))["witnessed"] == 7
    grow(newer, 1, witness=True)


@pytest.mark.spec("security.md §3 restore from backup")
def test_a_database_that_is_served_is_no_backup(served: Path, tmp_path: Path) -> None:
    """Its newest commits lie in the log beside it, which nobody copies along."""
    again = with_keys_of(folder_of(tmp_path, "again"), served)
    with opened(served) as (store, _):
        commit_all(store, [made(record=release()) for _ in range(3)])
        refused = ciconia("restore", "--config", again, "--from", served / "ciconia.db")
    assert refused.returncode == 2
    assert "make one with `ciconia backup`" in refused.stderr
    assert not (again / "ciconia.db").exists()


def watched(parent: Path) -> Path:
    """A migrated folder with keys, whose ledger is empty and has a witness."""
    (parent / "witness").mkdir()
    folder = folder_of(parent, "watched", witness=str(parent / "witness"))
    settings = load_settings(folder)
    create_keys(settings.key_folder, settings.origin, settings.tenant)
    migrate(settings.database_url)
    return folder


@pytest.mark.spec("security.md §3 restore from backup")
@pytest.mark.parametrize("left", ["the older one", "nothing"])
def test_the_check_and_a_backup_of_an_older_ledger_say_what_the_witness_saw(tmp_path: Path, left: str) -> None:
    folder = watched(tmp_path)
    grow(folder, 3, witness=True)
    older = (folder / "ciconia.db").read_bytes()
    grow(folder, 2, witness=True)
    assert ciconia("ledger", "verify", "--config", folder).returncode == 0
    assert ciconia("backup", "--config", folder, "--to", tmp_path / "good.db").returncode == 0
    (folder / "ciconia.db").write_bytes(older)
    if left == "nothing":
        for table in reversed(COPIED):
            change(folder / "ciconia.db", f"DELETE FROM {table.name}")  # noqa: S608  our names
    verified = json_of(ciconia("ledger", "verify", "--config", folder, "--json"))
    told = json_of(ciconia("backup", "--config", folder, "--to", tmp_path / "copy.db", "--json"))
    for found in (verified, told):
        assert found["ok"] is False
        assert "the witness saw 5: it is an older ledger" in str(found["findings"])


@pytest.mark.spec("security.md §3 restore from backup")
def test_the_check_and_a_backup_say_that_a_witness_may_not_be_mounted(tmp_path: Path) -> None:
    """A broker that starts then signs and releases nothing, and what is in the database may be as old as it likes."""
    folder, witness = watched(tmp_path), tmp_path / "witness"
    grow(folder, 3, witness=True)
    witness.rename(tmp_path / "away")
    for how in ["not there", "a link to nowhere", "empty", "lost+found"]:
        if how == "a link to nowhere":
            witness.symlink_to(tmp_path / "nowhere")
        elif how == "empty":
            witness.unlink()
            witness.mkdir()
        elif how == "lost+found":
            (witness / "lost+found").mkdir()
        verified = json_of(ciconia("ledger", "verify", "--config", folder, "--json"))
        told = json_of(ciconia("backup", "--config", folder, "--to", tmp_path / f"{how}.db", "--json"))
        for found in (verified, told):
            assert found["ok"] is False, how
            assert f"the witness {witness} has none of them: is it mounted?" in str(found["findings"])
            assert "a broker that starts releases nothing" in str(found["findings"]), "one that runs goes on"


@pytest.mark.spec("security.md §3 restore from backup")
@pytest.mark.parametrize("witness", [True, False])
def test_a_restore_says_from_when_the_backup_is_and_what_has_to_be_done_again(
    served: Path, tmp_path: Path, *, witness: bool
) -> None:
    file, kept = tmp_path / "copy.db", str(tmp_path / "witness") if witness else ""
    ciconia("backup", "--config", served, "--to", file)
    ((newest,),) = rows_of_query(file, "SELECT max(time) FROM records")
    (tmp_path / "witness").mkdir()
    show_newest(served, tmp_path / "witness")
    found = ciconia("restore", "--config", of(served, tmp_path, "text", kept), "--from", file)
    assert found.returncode == 0, found.stderr
    again = f"The newest record in this backup is of {written(int(str(newest)))}. Every relying party"
    assert again in found.stdout
    assert "every key that was revoked since then counts again" in found.stdout
    assert ("No witness is set, so nobody can say" in found.stdout) is not witness
    told = json_of(ciconia("restore", "--config", of(served, tmp_path, "json", kept), "--from", file, "--json"))
    assert (told["newest"], told["witness"]) == (written(int(str(newest))), witness)
    assert told["closed_seconds"] == CLOSED_SECONDS
    sentences = told["again"]
    assert isinstance(sentences, list)
    assert len(sentences) == (1 if witness else 2)
    assert sentences[0].startswith(again)


def show_newest(served: Path, witness: Path) -> None:
    """Put the newest checkpoint into a witness that has none, as an operator does."""
    assert ciconia("ledger", "export", witness / "first", "--config", served).returncode == 0


def of(served: Path, parent: Path, name: str, witness: str) -> Path:
    return with_keys_of(folder_of(parent, name, witness=witness), served)


def rows_of_query(file: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


# -- erasures


PERSON = b"canary-of-a-person-in-a-backup.."


def released(folder: Path, subject: bytes) -> None:
    with opened(folder) as (store, keys):
        store._closed = 1
        store.commit(made(*marks("of a person", end=NEVER), record=release(subject, time=int(time.time()))))
        sequencer = Sequencer(store, keys, checkpoint_seconds=0)
        sequencer.step()
        sequencer.stop()


def held(folder: Path) -> int:
    return len([row for row in rows(folder / "ciconia.db", "records") if PERSON in row])


@pytest.mark.spec("decisions.md 21")
def test_a_backup_names_nobody_without_the_key_of_its_day(served: Path, tmp_path: Path) -> None:
    released(served, PERSON)
    file = tmp_path / "copy.db"
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    traces = [row for (row,) in closing_rows(served / "ciconia.db", "SELECT salt FROM subjects")]
    traces += [row for (row,) in closing_rows(served / "ciconia.db", "SELECT login_opening FROM records") if row]
    assert len(traces) > 2
    octets = file.read_bytes()
    assert PERSON in b"".join(each.read_bytes() for each in served.glob("ciconia.db*"))
    assert [each for each in (PERSON, *traces) if each in octets] == []
    again = with_keys_of(folder_of(tmp_path, "again"), served)
    assert json_of(ciconia("restore", "--config", again, "--from", file, "--json"))["ok"]
    assert held(again) == 1
    found = [row for (row,) in closing_rows(again / "ciconia.db", "SELECT login_opening FROM records") if row]
    assert found
    assert {*found} <= {*traces}, "as it was"
    # The key's day is over
    (key,) = (served / "keys" / "backups").iterdir()
    key.rename(key.with_name("2020-01-01.key"))
    assert ciconia("backup", "--config", served, "--to", tmp_path / "later.db").returncode == 0
    assert not key.with_name("2020-01-01.key").exists(), "a backup destroys keys whose time is over"
    key.unlink(missing_ok=True)  # where a day began since, it was not made anew
    late = with_keys_of(folder_of(tmp_path, "late"), served)
    told = json_of(ciconia("restore", "--config", late, "--from", file, "--json"))
    said = f"it is of {key.stem}, and the key of that day is not in keys/backups/: a backup can be read for fourteen days"
    assert said in str(told["error"])


@pytest.mark.spec("decisions.md 21")
def test_a_restore_refuses_a_backup_of_fifteen_days_ago_whose_key_was_kept(served: Path, tmp_path: Path) -> None:
    released(served, PERSON)
    today, keys, file = int(time.time()) // DAY, served / "keys" / FOLDER, tmp_path / "copy.db"
    with opened(served) as (store, _keys):
        wrapping = BackupWrapping(key_of_day(keys, today - KEPT_DAYS - 1), today - KEPT_DAYS - 1, store.tenant)
        back_up(store.engine, tenant=store.tenant, file=file, advance=lambda _rows: None, wrapping=wrapping)
    late = with_keys_of(folder_of(tmp_path, "late"), served)
    (kept,) = (
        path
        for path in (late / "keys" / FOLDER).iterdir()
        if path.stem < f"{datetime.now(UTC) - timedelta(days=14):%Y-%m-%d}"
    )
    told = json_of(ciconia("restore", "--config", late, "--from", file, "--json"))
    assert f"it is of {kept.stem}" in str(told["error"])
    assert not kept.exists(), "and destroys the key"


@pytest.mark.spec("decisions.md 21")
def test_a_restore_does_again_what_was_to_be_erased_meanwhile(served: Path, tmp_path: Path) -> None:
    """The backup is from before the erasure was done, and names it."""
    released(served, PERSON)
    with opened(served) as (store, keys):
        erasures = Erasures(engine=store.engine, tenant=store.tenant, keys=keys)
        long_ago = int(time.time()) - 20 * 86400
        erasures.ask(SignIn(PERSON, LevelOfAssurance.HIGH, long_ago), long_ago)
    file = tmp_path / "copy.db"
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    again = with_keys_of(folder_of(tmp_path, "again"), served)
    told = json_of(ciconia("restore", "--config", again, "--from", file, "--json"))
    assert (told["ok"], told["erased"], held(again)) == (True, 1, 0)
    assert PERSON not in b"".join(each.read_bytes() for each in again.glob("ciconia.db*"))


# -- what citizens took back

PAGE, INFORMED, OFFLINE = DecidedBy.PAGE, DecidedBy.INFORMED, DecidedBy.OFFLINE
# What a person did, in its order, and whether it stands taken back
HISTORIES: dict[str, tuple[tuple[str, ...], bool]] = {
    "withdrawn": ((PAGE, WITHDRAWAL), True),
    "objected": ((INFORMED, OBJECTION), True),
    "disowned": ((PAGE, DISOWNED), True),
    "agreed anew": ((PAGE, WITHDRAWAL, PAGE), False),
    "agreed anew and disowned": ((PAGE, WITHDRAWAL, PAGE, DISOWNED), True),
    "refreshed at another worker in that moment": ((PAGE, WITHDRAWAL, OFFLINE), True),
    "switched off": ((PAGE, APPROVAL_OFF), False),
    "nothing": ((PAGE,), False),
}


def acted(store: Store, subject: bytes, step: str) -> None:
    now = int(time.time())
    on = ActOn("", "parking", "resident-parking", "consent", "high", "")
    acts = step in {WITHDRAWAL, OBJECTION, DISOWNED, APPROVAL_OFF}
    draft = (
        draft_own_act(record=new_record(), time=now, kind=step, subject=subject, on=on)
        if acts
        else release(subject, time=now, path=DecidedBy(step))
    )
    store.commit(made(*marks(secrets.token_hex(16), end=NEVER), record=draft))


def taken_back(folder: Path, subject: bytes) -> bool:
    with opened(folder) as (store, keys):
        approvals = Approvals(tenant=store.tenant, subjects=keys.subjects, decisions=store)
        return approvals.standing(subject, ServiceId("parking"), PurposeId("resident-parking"), int(time.time())).stopped


@pytest.mark.spec("decisions.md 25; issue 31 item 7: a restore of an older database")
def test_what_citizens_took_back_stands_after_a_restore(served: Path, tmp_path: Path) -> None:
    with opened(served) as (store, keys):
        store._closed = 1
        for person, (steps, _) in HISTORIES.items():
            for step in steps:
                acted(store, hashlib.sha256(person.encode()).digest(), step)
        for step in (PAGE, WITHDRAWAL):
            acted(store, PERSON, step)
        Sequencer(store, keys, checkpoint_seconds=0).step()
        long_ago = int(time.time()) - 20 * 86400
        erasures = Erasures(engine=store.engine, tenant=store.tenant, keys=keys)
        erasures.ask(SignIn(PERSON, LevelOfAssurance.HIGH, long_ago), long_ago)
    file = tmp_path / "copy.db"
    assert ciconia("backup", "--config", served, "--to", file).returncode == 0
    assert not rows(file, "approvals")
    again = with_keys_of(folder_of(tmp_path, "again"), served)
    told = json_of(ciconia("restore", "--config", again, "--from", file, "--json"))
    assert (told["ok"], told["erased"]) == (True, 1)
    found = {person: taken_back(again, hashlib.sha256(person.encode()).digest()) for person in HISTORIES}
    assert found == {person: stands for person, (_, stands) in HISTORIES.items()}
    assert not taken_back(again, PERSON), "whoever is erased took nothing back that we know"
    assert len([1 for row in rows(again / "ciconia.db", "approvals") if row[-1]]) == 2 * sum(found.values())


def closing_rows(file: Path, query: str) -> list[tuple[bytes, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()
