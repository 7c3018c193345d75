"""`registers/*.toml`: one file a register that vouches for attributes of a person who has signed in.

[found_by] says what it must be handed, [attributes] what it gives; each name on its side is the register's own. One of
[view], [saml] and [https] says how it is asked.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from urllib.parse import urlsplit

from policies.attribute_register import (
    ANSWER_SECONDS,
    AttributeQueryService,
    AttributeRegister,
    DatabaseView,
    SignedClaimsService,
    Transport,
)
from policies.attributes import AttributeName
from policies.catalogue import COMPANY, MANDATE, OTHER, REPRESENTED, AttributeType, Catalogue
from policies.errors import Problem
from policies.forms import AttributeKind
from policies.load.peers import read_networks
from policies.load.providers import LATIN_PART, NAMESPACE, read_targets
from policies.load.purposes import known_attributes, read_controller
from policies.load.redirects import fault_of_address
from policies.load.table import URI, Table, nearest
from policies.parties import IdentityProvider, ProviderId, RegisterId
from policies.persons import ABOUT_A_COMPANY, ACTING, PersonKind
from policies.purposes import SIGN_IN, Need, Purpose

PATTERN, KEYS = "registers/*.toml", "registers/*.jwks.json"
# A citizen waits for it in front of a page
MOST_SECONDS = 10
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_DATABASE = re.compile(r"(sqlite:///|postgresql://)[!-~]{1,1000}")
_FILE = re.compile(r"/[^\0]{1,1000}")
_CLIENT = re.compile(r"[ -~]{1,256}")
_NAME_ID = "NameID"
# By what it finds a company, or the other person
_IDENTIFIERS = {
    COMPANY: ABOUT_A_COMPANY,
    OTHER: frozenset((PersonKind.FOR_NATURAL,)),
}
# What a citizen has to read of one for whom they may act
_NAMED = {
    PersonKind.FOR_LEGAL: {AttributeName("legal_name")},
    PersonKind.FOR_NATURAL: {AttributeName(f"{REPRESENTED}{name}") for name in ("family_name", "given_name")},
}
_MANDATES_FIX = 'write [mandates] with namespace = "ee/companies": the scheme of the numbers in its list, for ever.'
_LIST_FIX = 'write columns for "legal_person_identifier", "legal_name" and "mandate", or the same of another person.'
_TRANSPORT_FIX = "write one of [view], [saml] and [https]."
_VIEW_FIX = 'write [view] with database = "postgresql://USER@HOST/NAME" and view = "residents".'
_DATABASE_FIX = 'write database = "postgresql://USER@HOST/NAME" or "sqlite:///PATH", and the password into password_file.'
_METADATA_FIX = "put the register's metadata into metadata/NAME.xml, and name it."
_JWKS_FIX = "put the register's public keys into registers/NAME.jwks.json, and name it."
_FOUND_FIX = 'write [found_by] with lines such as person_identifier = "national_id": by what it finds a person.'
_PROVIDERS_FIX = 'write providers = ["ID"]: those whose numbers are its own.'
_ALGORITHMS = {alg: alg for alg in ("ES256", "ES384", "RS256", "PS256", "EdDSA")}
_CONTENTS = {enc: enc for enc in ("A128GCM", "A256GCM")}
_FORMATS = {
    "persistent": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
    "unspecified": "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified",
}


def read_register(table: Table, files: Mapping[str, bytes], catalogue: Catalogue) -> AttributeRegister:
    """One register. Problems go to the table's list."""
    register_id = table.identifier("id")
    if register_id == SIGN_IN:
        table.problem("id", "is the word for whoever signs a person in.", "choose another name.")
    of_view, of_saml = "view" in table, "saml" in table
    found = AttributeRegister(
        register_id=RegisterId(register_id),
        title=table.translated("title", "Population register of Storkhaven"),
        issuer=table.matching("issuer", URI, "write its entity id, or the `iss` of its tokens.", default="") or register_id,
        loa=table.level("level"),
        found_by=_found_by(table, catalogue, of_view=of_view),
        attributes=_attributes(table, catalogue, of_view=of_view),
        transport=_transport(table, files),
        source=table.source("id"),
        controller=read_controller(table),
        seconds=table.seconds("deadline", int(ANSWER_SECONDS), most=MOST_SECONDS),
        networks=read_networks(table),
        sphere=table.sphere(),
        providers=tuple(map(ProviderId, table.texts("providers", _PROVIDERS_FIX, required="providers" in table))),
        represents=_represents(table),
    )
    if "issuer" not in table and not of_view:
        table.problem("issuer", "is missing.", "write its entity id, or the `iss` of its tokens.")
    if "" in found.found_by.values() and not of_saml:
        table.problem("found_by", f"`{_NAME_ID}` is for [saml].", _FOUND_FIX)
    if found.represents:
        _check_list(table, found, catalogue)
    else:
        _check_whom(table, found, catalogue)
    table.close()
    return found


