"""All that one configuration lets go and another does not, for one registration, purpose and source.

Rulings about attributes are independent of each other but for one thing: a denied required attribute blocks all. So all
attributes are varied at once, and what blocks is looked for apart: exact, at the cost of a few decisions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from policies.attributes import AttributeName, Form
from policies.authentication import AskedAttribute
from policies.catalogue import Catalogue
from policies.forms import FILTERS
from policies.parameters import entries
from policies.parties import RelyingParty
from policies.purposes import Purpose
from policies.release import Decision, Reason, Ruling, completed, decide, short_of
from policies.simulation.worlds import ON, MadeUp, SourceKind

# A request names something beside: an empty one would ask for all that is needed
_SOMETHING = ("something",)
COMPULSORY = "whether the citizen ticks it or not"
AWAY = "also while the citizen is away"
KIOSK = "also for a kiosk, whose citizens sign in on another device"


@dataclass(frozen=True, slots=True)
class Side:
    """One configuration's part in a decision. Where one of them is None there is no such login."""

    catalogue: Catalogue
    party: RelyingParty | None
    purpose: Purpose | None
    reach: SourceKind | None


@dataclass(frozen=True, slots=True)
class World:
    """For each attribute the forms in which it is asked for, and then not at all; and the values that people have."""

    asked: Mapping[AttributeName, Sequence[Form]]
    people: Mapping[AttributeName, Sequence[MadeUp]]

    def requests(self) -> list[list[AskedAttribute]]:
        """One request for each place of the longest row; a shorter row is not asked for any more."""
        longest = max(map(len, self.asked.values()), default=0)
        return [
            [AskedAttribute(name, forms[j]) for name, forms in self.asked.items() if j < len(forms)]
            for j in range(longest + 1)
        ]

    def persons(self) -> list[Mapping[AttributeName, MadeUp]]:
        """One person for each place of the longest row; a shorter row ends with what is missing."""
        longest = max(map(len, self.people.values()), default=0)
        return [{name: values[min(v, len(values) - 1)] for name, values in self.people.items()} for v in range(longest)]


@dataclass(frozen=True, slots=True)
class Gain:
    """More of one attribute than before, and the other attribute, if any, whose denial no longer blocks it."""

    name: AttributeName
    before: Form | None
    after: Form
    when: str = ""
    freed: AttributeName | None = None


