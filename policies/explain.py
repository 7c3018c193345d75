"""The decision with its steps: per attribute what was asked, registered, needed, available and chosen, and what was left.

It is `policies.release.decide` itself, which notes the form after each step. Nothing is decided here.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from policies.attributes import AttributeName, Form
from policies.authentication import AskedAttribute, Offered
from policies.catalogue import Catalogue
from policies.derive import available
from policies.examples import BLOCKED
from policies.federation.categories import assured, lets
from policies.identifiability import bits_asked, bits_released
from policies.parties import RelyingParty
from policies.persons import TITLES
from policies.purposes import Purpose
from policies.release import (
    UNTICKED,
    Decision,
    Left,
    Reason,
    Ruling,
    as_from_its_sources,
    choose,
    completed,
    decide,
    passes,
    short_of,
    without_unasked,
)

STEPS = ("asked", "registered", "needed", "available")


@dataclass(frozen=True, slots=True)
class Explained:
    """One attribute. A form is None where there is none: not registered, not needed, not at the source, nothing left.

    `left` has the form after each of `STEPS`, as far as the decision came. `ticked` is None where there was no box.
    `goes` is None where it stays, and `why` the reason's word, or `blocked`.
    """

    ruling: Ruling
    registered: Form | None
    needed: Form | None
    available: Form | None
    left: tuple[Form | None, ...]
    ticked: bool | None
    goes: Form | None
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision after the citizen's choice, with its facts. `ended` names what ends an enforced login."""

    decision: Decision
    rows: tuple[Explained, ...]
    purpose: Purpose
    party: RelyingParty
    offered: Offered
    catalogue: Catalogue
    ended: tuple[AttributeName, ...]
    # attributes of which nobody knows any more what the source had
    unseen: frozenset[AttributeName] = frozenset()

    @property
    def goes(self) -> bool:
        """Whether the login goes on to the service."""
        return not self.decision.blocked and not self.ended

    @property
    def bits_asked(self) -> float:
        """How much the service asked for (`policies.identifiability`)."""
        return bits_asked(self.decision)

    @property
    def bits_released(self) -> float:
        """How much goes."""
        return bits_released(self.decision) if self.goes else 0.0

    def changes(self, row: Explained) -> tuple[str, ...]:
        """Everything that would have to change for the attribute to go as it is asked; nothing where it does."""
        if row.goes == row.ruling.asked:
            return ()
        return tuple(dict.fromkeys((*self._for_all(row), *self._for_one(row))))

    def _for_all(self, row: Explained) -> Iterator[str]:
        purpose, party = self.purpose, self.party
        if purpose.purpose_id not in party.purposes:
            yield f"The registration would have to name the purpose: {party.source}."
        for terms in (purpose, party):
            if self.offered.kind not in terms.persons:
                yield f"It would have to be for {TITLES[self.offered.kind]}: persons in {terms.source.file}."
        if self.offered.loa < purpose.minimum_assurance:
            level, line = purpose.minimum_assurance.label, purpose.source
            yield f"The citizen would have to sign in at level {level}, or the purpose to take less: {line}."
        if missing := sorted(self.offered.only_for - party.federation.marks):
            yield f"The service would have to have {missing[0]}, which its source wants: {party.source}."
        if not assured(party.federation.assurance, self.offered.assurance):
            yield f"The person's identity would have to be as sure as refeds_assurance says: {party.source}."
        if not lets(party.federation.marks, self.catalogue.attributes[row.ruling.name].saml):
            yield f"The service would have to have an entity category that lets {row.ruling.name} go: {party.source}."
        others = [*self.decision.blocked, *self.ended]
        for name in dict.fromkeys(other for other in others if other != row.ruling.name):
            lacks = "go, which is required" if name in self.decision.blocked else "be answered yes"
            yield f"{name} would have to {lacks}."

    def _for_one(self, row: Explained) -> Iterator[str]:
        name, asked = row.ruling.name, row.ruling.asked
        rule, need = self.party.attributes.get(name), self.purpose.needs.get(name)
        meet = self.catalogue.meet
        if rule is None:
            yield f"The registration would have to have it: {name} under [attributes] in {self.party.source.file}."
        elif meet(name, asked, rule.form) != asked:
            yield f"The registration would have to say {asked} in place of {rule.form}: {rule.source}."
        if need is None:
            yield f"The purpose would have to need it: [attributes.{name}] in {self.purpose.source.file}."
        elif meet(name, asked, need.form) != asked:
            yield f"The purpose would have to say {asked} in place of {need.form}: {need.source}."
        if not passes(self.party, self.offered.sphere, asked):
            yield f"The service would have to ask for a yes or no: its source lies in the sphere {self.offered.sphere}."
        yield from self._source_of(row)
        if row.ruling.reason in UNTICKED:
            yield "The citizen would have to tick it."
        if name in self.ended and row.ruling.released is not None:
            yield f"{name} would have to be answered yes: the purpose wants it to be true."

    def _source_of(self, row: Explained) -> Iterator[str]:
        """The part of its source."""
        name, need = row.ruling.name, self.purpose.needs.get(row.ruling.name)
        if row.ruling.reason in (Reason.NOT_IN_REGISTER, Reason.REGISTER_NOT_ASKED, Reason.REGISTER_AWAY):
            of = ", ".join(need.registers if need else ())
            yield f"The register would have to be asked, to answer, and to have it: {of}."
        elif row.ruling.reason is Reason.SOURCE_UNSURE:
            yield f"Its source would have to vouch for it more surely, or the purpose to take less: {row.ruling.source}."
        elif row.available is None and name not in self.unseen:
            yield "The country would have to send it, in a shape that we can use."
        elif row.ruling.reason in (Reason.NOT_AVAILABLE, Reason.SOURCE_HAS_LESS):
            form = row.left[2] or row.ruling.asked
            yield f"The country would have to send what {form} is made of: it has {row.available}."


def explain(
    asked: Collection[AskedAttribute],
    unknown: Collection[str],
    purpose: Purpose,
    party: RelyingParty,
    offered: Offered,
    on: date,
    *,
    catalogue: Catalogue,
    refused: Collection[AttributeName] = (),
    unasked: Collection[AttributeName] = (),
) -> Explanation:
    """Decide as a login does, and say how.

    `refused` are boxes that the citizen leaves empty on the question, and `unasked` those that they left empty before it.
    Raises `ReleaseDenied` where one of them has no box.
    """
    left: Left = {}
    offered = as_from_its_sources(offered, purpose)
    whole = completed(asked, unknown, purpose, catalogue)
    before = without_unasked(decide(whole, purpose, party, offered, on, catalogue=catalogue, left=left), unasked)
    boxes = before.optional
    decision = choose(before, {*boxes} - {*refused}) if set(refused) <= {*boxes} else choose(before, refused)
    ended = short_of(decision, purpose) if party.enforce else ()
    rows = []
    for ruling in decision.rulings:
        name, released = ruling.name, ruling.released
        rule, need, value = party.attributes.get(name), purpose.needs.get(name), offered.attributes.get(name)
        goes = released.form if released and not decision.blocked and not ended else None
        rows.append(
            Explained(
                ruling=ruling,
                registered=rule.form if rule else None,
                needed=need.form if need else None,
                available=None if value is None else available(catalogue.attributes[name].kind, value, on),
                left=(*left[name], released.form if released else None) if name in left else (),
                ticked=name not in refused if name in boxes else None,
                goes=goes,
                why=ruling.reason.value if released is None or goes else BLOCKED,
            )
        )
    return Explanation(decision, tuple(rows), purpose, party, offered, catalogue, ended)
