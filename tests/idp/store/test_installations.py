"""Two installations with different keys at one database: the second is refused when it starts."""

import secrets
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, inspect, text

from connectors.signatures.key_ring import none_revoked
from idp.keys.file import create_token_key
from idp.keys.folder import create_keys, load_keys
from idp.keys.wrapping import WrappingKey, wrapping_key
from idp.ledger.ledger_keys import ledger_keys
from idp.ports import SealingRow
from idp.sequencer.sequencer import Sequencer
from idp.store import tables
from idp.store.engine import writing
from idp.store.installation import assert_ours, assert_sealing, claim_keys, claim_names
from idp.store.migrate import migrate
from idp.store.sealing_rows import StoredSealingKeys
from idp.store.store import Store, open_store
from policies.errors import Misconfigured
from policies.parties import Tenant
from tests.idp.store.units import KEYS, LATER, NOW, ORIGIN, TENANT, opened_at, release, unit

OTHERS = ledger_keys(ORIGIN, Ed25519PrivateKey.generate(), secrets.token_bytes(32))
NEIGHBOUR = Tenant("neighbour.example")


def test_the_same_keys_are_served_again(url: str) -> None:
    for _ in range(2):
        opened_at(url).close()


def test_other_keys_are_refused_with_what_to_do(url: str) -> None:
    opened_at(url).close()
    with pytest.raises(Misconfigured, match="other keys") as caught:
        open_store(url, tenant=TENANT, ledger_keys=OTHERS)
    (problem,) = caught.value.problems
    assert problem.key == "database"
    assert "restore" in problem.fix
    opened_at(url).close()


def test_tenants_of_one_database_have_keys_of_their_own(url: str) -> None:
    opened_at(url).close()
    for _ in range(2):
        open_store(url, tenant=NEIGHBOUR, ledger_keys=OTHERS).close()
    with pytest.raises(Misconfigured):
        open_store(url, tenant=NEIGHBOUR, ledger_keys=KEYS)


def with_a_ledger(url: str) -> Store:
    store = opened_at(url)
    store.commit(unit(record=release()))
    sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, clock=lambda: NOW)
    assert sequencer.step()
    sequencer.stop()
    return store


def test_a_ledger_from_before_there_were_fingerprints_is_not_claimed_by_other_keys(url: str) -> None:
    store = with_a_ledger(url)
    with writing(store.engine).begin() as connection:
        connection.execute(delete(tables.installations))
    store.close()
    with pytest.raises(Misconfigured, match="other keys"):
        open_store(url, tenant=TENANT, ledger_keys=OTHERS)
    opened_at(url).close()
    with pytest.raises(Misconfigured, match="other keys"):
        open_store(url, tenant=TENANT, ledger_keys=OTHERS)


def assert_names(url: str, pairwise: bytes, index: bytes) -> None:
    store = opened_at(url)
    try:
        claim_names(store.engine, TENANT, pairwise=pairwise, index=index)
    finally:
        store.close()


# Of a later revision the database says that this program may serve it
@pytest.mark.parametrize(
    ("revision", "lacks"),
    [
        ("0004", ("alembic_compatible", "sealing_keys", "switches", "installations")),
        ("0005", ("alembic_compatible",)),
        ("0006", ()),
        ("9999", ()),
    ],
)
def test_a_database_of_others_is_not_migrated_at_any_revision(url: str, revision: str, lacks: tuple[str, ...]) -> None:
    store = with_a_ledger(url)
    with writing(store.engine).begin() as connection:
        for name in lacks:
            connection.exec_driver_sql(f"DROP TABLE {name}")
        connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})
        there = inspect(connection).get_table_names()
    with pytest.raises(Misconfigured, match="other keys"):
        migrate(url, lambda connection: assert_ours(connection, TENANT, OTHERS))
    with store.engine.connect() as connection:
        assert inspect(connection).get_table_names() == there
        assert_ours(connection, TENANT, KEYS)
        assert_ours(connection, NEIGHBOUR, OTHERS)
    store.close()


