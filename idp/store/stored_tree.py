"""The database's tree, compared with what this process saw of it: it only grows, and never goes away.

An older state has a valid seal of ours, too, and a tree that is gone looks like one that never was. Signing on either would
give two logs one name. So the process remembers the newest tree that it saw for as long as it runs.
"""

from sqlalchemy import Connection

from idp.ledger.checkpoint import TreeHead, UnknownSigner, open_note
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import EMPTY_ROOT, consistency_spans, extends, positions, proof_hashes, tree_root
from idp.ports import Checkpoint
from idp.store.reads import read_hashes
from idp.store.tree_state import TreeState, believed, has_tree, read_state
from policies.errors import SignatureInvalid, StoreUnavailable

# The ledger in the database is not what we wrote: nothing is appended or signed until an operator looked
BROKEN = "ledger_broken"


def broken(what: str) -> StoreUnavailable:
    """The error that halts the ledger."""
    return StoreUnavailable(what, code=BROKEN)


class SeenTree:
    """The newest tree of one tenant that this process saw committed."""

    def __init__(self, tenant: str, keys: LedgerKeys) -> None:
        self._tenant, self._keys = tenant, keys
        self._newest: TreeState | None = None

    def read(self, connection: Connection) -> TreeState | None:
        """The tree; None if there never was one. Raises the error of `broken` if it is not what it was."""
        row = read_state(connection, self._tenant)
        if row is None:
            if not has_tree(connection, self._tenant):
                if self._newest is not None:
                    raise broken(f"the tree is gone from the database, and we have seen one of {self._newest.size} leaves")
                return None
            # Workers begin at once: another one may have made both since the first look
            row = read_state(connection, self._tenant)
            if row is None:
                raise broken("there are leaves, nodes or checkpoints, and no state of the tree")
        state = believed(row, self._keys, self._tenant)
        if state is None:
            raise broken("the state of the tree was changed by somebody else")
        self.remember(state)
        return state

    def remember(self, state: TreeState) -> None:
        """Remember a committed state. Raises the error of `broken` if a newer one was seen before."""
        seen = self._newest
        if seen is not None:
            if state.size < seen.size or (state.size == seen.size and state.root != seen.root):
                raise broken(f"the tree is older than one that we have seen: {state.size} leaves, and then {seen.size}")
            if state.checkpoints < seen.checkpoints or state.epoch < seen.epoch:
                raise broken("the tree is older than one that we have seen: it had more checkpoints, or holders, then")
        self._newest = state


def right_edge(connection: Connection, tenant: str, state: TreeState) -> list[bytes]:
    """The stored right edge, which must give the root that we wrote."""
    wanted = positions([(0, state.size)])
    hashes = read_hashes(connection, tenant, wanted)
    if len(hashes) != len(wanted) or tree_root(state.size, hashes) != state.root:
        raise broken("the stored nodes do not give the tree's root")
    return [hashes[position] for position in wanted]


def extended_by(connection: Connection, tenant: str, head: TreeHead, state: TreeState) -> bool:
    """Whether the tree extends a head. Raises the error of `broken` if a node of the proof is missing."""
    spans = consistency_spans(head.size, state.size)
    hashes = read_hashes(connection, tenant, positions(spans))
    try:
        return extends(head.size, head.root, state.size, state.root, proof_hashes(spans, hashes))
    except KeyError as error:
        raise broken("a node that proves the place of a checkpoint is not there") from error


def assert_extends(
    connection: Connection, tenant: str, keys: LedgerKeys, state: TreeState, newest: Checkpoint | None
) -> None:
    """Raise unless the tree extends its newest checkpoint, which a key of the log must have signed."""
    try:
        head = TreeHead(keys.origin, 0, EMPTY_ROOT)
        if newest is not None:
            head = TreeHead.read(open_note(newest.note.encode(), *keys.log.known))
        if head.origin != keys.origin or head.size > state.size:
            raise broken("the newest checkpoint is of another log, or of a larger tree")
        extended = extended_by(connection, tenant, head, state)
    except UnknownSigner as error:  # we wrote the row, by its seal: the key is on another machine already
        raise StoreUnavailable("the newest checkpoint is of a key that is not here: copy it, and log.vkey") from error
    except SignatureInvalid as error:
        raise broken("the newest checkpoint is not there") from error
    if not extended:
        raise broken("the tree does not extend the newest checkpoint")
