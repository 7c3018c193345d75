"""`providers/*.toml`: one file an identity provider, its pinned metadata beside it, or another country's node."""

import re
from collections.abc import Iterable, Mapping

from policies.assurance import LevelOfAssurance, level_named
from policies.assurance.ladders import Ladders
from policies.attributes import AttributeName
from policies.catalogue import Catalogue
from policies.forms import MULTIPLE, AttributeKind
from policies.load import openid_registration as openid
from policies.load import peers
from policies.load import saml_registration as saml
from policies.load.ladders import read_ladder, shipped
from policies.load.table import LEVELS, URI, Table, nearest
from policies.parties import (
    ALSO_TEST,
    ONLY_TEST,
    EntityId,
    IdentityProvider,
    ProviderId,
    StorkPeer,
    SubjectNamespace,
)
from policies.registrations.saml_registration import SamlRegistration

_STORK = "stork"
_BINDINGS = {"redirect": "redirect", "post": "post"}
_TEST = {word: word for word in (ONLY_TEST, ALSO_TEST)}
# The keys that not every protocol has
_OF_SAML = (
    *("metadata", "federation", "members", "attributes", "subject", "notified", "name_id_format", "entity_id", "binding"),
    *("networks", "logout_upstream"),
    *saml.KEYS,
)
_OF_OPENID = ("metadata", "attributes", "subject", "notified", "networks", "logout_upstream", *openid.KEYS)
_PROTOCOLS = {
    "saml": _OF_SAML,
    "eidas": ("entity_id", "binding", "instead_of", *peers.KEYS),
    "oidc": _OF_OPENID,
    "stork": ("entity_id", *peers.STORK_KEYS),
}
# SAML Core 2.0 §8.3. The last two identify nobody for good, and are for providers whose `subject` is an attribute
_NAME_ID_FORMATS = {
    "persistent": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "unspecified": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
    "transient": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
    "email": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
}
_IDENTIFYING = ("persistent", "unspecified")
NAMESPACE = re.compile(r"[A-Za-z0-9._/-]{1,64}")
_NAMESPACE_FIX = 'write namespace = "eidas/EE": the scheme of its identifiers, for ever.'
_ADDRESS_PARTS = ("street", "postal_code", "locality", "region", "country")
# the transliteration of a name to Latin script (eIDAS Attribute Profile)
LATIN_PART = "latin"
_METADATA_FIX = "put the provider's metadata into metadata/NAME.xml, and name it."
_FEDERATION_FIX = 'write federation = "research", the id of a file in federations/, or leave it out and pin `metadata`.'
# The keys that say something of one provider
_OF_ONE = (
    *("entity_id", "metadata", "notified", "deviations", "scopes", "authorities", "proxies", "tell_requester"),
    *("networks", "client_certificate", "landings"),
)
_ONE_FIX = "leave it out, or give that provider a file of its own."
_LADDER_FIX = "name another ladder, or write [assurance] with each word and its level."
_NOTIFIED = "http://eidas.europa.eu/LoA/"
_NOT_NOTIFIED = "http://eidas.europa.eu/NotNotified/LoA/"

Target = tuple[AttributeName, str]


def read_provider(table: Table, files: Mapping[str, bytes], catalogue: Catalogue, ladders: Ladders) -> IdentityProvider:
    """One identity provider or one country's node. Problems go to the table's list."""
    protocol = table.choice("protocol", {word: word for word in _PROTOCOLS}, "saml", required=False)
    if protocol in ("eidas", "stork"):
        provider = _country_node(table, files, ladders, protocol)
    else:
        provider = _identity_provider(table, files, catalogue, ladders, of_openid=protocol == "oidc")
    for other, keys in _PROTOCOLS.items():
        for key in keys:
            if key in table and key not in _PROTOCOLS[protocol] and not table.is_taken(key):
                table.take(key)
                fix = f'leave it out, or write protocol = "{other}".'
                table.problem(key, f'is not for protocol = "{protocol}".', fix)
    table.close()
    return provider


