"""One lattice of assurance, and other people's scales as ladders that lean on it (decision 0084).

An element of the lattice says how surely the person is who they are (`identity`), how surely it is they who came
(`authentication`), how surely an attribute is theirs (`attribute`), and whether the scheme is notified. Each rung of a
ladder says what a sign-in of its name surely has (`reaches`), and what another scale's sign-in has to have before an
answer may say this name (`said_from`). So nothing is ever mapped upward: `faults` holds the laws of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import reduce

from policies.assurance import LevelOfAssurance, level_named


@dataclass(frozen=True, slots=True)
class Assurance:
    """An element of the lattice. Its numbers are levels, and 0 is none that we can tell."""

    identity: int = 0
    authentication: int = 0
    attribute: int = 0
    notified: bool = False

    def __le__(self, other: "Assurance") -> bool:
        return self == self.meet(other)

    def meet(self, other: "Assurance") -> "Assurance":
        """The most that both of them say."""
        return Assurance(
            min(self.identity, other.identity),
            min(self.authentication, other.authentication),
            min(self.attribute, other.attribute),
            self.notified and other.notified,
        )

    def together(self, other: "Assurance") -> "Assurance":
        """All that one sign-in has of which each says a part. It is notified if every part is."""
        return Assurance(
            max(self.identity, other.identity),
            max(self.authentication, other.authentication),
            max(self.attribute, other.attribute),
            self.notified and other.notified,
        )

    @property
    def level(self) -> LevelOfAssurance | None:
        """The level of the Regulation that it surely is: that of its weaker part, whatever an attribute is worth."""
        weaker = min(self.identity, self.authentication)
        return LevelOfAssurance(weaker) if weaker else None


NOTHING = Assurance()


def at(level: LevelOfAssurance, *, notified: bool = False) -> Assurance:
    """The element of a level."""
    return Assurance(level, level, notified=notified)


@dataclass(frozen=True, slots=True)
class Ground:
    """The meaning of a name, and who says so: `law`, a `standard`, or the `policy` of an operator."""

    assurance: Assurance
    basis: str
    reference: str


@dataclass(frozen=True, slots=True)
class Rung:
    """One level of a ladder. `names` are those on the wire, the first one ours; `rank` counts from the lowest one."""

    ladder: str
    label: str
    rank: int
    names: tuple[str, ...]
    reaches: Ground
    # None: no other scale's sign-in may be called so
    said_from: Ground | None = None

    @property
    def key(self) -> str:
        """The name of a rung among all ladders: `spid:L2`."""
        return f"{self.ladder}:{self.label}"

    @property
    def least(self) -> LevelOfAssurance:
        """The lowest level of a sign-in that may be called so: a service that asks for the name asks for this one."""
        ways = [level for level in (self.reaches.assurance.level, self._said_least) if level is not None]
        return min(ways, default=LevelOfAssurance.LOW)

    @property
    def _said_least(self) -> LevelOfAssurance | None:
        enough = (level for level in LevelOfAssurance if self.said_by(at(level, notified=True)))
        return next(enough, None)

    def said_by(self, reached: Assurance) -> bool:
        """Whether what was reached on another scale lets an answer say this name."""
        return self.said_from is not None and self.said_from.assurance <= reached


@dataclass(frozen=True, slots=True)
class Ladder:
    """One scale, from its lowest level up."""

    ladder_id: str
    title: str
    reference: str
    rungs: tuple[Rung, ...]

    @property
    def levels(self) -> Mapping[str, LevelOfAssurance]:
        """The level that a provider of this ladder says by each name. A name that reaches no level is left out."""
        found = [(name, rung.reaches.assurance.level) for rung in self.rungs for name in rung.names]
        return {name: level for name, level in found if level is not None}


Ladders = Mapping[str, Ladder]
# The names that a service may use, beside those of the Regulation's levels
Vocabulary = Mapping[str, Rung]


def vocabulary(ladders: Iterable[Ladder]) -> Vocabulary:
    """The names of these ladders; of two with one name, the first one's."""
    found: dict[str, Rung] = {}
    for rung in (rung for ladder in ladders for rung in ladder.rungs):
        for name in rung.names:
            found.setdefault(name, rung)
    return found


@dataclass(frozen=True, slots=True)
class Reached:
    """A sign-in's assurance, and the rung by which its provider named it, if that stands on a ladder."""

    assurance: Assurance
    rung: Rung | None = None

    def has(self, rung: Rung) -> bool:
        """Whether an answer may say this name: on the provider's own ladder by its order, else from what was reached."""
        own = self.rung is not None and self.rung.ladder == rung.ladder and rung.rank <= self.rung.rank
        return own or rung.said_by(self.assurance)


def asked_level(name: str, known: Vocabulary) -> LevelOfAssurance | None:
    """The level that a service asks for by a name; None where it is none of the names that it may use."""
    level = level_named(name)
    return known[name].least if level is None and name in known else level


