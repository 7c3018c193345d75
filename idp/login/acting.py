"""Whether a service takes this kind of person, and whether whoever acts for another has the power that is needed."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from policies.attributes import AttributeName, Form, Value
from policies.authentication import Assertion, Offered
from policies.catalogue import COMPANY, MANDATE, OTHER, REPRESENTED
from policies.errors import PersonNotTaken
from policies.forms import is_predicate
from policies.mandates import fault_of, read_mandates
from policies.parties import IdentityProvider, RelyingParty
from policies.persons import PersonKind
from policies.purposes import Purpose

_CHINESE = re.compile(r"[\u3400-\u9fff]")
IN_FORCE = Form("in_force")
# What tells two of whom a citizen may act for apart, beside their name
APART = {PersonKind.FOR_LEGAL: COMPANY, PersonKind.FOR_NATURAL: AttributeName(f"{REPRESENTED}birthdate")}
_NAMES = ("legal_name",), (f"{REPRESENTED}given_name", f"{REPRESENTED}family_name")


def check_person(assertion: Assertion, provider: IdentityProvider, party: RelyingParty, purpose: Purpose, on: date) -> None:
    """Raises `PersonNotTaken` for a kind that one of the three does not take, and for a mandate that does not do.

    A mandate that is told holds today, whatever the purpose needs. It also fulfils what the purpose wants to be true of it,
    whether the service has that enforced or not: nobody acts for another without the power.
    """
    kind, acting_for = assertion.kind, assertion.acting_for
    # A provider need not vouch for powers that a register knows
    signed_in = PersonKind.NATURAL if acting_for and acting_for.register else kind
    taken = kind in party.persons & purpose.persons and signed_in in provider.persons
    if not taken or kind.acts == (acting_for is None):
        raise PersonNotTaken("representation", f"a sign-in of the kind {kind}")
    need = purpose.needs.get(MANDATE)
    # A register that knows the mandate is asked later
    later = need is not None and MANDATE not in assertion.offered.attributes and bool(need.registers) and party.enforce
    check_mandate(replace(assertion.offered, kind=kind), purpose, on, later=later)


def check_mandate(said: Offered, purpose: Purpose, on: date, *, later: bool) -> None:
    """The same of the mandates that a sign-in or a register told. `later`: that there is none may still change."""
    if not said.kind.acts:
        return
    offered, need = said.attributes, purpose.needs.get(MANDATE)
    mandates = read_mandates(offered[MANDATE]) if MANDATE in offered else ()
    if mandates is None:
        raise PersonNotTaken("mandate", "a mandate that nobody can read")
    wanted = [IN_FORCE] if mandates else []
    if need is not None and need.must_be_true and is_predicate(need.form) and not later:
        wanted.append(need.form)
    for form in wanted:
        if fault := fault_of(mandates, form, on):
            raise PersonNotTaken(fault, "whoever acts has no power that the purpose needs")


def called(kind: PersonKind, offered: Mapping[AttributeName, Value]) -> str:
    """The words for whoever is represented, as the source has them: the name, else the identifier; "" where nobody is.

    A name in Chinese characters has the family name first, and no space (GB/T 28039-2011, 5.1.1).
    """
    if not kind.acts:
        return ""
    company = kind is PersonKind.FOR_LEGAL
    said = [one for name in _NAMES[0 if company else 1] if isinstance(one := offered.get(AttributeName(name)), str)]
    name = "".join(reversed(said)) if all(map(_CHINESE.search, said)) else " ".join(said)
    return name or str(offered.get(COMPANY if company else OTHER, ""))
