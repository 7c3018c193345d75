"""The store and the ledger of a configuration folder, for the tests of commands."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from typer.testing import CliRunner

from idp.audit.questions.one_record import one_record
from idp.cli import app
from idp.cli.records.auditing import auditor_of
from idp.config.settings import load_settings
from idp.keys.ledger_files import create_ledger_keys, load_ledger_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.ports import RecordDraft
from idp.receipts.receipt import ReceiptHolder, make_receipt
from idp.sequencer.sequencer import Sequencer
from idp.store.migrate import migrate
from idp.store.store import Store, open_store
from tests.idp.ledger.issued import STATED
from tests.idp.store.units import NOW, TENANT, unit


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Store, LedgerKeys]]:
    """The store of a folder, opened as a server does, and the ledger's keys."""
    settings = load_settings(folder)
    keys = load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys)
    try:
        yield store, keys
    finally:
        store.close()


def with_ledger(folder: Path, placed: Sequence[RecordDraft], staged: Sequence[RecordDraft] = ()) -> Path:
    """A configuration folder with records in their place, and some that wait for it."""
    (folder / "ciconia.toml").write_text(f'issuer = "https://{TENANT}"\n', encoding="utf-8")
    settings = load_settings(folder)
    settings.key_folder.mkdir()
    create_ledger_keys(settings.key_folder, settings.origin)
    migrate(settings.database_url)
    with opened(folder) as (store, keys):
        sequencer = Sequencer(store, keys, checkpoint_seconds=0)
        for draft in placed:
            store.commit(unit(record=draft))
        sequencer.step()
        sequencer.stop()
        for draft in staged:
            store.commit(unit(record=draft))
    return folder


def records(folder: Path) -> int:
    """The number of records in the ledger, which fits."""
    checked = CliRunner().invoke(app, ["ledger", "verify", "--json", "--config", str(folder)])
    assert checked.exit_code == 0, checked.output
    count = json.loads(checked.stdout)["records"]
    assert isinstance(count, int)
    return count


def change(file: Path, statement: str) -> None:
    """Write to a database of SQLite, as somebody else could."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()


def receipt_of(folder: Path, draft: RecordDraft, holder: ReceiptHolder = ReceiptHolder.RELYING_PARTY) -> bytes:
    """The receipt of a release that has its place, as its holder gets it."""
    with auditor_of(folder, judged=False) as auditor:
        found = one_record(auditor, draft.record.hex())
        assert found.placed is not None
        openings = {opening.compartment: opening for opening in draft.openings}
        return make_receipt(
            holder=holder,
            keys=auditor.keys,
            leaf=found.leaf,
            openings=openings,
            values_nonce=openings["values"].nonce,
            stated=STATED,
            standing=found.placed,
            now=NOW,
        )
