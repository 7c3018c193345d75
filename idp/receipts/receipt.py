"""A receipt: one file that proves, offline and with the log's key alone, what was released and that it stands in the log.

The file is canonical JSON (RFC 8785) and one line feed:

    {"v": 1, "for": "citizen" or "relying_party", "log": origin, "leaf": base64 of the leaf's octets,
     "openings": {"sent": {"nonce": base64, "content": {...}}, "login": {...}, "values": {"nonce": base64},
                  "decision": {...}, "subject": {...}},                         the last two in a citizen's alone
     "record": {...},                                                           see `receipt_record`
     "proof": {"index": n, "path": [base64...], "checkpoint": note} or null,
     "promise": {"leaf_hash": base64, "by": seconds since the epoch} or null,   exactly one of the two
     "signature": base64 of the log's Ed25519 over "ciconia/receipt/v1" LF and the object without this member}

It has no value in clear. `values` has the nonce, with which a holder of the values computes their commitment again. So can
a thief who guesses, and a yes or no is found at once: keep the file like the data. It is "" in a receipt that is made after
the day for which it is kept. The relying party's receipt has no
decision and no subject: neither what was withheld, nor the source, nor the hash of what was shown.
"""

import json
from collections.abc import Mapping
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from idp.ledger.canonical_json import Json, jcs
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import leaf_hash
from idp.ledger.record_contents import DecidedBy
from idp.ports import Opening
from idp.receipts.inclusion_proof import Placed, encoded
from idp.receipts.receipt_record import Stated, record_of

VERSION = 1
SIGNED = b"ciconia/receipt/v1\n"
MAX_RECEIPT = 256 * 1024
MEMBERS = frozenset({"v", "for", "log", "leaf", "openings", "record", "proof", "promise", "signature"})


class ReceiptHolder(StrEnum):
    """The holder of a receipt."""

    CITIZEN = "citizen"
    RELYING_PARTY = "relying_party"


# The openings for each holder, beside the nonce of the values
SEES: Mapping[ReceiptHolder, tuple[str, ...]] = {
    ReceiptHolder.CITIZEN: ("decision", "login", "sent", "subject"),
    ReceiptHolder.RELYING_PARTY: ("login", "sent"),
}


def make_receipt(
    *,
    holder: ReceiptHolder,
    keys: LedgerKeys,
    leaf: bytes,
    openings: Mapping[str, Opening],
    values_nonce: bytes,
    stated: Stated,
    standing: Placed | int,
    now: int,
) -> bytes:
    """The file, signed by the log's key of `now` (seconds since the epoch).

    `standing` is the leaf's place, or the time by which the log promises one. Only those of the record's `openings` go in
    that the holder may see.
    """
    opened: dict[str, dict[str, Json]] = {name: json.loads(openings[name].content) for name in SEES[holder]}
    path = DecidedBy(json.loads(openings["decision"].content)["path"])
    shown: dict[str, Json] = {
        name: {"nonce": encoded(openings[name].nonce), "content": content} for name, content in opened.items()
    }
    receipt: dict[str, Json] = {
        "v": VERSION,
        "for": holder.value,
        "log": keys.origin,
        "leaf": encoded(leaf),
        "openings": {**shown, "values": {"nonce": encoded(values_nonce)}},
        "record": record_of(holder, opened, path, stated),
        "proof": None,
        "promise": None,
    }
    if isinstance(standing, Placed):
        steps = [encoded(each) for each in standing.path]
        receipt["proof"] = {"index": standing.index, "path": steps, "checkpoint": standing.checkpoint}
    else:
        receipt["promise"] = {"leaf_hash": encoded(leaf_hash(leaf)), "by": standing}
    return signed_receipt(receipt, keys.log.at(now).signer)


def signed_receipt(receipt: Mapping[str, Json], signer: Ed25519PrivateKey) -> bytes:
    """Sign a receipt; returns its file. The prefix keeps the signature apart from all others of the log."""
    return jcs({**receipt, "signature": encoded(signer.sign(SIGNED + jcs(receipt)))}) + b"\n"