def _identity_provider(
    table: Table, files: Mapping[str, bytes], catalogue: Catalogue, ladders: Ladders, *, of_openid: bool
) -> IdentityProvider:
    targets = read_targets(table, catalogue)
    wire = "a claim, or leave it out for `sub`" if of_openid else "a SAML attribute, or leave it out for the NameID"
    subject = table.text("subject", f"name {wire}.", default="")
    deviations = peers.read_deviations(table, "openid" if of_openid else "saml2int")
    ladder, levels = read_levels(table, ladders)
    members = not of_openid and bool(table.choice("members", {"all": "all"}, "", required=False))
    provider = IdentityProvider(
        provider_id=ProviderId(table.identifier("id")),
        title=table.translated("title", "Estonian eID"),
        country=table.country("country"),
        namespace=SubjectNamespace(table.matching("namespace", NAMESPACE, _NAMESPACE_FIX)),
        entity_id=EntityId(
            openid.read_issuer(table)
            if of_openid
            else ""
            if members
            else table.matching("entity_id", URI, "write the entityID of its metadata, sign by sign.")
        ),
        members=members,
        metadata=openid.metadata_of(table, files) if of_openid else _metadata(table, files),
        federation="" if of_openid else table.text("federation", _FEDERATION_FIX, default=""),
        attributes={wire: target for wire, target in targets.items() if target[1] != LATIN_PART},
        subject_attribute=subject,
        assurance=levels,
        ladder=ladder,
        source=table.source("id"),
        sphere=table.sphere(),
        test=table.choice("test", _TEST, "", required=False),
        binding="redirect" if of_openid else table.choice("binding", _BINDINGS, "redirect", required=False),
        protocol="oidc" if of_openid else "saml",
        notified=table.flag("notified"),
        logout_upstream=table.flag("logout_upstream"),
        latin={wire: name for wire, (name, part) in targets.items() if part == LATIN_PART},
        multiple=frozenset(name for name, _ in targets.values() if catalogue.attributes[name].kind in MULTIPLE),
        deviations=deviations,
        name_id_format="" if of_openid else _name_id_format(table, subject),
        openid=openid.read_openid_registration(table) if of_openid else None,
        saml=SamlRegistration() if of_openid else saml.read_saml_registration(table, deviations),
        persons=table.persons(),
    )
    if members:
        _check_family(table)
    return provider


def _check_family(table: Table) -> None:
    """Nothing of it is about one member, and no member is taken at its word for a level that nobody wrote down."""
    for key in _OF_ONE:
        if key in table:
            table.take(key)
            table.problem(key, 'is of one provider, and members = "all" stands for many.', _ONE_FIX)
    if "federation" not in table:
        table.problem("members", "are those of a federation.", _FEDERATION_FIX)
    if "assurance" not in table:
        what = "is missing: whoever joins the federation would be believed each level."
        table.problem("assurance", what, 'write [assurance] with lines such as "https://refeds.org/profile/mfa" = "low".')


def _metadata(table: Table, files: Mapping[str, bytes]) -> bytes:
    if "federation" in table and "metadata" not in table:
        return b""
    if "federation" in table:
        table.problem("federation", "stands beside metadata, and two sources could contradict.", "keep one of the two.")
    if "members" in table:
        return b""
    name = table.text("metadata", _METADATA_FIX)
    return files[name] if name and table.has_file("metadata", name, files, _METADATA_FIX) else b""


def _name_id_format(table: Table, subject: str) -> str:
    """The format that is asked for; one that identifies nobody for good wants a `subject` beside it."""
    if "name_id_format" not in table:
        return ""
    found = table.choice("name_id_format", _NAME_ID_FORMATS, "")
    if found and not subject and found not in [_NAME_ID_FORMATS[word] for word in _IDENTIFYING]:
        what = "is a format that identifies nobody for good, and the NameID is what identifies here."
        fix = "name the attribute that identifies as `subject`, or write " + " or ".join(map(repr, _IDENTIFYING)) + "."
        table.problem("name_id_format", what, fix)
    return found


def _country_node(table: Table, files: Mapping[str, bytes], ladders: Ladders, protocol: str) -> IdentityProvider:
    """Its attributes and its identifier are what the profile says."""
    ladder, levels = _qaa(table) if protocol == "stork" else read_levels(table, ladders, of_node=True)
    peer = peers.read_stork_peer(table, files) if protocol == "stork" else peers.read_peer(table, files)
    if isinstance(peer, StorkPeer) and peer.middleware and not peer.sp_id:
        table.problem("sp_id", "is missing: a middleware wants to know for which service.", 'write sp_id = "STORKHAVEN".')
    return IdentityProvider(
        provider_id=ProviderId(table.identifier("id")),
        title=table.translated("title", "Estonia"),
        country=peer.country,
        namespace=SubjectNamespace(table.matching("namespace", NAMESPACE, _NAMESPACE_FIX)),
        entity_id=peer.entity_id,
        metadata=b"",
        attributes={},
        subject_attribute="",
        assurance=levels,
        ladder=ladder,
        source=table.source("id"),
        sphere=table.sphere(),
        test=table.choice("test", _TEST, "", required=False),
        # STORK's requests and answers go by POST alone
        binding="post" if protocol == "stork" else table.choice("binding", _BINDINGS, "redirect", required=False),
        protocol=protocol,
        peer=peer,
        persons=table.persons(),
        instead_of=ProviderId(
            table.text("instead_of", 'write instead_of = "ee", the id of the node that moves.', default="")
        ),
    )