def _found_by(register: Table, catalogue: Catalogue, *, of_view: bool) -> Mapping[AttributeName, str]:
    """By which of our attributes it finds a person. None would be everybody's."""
    found: dict[AttributeName, str] = {}
    given = register.table("found_by", _FOUND_FIX)
    for table, key, name in known_attributes(given, catalogue.attributes):
        wire = table.text(key, _FOUND_FIX)
        if of_view and wire and not _COLUMN.fullmatch(wire):
            table.problem(key, f"`{wire}` is no name of a column.", "use letters, digits and underscores.")
        found[name] = "" if wire == _NAME_ID else wire
    if given is not None and not found:
        register.problem("found_by", "is empty, and the register would speak of nobody.", _FOUND_FIX)
    if len(set(found.values())) != len(found):
        register.problem("found_by", "has one name twice.", "give each its own.")
    return found


def _check_whom(table: Table, register: AttributeRegister, catalogue: Catalogue) -> None:
    """A register finds whomever it speaks of: by the person alone it would tell of powers for another company."""
    known, found = catalogue.attributes, register.found_by.keys()
    by_actor = any(not _about_another(known[name]) for name in found)
    for name in sorted(register.says) if found else ():
        of = known[name]
        if not _about_another(of) or of.persons >= ACTING:
            if not by_actor:
                table.problem("found_by", f"has nothing of the person who signs in, and {name} is theirs.", _FOUND_FIX)
            if not _about_another(of):
                continue
        needed = {identifier for identifier, persons in _IDENTIFIERS.items() if of.persons & persons}
        if not needed & found:
            what = f"has no {' or '.join(sorted(needed))}, and {name} is about whoever is represented."
            table.problem("found_by", what, "add it, and hand it over in the purpose.")


def _represents(register: Table) -> str:
    """The scheme of the numbers in a mandate register's list; "" of every other register."""
    table = register.table("mandates", _MANDATES_FIX) if "mandates" in register else None
    if table is None:
        return ""
    if "saml" in register:
        register.problem("mandates", "is a list, and a SAML attribute authority has none.", "write [view] or [https].")
    found = table.matching("namespace", NAMESPACE, _MANDATES_FIX)
    table.close()
    return found


def _check_list(table: Table, register: AttributeRegister, catalogue: Catalogue) -> None:
    """A mandate register finds whoever signs in, and says of each one for whom they may act who that is, and by what."""
    if not all(PersonKind.NATURAL in catalogue.attributes[name].persons for name in register.found_by):
        table.problem("found_by", "is about whoever is represented, and these the register names.", _FOUND_FIX)
    if strange := sorted(name for name in register.says if not _about_another(catalogue.attributes[name])):
        table.problem("attributes", f"has {', '.join(strange)}, which is of whoever signs in.", "leave it out.")
    wanted = {kind: _NAMED[kind] - register.says for kind in register.kinds}
    if not wanted or MANDATE not in register.says or any(wanted.values()):
        what = "does not say whom a person may act for, by which name, and by which mandate."
        table.problem("attributes", what, _LIST_FIX)


def _about_another(attribute: AttributeType) -> bool:
    return PersonKind.NATURAL not in attribute.persons


def _attributes(register: Table, catalogue: Catalogue, *, of_view: bool) -> Mapping[str, tuple[AttributeName, str]]:
    targets = read_targets(register, catalogue)
    fix = 'write [attributes] with lines such as street = "address.street".'
    for wire, (_, part) in targets.items():
        if part == LATIN_PART:
            register.problem("attributes", f"`{wire}` is a spelling in Latin letters, which no register gives.", fix, wire)
        if of_view and not _COLUMN.fullmatch(wire):
            register.problem("attributes", f"`{wire}` is no name of a column.", fix, wire)
    if "attributes" in register and not targets:
        register.problem("attributes", "is empty, and the register would give nothing.", fix)
    return targets


def _transport(register: Table, files: Mapping[str, bytes]) -> Transport:
    readers: Mapping[str, Callable[[Table, Mapping[str, bytes]], Transport]] = {
        "view": _view,
        "saml": _saml,
        "https": _https,
    }
    named = [name for name in readers if name in register]
    if len(named) != 1:
        register.problem("view", "is missing, or stands beside another way to ask.", _TRANSPORT_FIX)
    for other in named[1:]:
        register.take(other)
    table = register.table(named[0], _TRANSPORT_FIX) if named else None
    if table is None:
        return DatabaseView("", "")
    found = readers[named[0]](table, files)
    table.close()
    return found


