"""The members of a federation as people look for them: names, words and domains, out of a copy that was verified.

```
{"registered": …, "digest": …}                                                      which copy it is of
["https://idp.example/saml", {"en": "Example"}, false, ["https://…"], "example … words … idp example"]
```

They are made once for each copy, beside its index, so that no request reads XML to find somebody. Whoever is asked is asked
by metadata alone.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import BinaryIO, NamedTuple
from urllib.parse import urlsplit

from connectors.formats.entity_facts import entity_attributes_of
from connectors.metadata.federation_index import CopyHead, Index, Row
from connectors.signatures.parse import Element, attributes, parse_canonical
from connectors.wire.folding import folded
from connectors.wire.names import CERTIFICATION, MDUI, XML_LANG, md
from policies.errors import AssertionRejected
from policies.visible import is_visible

HIDDEN = "http://refeds.org/category/hide-from-discovery"
_UI = f"{{{MDUI}}}"
_TAG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}")
# Letters of Persian and of Indian scripts take their form by these two
_JOINERS = {0x200C: None, 0x200D: None}
# The longest title of a registration, and the most words of one member
_LONGEST, _MOST = 100, 64


class Summary(NamedTuple):
    """One member. `names` are by BCP 47 tag in small letters, if any. `certified` are assurance certifications."""

    entity_id: str
    names: Mapping[str, str]
    hidden: bool  # it asks not to be shown in lists
    certified: Sequence[str]
    sought: str  # all that it is found by, folded, its names first: made here, so that no request folds thousands of them


def host_of(entity_id: str) -> str:
    """The host of an entity id or an address, or its beginning where it has none, in letters of ASCII.

    Any member may have any text as its entity id, and this is what citizens tell members apart by.
    """
    try:
        host = urlsplit(entity_id).hostname
    except ValueError:
        host = None
    return (host or entity_id[:_LONGEST]).encode("ascii", "backslashreplace").decode()


def title_of(entity_id: str, names: Mapping[str, str]) -> Mapping[str, str]:
    """The names of a member with one in English, whichever that is: its address where it has none."""
    return {"en": next(iter(names.values()), host_of(entity_id)), **names}


def summarised(index: Index, octets: BinaryIO) -> bytes:
    """The summaries of all identity providers of a copy, as a file. One that cannot be read is left out."""
    head = index.head
    rows = [row for row in index.rows if "idp" in row.roles.split()]
    told = [json.dumps({"registered": head.registered, "digest": head.digest})]
    told += [json.dumps(one, ensure_ascii=False) for row in rows for one in _of(row, head, octets)]
    return "\n".join(told).encode()


def read_summaries(octets: bytes, head: CopyHead) -> Mapping[str, Summary]:
    """The summaries of the copy with this head, by entity id. ValueError for any other octets."""
    which, *found = json.loads(b"[" + octets.replace(b"\n", b",") + b"]")
    if which != {"registered": head.registered, "digest": head.digest}:
        raise ValueError("the summaries of another copy")
    try:
        return {one[0]: Summary(*one) for one in found}
    except TypeError:
        raise ValueError("summaries of another version") from None


def _of(row: Row, head: CopyHead, octets: BinaryIO) -> Iterator[Summary]:
    octets.seek(row.begin)
    entity = octets.read(row.end - row.begin)
    if sha256(entity).hexdigest() != row.digest:
        return
    try:
        root = parse_canonical(head.head.encode() + entity + head.tail.encode()).find(md("EntityDescriptor"))
    except AssertionRejected:
        return
    if root is not None:
        yield summary_of(root, row.entity_id, row.categories)


def summary_of(root: Element, entity_id: str, categories: Collection[str]) -> Summary:
    """The summary of an EntityDescriptor that has this entityID and these entity categories."""
    extensions = f"{md('IDPSSODescriptor')}/{md('Extensions')}"
    shown = root.find(f"{extensions}/{_UI}UIInfo")
    hints = root.find(f"{extensions}/{_UI}DiscoHints")
    names = dict(_translated(shown, f"{_UI}DisplayName"))
    organization = root.find(md("Organization"))
    names = names or dict(_translated(organization, md("OrganizationDisplayName")))
    # In a list of keywords a plus stands for a space (MDUI 1.0 §2.1.4)
    words = [word.replace("+", " ") for text in _texts(shown, f"{_UI}Keywords", 1000) for word in text.split()][:_MOST]
    domains = [text.lower() for text in _texts(hints, f"{_UI}DomainHint", _LONGEST)][:_MOST]
    return Summary(
        entity_id,
        names,
        HIDDEN in categories,
        sorted(entity_attributes_of(root).get(CERTIFICATION, ())),
        # No word of one begins with the end of another
        " \n ".join(map(folded, [*names.values(), *domains, *words, host_of(entity_id)])),
    )


def _translated(holder: Element | None, name: str) -> Iterator[tuple[str, str]]:
    """The texts by language, the last of two; in English where none is said."""
    for one in holder.iterchildren(name) if holder is not None else ():
        tag, text = attributes(one).get(XML_LANG, "en").lower(), " ".join((one.text or "").split())
        # A mark that turns the direction of what follows could make another's name of it
        if _TAG.fullmatch(tag) and text.translate(_JOINERS).isprintable() and is_visible(text):
            yield tag, text[:_LONGEST]


def _texts(holder: Element | None, name: str, longest: int) -> list[str]:
    found = [(one.text or "").strip() for one in holder.iterchildren(name)] if holder is not None else []
    return [text for text in found if 0 < len(text) <= longest and text.isprintable()]
