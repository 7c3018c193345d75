"""The evidence that a killed broker's database must have of every acknowledged approval, read while the next one serves."""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from connectors.signatures.jws import from_base64url
from idp.audit.verify import verify_ledger
from idp.config.settings import load_settings
from idp.keys.folder import load_keys
from idp.ledger.leaf import open_opening
from idp.login.states import CODE_LIFE
from idp.store import tables
from idp.store.engine import database_file, open_engine
from tests.kill.checker import check
from tests.kill.stream import Acknowledged

# A code near its end may be purged between two looks
NEARLY = 10


class Evidence:
    """Reads the database of one broker's folder, with its keys."""

    def __init__(self, folder: Path) -> None:
        settings = load_settings(folder)
        self._tenant = settings.tenant
        self._keys = load_keys(settings.key_folder, settings.origin).ledger
        self._engine = open_engine(settings.database_url)
        self._url = settings.database_url
        self._nonces: dict[bytes, str] = {}  # by record, opened once

    def close(self) -> None:
        self._engine.dispose()

    def faults(self, acknowledged: Sequence[Acknowledged], *, thorough: bool = True) -> list[str]:
        releases, parked, marks = self._read()
        found = [f"doubled: {len(records)} releases of one login" for records in releases.values() if len(records) > 1]
        for one in acknowledged:
            if one.nonce not in releases:
                found.append("missing: an acknowledged release has no record")
            if hashlib.sha256(one.login.encode()).digest() not in marks:
                found.append("missing: an acknowledged login has no mark")
            digest = hashlib.sha256(from_base64url(one.code)).digest()
            if digest not in parked and time.time() < one.at + CODE_LIFE - NEARLY:
                found.append("missing: an acknowledged code stands for nothing")
        if thorough:
            records = [record for one in acknowledged for record in releases.get(one.nonce, [])[:1]]
            found += check(database_file(self._url), [record.hex() for record in records])
        report = verify_ledger(self._engine, tenant=self._tenant, keys=self._keys)
        return found + [f"the ledger: {finding}" for finding in report.findings]

    def releases(self) -> dict[str, int]:
        """How many releases there are of each nonce."""
        return {nonce: len(records) for nonce, records in self._read()[0].items()}

    def records(self) -> dict[str, list[bytes]]:
        """The releases of each nonce."""
        return self._read()[0]

    def size(self) -> int:
        """How many leaves have their place."""
        return verify_ledger(self._engine, tenant=self._tenant, keys=self._keys).size

    def _read(self) -> tuple[dict[str, list[bytes]], set[bytes], set[bytes]]:
        """In one snapshot: the records of each nonce, and the digests of codes and of decided logins."""
        table = tables.records.c
        with self._engine.connect() as connection:
            records = connection.execute(
                select(table.record, table.time, table.login_opening).where(table.login_opening.is_not(None))
            ).all()
            parked = set(connection.scalars(select(tables.parked.c.digest).where(tables.parked.c.kind == "code")))
            marks = set(connection.scalars(select(tables.marks.c.digest).where(tables.marks.c.kind == "login")))
        releases: dict[str, list[bytes]] = {}
        for record, seconds, sealed in records:
            releases.setdefault(self._nonce(record, seconds, sealed), []).append(record)
        return releases, parked, marks

    def _nonce(self, record: bytes, seconds: int, sealed: bytes) -> str:
        """The relying party's nonce: it ties the record to the login (idp.ledger.record_contents)."""
        if record not in self._nonces:
            key = self._keys.period_key(self._tenant, seconds)
            content = json.loads(open_opening(key, self._tenant, record, "login", sealed).content)
            self._nonces[record] = str(content["nonce"])
        return self._nonces[record]
