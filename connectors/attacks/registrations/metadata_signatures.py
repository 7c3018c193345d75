"""Signed metadata: who signed it, and what of it. It decides over every login of a country, so it is worth an attack.

Whoever can poison it gets a key of theirs, or an address of theirs, into it.
"""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import replace

from connectors.attacks.attack_case import AttackCase, Row
from connectors.attacks.metadata_text import SIGNING, id_of, key_descriptors
from connectors.attacks.registrations.entrances import MetadataBench
from connectors.attacks.responses.signatures import DROPPED, EMPTIED
from connectors.attacks.responses.signed_info import tables_of_any_shape
from connectors.attacks.xml_signer import DIGESTS, HMAC_SHA256, MORE, RSA_SHA1, Edit, part, sign, swap
from connectors.signatures.algorithms import ALGORITHMS, RSA_SHA256
from connectors.signatures.parse import MAX_METADATA
from connectors.signatures.profile import DS
from connectors.wire.names import MD

_END = "</md:EntityDescriptor>"
_SIGNATURE_END = "</ds:Signature>"
_ATTRIBUTES = "".join(f' a{number}=""' for number in range(33))


def signed_cases(bench: MetadataBench) -> Iterator[AttackCase]:
    """All of them, for one kind of metadata."""
    families = {
        "poisoned": _poisoned(bench),
        "not signed": _not_signed(bench),
        "another key": _another_key(bench),
        "algorithms": _algorithms(bench),
        "wrapping": _wrapped(bench),
        "octets": _octets(bench),
    }
    yield from bench.refused_rows({f"metadata: {family}": rows for family, rows in families.items()})
    yield from bench.tabled({"metadata: not signed": (EMPTIED,), "metadata: evil data in the signature": (DROPPED,)})
    yield from bench.tabled({f"metadata: {family}": tables for family, tables in tables_of_any_shape().items()})


def _poisoned(bench: MetadataBench) -> Iterator[Row]:
    """Changed after it was signed."""
    stolen = key_descriptors(SIGNING, bench.strange)
    changes: Mapping[str, Edit] = {
        "an address": swap(
            ".selftest.example/redirect" if bench.of == "node" else ".selftest.example/sso", ".evil.example/sso"
        ),
        "a key": swap("<md:KeyDescriptor", f"{stolen}<md:KeyDescriptor"),
        "another entity": swap('entityID="https://', 'entityID="https://evil.'),
        "no end": swap(" validUntil=", " cacheDuration="),
    }
    yield from ((what, bench.signed(late=edit), "digest") for what, edit in changes.items())


def _not_signed(bench: MetadataBench) -> Iterator[Row]:
    yield "at all", bench.text().encode(), "signature_missing"
    last = bench.signed(how=replace(bench.how, place=1))
    yield "the signature behind the first element", last, "signature_place"
    text = bench.text().replace("<md:IDPSSODescriptor", '<md:IDPSSODescriptor ID="_role"', 1)
    role = sign(text.encode(), "_role", bench.holder, bench.how)
    yield "one role alone", role, "signature_place"
    both = sign(role, id_of(text), bench.holder, bench.how)
    yield "a role of its own in what is signed", both, "signature_place"
    yield "another role by its id", bench.signed(how=replace(bench.how, uri="#_other")), "reference"
    yield "twice", _twice(bench), "signature_count"


def _another_key(bench: MetadataBench) -> Iterator[Row]:
    certificate = base64.b64encode(bench.strange.certificate).decode()
    brought = f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    honest = base64.b64encode(bench.holder.certificate).decode()
    borrowed = brought.replace(certificate, honest)
    yield "a stranger's", bench.signed(by=bench.strange), "signature"
    with_key = replace(bench.how, key_info=brought)
    yield "a stranger's, that comes along", bench.signed(by=bench.strange, how=with_key), "signature"
    disguised = replace(bench.how, key_info=borrowed)
    yield "a stranger's beside ours", bench.signed(by=bench.strange, how=disguised), "signature"
    # The keys that metadata names sign messages. That they sign it is no reason to believe it
    yield "one that is named in it", bench.signed(by=bench.another), "signature"
    listed = swap("<md:KeyDescriptor", f"{key_descriptors(SIGNING, bench.strange)}<md:KeyDescriptor")
    yield "a stranger's that is named in it", bench.signed(listed, by=bench.strange), "signature"


def _algorithms(bench: MetadataBench) -> Iterator[Row]:
    how = bench.how
    yield "sha-1", bench.signed(how=replace(how, method=RSA_SHA1, made_with=how.method)), "signature_algorithm"
    mac = replace(how, method=HMAC_SHA256, secret=bench.holder.certificate)
    yield "a mac with our certificate", bench.signed(how=mac), "signature_algorithm"
    unknown = replace(how, method=f"{MORE}none", made_with=how.method)
    yield "one that nobody knows", bench.signed(how=unknown), "signature_algorithm"
    for uri, name in DIGESTS.items():
        if name in ("sha1", "md5", "sha224"):
            yield f"a digest by {name}", bench.signed(how=replace(how, digest=uri)), "digest_algorithm"
    # Taken by the profile, and not by this key
    if how.method != RSA_SHA256 and bench.of == "entity":
        other = replace(how, method=RSA_SHA256, made_with=how.method)
        yield "another kind of key", bench.signed(how=other), "signature"
    for uri in (uri for uri in ALGORITHMS if uri.endswith("rsa-MGF1") and bench.of == "entity"):
        renamed = bench.signed(how=replace(how, method=uri, made_with=how.method))
        yield f"one of the other profile, {uri.rpartition('#')[2].lower()}", renamed, "signature_algorithm"


