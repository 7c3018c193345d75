"""The offline check of a receipt: every bit of the file is bound, and the result is said in sentences.

1. size; one strict JSON object in its canonical spelling, with one line feed
2. the members of a receipt and no other, of the log whose key we were given
3. every opening opens what the leaf commits to, and they are of one record, one time, one relying party
4. the readable part says what the openings say
5. the path leads from the leaf to the root of a checkpoint that a key of the log, and no other, signed; or it is a promise
6. the log's signature over the whole
7. as many witnesses of other operators as are wanted cosigned that checkpoint

A log has several keys if one took over from another; each counts for what it signed.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from idp.ledger.canonical_json import jcs
from idp.ledger.checkpoint import TreeHead, VerifierKey
from idp.ledger.cosignature import NOBODY, NOBODY_NAMED, Cosigned, WitnessPolicy
from idp.ledger.leaf import NONCE_BYTES, commitment, read_leaf
from idp.ledger.merkle_tree import leaf_hash
from idp.ledger.record_contents import RELEASE
from idp.receipts.inclusion_proof import Placed, decoded, prove, read_proof
from idp.receipts.members import Object, list_in, number_in, object_in, read_canonical, text_in, texts_in
from idp.receipts.receipt import MAX_RECEIPT, MEMBERS, SEES, SIGNED, VERSION, ReceiptHolder
from idp.receipts.receipt_record import check_record, names_of, time_text
from policies.assurance import LevelOfAssurance
from policies.errors import SignatureInvalid
from policies.purposes import Basis

SIGNATURE_BYTES = 64
# The members of each opening (`idp.ledger.record_contents`)
_CONTENTS: Mapping[str, frozenset[str]] = {
    "sent": frozenset({"basis", "client", "loa", "names", "policy", "purpose", "record", "time"}),
    "decision": frozenset({"asked", "bits", "kind", "notice", "path", "record", "source", "time", "unknown", "withheld"}),
    "subject": frozenset({"record", "subject"}),
    "login": frozenset({"aud", "iss", "nonce", "sub"}),
}
# A source of SAML may name those behind it, one in another legal sphere needs a ground, and registers have names
_OPTIONAL = {
    "decision": frozenset({"authorities", "person", "sources", "transfer"}),
    "subject": frozenset({"represented"}),
}
_RECORD = re.compile("[0-9a-f]{32}")
_LISTS = frozenset({"names", "asked", "unknown", "withheld", "authorities", "sources", "transfer"})


@dataclass(frozen=True, slots=True)
class ProvedReceipt:
    """A receipt whose every check held, and the keys that it rests on: the one that signed it, then those of checkpoints.

    `index` and the checkpoint's `head` are None for a promise: then `by` is its time.
    """

    holder: ReceiptHolder
    keys: tuple[VerifierKey, ...]
    record: str
    client: str
    purpose: str
    basis: str
    time: int
    names: tuple[tuple[str, str], ...]
    leaf_hash: bytes
    index: int | None = None
    head: TreeHead | None = None
    by: int | None = None
    cosigned: Cosigned = NOBODY
    sub: str = field(default="", repr=False)
    # of a citizen's
    subject: bytes | None = field(default=None, repr=False)

    @property
    def size(self) -> int | None:
        """The size of the tree in which the leaf stands."""
        return None if self.head is None else self.head.size

    @property
    def log(self) -> str:
        """The log's name."""
        return self.keys[0].name

    @property
    def sentences(self) -> tuple[str, ...]:
        """The proof in words, for people."""
        went = ", ".join(f"{name} ({form})" for name, form in self.names) or "no attribute"
        leaf, when = self.leaf_hash.hex(), time_text(self.time)
        released = f"at {when} {went} went to {self.client} for the purpose {self.purpose}, on the basis {self.basis}"
        found = [
            f"The log {self.log} signed this receipt, and each bit of it is as it was signed.",
            f"The leaf {leaf} commits to what the receipt opens: {released}.",
        ]
        if self.index is not None:
            found.append(
                f"That leaf stands at index {self.index}, counted from 0, in the tree of {self.size} whose checkpoint "
                "the log signed."
            )
        elif self.by is not None:
            found.append(f"The log promised that this leaf would stand in its tree by {time_text(self.by)}.")
        found += [
            f"The witness {each} cosigned that checkpoint at {time_text(time)}." for each, time in self.cosigned.witnesses
        ]
        found += [
            f"{name} signed it, too. Nobody named that key: it counts for nothing." for name in self.cosigned.strangers
        ]
        return tuple(found)

    @property
    def limits(self) -> tuple[str, ...]:
        """The limits of the proof, for people."""
        operators = ", ".join(sorted(self.cosigned.operators()))
        if self.index is None:
            tree = "that the leaf stands in the log: ask for its proof at /log/proof, and give it here with --proof"
        elif operators:
            tree = f"that nobody was shown another tree, if the log's operator and all of these act together: {operators}"
        else:
            tree = (
                "that nobody was shown another tree: only the log's own key signed the checkpoint, and no other operator's "
                "witness that was named with --witness cosigned it"
            )
        values = (
            "that the values were true, or which they were: the receipt holds none in clear. Whoever has the file can try "
            "guesses, and a yes or no is found at once: keep it like the data"
        )
        return (values, "that a person meant it: it proves that an approval was recorded", tree)


