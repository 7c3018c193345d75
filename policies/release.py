"""The decision: what goes, in which form, what is withheld, and the reason for each."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from policies.assurance.ladders import level_of_attribute
from policies.attributes import EXACT, Attribute, AttributeName, Form, latin_name
from policies.authentication import AskedAttribute, AttributeSource, Offered
from policies.catalogue import STANDARD, Catalogue
from policies.derive import available, derive
from policies.errors import ReleaseDenied
from policies.federation.categories import assured, lets
from policies.forms import AttributeKind, is_predicate
from policies.parties import RelyingParty, Rule, Source
from policies.purposes import SIGN_IN, Need, Purpose, crosses


class RulingOutcome(StrEnum):
    """The outcome for one attribute that was asked for."""

    AS_ASKED = "as_asked"
    WEAKENED = "weakened"
    WITHHELD = "withheld"


class Reason(StrEnum):
    """Why: stable names, each explained in `docs/`, each a sentence on the approval page."""

    AS_ASKED = "as_asked"
    LEAST_SUFFICIENT = "least_sufficient"
    NOT_REGISTERED = "not_registered"
    PURPOSE_NOT_REGISTERED = "purpose_not_registered"
    NOT_NEEDED = "not_needed"
    NOT_AVAILABLE = "not_available"
    NOT_IN_REGISTER = "not_in_register"
    REGISTER_NOT_ASKED = "register_not_asked"
    REGISTER_AWAY = "register_away"
    SOURCE_UNSURE = "source_unsure"
    SOURCE_HAS_LESS = "source_has_less"
    NO_COMMON_FORM = "no_common_form"
    ASSURANCE_TOO_LOW = "assurance_too_low"
    OTHER_SPHERE = "other_sphere"
    SOURCE_WANTS_MORE = "source_wants_more"
    IDENTITY_UNASSURED = "identity_unassured"
    OTHER_CATEGORY = "other_category"
    NOT_CHOSEN = "not_chosen"
    NOT_ASKED = "not_asked"
    OTHER_PERSONS = "other_persons"


# A service that asks so gets less from everybody: its registration or its purpose says so, and no citizen's data
OVER_ASKED = frozenset({Reason.NOT_REGISTERED, Reason.NOT_NEEDED, Reason.NO_COMMON_FORM, Reason.LEAST_SUFFICIENT})

# The citizen left it out: where they chose the country, so that nobody asked for it there, or on the question
UNTICKED = frozenset({Reason.NOT_CHOSEN, Reason.NOT_ASKED})

# It has no value
NOT_THERE = frozenset({Reason.NOT_AVAILABLE, Reason.NOT_IN_REGISTER, Reason.REGISTER_NOT_ASKED})

# By attribute the form that was left after the request, the registration and the purpose
Left = dict[AttributeName, tuple[Form | None, Form | None, Form | None]]


@dataclass(frozen=True, slots=True)
class Ruling:
    """The decision about one attribute, and the line of the file that made it."""

    name: AttributeName
    asked: Form
    outcome: RulingOutcome
    reason: Reason
    required: bool
    source: Source
    released: Attribute | None = field(default=None, repr=False)  # None exactly where it is withheld


@dataclass(frozen=True, slots=True)
class Decision:
    """All rulings, one for each attribute asked, sorted by name.

    `blocked` names the required attributes that were denied; where there is one, nothing at all is released.
    """

    rulings: tuple[Ruling, ...]

    @property
    def blocked(self) -> tuple[AttributeName, ...]:
        """The required attributes that cannot go."""
        return tuple(r.name for r in self.rulings if r.required and r.released is None)

    @property
    def released(self) -> tuple[Attribute, ...]:
        """The released attributes; none where a required attribute is blocked."""
        released = []
        for ruling in self.rulings:
            if ruling.released is not None:
                released.append(ruling.released)
            elif ruling.required:
                return ()
        return tuple(released)

    @property
    def left_out(self) -> tuple[AttributeName, ...]:
        """The attributes that could have gone, and that the citizen did not tick."""
        return tuple(r.name for r in self.rulings if r.reason in UNTICKED)

    @property
    def optional(self) -> tuple[AttributeName, ...]:
        """The attributes that the citizen may tick: releasable, and not required. None where a required one is blocked."""
        if self.blocked:
            return ()
        return tuple(r.name for r in self.rulings if r.released is not None and not r.required)


def completed(
    asked: Collection[AskedAttribute], unknown: Collection[str], purpose: Purpose, catalogue: Catalogue
) -> tuple[AskedAttribute, ...]:
    """The attributes of a request, completed by those that its purpose requires; for an empty request, all that are needed.

    A required attribute is asked for in no weaker form than it is required in: rewording a request never drops it.
    """
    forms = {one.name: one.form for one in asked}
    if not forms and not unknown:
        forms = {name: need.form for name, need in purpose.needs.items()}
    for name, need in purpose.needs.items():
        if need.required and (name not in forms or catalogue.meet(name, forms[name], need.form) != need.form):
            forms[name] = need.form
    return tuple([AskedAttribute(name, forms[name]) for name in sorted(forms)])


def decide(
    asked: Collection[AskedAttribute],
    purpose: Purpose,
    party: RelyingParty,
    offered: Offered,
    on: date,
    *,
    catalogue: Catalogue = STANDARD,
    left: Left | None = None,
) -> Decision:
    """Decide for each attribute asked. Pure: `on` is the date on which ages are counted.

    1. the purpose is registered for the party, and both take this kind of person, and the assurance suffices, of the
       sign-in and of the identity (REFEDS), and the party has the marks that the source wants: else nothing goes
    2. the attribute is registered for the party, the purpose needs it, and the party's entity categories let it go: else
       it is withheld
    3. the purpose names the attribute's source, which vouches for it at the level that the purpose wants, and no surer
       than the person is known: else it is withheld
    4. form = MEET(asked, registered, needed, available at the source): with nothing left it is withheld, and so is all
       but a predicate where source and party lie in two spheres
    5. the value is derived in that form, and only that leaves

    `left` takes the forms of step 4.
    """
    wanted: dict[AttributeName, Form | None] = {}
    spoken: dict[AttributeName, Form] = {}
    for one in asked:
        if one.name not in wanted:
            wanted[one.name] = spoken[one.name] = one.form
            continue
        # A request names each attribute once. Where one comes twice, it gets what both forms have in common.
        before = wanted[one.name]
        wanted[one.name] = catalogue.meet(one.name, before, one.form) if before else None
        spoken[one.name] = min(one.form, spoken[one.name])
    terms = _Terms(purpose, party, offered, on, catalogue, _denied_for_all(purpose, party, offered), left)
    return Decision(tuple([terms.ruling(name, spoken[name], wanted[name]) for name in sorted(wanted)]))


def _denied_for_all(purpose: Purpose, party: RelyingParty, offered: Offered) -> tuple[Reason, Source] | None:
    if purpose.purpose_id not in party.purposes:
        return Reason.PURPOSE_NOT_REGISTERED, party.source
    for terms in (purpose, party):
        if offered.kind not in terms.persons:
            return Reason.OTHER_PERSONS, terms.source
    if offered.loa < purpose.minimum_assurance:
        return Reason.ASSURANCE_TOO_LOW, purpose.source
    if not offered.only_for <= party.federation.marks:
        return Reason.SOURCE_WANTS_MORE, party.source
    if not assured(party.federation.assurance, offered.assurance):
        return Reason.IDENTITY_UNASSURED, party.source
    return None


@dataclass(frozen=True, slots=True)
class _Terms:
    """The facts that all rulings of one login share."""

    purpose: Purpose
    party: RelyingParty
    offered: Offered
    on: date
    catalogue: Catalogue
    denied: tuple[Reason, Source] | None
    left: Left | None

    def ruling(self, name: AttributeName, asked: Form, wanted: Form | None) -> Ruling:
        need, rule = self.purpose.needs.get(name), self.party.attributes.get(name)
        required = need is not None and need.required
        if self.denied:
            return Ruling(name, asked, RulingOutcome.WITHHELD, self.denied[0], required, self.denied[1])
        known = self.catalogue.attributes.get(name)
        # Nobody lacks what their kind of sign-in cannot have: whoever acts for themself has no mandate
        required = required and known is not None and self.offered.kind in known.persons
        if rule is None:
            return Ruling(name, asked, RulingOutcome.WITHHELD, Reason.NOT_REGISTERED, required, self.party.source)
        if need is None:
            return Ruling(name, asked, RulingOutcome.WITHHELD, Reason.NOT_NEEDED, required, self.purpose.source)
        if not lets(self.party.federation.marks, self.catalogue.attributes[name].saml):
            return Ruling(name, asked, RulingOutcome.WITHHELD, Reason.OTHER_CATEGORY, required, self.party.source)

        allowed, line = self._allowed(name, wanted, rule, need)
        if allowed is None:
            return Ruling(name, asked, RulingOutcome.WITHHELD, Reason.NO_COMMON_FORM, required, line)
        if not passes(self.party, self.offered.sphere, allowed):
            return Ruling(name, asked, RulingOutcome.WITHHELD, Reason.OTHER_SPHERE, required, self.party.source)

        released = self._lack(name, need) or self._derived(name, allowed) or Reason.NOT_AVAILABLE
        if isinstance(released, Reason):
            return Ruling(name, asked, RulingOutcome.WITHHELD, released, required, need.source)
        if released.form != allowed:
            return Ruling(name, asked, RulingOutcome.WEAKENED, Reason.SOURCE_HAS_LESS, required, need.source, released)
        if released.form != asked:
            # The line that decided is the purpose's where it asks for this very form, else the registration's
            source = need.source if need.form == allowed else rule.source
            return Ruling(name, asked, RulingOutcome.WEAKENED, Reason.LEAST_SUFFICIENT, required, source, released)
        return Ruling(name, asked, RulingOutcome.AS_ASKED, Reason.AS_ASKED, required, need.source, released)

    def _allowed(self, name: AttributeName, wanted: Form | None, rule: Rule, need: Need) -> tuple[Form | None, Source]:
        """The form that request, registration and purpose let go, and the line that decided it last."""
        registered = self.catalogue.meet(name, wanted, rule.form) if wanted else None
        allowed = self.catalogue.meet(name, registered, need.form) if registered else None
        if self.left is not None:
            self.left[name] = (wanted, registered, allowed)
        return allowed, need.source if registered else rule.source

    def _lack(self, name: AttributeName, need: Need) -> Reason | None:
        """Why the value that is there may not be used: another source than the purpose names, or one that is not sure."""
        offered, source = self.offered, self.offered.sources.get(name)
        if name in offered.away:
            return Reason.REGISTER_AWAY
        if source is not None and not source.register_id:
            return Reason.REGISTER_NOT_ASKED
        # An answer of yes is the sign-in's own word, and no register's
        there = name in offered.attributes or (source is None and name in offered.affirmed)
        if not there or (source.register_id if source else SIGN_IN) not in need.sources:
            sign_in = need.sources == (SIGN_IN,) or (source is None and SIGN_IN in need.sources)
            return Reason.NOT_AVAILABLE if sign_in else Reason.NOT_IN_REGISTER
        level = level_of_attribute(source.loa, offered.loa) if source else offered.loa
        return Reason.SOURCE_UNSURE if level < self.purpose.level_of(name) else None

    def _derived(self, name: AttributeName, allowed: Form) -> Attribute | None:
        """The value in the strongest form that is allowed and that the source has."""
        value, known = self.offered.attributes.get(name), self.catalogue.attributes[name]
        if self.offered.kind not in known.persons:
            return None
        if value is None:
            return Attribute(name, allowed, value=True) if allowed == self.offered.affirmed.get(name) else None
        source, kind = self.offered.sources.get(name), known.kind
        register = source.register_id if source else ""
        has = available(kind, value, self.on)
        form = self.catalogue.meet(name, allowed, has) if has else None
        latin = self.offered.attributes.get(latin_name(name), "") if kind is AttributeKind.NAME else ""
        if form is None or form == EXACT == has:
            # In full: it needs no derivation. A name goes in both scripts, if the source has both
            both = latin if isinstance(latin, str) and latin != value else ""
            return Attribute(name, form, value, both, register) if form else None
        answer = derive(kind, value, form, self.on, latin)
        return Attribute(name, form, answer, register=register) if answer is not None else None


def as_from_its_sources(offered: Offered, purpose: Purpose) -> Offered:
    """A made-up person, whose attributes come from the first source that the purpose names, as surely as the sign-in."""
    sources = {
        name: AttributeSource(need.sources[0], offered.loa)
        for name, need in purpose.needs.items()
        if need.sources[0] != SIGN_IN and name in offered.attributes
    }
    return replace(offered, sources={**sources, **offered.sources})


def passes(party: RelyingParty, sphere: str, form: Form) -> bool:
    """Whether a form may go from a source in this sphere to a party: across a border a predicate alone does."""
    return not crosses(sphere, party.sphere) or is_predicate(form)


def short_of(decision: Decision, purpose: Purpose) -> tuple[AttributeName, ...]:
    """The attributes because of which an enforced login ends: a required one does not go, or what must be true is not."""
    true = {name: need.form for name, need in purpose.needs.items() if need.must_be_true}
    return tuple(
        r.name
        for r in decision.rulings
        if (r.released is None and r.required)
        or (r.released and r.name in true and (r.released.form != true[r.name] or r.released.value is not True))
    )


def may_still_go(released: Iterable[Attribute], purpose: Purpose, party: RelyingParty, catalogue: Catalogue) -> bool:
    """Whether registration and purpose of this moment let go all that was decided before: narrowed ones do not."""
    for one in released:
        need = purpose.needs.get(one.name)
        if need is None or (one.register or SIGN_IN) not in need.sources:
            return False
        for bound in (party.attributes.get(one.name), purpose.needs.get(one.name)):
            # Loading left only forms of this attribute: the same form needs no further look
            if bound is None or (bound.form != one.form and catalogue.meet(one.name, one.form, bound.form) != one.form):
                return False
    return True


def choose(decision: Decision, chosen: Collection[AttributeName]) -> Decision:
    """The same decision after the citizen's choice: an optional attribute that is not in `chosen` is withheld.

    Raises `ReleaseDenied` where `chosen` names an attribute that was not offered as optional.
    """
    optional = decision.optional
    if not set(chosen) <= set(optional):
        # The names come from the browser: they are not repeated
        raise ReleaseDenied("a choice of what was never offered", code="not_offered")
    left = set(optional) - set(chosen)
    return Decision(tuple([_left_out(r, Reason.NOT_CHOSEN) if r.name in left else r for r in decision.rulings]))


def without_unasked(decision: Decision, unasked: Collection[AttributeName]) -> Decision:
    """The same decision where the source was not asked for these, since nobody ticked them: one that came does not go.

    A required attribute is not theirs to leave out, and what would not go in any case keeps its reason.
    """
    left = {
        r.name
        for r in decision.rulings
        if r.name in unasked and not r.required and (r.released is not None or r.reason in NOT_THERE)
    }
    return Decision(tuple([_left_out(r, Reason.NOT_ASKED) if r.name in left else r for r in decision.rulings]))


def _left_out(ruling: Ruling, reason: Reason) -> Ruling:
    return replace(ruling, outcome=RulingOutcome.WITHHELD, reason=reason, released=None)
