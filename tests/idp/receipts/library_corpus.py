"""Receipts of services, sound and broken, for the two libraries and the product: each case is one question to all three.

Each field is changed in the file, and changed and signed again by the log; each opening is changed and committed to again.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any  # JSON that a test takes apart

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from idp.ledger.canonical_json import jcs
from idp.ledger.checkpoint import TreeHead, VerifierKey, sign_note, signature_line
from idp.ledger.key_list import begun_with, read_keys
from idp.ledger.leaf import commitment
from idp.ledger.ledger_keys import LogKey
from idp.ledger.merkle_tree import leaf_hash
from idp.receipts.receipt import ReceiptHolder, signed_receipt
from idp.receipts.receipt_verify import verify_receipt
from policies.errors import SignatureInvalid
from tests.idp.ledger.issued import PROMISED, SmallLog
from tests.idp.store.units import KEYS, ORIGIN

LOG = SmallLog()
FIRST = KEYS.log.at(0)
NEXT, ELDER = (LogKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(byte * 32)) for byte in (b"n", b"e"))
SIGNERS = {key.verifier: key.signer for key in (FIRST, NEXT)}
VKEY = f"{FIRST.verifier}\n"
BOTH = begun_with(FIRST.verifier).followed_by(NEXT.verifier, SIGNERS)
ALL = BOTH.followed_by(ELDER.verifier, SIGNERS)
LOGIN = json.loads(LOG.openings(3)["login"].content)
ZERO = base64.b64encode(bytes(32)).decode()

Receipt = dict[str, Any]
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A receipt, and what its service has beside it."""

    name: str
    octets: bytes
    keys: str = VKEY
    proof: bytes | None = None
    login: Mapping[str, object] | None = None
    witnesses: Sequence[str] = ()
    quorum: int = 0

    def as_json(self) -> dict[str, object]:
        """The case for another language."""
        proof = None if self.proof is None else base64.b64encode(self.proof).decode()
        return {
            "octets": base64.b64encode(self.octets).decode(),
            "keys": self.keys,
            "proof": proof,
            "login": self.login,
            "witnesses": list(self.witnesses),
            "quorum": self.quorum,
        }


def party(index: int = 3, standing: int | None = None) -> bytes:
    return LOG.receipt(index, ReceiptHolder.RELYING_PARTY, standing)


PROVED, PROMISE = party(), party(standing=PROMISED)
PROOF = LOG.placed(3).text.encode()


def judged(case: Case) -> list[object] | None:
    """The product's answer: leaf hash, index, size and time of the promise; None where it refuses."""
    try:
        found = verify_receipt(case.octets, read_keys(case.keys), case.proof)
    except SignatureInvalid:
        return None
    if found.holder is not ReceiptHolder.RELYING_PARTY:
        return None
    return [found.leaf_hash.hex(), found.index, found.size, found.by]


def sound() -> Iterator[Case]:
    """Receipts that hold."""
    for index in range(LOG.size):
        yield Case(f"leaf {index}", party(index))
    for size in range(4, LOG.size):
        receipt = json.loads(PROVED)
        _place(receipt, size)
        yield Case(f"in the tree of {size}", _signed(receipt))
    yield Case("promise", PROMISE)
    yield Case("redeemed promise", PROMISE, proof=PROOF)
    yield Case("proved twice", PROVED, proof=LOG.placed(3, 5).text.encode())
    yield Case("two keys", PROVED, BOTH.text)
    yield Case("three keys", PROVED, ALL.text)
    yield Case("no last line feed", PROVED, BOTH.text.removesuffix("\n"))
    by_next = {name: value for name, value in json.loads(PROVED).items() if name != "signature"}
    yield Case("signed by the next key", signed_receipt(by_next, NEXT.signer), BOTH.text)
    yield Case("the next key is revoked", PROVED, BOTH.telling([NEXT.verifier]).text)


def _place(receipt: Receipt, size: int) -> None:
    placed = LOG.placed(3, size)
    path = [base64.b64encode(each).decode() for each in placed.path]
    receipt["proof"] = {"index": 3, "path": path, "checkpoint": placed.checkpoint}


def flipped(octets: bytes, step: int = 1) -> Iterator[Case]:
    """A bit of each byte."""
    for at in range(0, len(octets), step):
        changed = bytearray(octets)
        changed[at] ^= 1 << at % 8
        yield Case(f"bit {at}", bytes(changed))


def changed_fields(octets: bytes) -> Iterator[Case]:
    """Each member of the file, at any depth, gone, doubled or another; the log signed it all the same."""
    receipt = json.loads(octets)
    for path in _paths(receipt):
        if path == ("signature",):
            continue
        for name, change in CHANGES.items():
            found = deepcopy(receipt)
            try:
                _at(found, path, change)
            except TypeError:
                continue
            yield Case(f"{path} {name}", _signed(found))


