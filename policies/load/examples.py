"""`[[examples]]` in a purpose's file, and the file of made-up attributes that `policy explain` takes."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date

from policies.attributes import Address, AttributeName, Form, Value, latin_name
from policies.authentication import AskedAttribute, Offered
from policies.catalogue import Catalogue
from policies.derive import available
from policies.examples import BLOCKED, Example, Situation
from policies.forms import MULTIPLE, AttributeKind
from policies.load.federation import read_marks, read_raf
from policies.load.purposes import form_of, known_attributes
from policies.load.table import Table
from policies.parties import ClientId
from policies.persons import PersonKind
from policies.release import Reason

_TABLES_FIX = "write [[examples]] with title, on, loa, asked, given, released, withheld."
_ASKED_FIX = 'write asked = { birthdate = "exact" }.'
_GIVEN_FIX = 'write given = { birthdate = "1990-04-01" }.'
_RELEASED_FIX = 'write released = { birthdate = "age_over(18)" }, or { birthdate = { form = "...", answer = true } }.'
_USABLE = {
    AttributeKind.DATE: (
        "is no date, or one after the day of the sign-in.",
        'write a day that there is, as "1990-04-01", or the part that the country knows: "1990-04" or "1990".',
    ),
    AttributeKind.ADDRESS: ("has nothing that a purpose can use.", 'write { locality = "Storkhaven", country = "EE" }.'),
}
_EMPTY = ("is empty.", "write text, or leave it out: then the country knows none.")
_ENDED_FIX = 'write ended_by = ["birthdate"]: what ends the login where it is enforced.'
_WITHHELD_FIX = 'write withheld = { email = "not_needed" }.'
_GOES = {Reason.AS_ASKED, Reason.LEAST_SUFFICIENT, Reason.SOURCE_HAS_LESS}
_REASONS = {word: word for word in (BLOCKED, *(reason.value for reason in Reason if reason not in _GOES))}


def read_examples(purpose: Table, catalogue: Catalogue) -> tuple[Example, ...]:
    """The examples of a purpose. Problems go to the table's list."""
    return tuple(_example(table, catalogue) for table in purpose.tables("examples", _TABLES_FIX))


def read_situation(table: Table, catalogue: Catalogue, *, today: date | None) -> Situation:
    """A made-up login: `on`, `loa`, `asked`, `given`, `refeds_assurance`, `person`, and the source's `sphere`, `only_for`.

    With `today` it needs no day, and each value has to be usable. An example may show what becomes of an unusable one.
    """
    on = table.day("on")
    if today is None and "on" not in table:
        table.problem("on", "is missing: ages are counted on a day.", "write on = 2026-11-25.")
    asked = table.table("asked", _ASKED_FIX)
    given = table.table("given", _GIVEN_FIX)
    values = _values(given, catalogue)
    if given is not None and today is not None:
        _assert_usable(given, values, catalogue, on or today)
    return Situation(
        on=on,
        asked=tuple(AskedAttribute(name, form) for name, form in sorted(_forms(asked, catalogue).items())),
        offered=Offered(
            values,
            table.level("loa"),
            table.sphere(),
            frozenset(read_raf(table)),
            read_marks(table, "only_for"),
            table.choice("person", {str(kind): kind for kind in PersonKind}, PersonKind.NATURAL, required=False),
        ),
    )


def _assert_usable(table: Table, values: Mapping[AttributeName, Value], catalogue: Catalogue, on: date) -> None:
    """Report each value that no purpose could use: it would count as one that the country did not send."""
    for name, value in values.items():
        if name not in catalogue.attributes:
            continue  # a transliteration, which is of use beside its name
        kind = catalogue.attributes[name].kind
        if available(kind, value, on) is None:
            table.problem(name, *_USABLE.get(kind, _EMPTY))


