"""C2SP tlog-proof v1: a text that proves the place of one leaf.

c2sp.org/tlog-proof@v1
index 41
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=           the path, the leaf's sibling first
                                                       one empty line
parking.example/log                                    the checkpoint, a signed note
...
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass

from idp.ledger.checkpoint import MAX_NOTE, TreeHead, VerifierKey, open_cosigned_note
from idp.ledger.cosignature import NOBODY_NAMED, Cosigned, WitnessPolicy
from idp.ledger.merkle_tree import HASH_BYTES, includes
from policies.errors import SignatureInvalid

HEADER = "c2sp.org/tlog-proof@v1"
INDEX = "index "
# RFC 6962 §2.1.1: a path has as many hashes as the tree has levels, and a size is below 2^63
MAX_PATH = 63
MAX_INDEX_DIGITS = 19
MAX_PROOF = MAX_NOTE + 4096


@dataclass(frozen=True, slots=True)
class Placed:
    """The place of a leaf: its index, its path in the tree of the checkpoint, and the checkpoint (a signed note)."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str

    @property
    def text(self) -> str:
        """The tlog-proof."""
        hashes = "".join(f"{encoded(each)}\n" for each in self.path)
        return f"{HEADER}\n{INDEX}{self.index}\n{hashes}\n{self.checkpoint}"


def read_proof(octets: bytes) -> Placed:
    """Read a tlog-proof. Raises `SignatureInvalid` for any spelling but that of `Placed.text`."""
    if len(octets) > MAX_PROOF:
        raise SignatureInvalid("proof_form", f"a proof of {len(octets)} bytes is longer than any")
    try:
        head, _, checkpoint = octets.decode("utf-8").partition("\n\n")
        _, number, *path = head.split("\n")
        index = int(number.removeprefix(INDEX)[:MAX_INDEX_DIGITS])
        found = Placed(index, tuple(decoded(line) for line in path), checkpoint)
    except ValueError as error:
        raise SignatureInvalid("proof_form", "the proof is no C2SP tlog-proof") from error
    if found.text.encode() != octets or len(found.path) > MAX_PATH:
        raise SignatureInvalid("proof_form", "the proof is spelt in another way than C2SP tlog-proof has it")
    return found


def prove(
    placed: Placed, leaf_hash: bytes, keys: Sequence[VerifierKey], witnesses: WitnessPolicy = NOBODY_NAMED
) -> tuple[VerifierKey, TreeHead, Cosigned]:
    """The tree in which `leaf_hash` has the place `placed`, the key that signed it, and the witnesses that cosigned it.

    Raises `SignatureInvalid`:

    1. one of the log's `keys`, and no other of the log's name, signed the checkpoint; known witnesses' signatures hold
    2. it is a checkpoint of the log that the keys are named for
    3. the path leads from the leaf's hash to its root
    """
    key, text, others = open_cosigned_note(placed.checkpoint.encode(), *keys)
    cosigned = witnesses.judge(text, others)
    head = TreeHead.read(text)
    if any(head.origin != key.name for key in keys):
        raise SignatureInvalid("checkpoint", "the checkpoint is another log's")
    if not includes(placed.index, head.size, leaf_hash, placed.path, head.root):
        raise SignatureInvalid("inclusion", "the path does not lead from this leaf to the checkpoint's root")
    return key, head, cosigned


def encoded(data: bytes) -> str:
    """Base64 with padding."""
    return base64.b64encode(data).decode()


def decoded(text: str, size: int | None = HASH_BYTES) -> bytes:
    """`size` bytes (None: any number) from the one base64 spelling of them. Raises ValueError."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if encoded(data) != text or (size is not None and len(data) != size):
        raise ValueError("another spelling or size")
    return data
