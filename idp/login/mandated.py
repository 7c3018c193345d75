"""For whom a person may act, by the word of mandate registers, and which of the answers that this makes may go.

A register is asked where whoever signed the person in names nobody for whom they act. Where a provider does name somebody
that stands: nothing of the two is ever merged. What one register says of a company is an answer of its own, beside that of
another register about the same company.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from connectors.attribute_provider import RegisterAnswer, Represented
from idp.login.registers import UNKNOWN, RegisterDesk, RegisterQuestion, from_registers, mandate_registers
from idp.login.states import Judged
from policies.assurance import LevelOfAssurance
from policies.assurance.ladders import level_of_attribute
from policies.attribute_register import AttributeRegister
from policies.attributes import AttributeName
from policies.authentication import Assertion, AttributeSource, ServiceRequest
from policies.bounded import Terms
from policies.catalogue import COMPANY, MANDATE, OTHER, REPRESENTED
from policies.errors import AssertionRejected, PersonNotTaken, RegisterAway
from policies.mandates import Mandate, fault_of_power, tells_bounds
from policies.parties import IdentityProvider, RegisterId, Translated
from policies.persons import PersonKind
from policies.release import Decision

# What is asked of each one in a list, whatever the service gets: who it is, by which name, and by which mandate
_NAMES = "legal_name", *(f"{REPRESENTED}{name}" for name in ("family_name", "given_name", "birthdate"))
_BARE = (COMPANY, OTHER, MANDATE, *map(AttributeName, _NAMES))


@dataclass(frozen=True, slots=True)
class RepresentedBy:
    """One for whom the person may act, and the register that says so."""

    said: Represented
    source: AttributeSource

    @property
    def kind(self) -> PersonKind:
        """The kind of sign-in that it makes."""
        return PersonKind.FOR_LEGAL if self.said.acting_for.kind is PersonKind.LEGAL else PersonKind.FOR_NATURAL

    def acts(self, assertion: Assertion, level: LevelOfAssurance, on: date, *, told: bool = True) -> Assertion:
        """The sign-in of the same person, who acts for this one: at the lower level of the sign-in's and the register's.

        Raises `PersonNotTaken` where the register is not as sure as `level`, and for a mandate that does not hold today, or
        has bounds of which whoever asks would not be `told`. A city knows that once it has decided: `with_bounds`.
        """
        acting_for, offered = self.said.acting_for, assertion.offered
        if (acting_for.namespace, acting_for.identifier) == (assertion.namespace, assertion.subject):
            raise PersonNotTaken("represented_person", "a person who would act for themself")
        loa = level_of_attribute(self.source.loa, offered.loa)
        if loa < level:
            raise PersonNotTaken("represented_unsure", f"{self.source.register_id} is not sure enough of it")
        if fault := fault_of_power(acting_for.mandates, on, told=told):
            raise PersonNotTaken(fault, "whoever acts has no power that does")
        attributes = {**offered.attributes, **self.said.attributes}
        sources = {**offered.sources, **dict.fromkeys(self.said.attributes, self.source)}
        return replace(
            assertion,
            kind=self.kind,
            acting_for=acting_for,
            # A name of the provider's own is about the person alone
            said=assertion.said if loa == offered.loa else "",
            offered=replace(offered, loa=loa, kind=self.kind, attributes=attributes, sources=sources),
        )


def with_bounds(decision: Decision, mandates: Collection[Mandate], on: date) -> Decision:
    """The same decision, in which the citizen may not leave out a mandate that has bounds.

    Raises `PersonNotTaken` where such a mandate would not go, or in a form that hides its bounds.
    """
    if not (fault := fault_of_power(mandates, on, told=False)):
        return decision
    if not any(
        one.name == MANDATE and tells_bounds(one.form, mandates, on) for r in decision.rulings if (one := r.released)
    ):
        raise PersonNotTaken(fault, "a mandate with bounds of which the service would not be told")
    return Decision(tuple([replace(r, required=r.required or r.name == MANDATE) for r in decision.rulings]))


def registers_for(request: ServiceRequest, terms: Terms, desk: RegisterDesk) -> Mapping[RegisterId, set[AttributeName]]:
    """The mandate registers of a service's request, each with what the purpose takes from it and hands over for."""
    party, purpose = terms.party, terms.purpose
    sources = from_registers(request, party, purpose)
    found: dict[RegisterId, set[AttributeName]] = {}
    for register_id in sorted(mandate_registers(sources.values(), desk.registers)):
        register = desk.registers[register_id]
        of_it = {name for name, source in sources.items() if source == register_id}
        names = {name for name in of_it if register.may_be_asked(name, purpose.needs[name])}
        if names and register.kinds & party.persons & purpose.persons:
            found[register_id] = names
    return found


def represented(
    desk: RegisterDesk,
    registers: Mapping[RegisterId, Iterable[AttributeName]],
    provider: IdentityProvider,
    assertion: Assertion,
    to: str,
    now: int,
    *,
    needed: bool = True,
) -> Sequence[RepresentedBy]:
    """Everybody for whom these registers say that the person may act. Nobody where the sign-in names somebody itself.

    `to` is the legal sphere of the service. Raises `RegisterAway` where one does not answer, or in a way that is refused,
    if somebody is `needed`.
    """
    if assertion.kind is not PersonKind.NATURAL:
        return ()
    found: list[RepresentedBy] = []
    for question, outcome in desk.outcomes(_questions(desk, registers, provider, assertion, to), now):
        register = question.register
        if isinstance(outcome, RegisterAnswer):
            source = AttributeSource(register.register_id, min(outcome.loa, register.loa), outcome.ends)
            found += [RepresentedBy(one, source) for one in outcome.represented]
        elif needed and (outcome is None or outcome.check != UNKNOWN):
            raise RegisterAway("it has to say for whom a person may act", register.register_id, *_helper(register))
    return found


def _questions(
    desk: RegisterDesk,
    registers: Mapping[RegisterId, Iterable[AttributeName]],
    provider: IdentityProvider,
    assertion: Assertion,
    to: str,
) -> Iterator[RegisterQuestion]:
    for register_id, names in registers.items():
        register = desk.registers[register_id]
        wanted = tuple(sorted(register.says & {*names, *_BARE}))
        offered = replace(assertion.offered, sphere=provider.sphere)
        if question := desk.question(register, wanted, provider.provider_id, offered, to):
            yield question


def judged_each(ways: Iterable[Callable[[], Judged]], registers: Sequence[AttributeRegister] = ()) -> Judged:
    """The answers that may go: the first, with all of them `instead` where the citizen chooses.

    Raises the first reason where none may go. Where registers were asked for whom the person may act, a `PersonNotTaken`
    says which, and who answers for it.
    """
    found: list[Judged] = []
    problems: list[AssertionRejected] = []
    for way in ways:
        try:
            found.append(way())
        except AssertionRejected as error:
            problems.append(error)
    if found:
        return replace(found[0], instead=tuple(found)) if len(found) > 1 else found[0]
    problem = problems[0] if problems else PersonNotTaken("represented_none", "no register lets the person act for anybody")
    if isinstance(problem, PersonNotTaken) and registers:
        problem.helper = _helper(registers[0])
    raise problem


def _helper(register: AttributeRegister) -> tuple[Translated, Translated, str]:
    return register.title, register.controller.name, register.controller.contact
