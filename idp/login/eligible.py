"""Which identity providers a request may be about, who knows whether a node can be asked, and who is said to ask."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from connectors.asked_by_name import asked_by_name
from connectors.connector import Ask
from connectors.formats.eidas.registry import notified
from connectors.metadata.members import Member, known_as, members_of
from connectors.metadata.summaries import Summary
from idp.login.begun import TermsOfLogins
from idp.login.registers import wanted_of
from idp.login.role import Choices, Reach
from policies.assurance import LevelOfAssurance
from policies.assurance.ladders import Reached, Vocabulary, at, said_name
from policies.attribute_register import AttributeRegister
from policies.attributes import AttributeName, Form
from policies.authentication import AskedAttribute, Requester, Scoping, ServiceRequest
from policies.catalogue import Catalogue
from policies.errors import AssuranceTooLow
from policies.federation.categories import lets
from policies.forms import is_predicate
from policies.parties import ONLY_TEST, IdentityProvider, ProviderId, RegisterId, RelyingParty
from policies.persons import NATURAL_ALONE
from policies.purposes import SIGN_IN, Purpose
from policies.release import passes

# The frontend of test logins (`ciconia try`)
TRIAL = "trial"


class Nodes(Protocol):
    """Reads what we know of whom we ask, and fetches nothing: `idp.protocols.oidc.relying_party.Sources`."""

    def current(self, provider: IdentityProvider, now: int) -> object:
        """The valid and approved part of a node's metadata, or that of a federation's member.

        Raises `PeerUnavailable` if there is none.
        """

    def digest(self, provider: IdentityProvider, now: int) -> str:
        """A digest of the approved part of a node's metadata, or of the keys of a federation's member.

        Raises `PeerUnavailable`.
        """

    def available(self, provider: IdentityProvider, now: int) -> bool:
        """Whether it answered lately, too."""


def serves(provider: IdentityProvider, request: ServiceRequest, purpose: Purpose) -> bool:
    """Whether a country is one that the service named, and one that the purpose is for.

    A test login meets made-up persons alone, and nobody else's login meets those that are for test logins.
    A service that names providers names no family of them.
    """
    if not provider.test if request.origin.frontend == TRIAL else provider.test == ONLY_TEST:
        return False
    named = not request.country or provider.country == request.country
    if request.scoping.providers and not is_listed(provider, request.scoping):
        return False
    return named and purpose.takes(provider.country)


def is_listed(provider: IdentityProvider, scoping: Scoping) -> bool:
    """Whether a provider is one of an IDPList, or a proxy that may ask one of it."""
    return provider.entity_id in scoping.providers or provider.saml.proxies is not None


def minimum_level(request: ServiceRequest, purpose: Purpose) -> LevelOfAssurance:
    """The level that both the request and its purpose take."""
    return max(request.minimum_assurance, purpose.minimum_assurance)


def reached(provider: IdentityProvider, said: str, loa: LevelOfAssurance, known: Vocabulary) -> Reached:
    """The worth of a sign-in of which a provider said this name: `loa`, and a rung of the service's own vocabulary.

    A scheme is notified by its registration; a country's node says it itself.
    """
    is_notified = provider.notified or (provider.protocol == "eidas" and notified(said))
    rung = known.get(said)
    return Reached(at(loa, notified=is_notified), rung if rung is not None and rung.ladder == provider.ladder else None)


def answers(
    request: ServiceRequest, provider: IdentityProvider, said: str, loa: LevelOfAssurance, known: Vocabulary
) -> bool:
    """Whether such a sign-in has one of the names that the answer has to have, if it has to have any."""
    having = reached(provider, said, min(loa, request.at_most), known)
    return not request.contexts or bool(said_name(request.contexts, known, having))


class Eligible:
    """The identity providers of one city's requests, and those of them that reach what a request and its purpose ask."""

    def __init__(self, providers: Mapping[ProviderId, IdentityProvider], begun: TermsOfLogins) -> None:
        self._providers, self._begun = providers, begun

    def able(self, request: ServiceRequest) -> Sequence[IdentityProvider]:
        """Those whom a request may be about, and whose registration's table has a level that reaches it."""
        terms = self._begun.terms(request).terms
        level, known = minimum_level(request, terms.purpose), terms.party.vocabulary
        return [
            one
            for one in self._served(request)
            if any(has >= level and answers(request, one, word, has, known) for word, has in one.assurance.items())
        ]

    def check(self, request: ServiceRequest) -> None:
        """Raises `AssuranceTooLow` where all of them stay below it: nobody signs in for nothing."""
        if self._served(request) and not self.able(request):
            raise AssuranceTooLow(
                "assurance_unreachable", "no identity provider here has a level that reaches what is asked"
            )

    def leaves_out(self, request: ServiceRequest) -> bool:
        """Whether some may not be chosen for their level alone."""
        return len(self.able(request)) < len(self._served(request))

    def members(self, request: ServiceRequest, takes: Callable[[Summary], bool]) -> Iterator[Member]:
        """Those of the families among them, if `takes` does."""
        for family in self.able(request):
            if family.members:
                yield from members_of(self._providers, family, takes)

    def _served(self, request: ServiceRequest) -> Sequence[IdentityProvider]:
        providers, purpose = self._providers, self._begun.terms(request).terms.purpose
        named = [one for name in request.scoping.providers for one in known_as(providers, name) if one.family]
        known = [one for one in (*providers.values(), *named) if self._begun.alike(one, request)]
        return [one for one in known if serves(one, request, purpose)]