def verify_receipt(
    octets: bytes,
    keys: Sequence[VerifierKey],
    proof: bytes | None = None,
    witnesses: WitnessPolicy = NOBODY_NAMED,
) -> ProvedReceipt:
    """Check a receipt under the keys of one log (`checkpoint.read_keys`), and the policy about its witnesses.

    `proof` is a tlog-proof that redeems a promise. Raises `SignatureInvalid`: `check` is the stable name of the first
    fault, `detail` says it in words.
    """
    # 1. size, strict JSON, one spelling
    receipt = read_canonical(octets, MAX_RECEIPT)
    try:
        # 2. the members, the log
        holder = _shape(receipt, keys)
        # 3. the leaf and what it commits to
        leaf = decoded(text_in(receipt, "leaf"), None)
        opened = _opened(receipt, holder, leaf)
        # 4. the readable part
        check_record(object_in(receipt, "record"), holder, opened)
        # 5. the place, or the promise
        signers, standing, cosigned = _standing(receipt, leaf_hash(leaf), keys, proof, witnesses)
        # 6. the signature over the whole
        rests_on = tuple(dict.fromkeys([_signer(receipt, keys), *signers]))
        found = _proved(holder, rests_on, leaf_hash(leaf), opened, standing, cosigned)
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        raise SignatureInvalid("shape", "it is not shaped as a receipt is") from None
    # 7. the witnesses
    witnesses.assert_met(found.cosigned)
    return found


def _shape(receipt: Object, keys: Sequence[VerifierKey]) -> ReceiptHolder:
    if set(receipt) != MEMBERS or number_in(receipt, "v") != VERSION:
        raise SignatureInvalid("shape", "it has other members, or another version, than a receipt has")
    if any(text_in(receipt, "log") != key.name for key in keys):
        raise SignatureInvalid("log", "it is of another log than the key")
    return ReceiptHolder(text_in(receipt, "for"))


def _fits(name: str, content: Object) -> bool:
    return _CONTENTS[name] <= set(content) <= _CONTENTS[name] | _OPTIONAL.get(name, frozenset())


def _opened(receipt: Object, holder: ReceiptHolder, leaf: bytes) -> Mapping[str, Object]:
    """The content of each opening that this holder has."""
    commitments = read_leaf(leaf)[0]
    openings = object_in(receipt, "openings")
    if set(openings) != {*SEES[holder], "values"}:
        raise SignatureInvalid("openings", "it opens more or less than its holder may see")
    found: dict[str, Object] = {}
    for name in SEES[holder]:
        opening = object_in(openings, name)
        content = object_in(opening, "content")
        if set(opening) != {"nonce", "content"} or not _fits(name, content):
            raise SignatureInvalid("openings", f"the opening of {name} has other members than a record's")
        if commitment(decoded(text_in(opening, "nonce"), NONCE_BYTES), jcs(content)) != commitments[name]:
            raise SignatureInvalid("commitment", f"the opening of {name} does not open what the leaf commits to")
        for member in content:
            # A number in place of a text is no record of ours, whoever signed it
            (number_in if member == "time" else list_in if member in _LISTS else text_in)(content, member)
        found[name] = content
    _check_sent(found["sent"])
    values = object_in(openings, "values")
    if set(values) != {"nonce"}:
        raise SignatureInvalid("openings", "the opening of values has more than its nonce")
    # "" in a citizen's receipt that was made later: the nonce is kept nowhere
    if text_in(values, "nonce") or holder is not ReceiptHolder.CITIZEN:
        decoded(text_in(values, "nonce"), NONCE_BYTES)
    _agree(found)
    return found