def _example(table: Table, catalogue: Catalogue) -> Example:
    title = table.text("title", "say in a sentence what the example shows.")
    situation = read_situation(table, catalogue, today=None)
    forms, answers = _released(table.table("released", _RELEASED_FIX, required=False), catalogue)
    example = Example(
        title=title,
        situation=situation,
        refused=_names(table, "refused", 'write refused = ["email"]: what the citizen does not tick.', catalogue),
        client_id=ClientId(table.text("client", "name a client_id, or leave it out.", default="")),
        released=forms,
        answers=answers,
        withheld=_withheld(table.table("withheld", _WITHHELD_FIX, required=False), catalogue),
        source=table.source(),
        ended_by=_names(table, "ended_by", _ENDED_FIX, catalogue) if "ended_by" in table else None,
    )
    if "released" not in table and "withheld" not in table:
        table.problem("", "says nothing about what comes out.", _RELEASED_FIX)
    table.close()
    return example


def _forms(table: Table | None, catalogue: Catalogue) -> Mapping[AttributeName, Form]:
    named = known_attributes(table, catalogue.attributes)
    return {name: form_of(one, key, name, one.take(key), catalogue) for one, key, name in named}


def _names(table: Table, key: str, fix: str, catalogue: Catalogue) -> tuple[AttributeName, ...]:
    names = table.texts(key, fix, required=False)
    for name in names:
        if name not in catalogue.attributes:
            table.problem(key, f"`{name}` is not an attribute of the catalogue.", "name attributes that are asked for.")
    return tuple(AttributeName(name) for name in names)


def _withheld(table: Table | None, catalogue: Catalogue) -> Mapping[AttributeName, str]:
    return {name: one.choice(key, _REASONS, BLOCKED) for one, key, name in known_attributes(table, catalogue.attributes)}


def _released(
    released: Table | None, catalogue: Catalogue
) -> tuple[Mapping[AttributeName, Form], Mapping[AttributeName, Value]]:
    forms: dict[AttributeName, Form] = {}
    answers: dict[AttributeName, Value] = {}
    for table, key, name in known_attributes(released, catalogue.attributes):
        if not isinstance(table.take(key), dict):
            forms[name] = form_of(table, key, name, table.take(key), catalogue)
            continue
        inner = table.table(key, _RELEASED_FIX)
        if inner is None:
            continue
        forms[name] = form_of(inner, "form", name, inner.take("form"), catalogue)
        answer = _value(inner, "answer", catalogue.attributes[name].kind, answer=True)
        if answer is not None:
            answers[name] = answer
        inner.close()
    return forms, answers


def _values(table: Table | None, catalogue: Catalogue) -> Mapping[AttributeName, Value]:
    """The source's values, and under `"NAME.latin"` the transliteration of a name."""
    kinds = {name: one.kind for name, one in catalogue.attributes.items()}
    kinds |= {latin_name(name): kind for name, kind in kinds.items() if kind is AttributeKind.NAME}
    read = ((name, _value(one, key, kinds[name])) for one, key, name in known_attributes(table, kinds))
    return {name: value for name, value in read if value is not None}


def _value(table: Table, key: str, kind: AttributeKind, *, answer: bool = False) -> Value | None:
    """A made-up value: text, a date, a table for an address, perhaps a list; as an `answer` also true and false."""
    value = table.take(key)
    if kind is AttributeKind.ADDRESS and (isinstance(value, dict) or not answer):
        parts = table.table(key, 'write { locality = "Storkhaven", country = "EE" }.')
        return _address(parts) if parts else None
    if kind in MULTIPLE and isinstance(value, list):
        return table.texts(key, 'write ["student", "staff"].') or None
    if type(value) is date:
        return value.isoformat()
    if isinstance(value, str) or (answer and isinstance(value, bool)):
        return value
    if value is not None or not answer:
        table.problem(key, "is no value of this attribute.", 'write text, or a date such as "1990-04-01".')
    return None


def _address(table: Table) -> Address:
    address = Address(**{part.name: table.text(part.name, "write text.", default="") for part in fields(Address)})
    table.close()
    return address
