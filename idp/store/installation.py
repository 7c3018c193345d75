"""The installation to which a database belongs: by whose keys the rows of a tenant are protected.

Two installations with different keys at one database would refuse each other's rows as forged, seal what the other cannot
open, and give a citizen two names. So the first one writes a fingerprint of its keys, and another is refused at its start.
The fingerprint is a MAC under a key that the database never sees: it says nothing about the keys.

Its first part is of the ledger's secrets, which every command has. Its second part is of the secrets of `sub` and of the
persons' index, which a server adds at its first start. Keys that take turns are in neither: a signing key, or the key that
closes sealing keys. `assert_sealing` checks the latter by the rows of the current hour.
"""

import hmac
from collections.abc import Callable, Container

from sqlalchemy import Connection, Engine, inspect, select, update

from idp.keys.folder import BrokerKeys
from idp.keys.wrapping import named
from idp.ledger.ledger_keys import LedgerKeys, framed
from idp.store import tables
from idp.store.engine import database_name, reading, single, upsert, writing
from idp.store.reads import as_checkpoint
from idp.store.tree_state import believed, checkpoint_seal, read_state
from policies.errors import Misconfigured, Problem
from policies.parties import Tenant
from policies.pseudonyms import PairwiseKey, code_of

PART_BYTES = 32
FIX = "serve it with the keys that it was made with (restore them from their backup), or name a database of your own"
HOUR = 3600


def fingerprint(keys: LedgerKeys, tenant: Tenant) -> bytes:
    """The first 32 bytes, from the ledger's secrets. The log's signing key is not among them: it may be replaced."""
    return hmac.digest(keys.rows, framed(b"installation", tenant.encode()), "sha256")


def fingerprint_of_names(tenant: Tenant, *, pairwise: PairwiseKey, index: bytes) -> bytes:
    """The other 32 bytes, from the secrets of `sub` and of the persons' index."""
    return code_of(pairwise, framed(b"installation", tenant.encode(), index))


def claim(engine: Engine, tenant: Tenant, keys: LedgerKeys) -> None:
    """Make the tenant's rows ours if nobody has them. Raises `Misconfigured` if another installation does."""
    ours = fingerprint(keys, tenant)
    with reading(), single(engine).connect() as connection:
        found = _read(connection, tenant)
        if found is None and not _foreign_tree(connection, tenant, keys):
            found = b""
    if found == b"":
        with reading(), writing(engine).begin() as connection:
            fresh = upsert(connection, tables.installations).values(tenant=tenant, fingerprint=ours)
            connection.execute(fresh.on_conflict_do_nothing())
        with reading(), single(engine).connect() as connection:
            found = _read(connection, tenant)
    if found is None or not hmac.compare_digest(found[:PART_BYTES], ours):
        raise _foreign(engine, _of_another(tenant))


def fault_of_keys(engine: Engine, tenant: Tenant, keys: LedgerKeys, names: bytes = b"") -> str:
    """Why `claim`, or with `names` `claim_names`, would refuse; "" if neither would. Nothing is written."""
    with reading(), single(engine).connect() as connection:
        found = _read(connection, tenant)
        if _is_anothers(connection, tenant, keys, found):
            return _of_another(tenant)
    others = names and found and len(found) > PART_BYTES and not hmac.compare_digest(found[PART_BYTES:], names)
    return _with_other_names(tenant) if others else ""


def assert_ours(connection: Connection, tenant: Tenant, keys: LedgerKeys) -> None:
    """Raise `Misconfigured` if `claim` would, at any revision of ours. Nothing is written."""
    there = inspect(connection)
    # Versions before 0005 wrote none
    found = _read(connection, tenant) if there.has_table(tables.installations.name) else None
    if found is None and not there.has_table(tables.trees.name):
        return
    if _is_anothers(connection, tenant, keys, found):
        raise _foreign(connection.engine, _of_another(tenant))