def in_a_sentence(title: str) -> str:
    """A title within a sentence: `date of birth`, but `SIS number`."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


# A place among the forms that are asked for, and one among the values that people have
_Case = tuple[int, int]


class Rulings:
    """All rulings of one side about a world, by request, person and attribute."""

    def __init__(self, side: Side, world: World) -> None:
        self.catalogue, self.reach, self._party, self._purpose = side.catalogue, side.reach, side.party, side.purpose
        self._made: list[list[Mapping[AttributeName, Ruling]]] = []
        self.closed = True
        if side.party is None or side.purpose is None or side.reach is None:
            return
        self.closed = False
        offers = [side.reach.offered(person) for person in world.persons()]
        for request in world.requests():
            asked = completed(request, _SOMETHING, side.purpose, side.catalogue)
            decisions = [decide(asked, side.purpose, side.party, one, ON, catalogue=side.catalogue) for one in offers]
            self._made.append([{ruling.name: ruling for ruling in decision.rulings} for decision in decisions])

    def ruling(self, name: AttributeName, j: int, v: int) -> Ruling | None:
        """None where it was neither asked for nor required."""
        return None if self.closed else self._made[j][v].get(name)

    @property
    def ways(self) -> tuple[str, ...]:
        """How values go besides a sign-in on one device: again without the citizen, and to a kiosk."""
        if self._party is None or self._purpose is None:
            return ()
        client, purpose = self._party.openid, self._purpose
        each = {AWAY: client.refreshes and purpose.offline, KIOSK: self._party.crosses_devices and purpose.cross_device}
        return tuple(way for way, is_open in each.items() if is_open)

    def blocks(self, name: AttributeName, j: int, v: int) -> bool:
        """Whether nothing goes at all where this attribute is asked for and had so."""
        ruling = self.ruling(name, j, v)
        if self._party is None or self._purpose is None or ruling is None:
            return self.closed
        alone = Decision((ruling,))
        return bool(alone.blocked) or (self._party.enforce and bool(short_of(alone, self._purpose)))


def gains(before: Rulings, after: Rulings, world: World) -> Iterator[Gain]:
    """For each attribute the plainest login in which `after` says more than `before`, if there is one."""
    free = {
        name: [(j, v) for j in range(len(world.asked[name]) + 1) for v in range(len(had)) if not after.blocks(name, j, v)]
        for name, had in world.people.items()
    }
    if after.closed or not all(free.values()):
        return
    moved = after.reach.moved(before.reach) if after.reach and before.reach else frozenset()
    freed = {name: [case for case in cases if before.blocks(name, *case)] for name, cases in free.items()}
    # Attributes that let nothing go before, however they are asked for and had
    shut = {name for name, cases in free.items() if freed[name] == cases}
    opened = " and ".join(way for way in after.ways if way not in before.ways)
    for name in world.people:
        found = _gain(name, before, after, world, free[name], shut=bool(shut - {name}), moved=name in moved)
        found = found or _freed(name, before, after, world, free, freed)
        if opened and not (found and found.when):
            goes = next((r.released.form for case in free[name] if (r := after.ruling(name, *case)) and r.released), None)
            found = replace(found, when=opened) if found else Gain(name, goes, goes, opened) if goes else None
        if found:
            yield found


def _gain(
    name: AttributeName,
    before: Rulings,
    after: Rulings,
    world: World,
    free: Sequence[_Case],
    *,
    shut: bool,
    moved: bool,
) -> Gain | None:
    for j, v in free:
        now, then = after.ruling(name, j, v), before.ruling(name, j, v)
        if now is None or now.released is None:
            continue
        form, earlier = now.released.form, then.released.form if then and then.released else None
        if earlier is None and form.name in FILTERS and (whole := before.ruling(name, 0, v)) and whole.released:
            # Two filters have nothing in common, and yet who asked for all got this too
            earlier = whole.released.form
        if shut or moved or before.blocks(name, j, v):
            earlier = None
        if earlier is None or not _says_no_more(after.catalogue, name, form, earlier):
            return Gain(name, earlier, form, _when(name, j, v, then, before, after, world, moved=moved))
        if now.required and then and not then.required:
            return Gain(name, earlier, form, COMPULSORY)
    return None


def _says_no_more(catalogue: Catalogue, name: AttributeName, form: Form, than: Form) -> bool:
    """Whether it says no more. Of two value filters that is the one whose list is within the other's."""
    if form.name == than.name and form.name in FILTERS:
        return set(entries(form.parameter)) <= set(entries(than.parameter))
    return catalogue.meet(name, form, than) == form


def _freed(
    name: AttributeName,
    before: Rulings,
    after: Rulings,
    world: World,
    free: Mapping[AttributeName, Sequence[_Case]],
    freed: Mapping[AttributeName, Sequence[_Case]],
) -> Gain | None:
    """An attribute that goes although another attribute is as it is: that blocked it before."""
    goes = next((r.released.form for case in free[name] if (r := after.ruling(name, *case)) and r.released), None)
    # Missing comes last, and is the plainest
    other = next(((one, max(v for _, v in cases)) for one, cases in freed.items() if cases and one != name), None)
    if goes is None or other is None or before.closed:
        return None
    known, had = other
    titles = (one.attributes[known].title["en"] for one in (after.catalogue, before.catalogue) if known in one.attributes)
    title = in_a_sentence(next(titles, known))
    return Gain(name, None, goes, f"where the {title} {world.people[known][had].differs}", known)


def _when(
    name: AttributeName, j: int, v: int, then: Ruling | None, before: Rulings, after: Rulings, world: World, *, moved: bool
) -> str:
    """In which logins; "" where it is so in every one."""
    told: list[str] = []
    if moved:
        sources = (after.reach.sources ^ before.reach.sources) if after.reach and before.reach else ()
        other = any(name == of for of, _ in sources)
        told.append("taken from another source" if other else "taken from another field of the country's answer")
    if then is not None and then.reason is Reason.ASSURANCE_TOO_LOW and after.reach and before.reach:
        level, earlier = after.reach.loa.label, before.reach.loa.label
        told.append(f"at level {level}" if level == earlier else f"where the level counts as {level} (now: {earlier})")
    if j >= len(world.asked[name]):
        told.append("without being asked for it")
    elif j:
        told.append(f"where the service asks for {world.asked[name][j]}")
    if world.people[name][v].differs:
        told.append(f"where it {world.people[name][v].differs}")
    return " and ".join(told)