def _view(table: Table, _files: Mapping[str, bytes]) -> DatabaseView:
    database = table.matching("database", _DATABASE, _DATABASE_FIX)
    if database and urlsplit(database).password is not None:
        table.problem("database", "has a password, and the configuration is read by many.", _DATABASE_FIX)
    return DatabaseView(
        database=database,
        view=table.matching("view", _COLUMN, _VIEW_FIX),
        schema=table.matching("schema", _COLUMN, 'write schema = "city", or leave it out.', default=""),
        password_file=table.matching("password_file", _FILE, "write the whole path of the file.", default=""),
    )


def _saml(table: Table, files: Mapping[str, bytes]) -> AttributeQueryService:
    name = table.text("metadata", _METADATA_FIX)
    known = bool(name) and table.has_file("metadata", name, files, _METADATA_FIX)
    return AttributeQueryService(
        metadata=files[name] if known else b"",
        name_id_format=table.choice("name_id_format", _FORMATS, "", required=False),
    )


def _https(table: Table, files: Mapping[str, bytes]) -> SignedClaimsService:
    endpoint = table.text("endpoint", 'write endpoint = "https://...": where it answers.')
    if endpoint and (fault := fault_of_address(endpoint)):
        table.problem("endpoint", fault, 'write endpoint = "https://...".')
    name = table.text("jwks", _JWKS_FIX)
    known = bool(name) and table.has_file("jwks", name, files, _JWKS_FIX)
    return SignedClaimsService(
        endpoint=endpoint,
        client_id=table.matching("client_id", _CLIENT, "write our name there."),
        jwks=files[name].decode("utf-8", "replace") if known else "",
        alg=table.choice("alg", _ALGORITHMS, "ES256", required=False),
        enc=table.choice("enc", _CONTENTS, "", required=False),
    )


def problems_of_sources(purpose: Purpose, registers: Mapping[RegisterId, AttributeRegister]) -> Iterator[Problem]:
    """The problems of a purpose whose attributes come from registers: one that gives no such thing, or gets no such thing.

    What a register is handed is written in the purpose, each word of it: a register that wants more is never asked.
    """
    for name, need in purpose.needs.items():
        key = f"attributes.{name}"
        wanted: set[AttributeName] = set()
        for register_id in need.registers:
            register = registers.get(register_id)
            if register is None:
                what, fix = f"`{register_id}` is no register.", nearest(register_id, {*registers, SIGN_IN})
                yield _problem(need, f"{key}.from", what, fix)
                continue
            wanted |= register.found_by.keys()
            if name not in register.says:
                what = f"`{register_id}` gives no {name}."
                yield _problem(need, f"{key}.from", what, f"add it to [attributes] of {register.source.file}.")
            if lacking := sorted(register.found_by.keys() - {*need.hand_over}):
                what = f"`{register_id}` finds a person by {', '.join(lacking)}, which nobody may hand to it."
                yield _problem(need, f"{key}.hand_over", what, f"write hand_over = {_listed(register.found_by)}.")
        if more := sorted({*need.hand_over} - wanted):
            what = f"{', '.join(more)} would go to no register."
            yield _problem(need, f"{key}.hand_over", what, "leave it out.")


def problems_of_numbers(
    register: AttributeRegister, providers: Iterable[IdentityProvider], catalogue: Catalogue
) -> Iterator[Problem]:
    """The problems of a register that finds a person by a number which several providers give, each its own ones."""
    numbers = {name for name in register.found_by if catalogue.attributes[name].kind is AttributeKind.NUMBER}
    ids: set[ProviderId] = set()
    giving: list[ProviderId] = []
    for one in providers:
        ids.add(one.provider_id)
        if not numbers.isdisjoint(name for name, _ in one.attributes.values()):
            # A family of providers is several
            giving.extend([one.provider_id] * (2 if one.members else 1))
    source = register.source
    if len(giving) > 1 and not register.providers:
        what = f"is missing, and {', '.join(sorted(set(giving)))} each give a number of their own."
        yield Problem(source.file, source.line, "providers", what, _PROVIDERS_FIX)
    for unknown in sorted({*register.providers} - ids):
        what, fix = f"`{unknown}` is no provider.", nearest(unknown, ids)
        yield Problem(source.file, source.line, "providers", what, fix)


def _listed(names: Mapping[AttributeName, str]) -> str:
    return "[" + ", ".join(f'"{name}"' for name in sorted(names)) + "]"


def _problem(need: Need, key: str, what: str, fix: str) -> Problem:
    return Problem(need.source.file, need.source.line, key, what, fix)
