"""Metadata of a federation: many entities under one signature, and one at a time (MDQ), as the server takes them.

```xml
<md:EntitiesDescriptor ID validUntil> `Signature` <md:EntityDescriptor/> <md:EntityDescriptor/> </md:EntitiesDescriptor>
```
"""

import io
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.attacks.attack_case import AttackCase, Entrance, Row
from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.metadata_text import IDP, NEAR, id_of, provider
from connectors.attacks.registrations.entrances import MetadataBench
from connectors.attacks.xml_signer import Edit, Signing, cut, part, sign, swap
from connectors.fetch import Fetcher
from connectors.formats.grammar import written
from connectors.metadata.federation_index import indexed, unheard
from connectors.metadata.federation_query import queried
from connectors.metadata.judgement import DAY
from connectors.profiles import SAML2INT
from connectors.signatures.algorithms import RSA_SHA256
from connectors.wire.names import MD
from policies.federations import FILE, MDQ, Federation, FederationId
from policies.parties import Source

CONTENTS, VALID = "federation: what it says", "valid metadata of federations"
SECOND = "https://second.selftest.example/metadata"
_ENTITY, _END = "<md:EntityDescriptor", "</md:EntitiesDescriptor>"
_ENTITY_END = "</md:EntityDescriptor>"
# What the federation signed is its own word, whoever else wrote it, and the pieces of it are judged before their digest. So
# here another check stands in front than for one entity by itself, or none: "" is what the federation may say
OTHERWISE: Mapping[str, str] = {
    **dict.fromkeys(
        ("a role of its own in what is signed", "a piece of a signature outside of it", "a comment in a text"), ""
    ),
    **dict.fromkeys(("whole-document", "digest-value-in-cdata", "digest-value-comment-cve-2025-29775"), ""),
    **dict.fromkeys(("the signature behind the first element", "one role alone"), "signature_missing"),
    **dict.fromkeys(("in a list of entities", "alone in a list of entities"), "signature_missing"),
    **dict.fromkeys(("in an entity at its end", "in an extension"), "signature_missing"),
    **dict.fromkeys(("a role of the same id", "a cdata section", "a processing instruction"), "digest"),
    **dict.fromkeys(("too deep", "too many elements", "too many attributes"), "digest"),
    **dict.fromkeys(("a doctype", "utf-16"), "root"),
    **dict.fromkeys(("in an object of the signature", "signature-in-an-object"), "signature_shape"),
    "a reference to an entity": "not_well_formed",
    "a namespace that is relative": "canonicalisation",
}


def aggregate_bench(holder: KeyHolder, strange: KeyHolder, another: KeyHolder, now: int) -> MetadataBench:
    """Two identity providers, of a federation whose key is pinned."""
    federation = _federation(holder, FILE)

    def text() -> str:
        until = written(now + NEAR)
        head = (
            f'<md:EntitiesDescriptor xmlns:md="{MD}" ID="_{secrets.token_hex(20)}" Name="federation" validUntil="{until}">'
        )
        return f"{head}{provider((another,))}{provider((another,)).replace(IDP, SECOND)}{_END}"

    def judge(octets: bytes) -> None:
        indexed(federation, io.BytesIO(octets).read, len, name="a", held=None, now=now)

    at, how = Entrance("federation metadata", judge, None), Signing(method=RSA_SHA256, place=0)
    return MetadataBench(at.name, at, text, holder, how, strange, another, now, "aggregate", otherwise=OTHERWISE)


def query_entrance(holder: KeyHolder, now: int) -> Entrance:
    """One entity by MDQ, which is asked for by its name."""
    federation, fetcher = _federation(holder, MDQ, wanted=(IDP,)), _Answering(demo=False)

    def judge(octets: bytes) -> None:
        fetcher.octets = octets
        queried(
            federation, len, name="a", held=None, octets_of=lambda _row: b"", fetcher=fetcher, now=now, progress=unheard
        )

    return Entrance("federation metadata, by query", judge, None)


def _federation(holder: KeyHolder, kind: str, **more: Any) -> Federation:  # Any: fields of a registration
    source, place = Source("selftest", 1), "https://mdq.selftest.example"
    return Federation(FederationId("selftest"), kind, place, (holder.certificate,), source, most=256 * 1024, **more)


@dataclass(frozen=True, slots=True)
class _Answered:
    pieces: tuple[bytes, ...]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class _Answering(Fetcher):
    """Fetches nothing: whatever address is opened, it gives these octets."""

    octets = b""

    @contextmanager
    def channel(self, *_: object, **__: object) -> Iterator[Any]:  # type: ignore[override] # Any: a channel that is none
        yield self

    @contextmanager
    def opened(self, *_: object, **__: object) -> Iterator[_Answered]:
        """The octets."""
        yield _Answered((self.octets,))