def _qaa(provider: Table) -> tuple[str, Mapping[str, LevelOfAssurance]]:
    """The level of each QAA, by its number: never upward, and never empty. QAA 1 is below every level."""
    known = {word: level for word, level in shipped()[_STORK].levels.items() if word.isdigit()}
    fix = 'write [assurance] with lines such as "3" = "substantial", or leave it out.'
    table = provider.table("assurance", fix, required=False)
    if table is None:
        return _STORK, known
    words = {word: table.choice(word, LEVELS, LevelOfAssurance.LOW) for word in table.names()}
    if not words:
        provider.problem("assurance", "is empty, and empty means nothing at all.", fix)
    for word, level in words.items():
        if word not in known:
            table.problem(word, "is no QAA that reaches a level.", "name 2, 3 or 4.")
        elif level > known[word]:
            surely = known[word].label
            table.problem(word, f"is {surely}, and levels are never mapped upward.", f'write "{surely}".')
    return "", words


def read_targets(provider: Table, catalogue: Catalogue) -> Mapping[str, Target]:
    """Wire name -> attribute and part. Two wire names of one thing would let the order of a message decide: refused."""
    read: dict[str, Target] = {}
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
    for wire, (name, part) in read.items():
        if part == LATIN_PART and (name, "") not in read.values():
            what = f"is the Latin spelling of {name}, which has no name here."
            table.problem(wire, what, f'write "NAME ON THE WIRE" = "{name}" beside it.')
    return read


def _target(table: Table, wire: str, text: str, catalogue: Catalogue) -> Target | None:
    if not text:
        return None
    word, _, part = text.partition(".")
    name = AttributeName(word)
    attribute = catalogue.attributes.get(name)
    if attribute is None:
        table.problem(wire, f"`{word}` is not an attribute of the catalogue.", nearest(word, catalogue.attributes))
        return None
    match attribute.kind:
        case AttributeKind.ADDRESS:
            parts: tuple[str, ...] = _ADDRESS_PARTS
        case AttributeKind.NAME:
            parts = ("", LATIN_PART)
        case _:
            parts = ("",)
    # `family_name.` would be a second spelling of `family_name`
    if part not in parts or text.endswith("."):
        known = [f"{word}.{one}" if one else word for one in parts]
        table.problem(wire, f"`{text}` is no part of {word}.", "write one of " + ", ".join(known) + ".")
        return None
    return name, part


def read_levels(provider: Table, ladders: Ladders, *, of_node: bool = False) -> tuple[str, Mapping[str, LevelOfAssurance]]:
    """The ladder that a file names ("" for a table of its own) and the peer's words for levels."""
    if not isinstance(provider.take("assurance"), str):
        return "", read_assurance(provider, of_node=of_node)
    ladder = read_ladder(provider, ladders)
    levels = ladder.levels if ladder is not None else {}
    if ladder is not None and not levels:
        provider.problem("assurance", f"`{ladder.ladder_id}` has no level that surely is one of eIDAS.", _LADDER_FIX)
    if of_node:
        _judge_uris(provider, levels)
    return (ladder.ladder_id if ladder is not None else ""), levels


def read_assurance(provider: Table, *, of_node: bool = False) -> Mapping[str, LevelOfAssurance]:
    """A peer's words for levels; the eIDAS URIs where the file has none. Never upward, and never empty."""
    fix = 'write [assurance] with lines such as "http://eidas.europa.eu/LoA/high" = "high", or leave it out.'
    table = provider.table("assurance", fix, required=False)
    if table is None:
        return {level.uri: level for level in LevelOfAssurance}
    words = {word: table.choice(word, LEVELS, LevelOfAssurance.LOW) for word in table.names()}
    if not words:
        provider.problem("assurance", "is empty, and empty means nothing at all.", fix)
    for word, level in words.items():
        surely = level_named(word.removeprefix(_NOT_NOTIFIED))
        if surely is not None and level > surely:
            table.problem(word, f"is {surely.label}, and levels are never mapped upward.", f'write "{surely.label}".')
    if of_node:
        _judge_uris(table, words)
    return words


def _judge_uris(table: Table, words: Iterable[str]) -> None:
    """Between nodes a level is a URI, and the notified ones' prefix is for those three alone (eIDAS Message Format)."""
    notified = {level.uri: level for level in LevelOfAssurance}
    for word in words:
        if word.lower().startswith(_NOTIFIED.lower()) and word not in notified:
            what = f"lies under {_NOTIFIED}, where the three notified levels are alone."
            table.problem(word, what, nearest(word, notified))
        elif not URI.fullmatch(word):
            table.problem(word, "is no URI, and nodes name levels by URIs.", nearest(word, notified))
