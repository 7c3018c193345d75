"""The registers of a login: who is asked for which attribute, what each is handed, and what comes of it.

A register is asked after the person signed in, for what the purpose requires and for what the citizen ticked, and only if
nothing but its word is lacking. It is handed what it finds the person by, where the purpose says so, and nothing else. All
are asked at once, by their deadlines.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from connectors.attribute_provider import (
    AnswerRefused,
    AttributeProvider,
    Outcome,
    RegisterAnswer,
    RegisterQuery,
    RegisterUnavailable,
    ask_all,
    asked,
)
from idp.login.suspension import Suspension
from policies.assurance import LevelOfAssurance
from policies.attribute_register import AttributeRegister
from policies.attributes import Attribute, AttributeName, Value, latin_name
from policies.authentication import AttributeSource, Offered, ServiceRequest
from policies.bounded import Bounded, Terms
from policies.errors import RegisterAway
from policies.parties import ProviderId, RegisterId, RelyingParty
from policies.purposes import SIGN_IN, Need, Purpose
from policies.release import NOT_THERE

# What became of a question, for figures and the log: a word, and the check that failed or ""
Told = Callable[[RegisterId, str, str, float], None]
ANSWERED, NOTHING, AWAY, REFUSED = "answered", "nothing", "away", "refused"
# Half of a tenant's threads: whoever needs no register never waits for one. Each register has its own places besides, fewer
PLACES = 20
# The register says that it does not know the person
UNKNOWN = "person_unknown"
# The source of what nobody was asked for, until somebody is
_NOT_ASKED = AttributeSource(RegisterId(""), LevelOfAssurance.LOW)


def source_of(request: ServiceRequest, name: AttributeName, need: Need) -> RegisterId | None:
    """The source of an attribute in this login. None where it has several and the citizen chose none: nobody else does."""
    if len(need.sources) == 1:
        return need.sources[0]
    return next((source for of, source in request.chosen if of == name and source in need.sources), None)


def wanted_of(
    request: ServiceRequest, party: RelyingParty, purpose: Purpose
) -> Iterator[tuple[AttributeName, Need, RegisterId | None]]:
    """The attributes for which anybody is asked, each with its source: what is required, and what was ticked."""
    ticked = request.ticked or ()
    for one in request.asked:
        need = purpose.needs.get(one.name)
        if need is not None and one.name in party.attributes and (need.required or one.name in ticked):
            yield one.name, need, source_of(request, one.name, need)


def from_registers(request: ServiceRequest, party: RelyingParty, purpose: Purpose) -> Mapping[AttributeName, RegisterId]:
    """The register of each attribute that comes from one in this login."""
    wanted = wanted_of(request, party, purpose)
    return {name: source for name, _, source in wanted if source is not None and source != SIGN_IN}


def mandate_registers(
    named: Iterable[RegisterId], registers: Mapping[RegisterId, AttributeRegister]
) -> frozenset[RegisterId]:
    """Those of the registers that list for whom a person may act."""
    return frozenset(one for one in named if one in registers and registers[one].represents)


@dataclass(frozen=True, slots=True)
class RegisterQuestion:
    """The question to one register."""

    register: AttributeRegister
    wanted: tuple[AttributeName, ...]
    handed: Mapping[AttributeName, Value] = field(repr=False)


class RegisterDesk:
    """One tenant's. `providers` ask the `registers`; `told` hears what became of each question, and no value."""

    def __init__(
        self,
        registers: Mapping[RegisterId, AttributeRegister],
        providers: Mapping[RegisterId, AttributeProvider],
        suspension: Suspension,
        told: Told = lambda _register, _word, _check, _seconds: None,
    ) -> None:
        self.registers, self._providers, self._suspension, self._told = registers, providers, suspension, told
        self._places = threading.BoundedSemaphore(PLACES)

    def supplemented(
        self, request: ServiceRequest, terms: Bounded, asserter: ProviderId, offered: Offered, on: date, now: int
    ) -> Offered:
        """The same with what the registers say. What the citizen chose a register for comes from nobody else.

        Where they chose none of several sources, nobody's value counts, not even that of whoever signed them in.

        Nobody is asked for what this kind of sign-in cannot have. `asserter` is who signed the person in.

        Raises `RegisterAway` where one of a required attribute does not answer, or answers in a way that is refused.
        """
        party, purpose = terms.terms.party, terms.terms.purpose
        known = terms.terms.catalogue.attributes
        registers = from_registers(request, party, purpose)
        lists = mandate_registers(registers.values(), self.registers)
        here = {name for name, one in known.items() if offered.kind in one.persons}
        sources = {name: source for name, source in registers.items() if name in here and source not in lists}
        said_by = {name: one.register_id for name, one in offered.sources.items()}
        elsewhere = {
            name
            for name, _, source in wanted_of(request, party, purpose)
            if source is None or (name in here and said_by.get(name, SIGN_IN) != source)
        }
        others = {*elsewhere, *map(latin_name, elsewhere)}
        bare = replace(
            offered,
            attributes={name: one for name, one in offered.attributes.items() if name not in others},
            sources={**offered.sources, **dict.fromkeys(elsewhere, _NOT_ASKED)},
        )
        if not sources:
            return bare
        decision = terms.decide(request.asked, bare, on)
        lacking = {one.name for one in decision.rulings if one.reason in NOT_THERE} & sources.keys()
        if {*decision.blocked} - lacking:
            return bare  # nothing will go, so nobody is asked
        found, said = dict(bare.attributes), dict(bare.sources)
        away: set[AttributeName] = set()
        for question, outcome in self.outcomes(self._questions(lacking, sources, terms.terms, asserter, offered), now):
            register, wanted = question.register, question.wanted
            said |= {name: AttributeSource(register.register_id, register.loa) for name in wanted}
            if isinstance(outcome, RegisterAnswer):
                # Found by what another register said, it speaks of nobody more surely than that one
                through = (offered.sources[name].loa for name in question.handed if name in offered.sources)
                known_as = AttributeSource(register.register_id, min(outcome.loa, register.loa, *through), outcome.ends)
                said |= dict.fromkeys(wanted, known_as)
                found |= {name: value for name, value in outcome.attributes.items() if name in wanted}
            elif outcome is None or outcome.check != UNKNOWN:
                away |= {*wanted}
                if required := [name for name in wanted if purpose.needs[name].required]:
                    detail, by = f"{register.register_id} has to give {', '.join(required)}", register.controller
                    raise RegisterAway(detail, register.register_id, register.title, by.name, by.contact)
        return replace(bare, attributes=found, sources=said, away=frozenset(away))

    def registered(self, attributes: Iterable[Attribute], named_by: str) -> tuple[str, ...]:
        """The digests of the registrations of those that vouch for one of these, and of `named_by`."""
        of = sorted(_registers(attributes, named_by) & self.registers.keys())
        return tuple(self.registers[register_id].digest for register_id in of)

    def changed(self, registered: Iterable[str]) -> bool:
        """Whether one of these registrations is another by now, or is there no more."""
        return not {*registered} <= {one.digest for one in self.registers.values()}

    def ended(self, attributes: Iterable[Attribute], named_by: str, acts: int) -> bool:
        """Whether a register that vouches for one of these, or `named_by`, was switched off since so many acts."""
        return self._suspension.register_off(*_registers(attributes, named_by), acts=acts)

    def _questions(
        self,
        lacking: set[AttributeName],
        sources: Mapping[AttributeName, RegisterId],
        terms: Terms,
        asserter: ProviderId,
        offered: Offered,
    ) -> Iterator[RegisterQuestion]:
        purpose = terms.purpose
        for register_id in sorted({sources[name] for name in lacking}):
            register = self.registers.get(register_id)
            if register is None:
                continue
            of_it = [name for name in sorted(lacking) if sources[name] == register_id]
            wanted = tuple(name for name in of_it if register.may_be_asked(name, purpose.needs[name]))
            if wanted and (found := self.question(register, wanted, asserter, offered, terms.party.sphere)):
                yield found

    def question(
        self,
        register: AttributeRegister,
        wanted: tuple[AttributeName, ...],
        asserter: ProviderId,
        offered: Offered,
        to: str,
    ) -> RegisterQuestion | None:
        """The question of a login to a register, for a service in the sphere `to`; None where it may not be asked."""
        handed = {name: offered.attributes[name] for name in register.found_by if name in offered.attributes}
        if handed.keys() != register.found_by.keys() or not register.may_hear(asserter, offered.sphere, to):
            self._told(register.register_id, NOTHING, "handed", 0.0)
            return None
        return RegisterQuestion(register, wanted, handed)

    def _outcomes(self, asking: Sequence[tuple[AttributeProvider, RegisterQuery]]) -> Mapping[RegisterId, Outcome]:
        """The outcome of each question. Where enough logins wait for registers, this one hears so at once."""
        if not asking:
            return {}
        if not self._places.acquire(blocking=False):
            crowded = f"{PLACES} logins wait for registers already"
            return {one.register.register_id: RegisterUnavailable(crowded, check="places") for one, _ in asking}
        try:
            return ask_all(asking)
        finally:
            self._places.release()

    def outcomes(
        self, questions: Iterable[RegisterQuestion], now: int
    ) -> Iterator[tuple[RegisterQuestion, Outcome | None]]:
        """Each question, and the outcome; None of a register that is switched off, or that nobody can ask."""
        begun = time.monotonic()
        asking: dict[RegisterId, tuple[RegisterQuestion, tuple[AttributeProvider, RegisterQuery]]] = {}
        for one in questions:
            register_id = one.register.register_id
            provider = self._providers.get(register_id)
            if provider is None or self._suspension.register_off(register_id):
                self._told(register_id, AWAY, "suspended", 0.0)
                yield one, None
            else:
                asking[register_id] = one, (provider, asked(one.handed, one.wanted, now))
        outcomes = self._outcomes([each for _, each in asking.values()])
        for register_id, (one, _) in asking.items():
            outcome = outcomes[register_id]
            if isinstance(outcome, RegisterAnswer):
                self._told(register_id, ANSWERED, "", time.monotonic() - begun)
            else:
                unknown = outcome.check == UNKNOWN
                word = NOTHING if unknown else REFUSED if isinstance(outcome, AnswerRefused) else AWAY
                self._told(register_id, word, outcome.check, time.monotonic() - begun)
            yield one, outcome


def _registers(attributes: Iterable[Attribute], named_by: str) -> frozenset[RegisterId]:
    return frozenset(RegisterId(one) for one in (named_by, *(each.register for each in attributes)) if one)
