"""More that would leave under another configuration: found by `decide` itself, over all forms and sources.

For each registration and purpose, and each kind of source, both configurations decide about the same made-up people
(`policies.simulation.worlds`), asked in every form, and `policies.simulation.gains` says what only one of them lets go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from policies.attributes import EXACT, AttributeName, Form
from policies.catalogue import Catalogue
from policies.forms import form_title
from policies.identifiability import bits
from policies.load import Configuration
from policies.parties import ClientId, IdentityProvider, PurposeId, RelyingParty, Source
from policies.persons import TITLES, PersonKind
from policies.purposes import Basis, Purpose
from policies.simulation.gains import AWAY, COMPULSORY, KIOSK, Gain, Rulings, Side, World, gains, in_a_sentence
from policies.simulation.worlds import SourceKind, forms_to_ask, made_up, source_of_everything, sources_of

OLD, NEW = 0, 1


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute of which a service would get more, or less. `before` and `after` are None for nothing at all.

    `when` says in which logins, "" for all. `bits` is how much more it says; below 0 for less. `countries` is empty where
    neither configuration has a source: then a source of everything was made up. `source` is the line that would decide.
    """

    client_id: ClientId
    service: str
    purpose_id: PurposeId
    purpose: str
    attribute: AttributeName
    title: str
    before: Form | None
    after: Form | None
    when: str
    countries: tuple[str, ...]
    basis: Basis
    bits: float
    source: Source
    narrows: bool = False

    @property
    def sentence(self) -> str:
        """In citizens' terms: `*Resident parking* would newly receive: date of birth in full (now: 18 or older), ...`."""
        goes, instead = (self.before, self.after) if self.narrows else (self.after, self.before)
        verb, now, when = ("no longer receive", "then", self.when) if self.narrows else ("newly receive", "now", self.when)
        other = "nothing" if instead is None else _words(instead).removeprefix("whether ")
        if self.when.startswith((AWAY, KIOSK)) and self.before == self.after:
            other = "at a sign-in alone" if self.when.startswith(AWAY) else "on the citizen's own device alone"
        if self.when == COMPULSORY:
            verb, other, when = (
                ("no longer always receive" if self.narrows else "always receive"),
                "where the citizen agrees",
                "",
            )
        said = _words(goes) if goes else ""
        what = f"{in_a_sentence(self.title)}{' ' if goes == EXACT else ', '}{said}"
        many = len(self.countries)
        whence = f"{many} {'country' if many == 1 else 'countries'}" if many else "no country yet"
        told = f"*{self.service}* would {verb}: {what} ({now}: {other}), from {whence}"
        return f"{told}, basis {self.basis.replace('_', ' ')}{', ' if when else ''}{when}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """More that would leave, most of it first; and apart from it what would leave no longer."""

    wider: tuple[Change, ...]
    narrower: tuple[Change, ...]


def compare(old: Configuration, new: Configuration) -> Comparison:
    """Compare what leaves. A form that says neither more nor less than the one before counts as wider, and as narrower.

    The cost for a registration does not grow with their number; one whose facts are all the same costs nothing.
    """
    pair = _Pair(old, new)
    wider: list[Change] = []
    narrower: list[Change] = []
    for client_id in sorted(old.parties.keys() | new.parties.keys()):
        parties = old.parties.get(client_id), new.parties.get(client_id)
        for purpose_id in dict.fromkeys(one for party in parties if party for one in party.purposes):
            if parties[OLD] != parties[NEW] or pair.of(purpose_id).differs:
                more, less = _changes(pair, parties, purpose_id)
                wider += more
                narrower += less
    before, after = _handed(old), _handed(new)
    wider += [one for key, one in after.items() if key not in before]
    narrower += [replace(one, narrows=True, bits=-one.bits) for key, one in before.items() if key not in after]
    return Comparison(tuple(sorted(wider, key=_order)), tuple(sorted(narrower, key=_order)))


def _handed(configuration: Configuration) -> Mapping[tuple[str, ...], Change]:
    """All that registers are handed to find a person, by register, purpose, attribute, and what it is asked for."""
    found: dict[tuple[str, ...], Change] = {}
    titles = {name: one.title["en"] for name, one in configuration.catalogue.attributes.items()}
    for purpose in configuration.purposes.values():
        countries = {one.country for one in configuration.providers.values() if purpose.takes(one.country)}
        for name, need in purpose.needs.items():
            known = [register for one in need.registers if (register := configuration.registers.get(one))]
            for register, handed in [(one, each) for one in known for each in one.found_by]:
                found[register.register_id, purpose.purpose_id, handed, name] = Change(
                    client_id=ClientId(register.register_id),
                    service=register.title["en"],
                    purpose_id=purpose.purpose_id,
                    purpose=purpose.title["en"],
                    attribute=handed,
                    title=titles[handed],
                    before=None,
                    after=EXACT,
                    when=f"to be asked for the {in_a_sentence(titles[name])}",
                    countries=tuple(sorted(countries)),
                    basis=purpose.basis,
                    bits=bits(handed, EXACT),
                    source=need.source,
                )
    return found


def _order(change: Change) -> tuple[object, ...]:
    return -abs(change.bits), -len(change.countries), change.client_id, change.purpose_id, change.attribute, change.when


def _words(form: Form) -> str:
    return form_title(form)


_T = TypeVar("_T")
# Before and after; None where there is none
_Both = tuple[_T | None, _T | None]
_Kinds = _Both[SourceKind]
# By side: what it lets go and the other does not, each with the sources from which it does
_Found = tuple[dict[Gain, list[_Both[IdentityProvider]]], dict[Gain, list[_Both[IdentityProvider]]]]


@dataclass(frozen=True, slots=True)
class _Purposes:
    """A purpose before and after, and its sources, those together that look alike to every decision."""

    both: _Both[Purpose]
    differs: bool
    # every attribute that is needed before or after
    names: tuple[AttributeName, ...]
    sources: Mapping[_Kinds, Sequence[_Both[IdentityProvider]]]
    # what was found for registrations of these facts
    found: dict[tuple[object, ...], _Found] = field(default_factory=dict)


class _Pair:
    """Two configurations, and what is the same for all registrations."""

    def __init__(self, old: Configuration, new: Configuration) -> None:
        self.both = (old, new)
        self.catalogues = (old.catalogue, new.catalogue)
        self._same = all(getattr(old, part) == getattr(new, part) for part in ("catalogue", "providers", "registers"))
        self._purposes: dict[PurposeId, _Purposes] = {}

    def of(self, purpose_id: PurposeId) -> _Purposes:
        """The part that is the same for all registrations of a purpose."""
        if purpose_id not in self._purposes:
            old, new = self.both
            purposes = old.purposes.get(purpose_id), new.purposes.get(purpose_id)
            differs = not self._same or purposes[OLD] != purposes[NEW]
            names = tuple(sorted({name for purpose in purposes if purpose for name in purpose.needs}))
            self._purposes[purpose_id] = _Purposes(purposes, differs, names, self._sources(purposes))
        return self._purposes[purpose_id]

    def _sources(self, purposes: _Both[Purpose]) -> Mapping[_Kinds, Sequence[_Both[IdentityProvider]]]:
        """A source stays the same if it speaks of the same citizens: by the namespace of their identifiers."""
        (old, new), (was, will_be) = self.both, purposes
        if not old.providers and not new.providers:
            was_all, all_now = (
                [source_of_everything(one.catalogue, kind, its, one.registers) for kind in PersonKind]
                for one, its in ((old, was), (new, will_be))
            )
            return dict.fromkeys(zip(was_all, all_now, strict=True), ())
        before = sources_of(old.providers.values(), was, old.catalogue, old.registers) if was else {}
        after = sources_of(new.providers.values(), will_be, new.catalogue, new.registers) if will_be else {}
        found: dict[_Kinds, list[_Both[IdentityProvider]]] = {}
        for key in sorted(before.keys() | after.keys()):
            then, now = before.get(key, (None, None)), after.get(key, (None, None))
            found.setdefault((then[0], now[0]), []).append((then[1], now[1]))
        return found


def _changes(pair: _Pair, parties: _Both[RelyingParty], purpose_id: PurposeId) -> tuple[list[Change], list[Change]]:
    """More, and less, that one registration gets for one purpose."""
    purposes = pair.of(purpose_id)
    registered = tuple(party if party and purpose_id in party.purposes else None for party in parties)
    alike = tuple(_facts(party, purposes.names) if party else None for party in registered)
    if alike not in purposes.found:
        purposes.found[alike] = _gains(pair, registered, purposes)
    changes: tuple[list[Change], list[Change]] = ([], [])
    for side in (NEW, OLD):
        party, purpose = registered[side], purposes.both[side]
        if party and purpose:
            for gain, providers in purposes.found[alike][side].items():
                line = _line(gain, providers, parties, purposes)
                changes[side].append(_change(gain, providers, party, purpose, pair.catalogues, side, line))
    # What says something else stands among the wider ones alone
    widened = {one.attribute for one in changes[NEW]}
    return changes[NEW], [one for one in changes[OLD] if one.attribute not in widened]


def _facts(party: RelyingParty, names: Sequence[AttributeName]) -> tuple[object, ...]:
    """All of a registration that its decisions rest on: two that are alike need to be tried once."""
    forms = tuple([(name, rule.form) for name in names if (rule := party.attributes.get(name)) is not None])
    enforced = party.persons, party.enforce, party.openid.refreshes, party.openid.is_kiosk
    return party.sphere, party.federation, enforced, forms


def _gains(pair: _Pair, parties: Sequence[RelyingParty | None], purposes: _Purposes) -> _Found:
    world = _world(pair, parties, purposes)
    found: _Found = ({}, {})
    for reaches, providers in purposes.sources.items():
        kind = next(source.kind for source in reaches if source)
        sides = (Side(*facts) for facts in zip(pair.catalogues, parties, purposes.both, reaches, strict=True))
        before, after = (Rulings(side, world) for side in sides)
        for gained, rulings in zip(found, ((after, before), (before, after)), strict=True):
            for gain in gains(*rulings, world):
                whose = gain if gain.when or kind is PersonKind.NATURAL else replace(gain, when=f"of {TITLES[kind]}")
                gained.setdefault(whose, []).extend(providers)
    return found


def _world(pair: _Pair, parties: Sequence[RelyingParty | None], purposes: _Purposes) -> World:
    """Each attribute, in the forms and with the values that could make a difference."""
    asked, people = {}, {}
    for name in purposes.names:
        used = [party.attributes[name].form for party in parties if party and name in party.attributes]
        used += [purpose.needs[name].form for purpose in purposes.both if purpose and name in purpose.needs]
        known = (one.attributes.get(name) for one in pair.catalogues)
        kinds = dict.fromkeys(one.kind for one in known if one)
        forms = frozenset(used)
        asked[name] = tuple(dict.fromkeys(form for kind in kinds for form in forms_to_ask(kind, forms)))
        values = [one for kind in kinds for one in made_up(kind, forms)]
        # What is missing comes last, and once
        people[name] = (*dict.fromkeys(one for one in values if one.value is not None), values[-1])
    return World(asked, people)


def _change(
    gain: Gain,
    providers: Sequence[_Both[IdentityProvider]],
    party: RelyingParty,
    purpose: Purpose,
    catalogues: tuple[Catalogue, Catalogue],
    side: int,
    line: Source,
) -> Change:
    """A gain as a change: on the side NEW of what would newly go, on the side OLD of what would go no longer."""
    catalogue, narrows = catalogues[side], side == OLD
    common = catalogue.meet(gain.name, gain.before, gain.after) if gain.before and gain.when != COMPULSORY else None
    more = bits(gain.name, gain.after) - (bits(gain.name, common) if common else 0.0)
    return Change(
        client_id=party.client_id,
        service=party.title["en"],
        purpose_id=purpose.purpose_id,
        purpose=purpose.title["en"],
        attribute=gain.name,
        title=catalogue.attributes[gain.name].title["en"],
        before=gain.after if narrows else gain.before,
        after=gain.before if narrows else gain.after,
        when=gain.when,
        countries=tuple(sorted({provider.country for both in providers if (provider := both[side])})),
        basis=purpose.basis,
        bits=-more if narrows else more,
        source=line,
        narrows=narrows,
    )


def _line(
    gain: Gain, providers: Sequence[_Both[IdentityProvider]], parties: _Both[RelyingParty], purposes: _Purposes
) -> Source:
    """The line that makes the difference: of registration, purpose, source or catalogue, in this order."""
    for name in (gain.name, gain.freed) if gain.freed else (gain.name,):
        rules = [party.attributes.get(name) if party else None for party in parties]
        needs = [purpose.needs.get(name) if purpose else None for purpose in purposes.both]
        for facts, lines in (
            ([rule and rule.form for rule in rules], (rules[NEW], parties[NEW], rules[OLD])),
            (
                [party and (party.purposes, *_facts(party, ()), party.openid.grant_types) for party in parties],
                parties[::-1],
            ),
            (
                [need and (need.form, need.required, need.must_be_true, need.sources) for need in needs],
                (needs[NEW], purposes.both[NEW], needs[OLD]),
            ),
            (
                [one and (one.minimum_assurance, one.takes_of, one.offline, one.cross_device) for one in purposes.both],
                purposes.both[::-1],
            ),
        ):
            if facts[OLD] != facts[NEW]:
                return next(line.source for line in lines if line)
    moved = (line for before, after in providers if before != after for line in (after, before) if line)
    return next((one.source for one in moved), Source("catalogue.toml", 1))
