"""A login that a change of the configuration overtook: it gets what both policies let go, the old one and the new.

It began under the old one, so what that withholds stays withheld: a widening counts from the next login. It ends under
the new one, so what that withholds is withheld at once. Texts are those of the old one, which the citizen reads or has
read, and whose hash the record names. Where the two have no common sense (another basis, another controller, another
sector, another public body), there is no such policy, and the login begins again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from hashlib import sha256

from policies.attributes import AttributeName
from policies.authentication import AskedAttribute, Offered
from policies.catalogue import Catalogue
from policies.parties import IdentityProvider, RelyingParty, Rule
from policies.purposes import AskMode, AskRule, Need, Purpose, Show
from policies.release import Decision, decide

# How a provider is named, reached and asked: an answer means the same
_NO_MEANING = frozenset(
    {"title", "source", "metadata", "peer", "binding", "deviations", "name_id_format", "openid", "members", "family"}
    | {"logout_upstream"},
)


@dataclass(frozen=True, slots=True)
class Terms:
    """A registration, a purpose and the catalogue that they were read with."""

    party: RelyingParty
    purpose: Purpose
    catalogue: Catalogue


@dataclass(frozen=True, slots=True)
class Bounded:
    """The common part of two terms, and both of them, the old one first; where nothing changed, the same terms."""

    terms: Terms
    both: tuple[Terms, ...]

    def decide(self, asked: Collection[AskedAttribute], offered: Offered, on: date) -> Decision:
        """`policies.release.decide`. Where either of both blocks a login, this does: nothing goes."""
        found = _decide(self.terms, asked, offered, on)
        for terms in self.both if len(self.both) > 1 else ():
            other = _decide(terms, asked, offered, on)
            blocked = {*other.blocked}
            rulings = zip(found.rulings, other.rulings, strict=True)
            found = Decision(tuple([its if its.name in blocked else ours for ours, its in rulings]))
        return found

    @property
    def required(self) -> frozenset[AttributeName]:
        """The attributes that no login of today goes without, and that a page of before may have left to the citizen."""
        return frozenset(name for name, need in self.both[-1].purpose.needs.items() if need.required)


def _facts(purpose: Purpose) -> tuple[object, ...]:
    """The facts that say for what it is. Their lines may move."""
    transfers = {sphere: (one.basis, one.law) for sphere, one in purpose.transfers.items()}
    return purpose.basis, purpose.law, purpose.controller, transfers


def bounded(old: Terms, now: Terms) -> Bounded | None:
    """Both let this go; None where a login cannot go on between the two."""
    before, purpose = old.purpose, now.purpose
    same = _facts(before) == _facts(purpose)
    spheres = {old.party.sphere, now.party.sphere} - {""}
    marked = (old.party.federation, old.party.body) != (now.party.federation, now.party.body)
    apart = before.countries and purpose.countries and not {*before.countries} & {*purpose.countries}
    persons = before.persons & purpose.persons, old.party.persons & now.party.persons
    if not all(persons) or not same or old.party.sector != now.party.sector or len(spheres) > 1 or apart or marked:
        return None
    # An attribute that became another sort of value has no form in common with what it was
    known = {name for name, kind in now.catalogue.attributes.items() if old.catalogue.attributes.get(name) == kind}
    needs: dict[AttributeName, Need] = {}
    for name in known & before.needs.keys() & purpose.needs.keys():
        one, other = before.needs[name], purpose.needs[name]
        # Another source, or a register that is handed something else, is another question
        alike = (one.sources, one.hand_over) == (other.sources, other.hand_over)
        form = now.catalogue.meet(name, one.form, other.form) if alike else None
        if form is None and one.required and other.required:
            return None
        if form is not None:
            true = one.must_be_true or other.must_be_true
            required, level = one.required and other.required, max(before.level_of(name), purpose.level_of(name))
            needs[name] = replace(one, form=form, required=required, must_be_true=true, minimum_assurance=level)
    decisive = {name for both in (before.needs, purpose.needs) for name, need in both.items() if need.must_be_true}
    if not decisive <= needs.keys():
        return None  # a question that one of them ends a login with, and that cannot be asked any more
    rules: dict[AttributeName, Rule] = {}
    for name in known & old.party.attributes.keys() & now.party.attributes.keys():
        form = now.catalogue.meet(name, old.party.attributes[name].form, now.party.attributes[name].form)
        if form is not None:
            rules[name] = replace(now.party.attributes[name], form=form)
    party = replace(
        now.party,
        purposes=tuple(one for one in now.party.purposes if one in old.party.purposes),
        attributes=rules,
        enforce=old.party.enforce or now.party.enforce,
        sphere="".join(spheres),
        persons=persons[1],
    )
    common = replace(
        before,
        needs=needs,
        minimum_assurance=max(before.minimum_assurance, purpose.minimum_assurance),
        countries=tuple(one for one in before.countries or purpose.countries if one in (purpose.countries or (one,))),
        ask=before.ask if before.ask == purpose.ask else AskRule(AskMode.EACH_TIME),
        show=before.show if before.show == purpose.show else Show.ASK,
        cross_device=before.cross_device and purpose.cross_device,
        persons=persons[0],
    )
    return Bounded(Terms(party, common, now.catalogue), (old, now))


def _decide(terms: Terms, asked: Collection[AskedAttribute], offered: Offered, on: date) -> Decision:
    return decide(asked, terms.purpose, terms.party, offered, on, catalogue=terms.catalogue)


def judges_no_higher(old: IdentityProvider, now: IdentityProvider) -> bool:
    """Whether an answer means no more than it did: the same, or for some names of a level a lower one."""
    lower = all(level <= old.assurance.get(name, 0) for name, level in now.assurance.items())
    return lower and judges_alike(replace(old, assurance=now.assurance), now)


def judges_alike(old: IdentityProvider, now: IdentityProvider) -> bool:
    """Whether an answer means the same under both registrations of a provider: whom it names, what, and how surely."""
    return old is now or judging(old) == judging(now)


def judging(provider: IdentityProvider) -> bytes:
    """The digest of all that the meaning of an answer rests on."""
    names = [each.name for each in fields(provider) if each.name not in _NO_MEANING]
    return sha256(repr([(name, _in_order(getattr(provider, name))) for name in names]).encode()).digest()


def _in_order(value: object) -> object:
    """The same again in every process: a set has no order, and a table's says nothing."""
    if isinstance(value, Mapping):
        return sorted(value.items())
    return sorted(value) if isinstance(value, frozenset) else value
