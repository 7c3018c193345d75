"""The checks of a register's answer that every way of asking has: names, kinds of values, and that it comes once.

A value of another kind than the catalogue's refuses the whole answer.
"""

import json
import threading
from collections.abc import Callable, Mapping, Sequence

from connectors.acting import namespace_of
from connectors.attribute_provider import RegisterAnswer, RegisterQuery, Represented
from connectors.mapping import MAX_VALUES, birthdate
from connectors.wire.text import is_plain
from policies.attribute_register import AttributeRegister
from policies.attributes import Address, AttributeName, Value
from policies.catalogue import COMPANY, MANDATE, OTHER, AttributeType, Catalogue
from policies.errors import AssertionRejected
from policies.forms import MULTIPLE, AttributeKind
from policies.mandates import Mandate, read_mandates, value_of
from policies.parameters import amount, country_code
from policies.persons import ACTING, ActingFor, PersonKind

# An answer is for the login in which it was asked
MAX_AGE = 300
# How many entries a list of those for whom one person may act has: a citizen reads them all
MOST_REPRESENTED = 30

# The values of each thing that a register says, by its own names
Said = Mapping[str, Sequence[object]]


class RegisterJudge:
    """Holds the answers of one register against its registration. For any thread."""

    def __init__(self, register: AttributeRegister, catalogue: Catalogue) -> None:
        self._register, self._catalogue = register, catalogue
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}

    def names(self, query: RegisterQuery) -> tuple[str, ...]:
        """The register's names of what is asked. Raises `AssertionRejected` where it is nothing, or what it never says."""
        wanted = set(query.wanted)
        if not wanted or not wanted <= self._register.says:
            raise AssertionRejected("handed", "the question asks for nothing, or for what the register does not say")
        return tuple(wire for wire, (name, _) in self._register.attributes.items() if name in wanted)

    def found_by(self, query: RegisterQuery) -> Mapping[str, str]:
        """The register's names of what it finds the person by, each with its one text. Raises `AssertionRejected`."""
        found = {wire: query.handed.get(name) for name, wire in self._register.found_by.items()}
        texts = {wire: value for wire, value in found.items() if isinstance(value, str) and is_plain(value)}
        if len(texts) < len(found) or set(query.handed) != set(self._register.found_by):
            raise AssertionRejected("handed", "the question does not have exactly what the register finds a person by")
        return texts

    def answer(
        self, query: RegisterQuery, said: Sequence[Said], now: int, answer_id: str, *, issued_at: int, ends: int
    ) -> RegisterAnswer:
        """The answer that `said` makes: one entry, or of a mandate register the whole list. Raises `AssertionRejected`."""
        if not {name for one in said for name in one} <= set(self.names(query)):
            raise AssertionRejected("not_asked", "an attribute that was not asked")
        if len(said) > MOST_REPRESENTED:
            raise AssertionRejected("represented_many", f"more than {MOST_REPRESENTED} entries")
        values, represented = [self._values(one) for one in said], tuple[Represented, ...]()
        if self._register.represents:
            represented, values = self._represented(values), [{}]
        ends = min(ends, issued_at + MAX_AGE)
        self._once(answer_id, now)
        return RegisterAnswer(
            register_id=self._register.register_id,
            issuer=self._register.issuer,
            loa=self._register.loa,
            attributes=values[0],
            issued_at=issued_at,
            ends=ends,
            represented=represented,
        )

    def _represented(self, entries: Sequence[Mapping[AttributeName, Value]]) -> tuple[Represented, ...]:
        """Each one for whom the person may act, in the register's order: entries of one are their mandates, and no more.

        Whoever has an entry without a mandate may not act by it.
        """
        found: dict[tuple[AttributeName, Value], dict[AttributeName, Value]] = {}
        mandates: dict[tuple[AttributeName, Value], list[Mandate]] = {}
        for entry in entries:
            whom = [(name, entry[name]) for name in (COMPANY, OTHER) if name in entry]
            kinds = set[PersonKind](ACTING).intersection(*(self._catalogue.attributes[name].persons for name in entry))
            if len(whom) != 1 or len(kinds) != 1:
                raise AssertionRejected("represented", "an entry of a list that is not about one company or one person")
            about = {name: value for name, value in entry.items() if name != MANDATE}
            if found.setdefault(whom[0], about) != about:
                raise AssertionRejected("represented", "two entries that say different things of one company or person")
            mandates.setdefault(whom[0], []).extend(read_mandates(entry.get(MANDATE)) or ())
        return tuple(
            Represented(self._acting_for(*whom, mandates[whom]), {**about, MANDATE: value_of(mandates[whom])})
            for whom, about in found.items()
            if mandates[whom]
        )

    def _acting_for(self, name: AttributeName, identifier: Value, mandates: Sequence[Mandate]) -> ActingFor:
        of = PersonKind.LEGAL if name == COMPANY else PersonKind.NATURAL
        register = self._register
        namespace = namespace_of(register.represents, of)
        return ActingFor(of, namespace, str(identifier), tuple(mandates), register.register_id)

    def _values(self, said: Said) -> Mapping[AttributeName, Value]:
        found: dict[AttributeName, Value] = {}
        parts: dict[AttributeName, dict[str, str]] = {}
        for wire, values in said.items():
            name, part = self._register.attributes[wire]
            if not values:
                continue
            if part:
                text = _one(values)
                if part == "country" and country_code(text) is None:
                    raise _other_kind(name)
                parts.setdefault(name, {})[part] = text
            elif name in found:
                raise AssertionRejected("value_count", f"two values for {name}, which has one")
            else:
                found[name] = typed(self._catalogue.attributes[name], values)
        return found | {name: Address(**known) for name, known in parts.items()}

    def _once(self, answer_id: str, now: int) -> None:
        with self._lock:
            # The oldest stand first
            while self._seen and next(iter(self._seen.values())) <= now:
                del self._seen[next(iter(self._seen))]
            if answer_id in self._seen:
                raise AssertionRejected("answer_twice", "an answer that came before")
            # Longer than any answer is taken, with the clocks' difference twice
            self._seen[answer_id] = now + 4 * MAX_AGE