def _check_sent(sent: Object) -> None:
    """Raise ValueError for an unknown level, no id, or a sign that a terminal obeys or that turns the order of words."""
    if sent["loa"] not in {level.label for level in LevelOfAssurance} or not _RECORD.fullmatch(text_in(sent, "record")):
        raise ValueError("a release has a level and an id")
    told = [each for each in sent.values() if isinstance(each, str)]
    told += [each for pair in names_of(sent) for each in pair]
    if not all(each.isprintable() for each in told):
        raise ValueError("a sign that is not printable")


def _agree(opened: Mapping[str, Object]) -> None:
    """Raise unless the openings are of one record: its id, time and relying party; and a citizen's of a release."""
    sent, login, decision, subject = (opened.get(name) for name in ("sent", "login", "decision", "subject"))
    if sent is None or login is None:
        raise ValueError("no holder lacks these")
    agree = [login["aud"] == sent["client"]]
    if decision is not None:
        agree += [decision["record"] == sent["record"], decision["time"] == sent["time"], decision["kind"] == RELEASE]
    if subject is not None:
        agree.append(subject["record"] == sent["record"])
    if not all(agree):
        raise SignatureInvalid("openings", "its openings are of two records")


_Standing = tuple[int, TreeHead] | int


def _standing(
    receipt: Object, hashed: bytes, keys: Sequence[VerifierKey], proof: bytes | None, witnesses: WitnessPolicy
) -> tuple[list[VerifierKey], _Standing, Cosigned]:
    """The keys that signed checkpoints; the index and the tree, or the time of a promise that nobody redeemed yet.

    Last the cosignatures of that tree.
    """
    signers: list[VerifierKey] = []
    if (receipt["proof"] is None) == (receipt["promise"] is None):
        raise SignatureInvalid("shape", "it has not exactly one of a proof and a promise")
    placed = None if proof is None else read_proof(proof)
    if receipt["proof"] is not None:
        given = object_in(receipt, "proof")
        if set(given) != {"index", "path", "checkpoint"}:
            raise SignatureInvalid("shape", "its proof has other members than index, path and checkpoint")
        path = tuple(decoded(each) for each in texts_in(given, "path"))
        own = Placed(number_in(given, "index"), path, text_in(given, "checkpoint"))
        signers.append(prove(own, hashed, keys, witnesses)[0])
        placed = placed or own
    else:
        promise = object_in(receipt, "promise")
        if set(promise) != {"leaf_hash", "by"} or decoded(text_in(promise, "leaf_hash")) != hashed:
            raise SignatureInvalid("promise", "its promise is of another leaf")
        by = number_in(promise, "by")
        if placed is None:
            return signers, by, NOBODY
    key, head, cosigned = prove(placed, hashed, keys, witnesses)
    return [*signers, key], (placed.index, head), cosigned


def _signer(receipt: Object, keys: Sequence[VerifierKey]) -> VerifierKey:
    """The key that signed the whole."""
    signature = decoded(text_in(receipt, "signature"), SIGNATURE_BYTES)
    unsigned = {name: value for name, value in receipt.items() if name != "signature"}
    for key in keys:
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, SIGNED + jcs(unsigned))
        except InvalidSignature:
            continue
        return key
    raise SignatureInvalid("signature", "the log's signature over the receipt does not hold")


def _proved(
    holder: ReceiptHolder,
    keys: tuple[VerifierKey, ...],
    hashed: bytes,
    opened: Mapping[str, Object],
    standing: _Standing,
    cosigned: Cosigned,
) -> ProvedReceipt:
    index, head = standing if isinstance(standing, tuple) else (None, None)
    by = standing if isinstance(standing, int) else None
    if by is not None:
        time_text(by)
    sent, subject = opened["sent"], opened.get("subject")
    return ProvedReceipt(
        holder=holder,
        keys=keys,
        record=text_in(sent, "record"),
        client=text_in(sent, "client"),
        purpose=text_in(sent, "purpose"),
        basis=Basis(text_in(sent, "basis")).value,
        time=number_in(sent, "time"),
        names=tuple(names_of(sent)),
        leaf_hash=hashed,
        index=index,
        head=head,
        by=by,
        cosigned=cosigned,
        sub=text_in(opened["login"], "sub"),
        subject=None if subject is None else bytes.fromhex(text_in(subject, "subject")),
    )
