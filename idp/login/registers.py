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
_UNKNOWN = "person_unknown"
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


@dataclass(frozen=True, slots=True)
class _Question:
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
        sources = {name: source for name, source in registers.items() if offered.kind in known[name].persons}
        undecided = {name for name, _, source in wanted_of(request, party, purpose) if source is None}
        if not sources and not undecided:
            return offered
        others = {*sources, *undecided, *map(latin_name, (*sources, *undecided))}
        bare = replace(
            offered,
            attributes={name: one for name, one in offered.attributes.items() if name not in others},
            sources={**offered.sources, **dict.fromkeys((*sources, *undecided), _NOT_ASKED)},
        )
        decision = terms.decide(request.asked, bare, on)
        lacking = {one.name for one in decision.rulings if one.reason in NOT_THERE} & sources.keys()
        if {*decision.blocked} - lacking:
            return bare  # nothing will go, so nobody is asked
        found, said = dict(bare.attributes), dict(bare.sources)
        away: set[AttributeName] = set()
        for question, outcome in self._ask(self._questions(lacking, sources, terms.terms, asserter, offered), now):
            register, wanted = question.register, question.wanted
            said |= {name: AttributeSource(register.register_id, register.loa) for name in wanted}
            if isinstance(outcome, RegisterAnswer):
                known_as = AttributeSource(register.register_id, min(outcome.loa, register.loa), outcome.ends)
                said |= dict.fromkeys(wanted, known_as)
                found |= {name: value for name, value in outcome.attributes.items() if name in wanted}
            elif outcome is None or outcome.check != _UNKNOWN:
                away |= {*wanted}
                if required := [name for name in wanted if purpose.needs[name].required]:
                    detail, by = f"{register.register_id} has to give {', '.join(required)}", register.controller
                    raise RegisterAway(detail, register.register_id, register.title, by.name, by.contact)
        return replace(bare, attributes=found, sources=said, away=frozenset(away))

    def registered(self, attributes: Iterable[Attribute]) -> tuple[str, ...]:
        """The digests of the registrations of those that vouch for one of these."""
        of = sorted({RegisterId(one.register) for one in attributes if one.register} & self.registers.keys())
        return tuple(self.registers[register_id].digest for register_id in of)

    def changed(self, registered: Iterable[str]) -> bool:
        """Whether one of these registrations is another by now, or is there no more."""
        return not {*registered} <= {one.digest for one in self.registers.values()}

    def ended(self, attributes: Iterable[Attribute], acts: int) -> bool:
        """Whether a register that vouches for one of these was switched off since so many acts were known."""
        registers = {RegisterId(one.register) for one in attributes if one.register}
        return self._suspension.register_off(*registers, acts=acts)

    def _questions(
        self,
        lacking: set[AttributeName],
        sources: Mapping[AttributeName, RegisterId],
        terms: Terms,
        asserter: ProviderId,
        offered: Offered,
    ) -> Iterator[_Question]:
        purpose = terms.purpose
        for register_id in sorted({sources[name] for name in lacking}):
            register = self.registers.get(register_id)
            if register is None:
                continue
            finds = register.found_by.keys()
            of_it = [name for name in sorted(lacking) if sources[name] == register_id]
            wanted = tuple(name for name in of_it if register.may_be_asked(name, purpose.needs[name]))
            handed = {name: offered.attributes[name] for name in finds if name in offered.attributes}
            if not wanted:
                continue
            if handed.keys() != finds or not register.may_hear(asserter, offered.sphere, terms.party):
                self._told(register_id, NOTHING, "handed", 0.0)
                continue
            yield _Question(register, wanted, handed)

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

    def _ask(self, questions: Iterator[_Question], now: int) -> Iterator[tuple[_Question, Outcome | None]]:
        """Each question, and the outcome; None of a register that is switched off, or that nobody can ask."""
        begun = time.monotonic()
        asking: dict[RegisterId, tuple[_Question, tuple[AttributeProvider, RegisterQuery]]] = {}
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
                unknown = outcome.check == _UNKNOWN
                word = NOTHING if unknown else REFUSED if isinstance(outcome, AnswerRefused) else AWAY
                self._told(register_id, word, outcome.check, time.monotonic() - begun)
            yield one, outcome
