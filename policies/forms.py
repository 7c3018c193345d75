"""The forms of each kind of attribute, which of them says less than which, and their MEET.

Two parameters of one form (over 18, over 21) say different things: neither says less than the other, so they have no
common form. That is why a threshold is fixed by the registration and no service can search for an age by asking twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from policies.attributes import EXACT, Form
from policies.errors import Misconfigured, Problem
from policies.parameters import MAX_PARAMETER, SORTS, entries


class AttributeKind(StrEnum):
    """The sort of value that an attribute has, and so the forms in which it can be said."""

    TEXT = "text"  # exact, or not at all
    NAME = "name"  # a part of a person's name
    DATE = "date"  # a birth date, perhaps partial
    ADDRESS = "address"
    NUMBER = "number"  # an identifier, or a number of a phone
    NATIONALITY = "nationality"  # countries' codes
    SET = "set"  # words of a closed set: a status, an affiliation, entitlements, roles
    AMOUNT = "amount"  # a number and its unit
    MANDATE = "mandate"  # a power to act for another (`policies.mandates`)


# The kinds of which a person may have several values
MULTIPLE = frozenset((AttributeKind.NATIONALITY, AttributeKind.SET, AttributeKind.MANDATE))


@dataclass(frozen=True, slots=True)
class FormKind:
    """One form of a kind of attribute.

    `below` names every form that says more (transitively closed), `parameter` is the sort of what stands in the brackets
    (`policies.parameters.SORTS`), a `predicate` answers yes or no. `title` is in English, with `{0}` for the parameter.
    """

    name: str
    below: frozenset[str]
    title: str
    parameter: str = ""
    predicate: bool = False


FormKinds = Mapping[str, FormKind]

# In English; the pages' catalogues of phrases say them in every language
_TITLES = {
    "exact": "in full",
    "initials": "initials only",
    "latin": "in Latin letters",
    "year_month": "year and month of birth only",
    "birth_year": "year of birth only",
    "age_over": "whether {0} or older",
    "age_in": "whether aged {0}",
    "municipality": "municipality only",
    "region": "region only",
    "country": "country only",
    "resident_of": "whether resident of {0}",
    "last4": "last four characters only",
    "is_eu_citizen": "whether a citizen of the EU",
    "nationality_in": "whether a citizen of one of {0}",
    "one_of": "whether one of {0}",
    "only": "only {0}",
    "prefix": "only what begins with {0}",
    "below": "whether less than {0}",
    "above": "whether more than {0}",
    "in_force": "whether one is in force",
    "limit_at_least": "whether good for {0} or more",
    "may_act": "whether good for {0}",
}


def _kind(name: str, *below: str, parameter: str = "", predicate: bool = False) -> FormKind:
    above = frozenset((EXACT.name, *below)) if name != EXACT.name else frozenset[str]()
    return FormKind(name, above, _TITLES[name], parameter, predicate)


def _table(*kinds: FormKind) -> FormKinds:
    return {kind.name: kind for kind in (_kind(EXACT.name), *kinds)}


FORMS: Mapping[AttributeKind, FormKinds] = {
    AttributeKind.TEXT: _table(),
    AttributeKind.NAME: _table(_kind("initials"), _kind("latin")),
    AttributeKind.DATE: _table(
        _kind("year_month"),
        _kind("birth_year", "year_month"),
        _kind("age_over", parameter="age", predicate=True),
        _kind("age_in", parameter="ages", predicate=True),
    ),
    AttributeKind.ADDRESS: _table(
        _kind("municipality"),
        _kind("region", "municipality"),
        _kind("country", "municipality", "region"),
        _kind("resident_of", "municipality", parameter="place", predicate=True),
    ),
    AttributeKind.NUMBER: _table(_kind("last4")),
    AttributeKind.NATIONALITY: _table(
        _kind("is_eu_citizen", predicate=True),
        _kind("nationality_in", parameter="countries", predicate=True),
        _kind("only", parameter="countries"),
    ),
    AttributeKind.SET: _table(
        _kind("one_of", parameter="texts", predicate=True),
        _kind("only", parameter="texts"),
        _kind("prefix", parameter="texts"),
    ),
    AttributeKind.AMOUNT: _table(
        _kind("below", parameter="amount", predicate=True), _kind("above", parameter="amount", predicate=True)
    ),
    AttributeKind.MANDATE: _table(
        _kind("in_force", predicate=True),
        _kind("limit_at_least", parameter="money", predicate=True),
        _kind("may_act", parameter="power", predicate=True),
    ),
}
# The forms that let some of several values go: whether any is left is an answer of yes or no
FILTERS = ("only", "prefix")
# Of two kinds that have a form of one name, the later one takes more parameters
_EVERY_FORM: FormKinds = {name: kind for table in FORMS.values() for name, kind in table.items()}
MAX_SPELLING = MAX_PARAMETER + 64


@lru_cache(maxsize=1024)
def _is_parameter(sort: str, text: str) -> bool:
    """Whether `text` is the canonical spelling of a parameter of this sort."""
    return SORTS[sort].canonical(text) == text if sort else text == ""


def is_form(kind: AttributeKind, form: Form) -> bool:
    """Whether an attribute of this kind has this form, with this parameter."""
    known = FORMS[kind].get(form.name)
    return known is not None and _is_parameter(known.parameter, form.parameter)


def is_predicate(form: Form) -> bool:
    """Whether the form answers a question with yes or no."""
    known = _EVERY_FORM.get(form.name)
    return known is not None and known.predicate


def parse_form(text: str) -> Form | None:
    """Read `exact`, `age_over(18)` or `one_of(staff, student)`; None where it is no form of any kind of attribute.

    The parameter becomes canonical: `Form("one_of", "staff,student")`.
    """
    name, bracket, rest = text.partition("(") if len(text) <= MAX_SPELLING else ("", "", "")
    known = _EVERY_FORM.get(name)
    if known is None or bool(bracket) != bool(known.parameter) or (bracket and not rest.endswith(")")):
        return None
    parameter = SORTS[known.parameter].canonical(rest[:-1]) if bracket else ""
    if parameter is None:
        return None
    return EXACT if known.name == EXACT.name else Form(known.name, parameter)


def spelling(known: FormKind) -> str:
    """How a file may write the form: `age_over(N)`."""
    return f"{known.name}({SORTS[known.parameter].sample})" if known.parameter else known.name


def form_title(form: Form) -> str:
    """The form in English: `whether 18 or older`; as it is spelt where we do not know it."""
    known = _EVERY_FORM.get(form.name)
    return known.title.format(said_parameter(form)) if known is not None else str(form)


def said_parameter(form: Form) -> str:
    """The parameter as people read it: `18\u201325`, `EE, LV`."""
    known = _EVERY_FORM.get(form.name)
    match known.parameter if known else "":
        case "ages":
            return "\N{EN DASH}".join(dict.fromkeys(entries(form.parameter)))
        case "countries" | "texts" | "power":
            return ", ".join(entries(form.parameter))
        case _:
            return form.parameter


def says_no_more(forms: FormKinds, weaker: Form, stronger: Form) -> bool:
    """Whether `weaker` says no more than `stronger`: the order of the semilattice."""
    if weaker == stronger:
        return weaker.name in forms
    known = forms.get(weaker.name)
    return known is not None and stronger.name in known.below and stronger.name in forms


def meet(forms: FormKinds, a: Form, b: Form) -> Form | None:
    """The strongest form that says no more than either; None is nothing at all."""
    first, second = forms.get(a.name), forms.get(b.name)
    if first is None or second is None:
        return None
    if a is b or a == b or b.name in first.below:
        return a
    if a.name in second.below:
        return b
    both = [kind for kind in forms.values() if a.name in kind.below and b.name in kind.below]
    # The semilattice was checked at load: one of them has all the others below it, and it takes no parameter
    return next((Form(k.name) for k in both if all(k.name in o.below for o in both if o is not k)), None)


def check_semilattice(kind: str, forms: FormKinds) -> None:
    """Prove that any two forms have one meet, with `exact` at the top and nothing at the bottom. Raises `Misconfigured`.

    Two parameters of each form are enough: parameters are alike to the order.
    """
    elements = [Form(k.name, parameter) for k in forms.values() for parameter in (("1", "2") if k.parameter else ("",))]
    for a in elements:
        if not says_no_more(forms, a, EXACT):
            raise _no_semilattice(kind, f"{a} is not below exact.")
        for b in elements:
            if a != b and says_no_more(forms, a, b) and says_no_more(forms, b, a):
                raise _no_semilattice(kind, f"{a} and {b} are each below the other.")
            lower = [c for c in elements if says_no_more(forms, c, a) and says_no_more(forms, c, b)]
            greatest = [c for c in lower if all(says_no_more(forms, d, c) for d in lower)]
            if greatest != ([] if (m := meet(forms, a, b)) is None else [m]) or (lower and not greatest):
                raise _no_semilattice(kind, f"{a} and {b} have no one greatest form in common.")
            if any(not says_no_more(forms, c, b) for c in elements if says_no_more(forms, c, a)) and says_no_more(
                forms, a, b
            ):
                raise _no_semilattice(kind, f"what is below {a} is not all below {b}.")


def _no_semilattice(kind: str, what: str) -> Misconfigured:
    return Misconfigured((Problem("catalogue", 0, kind, what, "name in `below` every form that says more."),))