def one_of_each(choices: Choices) -> Choices:
    """One of a node that moved and the one whose place it takes: the newer where it can be asked, or neither can."""
    reach = {one.provider_id: reached for one, reached in choices}
    left = {
        one.provider_id if reached is not Reach.OPEN and reach[one.instead_of] is Reach.OPEN else one.instead_of
        for one, reached in choices
        if one.instead_of in reach
    }
    return tuple(each for each in choices if each[0].provider_id not in left)


def ask_for(
    login: str,
    request: ServiceRequest,
    party: RelyingParty,
    purpose: Purpose,
    provider: IdentityProvider,
    said: Requester,
    registers: Mapping[RegisterId, AttributeRegister],
) -> Ask:
    """The question of a login to a provider: what the purpose requires, and the optional ones that were ticked.

    The registration bounds both. What comes from a register is not asked here, but by what that finds the person is, if
    the register may be asked then.
    """
    needed: dict[AttributeName, bool] = {}
    questions: dict[AttributeName, Form] = {}
    handed_over: set[AttributeName] = set()
    persons = party.persons & purpose.persons
    for name, need, source in wanted_of(request, party, purpose):
        if source == SIGN_IN:
            needed[name] = need.required
            # A service that hears a no, too, needs the value for it
            if is_predicate(need.form) and ((need.must_be_true and party.enforce) or not need.required):
                questions[name] = need.form
        elif source is not None and (register := registers.get(source)) is not None:
            if not register.may_be_asked(name, need):
                continue
            if not register.may_hear(provider.provider_id, provider.sphere, party.sphere):
                continue
            if register.kinds & persons:
                # Of a mandate register: they sign in for themself, and it says for whom they may act
                persons |= NATURAL_ALONE
            handed_over.update(register.found_by)
            for handed in register.found_by:
                needed[handed] = needed.get(handed, False) or need.required
    return Ask(
        relay_state=login,
        minimum_assurance=minimum_level(request, purpose),
        force_authentication=request.force_authentication,
        max_age=request.max_age,
        attributes=tuple(needed),
        required=frozenset([name for name, required in needed.items() if required]),
        questions={name: form for name, form in questions.items() if name not in handed_over},
        requester=said,
        scoping=request.scoping,
        persons=persons,
    )


def offered_to_tick(
    request: ServiceRequest,
    party: RelyingParty,
    purpose: Purpose,
    providers: Iterable[IdentityProvider],
    catalogue: Catalogue,
) -> tuple[AskedAttribute, ...]:
    """The optional attributes for which one of these would be asked, each in the strongest form that could go of it."""
    forms: dict[AttributeName, Form] = {}
    for one in request.asked:
        need, rule = purpose.needs.get(one.name), party.attributes.get(one.name)
        if need is None or rule is None or need.required:
            continue
        if not lets(party.federation.marks, catalogue.attributes[one.name].saml):
            continue
        registered = catalogue.meet(one.name, one.form, rule.form)
        form = catalogue.meet(one.name, registered, need.form) if registered else None
        if form is not None:
            forms[one.name] = form
    asked = {
        name
        for provider in providers
        for name in asked_by_name(provider, forms, catalogue)
        if passes(party, provider.sphere, forms[name])
    }
    # A register is asked for nothing that nobody ticked
    asked |= {name for name in forms if purpose.needs[name].registers}
    return tuple([AskedAttribute(name, form) for name, form in forms.items() if name in asked])


def unasked_of(
    request: ServiceRequest, provider: IdentityProvider, purpose: Purpose, catalogue: Catalogue
) -> frozenset[AttributeName]:
    """The attributes of a request for which nobody was asked, if they are optional: nobody ticked them."""
    names = [one.name for one in request.asked]
    of_registers = {name for name in names if (need := purpose.needs.get(name)) and need.registers}
    return (asked_by_name(provider, names, catalogue) | of_registers) - {*(request.ticked or ())}


def requester(party: RelyingParty, issuer: str, own_name: str) -> Requester:
    """The name by which another country knows a relying party: ours for a blind one (decision 0000.19)."""
    if party.blind:
        return Requester(provider_name=own_name, sp_type=party.sp_type, requester_id="")
    requester_id = party.requester_id or f"{issuer}/party/{party.client_id}"
    return Requester(provider_name=party.title["en"], sp_type=party.sp_type, requester_id=requester_id)
