"""A signed aggregate of metadata, of any size: verified in one pass, without ever having a tree of the whole.

```
<md:EntitiesDescriptor …>            the head: parsed and canonicalised alone
  <ds:Signature>…</ds:Signature>     judged first, with a pinned key
  <md:EntityDescriptor …>…           pieces of half a megabyte, cut behind an entity: head + piece + tail is a document,
  <md:EntityDescriptor …>…           which is parsed, canonicalised, hashed, and cut into its entities
</md:EntitiesDescriptor>             the tail
```

Content of an element, put one after the other, is content again (XML 1.0 §3.1 [43]): so if each piece between head and
tail is well-formed, the whole is, and its canonical form is that of its pieces. What is kept is that form, octet for octet
as it was hashed: an entity is a part of it, and is parsed again from there when somebody asks for it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.profiles import Profile
from connectors.signatures.parse import (
    SIGNED_METADATA,
    Element,
    attributes,
    canonical,
    parse_canonical,
    parse_message,
    without_comments,
)
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.verification_result import Signed
from connectors.signatures.xmldsig import cut, judge
from connectors.wire.names import md
from policies.errors import AssertionRejected, SignatureInvalid

# The measured best: larger pieces fall out of the processor's caches, smaller ones are too many
PIECE = 512 * 1024
# Head and Signature of an aggregate, certificates in its KeyInfo and comments before it included
_MAX_HEAD = 64 * 1024
# Exclusive C14N repeats namespaces: real aggregates grow by a tenth
_MAX_GROWTH = 2
_SPACE = rb"[ \t\r\n]"
_NAME = rb"(?:[A-Za-z_][\w.\-]{0,63}:)?"
_COMMENT = rb"<!--(?:(?!--)[\s\S])*-->"
_HEAD = re.compile(
    rb"""(?:<\?xml[ \t\r\n]+version=(?:"1\.0"|'1\.0')"""
    rb"""(?:[ \t\r\n]+encoding=(?:"(?i:utf-8)"|'(?i:utf-8)'))?"""
    rb"""(?:[ \t\r\n]+standalone=(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>)?"""
    rb"(?:" + _SPACE + rb"|" + _COMMENT + rb")*"
    rb"(?P<head><(?P<name>" + _NAME + rb"""EntitiesDescriptor)(?:[ \t\r\n]+[\w.:\-]+[ \t\r\n]*=[ \t\r\n]*"""
    rb"""(?:"[^"<]*"|'[^'<]*'))*[ \t\r\n]*>)"""
)
_CLOSING = b"EntityDescriptor>"
# In canonical form, where a start tag has one space after its name, or ends there; a prefix may be of any letters
_TAG = re.compile(rb"<(/?)(?:[^\s<>/:]+:)?EntityDescriptor[ >]")
_INSTRUCTION = re.compile(rb"<\?.*?\?>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """An entity in the canonical octets: its id, where it begins and ends, and its parsed element, to look at only once."""

    entity_id: str
    begin: int
    end: int
    unverified: Element


@dataclass(frozen=True, slots=True)
class SignedAggregate:
    """An aggregate whose signature held. `head` and `tail` are its canonical start and end tag."""

    head: bytes
    tail: bytes
    valid_until: str  # as the root says it, "" where it does not
    key_id: str


# Takes canonical octets and the entities in them, before the signature is known to hold: nobody may use them until it does
Keep = Callable[[bytes, Sequence[Place]], None]


# The plan. Each block below has its number.
#  1. Limits first: octets read and written; no DTD, and no encoding but UTF-8.
#  2. The head: one start tag, md:EntitiesDescriptor.
#  3. The Signature, the root's first child, in the one form, over the root, by a pinned key: before anything is hashed.
#  4. Each piece is well-formed between head and tail, its entities are children of the root, no group and no second
#     Signature of the root among them.
#  5. The canonical octets are hashed as they are kept; the digest is the signed one, else all that was kept is thrown away.
def verify_aggregate(
    read: Callable[[int], bytes], keys: Sequence[PinnedKey], profile: Profile, keep: Keep, *, most: int
) -> SignedAggregate:
    """Verify an aggregate of at most `most` octets that comes from `read(size)`, and hand its canonical octets to `keep`.

    They count once this returns, and never where it raises `AssertionRejected` and its kinds. ValueError without keys.
    """
    if not keys:
        raise ValueError("a verification without keys")
    document = _Document(read, most)
    # 2.
    root = document.head()
    # 3.
    tree = document.piece()
    signature = tree[0] if tree is not None and len(tree) else None
    if tree is None or signature is None or signature.tag != SIGNATURE:
        raise SignatureInvalid("signature_missing", "an aggregate whose first child is no Signature")
    info, key = judge(tree, signature, keys, profile)
    cut(tree, signature)
    # 4. and 5.
    head, tail = _around(canonical(root, info.reference_prefixes))
    digest, written = info.digest(head), 0
    while tree is not None:
        octets = canonical(tree, info.reference_prefixes, _MAX_GROWTH * most)
        if not (octets.startswith(head) and octets.endswith(tail)):
            raise AssertionRejected("canonicalisation", "a piece whose canonical form is not that of its root")
        content = octets[len(head) : len(octets) - len(tail)]
        written += len(content)
        if written > _MAX_GROWTH * most:
            raise AssertionRejected("canonicalisation", "an aggregate that canonicalises to far more than it has")
        digest.update(content)
        keep(content, _places(tree, content))
        tree = document.piece()
    digest.update(tail)
    if digest.digest() != info.digest_value:
        raise SignatureInvalid("digest", "a digest that does not match")
    return SignedAggregate(head, tail, attributes(root).get("validUntil", ""), key.key_id)


def signed_entity(head: bytes, octets: bytes, tail: bytes, key_id: str) -> Signed:
    """The entity that stands at a place of a verified aggregate, as a document of its own. Raises `AssertionRejected`.

    One that was signed by itself has neither `head` nor `tail`.
    """
    root = parse_message(head + octets + tail, SIGNED_METADATA)
    if not head and root.tag == md("EntityDescriptor"):
        return Signed(octets=octets, key_id=key_id)
    if len(root) != 1 or root[0].tag != md("EntityDescriptor"):
        raise AssertionRejected("structure", "a place of an aggregate that holds no entity")
    return Signed(octets=canonical(root[0]), key_id=key_id)


class _Document:
    """Octets as they come, in pieces that are well-formed between head and tail."""

    def __init__(self, read: Callable[[int], bytes], most: int) -> None:
        self._read, self._most, self._left = read, most, most
        self._head = self._tail = self._buffer = b""
        self._ended = False

    def head(self) -> Element:
        """The root without its content."""
        self._fill(PIECE)
        found = _HEAD.match(self._buffer, 0, _MAX_HEAD)
        if found is None:
            raise AssertionRejected("root", "no md:EntitiesDescriptor in UTF-8, without a DTD and processing instructions")
        self._head, self._tail = found["head"], b"</" + found["name"] + b">"
        self._buffer = self._buffer[found.end() :]
        root = parse_canonical(self._head + self._tail)
        if root.tag != md("EntitiesDescriptor"):
            raise AssertionRejected("root", "a message of another kind")
        return root

    def piece(self) -> Element | None:
        """The root with the next piece of its content, as its canonical form has it; None behind the last."""
        size = PIECE
        while self._buffer or not self._ended:
            octets, whole = self._cut(size)
            try:
                tree = parse_canonical(self._head + octets + (b"" if whole else self._tail))
            except AssertionRejected:
                if whole:
                    raise
            else:
                if b"<!--" in octets:
                    without_comments(tree)
                return tree
            # It was cut inside of a comment, or of a group: take more
            self._buffer, size = octets + self._buffer, 2 * max(size, len(octets))
        return None

    def _cut(self, size: int) -> tuple[bytes, bool]:
        """Take about `size` octets, up to the end of an entity; all of them, the tail too, where no more come."""
        self._fill(size)
        while not self._ended:
            last = self._buffer.rfind(_CLOSING)
            if last >= 0:
                end = last + len(_CLOSING)
                octets, self._buffer = self._buffer[:end], self._buffer[end:]
                return octets, False
            size *= 2
            self._fill(size)
        octets, self._buffer = self._buffer, b""
        return octets, True

    def _fill(self, size: int) -> None:
        pieces = [self._buffer]
        held = len(self._buffer)
        while held < size and not self._ended:
            came = self._read(PIECE)
            self._ended = not came
            self._left -= len(came)
            held += len(came)
            if self._left < 0:
                raise AssertionRejected("size", f"an aggregate of more than {self._most} octets")
            pieces.append(came)
        self._buffer = b"".join(pieces)


def _around(octets: bytes) -> tuple[bytes, bytes]:
    """The start and the end tag of an element without content."""
    end = octets.rindex(b"</")
    return octets[:end], octets[end:]


def _places(root: Element, octets: bytes) -> list[Place]:
    """The entities among the children of a root, and where they stand in the canonical form of its content."""
    children = [child for child in root.iterchildren("*") if child.tag == md("EntityDescriptor")]
    if next(root.iterchildren(md("EntitiesDescriptor")), None) is not None:
        raise AssertionRejected("structure", "an aggregate with groups of entities in it")
    if next(root.iterchildren(SIGNATURE), None) is not None:
        raise SignatureInvalid("signature_count", "an aggregate with a second Signature")
    # In canonical form "<" stands in tags and processing instructions alone, and a member may write tags into those
    tags = _INSTRUCTION.sub(lambda one: b" " * len(one[0]), octets) if b"<?" in octets else octets
    begins, ends = [], []
    for found in _TAG.finditer(tags):
        if found[1]:
            ends.append(found.end())
        else:
            begins.append(found.start())
    if not len(begins) == len(ends) == len(children):
        # As many of this name as children that are entities: so these are they, in their order, and none is in another
        raise AssertionRejected("structure", "an entity inside of another, or of another name")
    named = [attributes(child).get("entityID", "") for child in children]
    return [Place(*one) for one in zip(named, begins, ends, children, strict=True)]