def claim_keys(engine: Engine, tenant: Tenant, keys: BrokerKeys, *, now: int, revoked: Callable[[str], int]) -> None:
    """`claim_names` and `assert_sealing`, for a server, which has all keys. `now` is in seconds since the epoch."""
    claim_names(engine, tenant, pairwise=keys.pairwise, index=keys.index)
    ours = {each.key.key_id for each in keys.sealing.scheduled}
    assert_sealing(engine, tenant, ours=ours, revoked=revoked, now=now)


def claim_names(engine: Engine, tenant: Tenant, *, pairwise: PairwiseKey, index: bytes) -> None:
    """Add the second part if it is missing. Raises `Misconfigured` if others serve this tenant with other secrets."""
    ours = fingerprint_of_names(tenant, pairwise=pairwise, index=index)
    table = tables.installations.c
    with reading(), writing(engine).begin() as connection:
        found = _read(connection, tenant) or b""
        if len(found) == PART_BYTES:
            whole = update(tables.installations).where(table.tenant == tenant, table.fingerprint == found)
            connection.execute(whole.values(fingerprint=found + ours))
            found = _read(connection, tenant) or b""
    if not hmac.compare_digest(found[PART_BYTES:], ours):
        raise _foreign(engine, _with_other_names(tenant))


def assert_sealing(
    engine: Engine, tenant: Tenant, *, ours: Container[str], revoked: Callable[[str], int], now: int
) -> None:
    """Raise `Misconfigured` if none of our keys closes the sealing keys of this hour and the next.

    `ours` are key ids. While one key takes over from another both are there, so one row that we can open is enough. Rows of
    other hours do not matter: those are over, or a clock that was ahead wrote them.
    """
    table = tables.sealing_keys.c
    hours = table.hour.between(now // HOUR, now // HOUR + 1)
    living = select(table.wrapped).where(table.tenant == tenant, hours)
    with reading(), single(engine).connect() as connection:
        closed_by = {named(wrapped) for wrapped in connection.scalars(living)}
    counting = {name for name in closed_by if not revoked(name)}
    if counting and not any(name in ours for name in counting):
        raise _foreign(engine, f"the logins of {tenant} are sealed there under another sealing.key than this one's.")


def _of_another(tenant: Tenant) -> str:
    return f"it belongs to another installation of {tenant}, which has other keys than this one."


def _with_other_names(tenant: Tenant) -> str:
    return f"it was made with another pairwise.key or index.key of {tenant}: each citizen would get a second name."


def _foreign(engine: Engine, what: str) -> Misconfigured:
    url = engine.url.render_as_string(hide_password=False)
    return Misconfigured((Problem(database_name(url), 0, "database", what, FIX),))


def _read(connection: Connection, tenant: Tenant) -> bytes | None:
    table = tables.installations.c
    return connection.scalar(select(table.fingerprint).where(table.tenant == tenant))


def is_sealed_by_others(connection: Connection, tenant: Tenant, keys: LedgerKeys) -> bool:
    """Whether the fingerprint is another's, or no row that the sequencer sealed is ours, the tree's or a checkpoint's.

    Backups of earlier versions have no fingerprint.
    """
    found = _read(connection, tenant)
    if found is not None and not hmac.compare_digest(found[:PART_BYTES], fingerprint(keys, tenant)):
        return True
    if not _foreign_tree(connection, tenant, keys):
        return False
    seen = False
    for row in connection.execute(select(tables.checkpoints).where(tables.checkpoints.c.tenant == tenant)):
        if hmac.compare_digest(checkpoint_seal(keys, tenant, row.number, as_checkpoint(row)), row.seal):
            return False
        seen = True
    return seen


def _is_anothers(connection: Connection, tenant: Tenant, keys: LedgerKeys, found: bytes | None) -> bool:
    """Whether the fingerprint `found` is of other keys; without one, whether the tree is."""
    if found is None:
        return _foreign_tree(connection, tenant, keys)
    return not hmac.compare_digest(found[:PART_BYTES], fingerprint(keys, tenant))


def _foreign_tree(connection: Connection, tenant: Tenant, keys: LedgerKeys) -> bool:
    """Whether there is a ledger of other keys, of a version that wrote no fingerprint."""
    row = read_state(connection, tenant)
    return row is not None and believed(row, keys, tenant) is None