def said_name(names: Iterable[str], known: Vocabulary, reached: Reached) -> str:
    """The highest of the asked names that was reached; "" where none was. Never rounded up.

    The eIDAS names say the level alone to a service, whether or not the scheme is notified.
    """
    found = []
    for name in names:
        level = level_named(name)
        if level is not None and level <= (reached.assurance.level or 0):
            found.append((level, -1, name))
        elif level is None and name in known and reached.has(known[name]):
            found.append((known[name].least, known[name].rank, name))
    return max(found)[2] if found else ""


def level_of_attribute(source: LevelOfAssurance, sign_in: LevelOfAssurance) -> LevelOfAssurance:
    """The level at which an attribute counts: whoever vouches for it knows no more surely who the person is."""
    return min(source, sign_in)


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One step of a mapping, and the text that it rests on."""

    says: str
    basis: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Where some names lead on another ladder: the rung, None where to none, the steps, and what is lost on the way."""

    rung: Rung | None
    steps: tuple[LadderStep, ...]
    lost: tuple[str, ...] = field(default=())


def mapped(sources: tuple[Rung, ...], target: Ladder, only: Rung | None = None) -> Mapped:
    """The highest rung of `target` that a sign-in of these names surely reaches, or `only` that one, and why."""
    reached = reduce(Assurance.together, [one.reaches.assurance for one in sources])
    steps = [
        LadderStep(f"{one.key} surely has {said(one.reaches.assurance)}.", one.reaches.basis, one.reaches.reference)
        for one in sources
    ]
    if len(sources) > 1:
        steps.append(LadderStep(f"Together they have {said(reached)}."))
    own = max((one for one in sources if one.ladder == target.ladder_id), key=lambda one: one.rank, default=None)
    having = Reached(reached, own)
    found = [one for one in target.rungs if having.has(one) and only in (None, one)]
    if not found:
        steps += [_why_not(one, own) for one in ((only,) if only else target.rungs[:1])]
        return Mapped(None, tuple(steps))
    rung = found[-1]
    if own is not None and rung.rank <= own.rank:
        steps.append(LadderStep(f"{rung.key} is {own.key} or below it.", "standard", target.reference))
        lost = () if rung == own else (f"{own.key} is above {rung.key}.",)
        return Mapped(rung, tuple(steps), lost)
    if rung.said_from is not None:
        needs = said(rung.said_from.assurance)
        steps.append(LadderStep(f"{rung.key} may be said from {needs} on.", rung.said_from.basis, rung.said_from.reference))
    return Mapped(rung, tuple(steps), tuple(_lost(sources, reached, rung)))


def _why_not(rung: Rung, own: Rung | None) -> LadderStep:
    if own is not None:
        return LadderStep(f"{rung.key} is above {own.key}.")
    if rung.said_from is None:
        return LadderStep(f"No sign-in on another scale may be called {rung.key}.")
    needs = said(rung.said_from.assurance)
    return LadderStep(f"{rung.key} needs {needs}.", rung.said_from.basis, rung.said_from.reference)


def _lost(sources: tuple[Rung, ...], reached: Assurance, rung: Rung) -> Iterator[str]:
    back = rung.reaches.assurance
    for part in ("identity", "authentication", "attribute"):
        had, has = getattr(reached, part), getattr(back, part)
        if has < had:
            yield f"{part}: {_word(had)} becomes {_word(has)}."
    if reached.notified and not back.notified:
        yield "notified: nobody can tell any more."
    for one in sources:
        if not Reached(back).has(one):
            yield f"{rung.key} does not lead back to {one.key}."


def said(assurance: Assurance) -> str:
    """An element in words: `substantial, notified`."""
    parts = []
    if assurance.identity == assurance.authentication and assurance.identity:
        parts.append(_word(assurance.identity))
    else:
        named = [(name, getattr(assurance, name)) for name in ("identity", "authentication")]
        parts += [f"{name} {_word(level)}" for name, level in named if level]
    parts += [f"attribute {_word(assurance.attribute)}"] if assurance.attribute else []
    parts += ["notified"] if assurance.notified else []
    return ", ".join(parts) or "nothing that we can tell"


def _word(level: int) -> str:
    return LevelOfAssurance(level).label if level else "nothing"


def faults(ladder: Ladder) -> Iterator[tuple[Rung, str]]:
    """Where a ladder breaks a law: nothing upward, a way and back gains nothing, and a higher rung says no less."""
    for rung in ladder.rungs:
        if rung.said_from is not None and not rung.reaches.assurance <= rung.said_from.assurance:
            yield rung, "would be mapped upward: it reaches more than it is said from."
    for lower, higher in zip(ladder.rungs, ladder.rungs[1:], strict=False):
        if not lower.reaches.assurance <= higher.reaches.assurance:
            yield higher, f"stands above {lower.label}, and reaches less."
        if higher.said_by(lower.reaches.assurance):
            yield higher, f"would be said of {lower.label}, which is lower."
        if higher.said_from is not None and (
            lower.said_from is None or not lower.said_from.assurance <= higher.said_from.assurance
        ):
            yield higher, f"stands above {lower.label}, and is said from less."
