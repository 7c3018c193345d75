"""One entry of the release ledger: the leaf that commits, and the openings that stay encrypted beside it.

A leaf is canonical JSON of one size, whatever it records and whoever it is about:

    {"commitments":{"decision":B,"login":B,"sent":B,"subject":B,"values":B},"tag":B,"v":1}        B = base64 of 32 bytes

- A commitment is HMAC-SHA256(nonce, content): a fresh nonce of 32 bytes, canonical JSON. A missing compartment (a refusal
has
  no subject, login or values) has random bytes of the same size, so a leaf does not tell its kind.
- `tag` is HMAC-SHA256(the subject's tag key, counter as 8 bytes): a citizen lists the leaves under their key without a gap.
- An opening is nonce and content, padded to a size class, in AES-256-GCM under a key of its own, bound to tenant, record
and
  compartment. `sent`, `decision` and `login` lie under the tenant's key of the month, `subject` under the subject's own
  key. The opening of `values` is kept nowhere: values go to their holder, and the commitment stays.
"""

import binascii
import hmac
import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from idp.ledger.ledger_keys import LedgerKeys, RecordKeys, derived, framed, mac
from idp.ports import Opening, RecordDraft
from policies.errors import SignatureInvalid

VERSION = 1
COMPARTMENTS = ("decision", "login", "sent", "subject", "values")
PERIOD_COMPARTMENTS = ("decision", "login", "sent")
RECORD_BYTES = 16
NONCE_BYTES = 32
MAC_BYTES = 32
SALT_BYTES = 32
GCM_NONCE_BYTES = 12
LENGTH_BYTES = 4
# The only form of a leaf: names in their order, values without a sign that JSON escapes
_FORM = b'{"commitments":{%b},"tag":"%%b","v":%d}' % (
    b",".join([b'"%b":"%%b"' % name.encode() for name in COMPARTMENTS]),
    VERSION,
)
# 32 bytes fill four bits of the last letter. A reader of any JSON could be led into endless depth
_LEAF = re.compile(re.escape(_FORM) % ((b"([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)",) * (len(COMPARTMENTS) + 1)))
# Sizes of a padded opening: a login of a dozen attributes fits the first; the last holds what a request of 100 kB may ask
SIZE_CLASSES = tuple(1024 * 4**power for power in range(6))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record without its subject's key and counter, made in the thread that asks."""

    draft: RecordDraft
    commitments: Mapping[str, bytes]
    sealed: Mapping[str, bytes] = field(repr=False)  # PERIOD_COMPARTMENTS that the record has


@dataclass(frozen=True, slots=True)
class Entry:
    """A complete record: its leaf, and the subject's opening (None for a refusal)."""

    leaf: bytes
    subject_opening: bytes | None = field(repr=False)


def subject_index(key: bytes, tenant: str, namespace: str, identifier: str) -> bytes:
    """The keyed index of a person in the ledger: HMAC-SHA256 over length-prefixed tenant, namespace and identifier."""
    if not key:
        raise ValueError("the index key is empty")
    message = framed(b"1", tenant.encode(), namespace.encode(), identifier.encode())
    return mac(key, message)


def commitment(nonce: bytes, content: bytes) -> bytes:
    """HMAC-SHA256(nonce, content). Only nonces of 32 bytes: shorter ones with zeros would open the same commitment."""
    if len(nonce) != NONCE_BYTES:
        raise ValueError("a commitment's nonce has 32 bytes")
    return mac(nonce, content)


def new_salt(keys: LedgerKeys, tenant: str, subject: bytes) -> bytes:
    """The salt of a new subject: 32 random bytes, and their MAC."""
    random = urandom(SALT_BYTES)
    return random + _salt_mac(keys, tenant, subject, random)


def salt_holds(keys: RecordKeys, tenant: str, subject: bytes, salt: bytes) -> bool:
    """Whether `new_salt` made this for this subject."""
    return hmac.compare_digest(salt[SALT_BYTES:], _salt_mac(keys, tenant, subject, salt[:SALT_BYTES]))


def _salt_mac(keys: RecordKeys, tenant: str, subject: bytes, random: bytes) -> bytes:
    return mac(keys.rows, framed(b"salt", tenant.encode(), subject, random))


def erasure_mark(keys: RecordKeys, tenant: str, record: bytes, leaf_hash: bytes) -> bytes:
    """The MAC in place of a subject's opening that was erased: it says that we did so, and whose it was to nobody."""
    return mac(keys.rows, framed(b"erased", tenant.encode(), record, leaf_hash))


def tag(subject_key: bytes, counter: int) -> bytes:
    """The tag of the `counter`-th record (from 1) under a subject's own key."""
    return tag_by(tag_key(subject_key), counter)


def tag_key(subject_key: bytes) -> bytes:
    """The key of all tags of a subject: made once where many are computed."""
    return derived(subject_key, b"", b"tag")