def _wrapped(bench: MetadataBench) -> Iterator[Row]:
    """A signed entity that is there, and another one that is meant to be read."""
    signed = bench.signed().decode()
    evil = bench.text().replace(' entityID="https://', ' entityID="https://evil.', 1)
    bare = f'<md:EntitiesDescriptor xmlns:md="{MD}">'
    listed = f"{bare}{evil}{signed}</md:EntitiesDescriptor>"
    yield "in a list of entities", listed.encode(), "root"
    yield "alone in a list of entities", f"{bare}{signed}</md:EntitiesDescriptor>".encode(), "root"
    inside = swap(_END, f"{signed}{_END}")
    yield "in an entity at its end", inside(evil).encode(), "structure"
    held = swap("<md:IDPSSODescriptor", f"<md:Extensions>{signed}</md:Extensions><md:IDPSSODescriptor")
    yield "in an extension", held(evil).encode(), "structure"
    signature = part("ds:Signature")(signed)
    objected = signature.replace(_SIGNATURE_END, f"<ds:Object>{signed.replace(signature, '')}</ds:Object>{_SIGNATURE_END}")
    yield "in an object of the signature", _first(evil, objected).encode(), "structure"
    yield "the signature of another entity", _first(evil, signature).encode(), "reference"
    renamed = evil.replace(id_of(evil), id_of(signed))
    yield "the signature of another entity, and its id", _first(renamed, signature).encode(), "digest"
    kept = _first(renamed, signature).replace(_END, f"<md:Extensions>{signed.replace(signature, '')}</md:Extensions>{_END}")
    yield "both of one id", kept.encode(), "structure"
    same_id = swap("<md:IDPSSODescriptor", f'<md:IDPSSODescriptor ID="{id_of(signed)}"')
    yield "a role of the same id", same_id(signed).encode(), "duplicate_id"
    nested = bench.signed(swap(_END, f"{evil}{_END}"))
    yield "another entity in what is signed", nested, "structure"
    rolled = bench.signed(swap(_END, f'<md:EntitiesDescriptor xmlns:md="{MD}">{evil}</md:EntitiesDescriptor>{_END}'))
    yield "a list of entities in what is signed", rolled, "structure"
    stray = bench.signed(swap(_END, f'<ds:KeyName xmlns:ds="{DS}">x</ds:KeyName>{_END}'))
    yield "a piece of a signature outside of it", stray, "signature_place"


def _octets(bench: MetadataBench) -> Iterator[Row]:
    """Octets that two parsers read in two ways: in what is signed, or put into it where the signature does not see it."""
    signed = bench.signed
    commented = swap("</md:NameIDFormat>", "<!---->:evil</md:NameIDFormat>")
    texts: Mapping[str, tuple[bytes, str]] = {
        "a comment in a text": (signed(commented), "comment"),
        "a doctype": (b"<!DOCTYPE md:EntityDescriptor>" + signed(), "doctype"),
        "a reference to an entity": (signed(late=swap("</md:NameIDFormat>", "&evil;</md:NameIDFormat>")), "entity"),
        "a cdata section": (signed(late=swap("</md:NameIDFormat>", "<![CDATA[x]]></md:NameIDFormat>")), "cdata"),
        "a processing instruction": (signed(late=swap(_END, f"<?x y?>{_END}")), "processing_instruction"),
        "utf-16": (signed().decode().encode("utf-16"), "encoding"),
        "not whole": (signed()[:-1], "not_well_formed"),
        "a namespace that is relative": (signed(late=swap(_END, f'<x xmlns="evil"/>{_END}')), "namespace"),
        "too large": (signed(late=swap(_END, f"{' ' * MAX_METADATA}{_END}")), "size"),
        "too deep": (signed(late=swap(_END, f"{'<md:x>' * 64}{'</md:x>' * 64}{_END}")), "depth"),
        "too many elements": (signed(late=swap(_END, f"{'<md:x/>' * 5000}{_END}")), "elements"),
        "too many attributes": (signed(late=swap(_END, f"<md:x{_ATTRIBUTES}/>{_END}")), "attributes"),
    }
    for what, (octets, check) in texts.items():
        yield what, octets, check


def _twice(bench: MetadataBench) -> bytes:
    text = bench.text()
    once = sign(text.encode(), id_of(text), bench.holder, bench.how)
    return sign(once, id_of(text), bench.holder, bench.how)


def _first(text: str, child: str) -> str:
    """`child` as the first child of the root."""
    head, _, rest = text.partition(">")
    return f"{head}>{child}{rest}"