def federation_cases(bench: MetadataBench) -> Iterator[AttackCase]:
    """Aggregates that a federation signed, and one entity of it by itself."""
    yield from bench.refused_rows({CONTENTS: _contents(bench)})
    valid: Mapping[str, Edit] = {
        "plain": lambda text: text,
        "comments between entities": swap(_ENTITY, f"<!-- of this year -->\n{_ENTITY}"),
        "a member that is spoken to in the open, and another": swap(
            "https://idp.selftest.example/sso", "http://idp.example/sso"
        ),
        "a member that ended, and another": swap(f"{_ENTITY} ", f'{_ENTITY} validUntil="2001-01-01T00:00:00Z" '),
    }
    yield from bench.all_accepted(VALID, {what: bench.signed(edit) for what, edit in valid.items()})
    asked = replace(bench.at(query_entrance(bench.holder, bench.now)), otherwise={})
    one = replace(asked, text=lambda: provider((bench.another,), bench.now + NEAR), of="entity")
    yield one.accepted(VALID, "plain", one.signed())
    renamed = {"another entity": SECOND, "a longer name": f"{IDP}/", "a name in capitals": IDP.upper()}
    for what, name in renamed.items():
        yield one.refused(CONTENTS, what, one.signed(swap(f'entityID="{IDP}"', f'entityID="{name}"')), "metadata_entity")
    until = f' validUntil="{written(bench.now + NEAR)}"'
    rows = {
        "unsigned": (one.text().encode(), "signature_missing"),
        "by a stranger": (one.signed(by=one.strange), "signature"),
        "by a key that is named in it": (one.signed(by=one.another), "signature"),
        "without an end": (one.signed(swap(until, "")), "metadata_endless"),
        "ended": (one.signed(swap(until, f' validUntil="{written(bench.now)}"')), "metadata_expired"),
        "a list of entities": (bench.signed(), "root"),
        "spoken to in the open": (
            one.signed(swap("https://idp.selftest.example/sso", "http://x.example")),
            "left_out_http",
        ),
        "no role": (one.signed(lambda text: text.replace("SSODescriptor", "Descriptor")), "left_out_role"),
    }
    yield from one.refused_rows({CONTENTS: [(what, *row) for what, row in rows.items()]})


def _contents(bench: MetadataBench) -> Iterator[Row]:
    """All of it is the federation's own word: nobody else is wrong here."""
    until = f' validUntil="{written(bench.now + NEAR)}"'
    furthest = bench.now + 14 * DAY + SAML2INT.skew + 1

    def ends(text: str) -> bytes:
        return bench.signed(swap(until, text and f' validUntil="{text}"'))

    yield "without an end", ends(""), "metadata_endless"
    yield "an end that is none", ends("soon"), "metadata_endless"
    yield "ended", ends(written(bench.now)), "metadata_expired"
    yield "an end that is too far", ends(written(furthest)), "metadata_far"
    yield "an entity twice", bench.signed(swap(SECOND, IDP)), "metadata_duplicate"
    no_entity = cut(_ENTITY, _ENTITY_END)
    yield "no entity", bench.signed(lambda text: no_entity(no_entity(text))), "metadata_empty"
    yield "no entity with a role", bench.signed(lambda text: text.replace("SSODescriptor", "Descriptor")), "metadata_empty"
    in_the_open: Edit = lambda text: text.replace('Location="https:', 'Location="http:')  # noqa: E731 # as the others
    yield "every member is spoken to in the open", bench.signed(in_the_open), "metadata_empty"
    group = f'<md:EntitiesDescriptor xmlns:md="{MD}">'
    yield "a group of entities", bench.signed(swap(_ENTITY, f"{group}{_END}{_ENTITY}")), "structure"
    inner: Edit = lambda text: swap(_ENTITY_END, part("md:EntityDescriptor", 1)(text) + _ENTITY_END)(text)  # noqa: E731 # as above
    yield "an entity in another", bench.signed(inner), "structure"
    # A member writes tags into an instruction, which move the places of those behind it (impersonation)
    instruction = f"<?x {_ENTITY} >{_ENTITY_END}?>"
    yield "tags in an instruction before the root", instruction.encode() + bench.signed(), "root"
    signed = bench.signed().decode()
    entity = part("md:EntityDescriptor")(signed)
    stolen = swap(_END, f"{entity.replace(IDP, 'https://evil.example')}{_END}")(signed)
    yield "an entity added", stolen.encode(), "digest"
    yield "an entity taken out", signed.replace(entity, "").encode(), "digest"
    yield "entities in another order", signed.replace(entity, "").replace(_END, f"{entity}{_END}").encode(), "digest"
    yield "cut off between entities", (signed[: signed.rindex(_ENTITY)] + _END).encode(), "digest"
    yield "cut off", signed[: signed.rindex(_ENTITY)].encode(), "not_well_formed"
    text = bench.text()
    of_one = sign(text.encode(), id_of(part("md:EntityDescriptor")(text)), bench.holder, bench.how)
    yield "signed by the federation at one entity alone", of_one, "signature_missing"