def recommitted(octets: bytes) -> Iterator[Case]:
    """Each member of an opening changed, and the leaf commits to it: the log itself lies."""
    for opening in ("login", "sent"):
        for path in _paths(json.loads(octets)["openings"][opening]["content"]):
            for name, change in CHANGES.items():
                receipt = json.loads(PROMISE)
                try:
                    _at(receipt["openings"][opening]["content"], path, change)
                except TypeError:
                    continue
                yield Case(f"{opening} {path} {name}", _committed(receipt, opening))


def _paths(value: object, before: Path = ()) -> Iterator[Path]:
    if before:
        yield before
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inside:
        yield from _paths(one, (*before, step))


def _at(receipt: Receipt, path: Path, change: Callable[[Any, str | int], None]) -> None:
    inside: Any = receipt
    for step in path[:-1]:
        inside = inside[step]
    change(inside, path[-1])


def _set(value: object) -> Callable[[Any, str | int], None]:
    def change(inside: Any, step: str | int) -> None:  # as `_at`
        if inside[step] == value:
            raise TypeError("no change")
        inside[step] = value

    return change


def _more(inside: Any, step: str | int) -> None:  # as `_at`
    if isinstance(inside[step], dict):
        inside[step]["more"] = ""
    elif isinstance(inside[step], list):
        inside[step].append(deepcopy(inside[step][0]) if inside[step] else "")
    elif isinstance(inside[step], str):
        inside[step] += "x"
    else:
        inside[step] = (inside[step] or 0) + 1


def _less(inside: Any, step: str | int) -> None:  # as `_at`
    del inside[step]


def _sign(inside: Any, step: str | int) -> None:  # as `_at`
    inside[step] = inside[step] + "\u202e"


CHANGES: dict[str, Callable[[Any, str | int], None]] = {
    "gone": _less,
    "longer": _more,
    "turned": _sign,
    "a text": _set("x"),
    "empty": _set(""),
    "zero": _set(0),
    "below zero": _set(-1),
    "a large number": _set(2**53 - 1),
    "true": _set(value=True),
    "null": _set(None),
    "a list": _set([]),
    "a list of lists": _set([[]]),
    "an object": _set({}),
    "another hash": _set(ZERO),
}


def _signed(receipt: Receipt) -> bytes:
    return signed_receipt({name: value for name, value in receipt.items() if name != "signature"}, FIRST.signer)


def consistent() -> Iterator[Case]:
    """Lies of the log that fit everywhere: what is left to refuse is the form of one member."""
    for record in ("x", "0" * 31, "0" * 33, "A" * 32, LOG.drafts[3].record.hex()):
        receipt = json.loads(PROMISE)
        receipt["openings"]["sent"]["content"]["record"] = record
        receipt["record"] |= {"record_id": record, "receipt_id": f"{record}/relying_party"}
        yield Case(f"record {record}", _committed(receipt, "sent"))
    for size in (262_144, 262_145):
        receipt = json.loads(PROVED)
        receipt["record"]["processing"]["jurisdiction"] = "x" * (size - len(PROVED) + len("NL"))
        octets = _signed(receipt)
        assert len(octets) == size
        yield Case(f"{size} octets", octets)
    for index in (0, 1, 2, 5):
        receipt = json.loads(LOG.receipt(0, ReceiptHolder.RELYING_PARTY, LOG.placed(0, 1)))
        receipt["proof"]["index"] = index
        yield Case(f"index {index} in a tree of one", _signed(receipt))


def _committed(receipt: Receipt, opening: str) -> bytes:
    """The promise with a leaf that commits to the opening as it is."""
    given = receipt["openings"][opening]
    committed = base64.b64encode(commitment(base64.b64decode(given["nonce"]), jcs(given["content"]))).decode()
    leaf = json.loads(base64.b64decode(receipt["leaf"]))
    leaf["commitments"][opening] = committed
    receipt["leaf"] = base64.b64encode(jcs(leaf)).decode()
    receipt["promise"]["leaf_hash"] = base64.b64encode(leaf_hash(jcs(leaf))).decode()
    return _signed(receipt)


def spelt() -> Iterator[Case]:
    """Other spellings of the file, and what is no file of ours."""
    whole = PROVED.decode()
    for number, octets in enumerate(
        [
            PROVED.rstrip(),
            PROVED + b"\n",
            b" " + PROVED,
            b"\xef\xbb\xbf" + PROVED,
            PROVED + PROVED,
            *[
                whole.replace('"v":1', other).encode()
                for other in ('"v": 1', '"v":1.0', '"v":1e0', '"v":1,"v":1', '"v":01')
            ],
            *[whole.replace('"v":1', f'"v":{other}').encode() for other in ("-0", "-1", "NaN", "Infinity", "1e400", "2")],
            whole.replace('"v":1', f'"v":{10**400}').encode(),
            whole.replace("City", "Cit\\u0079").encode(),
            whole.replace("City", "Cit\\ud800").encode(),
            whole.replace("City", "Cit\\/").encode(),
            whole.replace('"promise":null', '"promise":false').encode(),
            PROVED.replace(b"City", b"Cit\xff"),
            PROVED.replace(b"City", b"Cit\xed\xa0\x80"),
            PROVED.ljust(262_145),
            LOG.receipt(),
            *(b"", b"\n", b"[]\n", b"null\n", b"{}\n", b"1\n", b'"x"\n', b"true\n", b"[" * 100_000),
            b'{"a":' * 40_000 + b"1" + b"}" * 40_000 + b"\n",
            *[PROVED[:length] for length in range(0, len(PROVED), 97)],
        ]
    ):
        yield Case(f"spelling {number}", octets)