@pytest.mark.spec("issue 5, what bad input gets: two installations pointed at one database")
def test_other_secrets_of_names_are_refused_though_the_ledgers_are_the_same(url: str) -> None:
    for _ in range(2):
        assert_names(url, b"p" * 32, b"i" * 32)
    for pairwise, index in ((b"q" * 32, b"i" * 32), (b"p" * 32, b"j" * 32), (b"i" * 32, b"p" * 32)):
        with pytest.raises(Misconfigured, match="a second name"):
            assert_names(url, pairwise, index)
    # Commands that have the ledger's keys alone go on
    opened_at(url).close()


FIRST, SECOND, STRANGER = (wrapping_key(letter * 32) for letter in (b"1", b"2", b"3"))
HOUR = NOW // 3600


@pytest.mark.parametrize(
    ("closed", "ours", "revoked", "refused"),
    [
        ({}, (FIRST,), (), False),
        ({HOUR: FIRST}, (FIRST,), (), False),
        ({HOUR: FIRST}, (FIRST, SECOND), (), False),
        ({HOUR: FIRST, HOUR + 1: SECOND}, (SECOND,), (), False),
        ({HOUR: STRANGER}, (FIRST, SECOND), (), True),
        ({HOUR + 1: STRANGER}, (FIRST,), (), True),
        # An hour that is over, and a key that was lost and revoked
        ({HOUR - 1: STRANGER}, (FIRST,), (), False),
        # What a clock wrote that was years ahead, and nobody purges: its key is over since, and gone
        ({HOUR + 2: STRANGER}, (FIRST,), (), False),
        ({HOUR: STRANGER}, (FIRST,), (STRANGER,), False),
    ],
)
def test_a_server_that_opens_none_of_the_living_hours_sealing_keys_is_refused(
    url: str,
    closed: dict[int, WrappingKey],
    ours: tuple[WrappingKey, ...],
    revoked: tuple[WrappingKey, ...],
    *,
    refused: bool,
) -> None:
    store = opened_at(url)
    rows = [SealingRow("code", hour, key.wrap(b"k" * 32, TENANT, "code", hour), LATER) for hour, key in closed.items()]
    for row in rows:
        StoredSealingKeys(engine=store.engine, tenant=TENANT).add([row])

    def start() -> None:
        names, gone = {key.key_id for key in ours}, {key.key_id for key in revoked}
        assert_sealing(store.engine, TENANT, ours=names, revoked=gone.__contains__, now=NOW)

    if refused:
        with pytest.raises(Misconfigured, match=r"another sealing\.key"):
            start()
    else:
        start()
    store.close()


def test_keys_that_take_turns_change_nothing_and_secrets_of_names_do(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    create_keys(folder, ORIGIN, "broker.example", demo=True)

    def start() -> None:
        keys = load_keys(folder, ORIGIN)
        store = open_store(url, tenant=TENANT, ledger_keys=keys.ledger)
        try:
            claim_keys(store.engine, TENANT, keys, now=NOW, revoked=none_revoked)
            wrapped = keys.sealing.at(NOW).wrap(b"k" * 32, TENANT, "code", HOUR)
            StoredSealingKeys(engine=store.engine, tenant=TENANT).add([SealingRow("code", HOUR, wrapped, LATER)])
        finally:
            store.close()

    start()
    create_token_key(folder / "es256-20261125T2100Z.pem", "ES256")
    (folder / "rs256.pem").unlink()
    create_token_key(folder / "rs256.pem", "RS256")
    next_one = folder / "sealing-20991125T2100Z.key"
    next_one.touch(mode=0o600)
    next_one.write_text(secrets.token_hex(32), encoding="ascii")
    start()
    for name in ("pairwise.key", "index.key", "sealing.key", "openings.key"):
        path = folder / name
        before = path.read_text(encoding="ascii")
        path.write_text(secrets.token_hex(32), encoding="ascii")
        with pytest.raises(Misconfigured):
            start()
        path.write_text(before, encoding="ascii")
    start()