def tag_by(key: bytes, counter: int) -> bytes:
    """The tag of the `counter`-th record under a `tag_key`."""
    return mac(key, counter.to_bytes(8))


def leaf(commitments: Mapping[str, bytes], tagged: bytes) -> bytes:
    """The leaf's bytes."""
    if set(commitments) != set(COMPARTMENTS) or {*map(len, (*commitments.values(), tagged))} != {MAC_BYTES}:
        raise ValueError("a leaf has one commitment of 32 bytes for each compartment, and a tag")
    parts = [*[commitments[name] for name in COMPARTMENTS], tagged]
    return _FORM % tuple([binascii.b2a_base64(part, newline=False) for part in parts])


def read_leaf(data: bytes) -> tuple[dict[str, bytes], bytes]:
    """The commitments and the tag of a leaf. Raises ValueError for bytes that `leaf` does not make."""
    found = _LEAF.fullmatch(data)
    if found is None:
        raise ValueError("not a leaf")
    *parts, tagged = [binascii.a2b_base64(text) for text in found.groups()]
    return dict(zip(COMPARTMENTS, parts, strict=True)), tagged


def is_leaf(data: bytes) -> bool:
    """Whether these are the bytes of a leaf."""
    return _LEAF.fullmatch(data) is not None


def prepare(draft: RecordDraft, tenant: str, keys: LedgerKeys) -> Prepared:
    """Commit to every opening of a draft, and encrypt those that do not wait for the subject."""
    openings = {opening.compartment: opening for opening in draft.openings}
    if len(draft.record) != RECORD_BYTES or len(openings) != len(draft.openings) or not set(openings) <= set(COMPARTMENTS):
        raise ValueError("a record has an id of 16 bytes and each compartment once")
    if ("subject" in openings) != (draft.subject is not None) or not {"sent", "decision"} <= set(openings):
        raise ValueError("a record has its facts, and a subject's part exactly where it has a subject")
    period = keys.period_key(tenant, draft.time)
    return Prepared(
        draft=draft,
        commitments={
            name: commitment(openings[name].nonce, openings[name].content) if name in openings else urandom(MAC_BYTES)
            for name in COMPARTMENTS
        },
        sealed={
            name: seal_opening(period, tenant, draft.record, openings[name])
            for name in PERIOD_COMPARTMENTS
            if name in openings
        },
    )


def complete(prepared: Prepared, tenant: str, subject_key: bytes | None, counter: int) -> Entry:
    """The entry, with the subject's key and counter (None and 0 for a record without a subject)."""
    if (subject_key is None) != (prepared.draft.subject is None):
        raise ValueError("a subject's key belongs to a record with a subject")
    if subject_key is None:
        return Entry(leaf(prepared.commitments, urandom(MAC_BYTES)), None)
    opening = next(o for o in prepared.draft.openings if o.compartment == "subject")
    sealed = seal_opening(subject_key, tenant, prepared.draft.record, opening)
    return Entry(leaf(prepared.commitments, tag(subject_key, counter)), sealed)


def seal_opening(key: bytes, tenant: str, record: bytes, opening: Opening) -> bytes:
    """Encrypt one opening: GCM nonce (12 bytes), then ciphertext and tag of nonce, length, content and padding."""
    length = len(opening.content).to_bytes(LENGTH_BYTES)
    plain = opening.nonce + length + opening.content
    if len(plain) > SIZE_CLASSES[-1]:
        raise ValueError("an opening beyond the largest size class")
    size = SIZE_CLASSES[bisect_left(SIZE_CLASSES, len(plain))]
    nonce = urandom(GCM_NONCE_BYTES)
    cipher, bound = _cipher(key, tenant, record, opening.compartment)
    return nonce + cipher.encrypt(nonce, plain.ljust(size, b"\0"), bound)


def open_opening(key: bytes, tenant: str, record: bytes, compartment: str, sealed: bytes) -> Opening:
    """Decrypt what `seal_opening` made. Raises `SignatureInvalid` for anything else."""
    cipher, bound = _cipher(key, tenant, record, compartment)
    try:
        plain = cipher.decrypt(sealed[:GCM_NONCE_BYTES], sealed[GCM_NONCE_BYTES:], bound)
    except (InvalidTag, ValueError) as error:
        raise SignatureInvalid("opening", f"the opening of {compartment} does not decrypt") from error
    nonce, rest = plain[:NONCE_BYTES], plain[NONCE_BYTES:]
    end = LENGTH_BYTES + int.from_bytes(rest[:LENGTH_BYTES])
    return Opening(compartment, nonce, rest[LENGTH_BYTES:end])


def _cipher(key: bytes, tenant: str, record: bytes, compartment: str) -> tuple[AESGCM, bytes]:
    """A key for each opening: all random nonces under one key of the month would exceed GCM's bound of 2^32."""
    bound = framed(b"opening", tenant.encode(), record, compartment.encode())
    return AESGCM(mac(key, bound)), bound