def key_lists() -> Iterator[Case]:
    """Lists of keys, each with one fault."""
    one, two, vouches, own = BOTH.text.splitlines()
    other = VerifierKey("other.example/log", NEXT.verifier.public)
    over = f"ciconia/log-keys/v1\n{one}\n{other}\n".encode()
    vouched = [str(other), signature_line(ORIGIN, FIRST.signer, over), signature_line(other.name, NEXT.signer, over)]
    spaced = VerifierKey("login storkhaven/log", FIRST.verifier.public)
    for number, lines in enumerate(
        [
            *(
                [one, two],
                [one, two, own],
                [one, two, own, vouches],
                [two, vouches, own, one],
                [one, str(other)],
                [one, one],
            ),
            *([one, two, vouches, vouches], [one, two, vouches, own, own], [one, vouches], [f"revoked {one}"], [""], []),
            [one, str(VerifierKey(ORIGIN, b"k" * 32)), vouches],
            [one, two, vouches, own, str(ELDER.verifier), own],
            [one, two, vouches, own.replace("—", "-")],
            [one, two, vouches[:-2] + "==", own],
            [f"revoked {one}", two, vouches, own],
            [f"revoked  {one}"],
            [f" {one}"],
            [f"{one} "],
            [one.replace(f"+{FIRST.key_id}+", "+00000000+")],
            [one.replace("+", "\u00a0+", 1)],
            [one, "", two, vouches, own],
            [one, *vouched],
            [str(spaced)],
            [ORIGIN],
            [f"{ORIGIN}+{FIRST.key_id}"],
        ]
    ):
        yield Case(f"keys {number}", PROVED, "\n".join(lines))


def proofs() -> Iterator[Case]:
    """Answers to a promise, each with one fault."""
    text = PROOF.decode()
    for number, changed in enumerate(
        [
            *[
                text.replace("index 3", other)
                for other in ("index 03", "index 2", "index  3", "index 3 ", "index -3", "3", "")
            ],
            *[text.replace("index 3", f"index {other}") for other in (10**18, 10**19, "٣", "0x3")],
            text.replace("tlog-proof@v1", "tlog-proof@v2"),
            text.replace("\n\n", "\n", 1),
            text.replace("\n", "\r\n"),
            text.removesuffix("\n"),
            f"{text}\n",
            f"{text}x",
            "",
            "\n\n",
            LOG.placed(2).text,
            text.ljust(70_000),
        ]
    ):
        yield Case(f"proof {number}", PROMISE, proof=changed.encode())
        yield Case(f"proof {number} of what is proved", PROVED, proof=changed.encode())


def checkpoints() -> Iterator[Case]:
    """Receipts with a checkpoint that says something else, or that another key signed."""
    head = TreeHead.read(LOG.note(LOG.size).partition("\n\n")[0] + "\n")
    note = LOG.note(LOG.size)
    stranger = sign_note("", "witness.example", NEXT.signer).lstrip("\n")
    for number, changed in enumerate(
        [
            sign_note(replace(head, root=bytes(32)).text, ORIGIN, FIRST.signer),
            sign_note(replace(head, size=4).text, ORIGIN, FIRST.signer),
            sign_note(f"{ORIGIN}\n07\n{head.text.splitlines()[2]}\n", ORIGIN, FIRST.signer),
            sign_note(f"{head.text}more\n", ORIGIN, FIRST.signer),
            sign_note(head.text.replace(ORIGIN, "other.example/log"), ORIGIN, FIRST.signer),
            sign_note(head.text, ORIGIN, NEXT.signer),
            sign_note(head.text, "other.example/log", FIRST.signer),
            note.replace("— ", "- "),
            note.replace("\n\n", "\n"),
            note.rstrip("\n"),
            note + note.split("\n")[4] + "\n",
            note + stranger.replace("witness.example", ORIGIN),
            note.replace(ORIGIN, f"{ORIGIN}\t"),
        ]
    ):
        receipt = json.loads(PROVED)
        receipt["proof"]["checkpoint"] = changed
        yield Case(f"checkpoint {number}", _signed(receipt))
