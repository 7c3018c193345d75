"""Metadata one entity at a time (draft-young-md-query, its profile for SAML): of those that are registered, and no others.

```
GET https://mdq.federation.example/entities/%7Bsha1%7D11d72e8cf351eb6c75c721e838f469677ab41bdb
```

A login never waits for it: the entities that a configuration names are fetched before, as an aggregate is, and kept as one.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import sha1

from connectors.addresses import REGISTRATION, FetchError
from connectors.fetch import NOT_MODIFIED, Fetcher
from connectors.metadata.federation_index import (
    CopyHead,
    Index,
    Progress,
    Row,
    digest_of,
    end_of,
    row_of,
    signing_keys,
    why_left_out,
)
from connectors.metadata.judgement import DAY, check_end, signed_octets
from connectors.profiles import SAML2INT
from connectors.signatures.aggregate import Place
from connectors.signatures.parse import MAX_METADATA, attributes, parse_canonical
from connectors.signatures.pinned_keys import PinnedKey
from policies.federations import Federation

# Of one entity
TIMEOUT = 10.0
ACCEPT = "application/samlmetadata+xml"


def url_of(base: str, entity_id: str) -> str:
    """The address of one entity, by the transformed identifier that every server knows."""
    digest = sha1(entity_id.encode(), usedforsecurity=False).hexdigest()
    return f"{base.rstrip('/')}/entities/%7Bsha1%7D{digest}"


def queried(
    federation: Federation,
    write: Callable[[bytes], object],
    *,
    name: str,
    held: Index | None,
    octets_of: Callable[[Row], bytes],
    fetcher: Fetcher,
    now: int,
    progress: Progress,
) -> Index:
    """Ask for each entity that is wanted. One that is refused stays as it is `held`, which `octets_of` reads, to its end.

    Raises `FetchError` where none is left, with the refusal of the first.
    """
    keys = signing_keys(federation)
    known = {row.entity_id: octets_of(row) for row in held.rows} if held is not None else {}
    tags: dict[str, str] = json.loads(held.head.etag or "{}") if held is not None else {}
    rows: list[Row] = []
    left_out: Counter[str] = Counter()
    refusals: list[FetchError] = []
    newest = dict(held.head.newest) if held is not None else {}
    new_tags, size, latest = dict[str, str](), 0, 0
    for entity_id in federation.wanted:
        before = known.get(entity_id, b"")
        try:
            octets, tag = _fetched(federation, entity_id, keys, before, tags.get(entity_id, ""), fetcher)
            row, end = _judged(federation, entity_id, octets, now, demo=fetcher.demo)
            _check_newer(row, end, newest.get(entity_id))
        except FetchError as error:
            left_out[error.check] += 1
            refusals.append(error)
            try:
                row, end = _judged(federation, entity_id, before, now, demo=fetcher.demo)
            except FetchError:
                continue
            octets, tag = before, tags.get(entity_id, "")
        write(octets)
        rows.append(row._replace(begin=size, end=size + len(octets)))
        size, latest = size + len(octets), max(latest, end)
        new_tags[entity_id], newest[entity_id] = tag, (row.digest, end)
        progress(size, len(rows))
    if not rows:
        raise refusals[0] if refusals else FetchError("metadata_empty", "no provider of it is registered.", REGISTRATION)
    head = CopyHead(
        octets=name,
        head="",
        tail="",
        key_id="",
        valid_until=latest,
        digest=digest_of(rows),
        fetched=now,
        entities=len(rows),
        left_out=dict(left_out),
        etag=json.dumps(new_tags),
        registered=federation.digest,
        origin=federation.origin,
        newest=newest,
    )
    return Index(head, rows)


def _check_newer(row: Row, end: int, newest: tuple[str, int] | None) -> None:
    if newest is not None and row.digest != newest[0] and end <= newest[1]:
        raise FetchError("metadata_old", "its metadata says other things than the copy that is held, and ends no later.")


def _fetched(
    federation: Federation, entity_id: str, keys: Sequence[PinnedKey], before: bytes, tag: str, fetcher: Fetcher
) -> tuple[bytes, str]:
    """The octets that the answer's signature covered, and its tag; those of `before` where it is still the same."""
    headers = {"Accept": ACCEPT, **({"If-None-Match": tag} if tag and before else {})}
    with (
        fetcher.channel(federation.networks, connections=1, keep=False) as channel,
        channel.opened(
            url_of(federation.location, entity_id), headers=headers, limit=MAX_METADATA, timeout=TIMEOUT, only_ok=True
        ) as answer,
    ):
        if answer.status == NOT_MODIFIED:
            return before, tag
        octets, tag = b"".join(answer.pieces), answer.headers.get("etag", "")
    return signed_octets(octets, keys, SAML2INT).octets, tag


def _judged(federation: Federation, entity_id: str, octets: bytes, now: int, *, demo: bool) -> tuple[Row, int]:
    """The row of verified octets, and their end. Raises `FetchError`."""
    if not octets:
        raise FetchError("metadata_empty", "nothing of it is held.")
    root = parse_canonical(octets)
    end = end_of(attributes(root).get("validUntil", ""))
    row = row_of(Place(attributes(root).get("entityID", ""), 0, len(octets), root), octets, 0)
    if row.entity_id != entity_id:
        raise FetchError("metadata_entity", "it answers with another entity than it was asked for.")
    check_end(end, now, SAML2INT, federation.max_days * DAY)
    if why := why_left_out(row, root, octets, federation.only, now, demo=demo):
        raise FetchError(f"left_out_{why}", f"its metadata does not count ({why}).")
    return row, end
