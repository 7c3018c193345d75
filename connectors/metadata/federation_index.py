"""A federation's metadata taken apart: verified, judged, and kept as canonical octets with an index. Pure.

```
index     {"head": …, "tail": …, "valid_until": …, "digest": …}            one object of the copy
          ["https://idp.example/saml", 0, 6512, "9f86…", "idp", "https://federation.example", ["http://…"]]
          …                                                                one list an entity: its place, SHA-256, facts
octets    <md:EntityDescriptor …>…</md:EntityDescriptor>…                   what the signature covered, octet for octet
```
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import NamedTuple, Self

from connectors.addresses import PEER, FetchError
from connectors.formats.grammar import MAX_TEXT, instant
from connectors.metadata.copies import check_newer
from connectors.metadata.judgement import DAY, check_end
from connectors.profiles import SAML2INT
from connectors.signatures.aggregate import Place, verify_aggregate
from connectors.signatures.parse import Element, attributes
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.wire.names import ENTITY_CATEGORY, MD, MDATTR, SAMLP, md, saml
from policies.errors import AssertionRejected
from policies.federations import Federation, FederationFilter

_RPI = "{urn:oasis:names:tc:SAML:metadata:rpi}RegistrationInfo"
_ENTITY_ATTRIBUTES = f"{{{MDATTR}}}EntityAttributes"
_ROLES = {md("IDPSSODescriptor"): "idp", md("SPSSODescriptor"): "sp"}
# In canonical form an attribute has double quotes and one spelling
_IN_THE_OPEN = (b'ocation="http://', b'ocation="HTTP://')


class Row(NamedTuple):
    """An entity of the index: where it stands in the octets, their SHA-256 as hex, and what is filtered by."""

    entity_id: str
    begin: int
    end: int
    digest: str
    roles: str  # "idp", "sp", "idp sp", or ""
    authority: str
    categories: Sequence[str]


@dataclass(frozen=True, slots=True)
class CopyHead:
    """What an index says of its whole copy."""

    octets: str  # the name of the file
    head: str
    tail: str
    key_id: str
    valid_until: int
    digest: str  # of all rows: two copies that say the same have the same
    fetched: int
    entities: int
    # why entities are left out, and how many
    left_out: Mapping[str, int] = field(default_factory=dict)
    etag: str = ""
    deviations: Sequence[str] = ()  # none yet is known of a federation
    registered: str = ""  # `Federation.digest` of the registration that let it in
    origin: str = ""  # its `Federation.origin`
    # of each entity that was asked for alone the SHA-256 of its newest octets and their end: nothing older comes back,
    # though the octets are gone
    newest: Mapping[str, tuple[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Index:
    """A copy that counts: its head, and its entities."""

    head: CopyHead
    rows: Sequence[Row]

    def written(self) -> bytes:
        """The index as a file has it."""
        return "\n".join([json.dumps(asdict(self.head)), *map(json.dumps, self.rows)]).encode()

    @classmethod
    def read(cls, octets: bytes) -> Self:
        """Read what `written` wrote. ValueError for anything else."""
        head, *rows = json.loads(b"[" + octets.replace(b"\n", b",") + b"]")
        try:
            return cls(CopyHead(**head), [Row._make(row) for row in rows])
        except TypeError:
            raise ValueError("an index of another version") from None


# Hears how many octets came, and how many entities stood in them
Progress = Callable[[int, int], object]


def unheard(_octets: int, _entities: int) -> None:
    """Nobody waits for it."""


def signing_keys(federation: Federation) -> tuple[PinnedKey, ...]:
    """The keys of the pinned certificates. ValueError, with words for an operator, for one that cannot be used."""
    return tuple(key_of_certificate(der, SAML2INT) for der in federation.signers)


# The plan. Each block below has its number.
#  1. The signature, by a pinned key, over all of it.                           signatures.aggregate
#  2. validUntil is there, ahead and near; no older than the copy that is held.
#  3. Each entityID stands once, in all that was signed.
#  4. What the filter does not take, has ended or is spoken to in the open, is left out and counted.
#  5. Something is left.
def indexed(
    federation: Federation,
    read: Callable[[int], bytes],
    write: Callable[[bytes], object],
    *,
    name: str,
    held: CopyHead | None,
    now: int,
    demo: bool = False,
    etag: str = "",
    progress: Progress = unheard,
) -> Index:
    """Take an aggregate that comes from `read(size)`, and hand its canonical octets to `write`. Raises `FetchError`.

    What was written counts only where this returns. `name` is the file that it goes to, `held` the copy of before.
    """
    rows: list[Row] = []
    seen: set[str] = set()
    left_out: Counter[str] = Counter()
    size = came = 0

    def counted(most: int) -> bytes:
        nonlocal came
        octets = read(most)
        came += len(octets)
        return octets

    def keep(octets: bytes, places: Sequence[Place]) -> None:
        nonlocal size
        write(octets)
        for place in places:
            # 3.
            if place.entity_id in seen:
                raise FetchError("metadata_duplicate", "its metadata has an entityID twice.")
            seen.add(place.entity_id)
            # 4.
            row = row_of(place, octets[place.begin : place.end], size)
            if why := why_left_out(row, place.unverified, octets[place.begin : place.end], federation.only, now, demo=demo):
                left_out[why] += 1
            else:
                rows.append(row)
        size += len(octets)
        progress(came, len(seen))

    # 1.
    try:
        found = verify_aggregate(counted, signing_keys(federation), SAML2INT, keep, most=federation.most)
    except AssertionRejected as error:
        raise FetchError(error.check, f"its metadata is refused ({error.check}): {error.detail}.", PEER) from error
    # 2.
    valid_until = end_of(found.valid_until)
    check_end(valid_until, now, SAML2INT, federation.max_days * DAY)
    # 5.
    if not rows:
        raise FetchError("metadata_empty", "no entity of its metadata is left.")
    head = CopyHead(
        octets=name,
        head=found.head.decode(),
        tail=found.tail.decode(),
        key_id=found.key_id,
        valid_until=valid_until,
        digest=digest_of(rows),
        fetched=now,
        entities=len(rows),
        left_out=dict(left_out),
        etag=etag,
        registered=federation.digest,
        origin=federation.origin,
    )
    if held is not None:
        check_newer(head, held)
    return Index(head, rows)


def digest_of(rows: Sequence[Row]) -> str:
    """The digest of what a copy says."""
    return sha256(json.dumps([(row.entity_id, row.digest) for row in rows]).encode()).hexdigest()


def end_of(text: str) -> int:
    """The time of a validUntil that has to be there. Raises `FetchError`."""
    if not text:
        raise FetchError("metadata_endless", "its metadata has no validUntil.")
    try:
        return instant(text, "the metadata")
    except AssertionRejected as error:
        raise FetchError("metadata_endless", "its metadata has a validUntil that is none.") from error


def row_of(place: Place, octets: bytes, before: int) -> Row:
    """The row of an entity whose place is so far behind the beginning."""
    root = place.unverified
    authority, categories = "", list[str]()
    extensions = root.find(md("Extensions"))
    if extensions is not None:
        for one in extensions:
            if one.tag == _RPI:
                authority = attributes(one).get("registrationAuthority", "")
            elif one.tag == _ENTITY_ATTRIBUTES:
                categories += _categories(one)
    roles = [
        role
        for child in root
        if (role := _ROLES.get(child.tag)) and SAMLP in attributes(child).get("protocolSupportEnumeration", "").split()
    ]
    digest = sha256(octets).hexdigest()
    return Row(
        place.entity_id, before + place.begin, before + place.end, digest, " ".join(sorted(roles)), authority, categories
    )


def _categories(holder: Element) -> Iterator[str]:
    for attribute in holder:
        if attribute.get("Name") == ENTITY_CATEGORY:
            yield from ((value.text or "").strip() for value in attribute.iterchildren(saml("AttributeValue")))


def why_left_out(row: Row, root: Element, octets: bytes, only: FederationFilter, now: int, *, demo: bool) -> str:
    """Why an entity does not count, "" where it does."""
    if not 0 < len(row.entity_id) <= MAX_TEXT:
        return "entity_id"
    if not row.roles:
        return "role"
    if only.roles and only.roles.isdisjoint(row.roles.split()):
        return "filter"
    if (only.authorities and row.authority not in only.authorities) or (
        only.categories and only.categories.isdisjoint(row.categories)
    ):
        return "filter"
    if not demo and any(sign in octets for sign in _IN_THE_OPEN):
        return "http"
    return "ended" if b" validUntil=" in octets and ends(root, now + 1) <= now else ""


def ends(root: Element, latest: int) -> int:
    """The earliest validUntil of an entity and its roles, `latest` where there is none: 0 where one is no time.

    A role may end before its entity does (Metadata 2.0 §2.4.1).
    """
    found = [latest]
    for one in (root, *(child for child in root if isinstance(child.tag, str) and child.tag.startswith(f"{{{MD}}}"))):
        text = attributes(one).get("validUntil")
        if text is not None:
            try:
                found.append(instant(text, "the metadata"))
            except AssertionRejected:
                return 0
    return min(found)
