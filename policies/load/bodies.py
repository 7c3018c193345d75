"""`bodies/*.toml`: the public bodies for which we stand, as many in a file as its writer likes; and `aggregator.toml`.

[c_h501]                                    # the body's id
name.en = "Municipality of Rome"
name.it = "Comune di Roma"
url = "https://www.comune.roma.example"
ipa_code = "c_h501"                         # the codes that `scheme` in aggregator.toml asks for

A party says for which of them it speaks: body = "c_h501".
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from policies.bodies import CIE, FULL_AGGREGATOR, SPID, Aggregator, Body, Contact
from policies.errors import Problem
from policies.load.redirects import fault_of_address
from policies.load.table import IDENTIFIER, URI, Table, nearest
from policies.parties import RelyingParty

BODIES, AGGREGATOR_FILE = "bodies/*.toml", "aggregator.toml"
_SCHEMES = {word: word for word in (SPID, CIE)}
# key -> element of the Italian extensions, in the order of their schemas (SPID Avviso 19, CIE technical manual)
_CODES = {
    "ipa_code": "IPACode",
    "ipa_category": "IPACategory",
    "vat_number": "VATNumber",
    "fiscal_code": "FiscalCode",
    "nace2_code": "NACE2Code",
    "municipality": "Municipality",
    "province": "Province",
    "country": "Country",
}
_OF_SPID = ("ipa_code", "vat_number", "fiscal_code")
_NEEDED = {SPID: ("ipa_code",), CIE: ("ipa_code", "municipality", "email")}
_CODE = re.compile(r"[A-Za-z0-9._ -]{1,64}")
_MAIL = re.compile(r"[^@\s<>:]{1,64}@[^@\s<>:]{1,190}")
_TELEPHONE = re.compile(r"\+[0-9]{4,20}")
_ITALIAN = "it"
_URL_FIX = 'write url = "https://www.comune.roma.example", the address of its own site.'
_ENTITY_FIX = "write the entity id by which identity providers know it, or leave it out for the address of its metadata."
# An xs:unsignedShort (Metadata 2.0 §2.4.4.1)
MAX_INDEX = 65535


def read_aggregator(table: Table) -> Aggregator:
    """Our own part. Problems go to the table's list."""
    scheme = table.choice("scheme", _SCHEMES, "", required=False)
    found = Aggregator(
        company=table.text("company", 'write company = "Region of Storkhaven": who runs this broker.'),
        contact=_contact(table, scheme),
        scheme=scheme,
    )
    if not found.contact.email:
        table.problem("email", "is missing.", 'write email = "eid@region.example".')
    if scheme and not {"VATNumber", "FiscalCode", "IPACode"} & set(found.contact.codes):
        table.problem(
            "vat_number", "is missing: registers know nobody without a code.", 'write vat_number = "IT01234567890".'
        )
    table.check_readable("company", found.company)
    table.close()
    return found


def read_bodies(table: Table, scheme: str) -> Iterator[Body]:
    """The bodies of one file. Problems go to the table's list."""
    for name in table.names():
        one = table.table(name, f"write [{name}] with name and url.")
        if one is None:
            continue
        if not IDENTIFIER.fullmatch(name):
            table.problem(name, "is no id of a body.", "use 1 to 64 letters, digits, dots, lines and underscores.")
        yield _body(name, one, scheme)


def _body(body_id: str, table: Table, scheme: str) -> Body:
    name = table.translated("name", "Municipality of Rome", most=256)
    url = table.text("url", _URL_FIX)
    if url and (fault := fault_of_address(url)):
        table.problem("url", fault, _URL_FIX)
    found = Body(
        body_id=body_id,
        place=f"{FULL_AGGREGATOR}/{body_id}" if scheme == SPID else body_id,
        name=name,
        display_name=table.translated("display_name", "Rome", most=256) if "display_name" in table else name,
        url=url,
        contact=_contact(table, scheme),
        source=table.source(),
        entity_id=table.matching("entity_id", URI, _ENTITY_FIX, default=""),
    )
    if set(found.display_name) != set(name):
        table.problem("display_name", "has other languages than name.", "write both in the same languages.")
    if scheme and _ITALIAN not in name:
        table.problem("name", f"has no Italian, which {scheme} asks for.", 'write name.it = "Comune di Roma".')
    if scheme == SPID and found.entity_id and (FULL_AGGREGATOR not in found.entity_id or "?" in found.entity_id):
        what = f"has to have {FULL_AGGREGATOR} in it, and no query (SPID Avviso 19)."
        table.problem("entity_id", what, "leave it out: the address of its metadata has it.")
    for key in _NEEDED.get(scheme, ()):
        if key not in table:
            table.problem(key, f"is missing, and {scheme} asks for it.", f"write {key} = the body's own.")
    table.close()
    return found


def _contact(table: Table, scheme: str) -> Contact:
    codes: dict[str, str] = {}
    for key, element in _CODES.items():
        code = table.matching(key, _CODE, f"write {key} as the register has it.", default="")
        if key not in table:
            continue
        codes[element] = code
        if not scheme or (scheme == SPID and key not in _OF_SPID):
            where = f'scheme = "{CIE}"' if scheme else "a scheme"
            table.problem(key, f"is for {where} in {AGGREGATOR_FILE}.", "leave it out.")
    return Contact(
        email=table.matching("email", _MAIL, 'write email = "protocol@city.example".', default=""),
        telephone=table.matching("telephone", _TELEPHONE, 'write telephone = "+390612345678".', default=""),
        codes=codes,
    )


def read_body_of(table: Table) -> tuple[str, int]:
    """The body that a party speaks for ("" for none), and the number of its AttributeConsumingService there."""
    body = table.matching("body", IDENTIFIER, f'write body = "c_h501", an id in {BODIES}.', default="")
    key = "attribute_consuming_service_index"
    index = table.take(key)
    if index is None:
        return body, 0
    if type(index) is not int or not 0 <= index <= MAX_INDEX or not body:
        what = f"must be a whole number from 0 to {MAX_INDEX}." if body else "stands without body."
        table.problem(key, what, f"write {key} = 1 beside body, or leave it out.")
        return body, 0
    return body, index


def problems_of_bodies(
    bodies: Mapping[str, Body], parties: Iterable[RelyingParty], others: Mapping[str, object]
) -> Iterator[Problem]:
    """A body that has another's entity id (`others`: of whom, by entity id), a party of none, and two with one number."""
    numbers: dict[tuple[str, int], RelyingParty] = {}
    for body in bodies.values():
        if body.entity_id and body.entity_id in others:
            what, fix = f"is that of {others[body.entity_id]}.", _ENTITY_FIX
            yield Problem(body.source.file, body.source.line, "entity_id", what, fix)
    for party in parties:
        if not party.body:
            continue
        first = numbers.setdefault((party.body, party.attribute_service), party)
        if party.body not in bodies:
            what, fix = f"`{party.body}` is no body.", nearest(party.body, bodies)
            yield Problem(party.source.file, party.source.line, "body", what, fix)
        elif first is not party:
            what = f"is that of {first.client_id} already, for the same body."
            fix = f"write attribute_consuming_service_index = {party.attribute_service + 1}, and keep it."
            yield Problem(party.source.file, party.source.line, "attribute_consuming_service_index", what, fix)