def typed(attribute: AttributeType, values: Sequence[object]) -> Value:
    """The value of these texts, of the attribute's kind. Raises `AssertionRejected`, without the value."""
    if attribute.kind is AttributeKind.MANDATE:
        return _mandates(attribute.name, values)
    holds = _KINDS.get(attribute.kind)
    texts = tuple(dict.fromkeys(_text(value) for value in values))
    if len(texts) > (MAX_VALUES if attribute.kind in MULTIPLE else 1):
        raise AssertionRejected("value_count", f"more values of {attribute.name} than it has")
    if holds is None or not all(holds(text) for text in texts):
        raise _other_kind(attribute.name)
    if attribute.values and not set(attribute.values).issuperset(texts):
        raise _other_kind(attribute.name)
    if attribute.kind is AttributeKind.DATE:
        return birthdate(texts[0]) or ""
    return texts[0] if len(texts) == 1 else texts


def _mandates(name: str, values: Sequence[object]) -> Value:
    """Mandates in their one spelling: each came as a text, or as the object that it spells."""
    texts = tuple(json.dumps(one) if isinstance(one, dict) else one for one in values)
    read = read_mandates(texts) if len(texts) <= MAX_VALUES and all(isinstance(one, str) for one in texts) else None
    if read is None:
        raise _other_kind(name)
    return value_of(read)


def _any(_text: str) -> bool:
    return True


_KINDS: Mapping[AttributeKind, Callable[[str], bool]] = {
    AttributeKind.TEXT: _any,
    AttributeKind.NAME: _any,
    AttributeKind.NUMBER: _any,
    AttributeKind.SET: _any,
    AttributeKind.DATE: lambda text: birthdate(text) is not None,
    AttributeKind.NATIONALITY: lambda text: country_code(text) is not None,
    AttributeKind.AMOUNT: lambda text: amount(text) is not None,
}


def _text(value: object) -> str:
    if not isinstance(value, str) or not is_plain(value):
        raise AssertionRejected("value_type", "a value that is no plain text")
    return value


def _one(values: Sequence[object]) -> str:
    if len(values) != 1:
        raise AssertionRejected("value_count", "several values of one part of an address")
    return _text(values[0])


def _other_kind(name: str) -> AssertionRejected:
    return AssertionRejected("value_type", f"a value of {name} that is none of its kind")
