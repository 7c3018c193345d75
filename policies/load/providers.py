"""`providers/*.toml`: one file an identity provider, with its pinned metadata beside it in `metadata/`."""

import re
from collections.abc import Mapping

from policies.assurance import LevelOfAssurance, level_named
from policies.attributes import AttributeName
from policies.catalogue import Catalogue
from policies.forms import Kind
from policies.load.table import LEVELS, Table, nearest
from policies.parties import EntityId, IdentityProvider, ProviderId, SubjectNamespace

_BINDINGS = {"redirect": "redirect", "post": "post"}
_COUNTRY = re.compile(r"[A-Z]{2}")
_NAMESPACE = re.compile(r"[A-Za-z0-9._/-]{1,64}")
# SAML Core §8.3.6: a URI of at most 1024 signs
_ENTITY_ID = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]{1,1000}")
_ADDRESS_PARTS = ("street", "postal_code", "locality", "region", "country")
_METADATA_FIX = "put the provider's metadata into metadata/NAME.xml, and name it."


def read_provider(table: Table, files: Mapping[str, bytes], catalogue: Catalogue) -> IdentityProvider:
    """One identity provider. Problems go to the table's list."""
    metadata = table.text("metadata", _METADATA_FIX)
    if metadata and metadata not in files:
        table.problem("metadata", f"there is no file {metadata!r} in the configuration.", _METADATA_FIX)
    provider = IdentityProvider(
        provider_id=ProviderId(table.identifier("id")),
        title=table.translated("title", "Estonian eID"),
        country=table.matching("country", _COUNTRY, 'write country = "EE": two capital letters (ISO 3166-1 alpha-2).'),
        namespace=SubjectNamespace(
            table.matching(
                "namespace", _NAMESPACE, 'write namespace = "eidas/EE": the scheme of its identifiers, for ever.'
            )
        ),
        entity_id=EntityId(table.matching("entity_id", _ENTITY_ID, "write the entityID of its metadata, sign by sign.")),
        metadata=files.get(metadata, b""),
        attributes=_attributes(table, catalogue),
        subject_attribute=table.text("subject", "name a SAML attribute, or leave it out for the NameID.", default=""),
        assurance=_assurance(table),
        source=table.source("id"),
        binding=table.choice("binding", _BINDINGS, "redirect", required=False),
    )
    table.close()
    return provider


def _attributes(provider: Table, catalogue: Catalogue) -> Mapping[str, tuple[AttributeName, str]]:
    """Wire name -> attribute and part. Two wire names of one thing would let the order of a message decide: refused."""
    read: dict[str, tuple[AttributeName, str]] = {}
    fix = 'write [attributes] with lines such as "urn:oid:2.5.4.4" = "family_name".'
    table = provider.table("attributes", fix)
    if table is None:
        return read
    for wire in table.names():
        target = _target(table, wire, table.text(wire, fix), catalogue)
        if target is not None and target in read.values():
            table.problem(
                wire, f"{'.'.join(filter(None, target))} comes from another name already.", "keep one of the two."
            )
        elif target is not None:
            read[wire] = target
    return read


def _target(table: Table, wire: str, text: str, catalogue: Catalogue) -> tuple[AttributeName, str] | None:
    if not text:
        return None
    word, _, part = text.partition(".")
    name = AttributeName(word)
    attribute = catalogue.attributes.get(name)
    parts = _ADDRESS_PARTS if attribute and attribute.kind is Kind.ADDRESS else ("",)
    if attribute is None:
        table.problem(wire, f"`{word}` is not an attribute of the catalogue.", nearest(word, catalogue.attributes))
    elif part not in parts:
        known = [f"{word}.{one}" if one else word for one in parts]
        table.problem(wire, f"`{text}` is no part of {word}.", "write one of " + ", ".join(known) + ".")
    else:
        return name, part
    return None


def _assurance(provider: Table) -> Mapping[str, LevelOfAssurance]:
    """The provider's words for levels; the eIDAS URIs where the file has none. Never upward, and never empty."""
    fix = 'write [assurance] with lines such as "http://eidas.europa.eu/LoA/high" = "high", or leave it out.'
    table = provider.table("assurance", fix, required=False)
    if table is None:
        return {level.uri: level for level in LevelOfAssurance}
    words = {word: table.choice(word, LEVELS, LevelOfAssurance.LOW) for word in table.names()}
    if not words:
        provider.problem("assurance", "is empty, and empty means nothing at all.", fix)
    for word, level in words.items():
        surely = level_named(word)
        if surely is not None and level > surely:
            table.problem(word, f"is {surely.label}, and levels are never mapped upward.", f'write "{surely.label}".')
    return words
