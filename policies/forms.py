"""The forms of each kind of attribute, which of them says less than which, and their MEET.

Two parameters of one form (over 18, over 21) say different things: neither says less than the other, so they have no
common form. That is why a threshold is fixed by the registration and no service can search for an age by asking twice.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from policies.attributes import EXACT, Form
from policies.errors import Misconfigured, Problem
from policies.parties import Translated

# Longer names of places than this exist nowhere in use (the longest has 85 letters).
MAX_PLACE = 100
# The oldest age that anybody could be asked about: nobody on record reached 123.
MAX_AGE = 150


class AttributeKind(StrEnum):
    """The sort of value that an attribute has, and so the forms in which it can be said."""

    TEXT = "text"  # exact, or not at all
    NAME = "name"  # a part of a person's name
    DATE = "date"  # a birth date, perhaps partial
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class FormKind:
    """One form of a kind of attribute.

    `below` names every form that says more (transitively closed), `parameter` is what stands in the brackets: "", "age" or
    "place". `title` is for the approval page, with `{0}` for the parameter.
    """

    name: str
    below: frozenset[str]
    title: Translated
    parameter: str = ""


FormKinds = Mapping[str, FormKind]

_BELOW_EXACT = frozenset({EXACT.name})
_EXACT = FormKind(EXACT.name, frozenset(), {"en": "in full", "et": "täielikult", "zh-Hans": "完整信息"})
_INITIALS = FormKind("initials", _BELOW_EXACT, {"en": "initials only", "et": "ainult initsiaalid", "zh-Hans": "仅首字母"})
_BIRTH_YEAR = FormKind(
    "birth_year", _BELOW_EXACT, {"en": "year of birth only", "et": "ainult sünniaasta", "zh-Hans": "仅出生年份"}
)
_AGE_OVER = FormKind(
    "age_over",
    _BELOW_EXACT,
    {"en": "whether {0} or older", "et": "kas vähemalt {0}-aastane", "zh-Hans": "是否年满 {0} 岁"},
    "age",
)
_COUNTRY = FormKind("country", _BELOW_EXACT, {"en": "country only", "et": "ainult riik", "zh-Hans": "仅国家"})
_RESIDENT_OF = FormKind(
    "resident_of",
    _BELOW_EXACT,
    {"en": "whether resident of {0}", "et": "kas elukoht on {0}", "zh-Hans": "是否居住在 {0}"},
    "place",
)


def _table(*kinds: FormKind) -> FormKinds:
    return {kind.name: kind for kind in kinds}


FORMS: Mapping[AttributeKind, FormKinds] = {
    AttributeKind.TEXT: _table(_EXACT),
    AttributeKind.NAME: _table(_EXACT, _INITIALS),
    AttributeKind.DATE: _table(_EXACT, _BIRTH_YEAR, _AGE_OVER),
    AttributeKind.ADDRESS: _table(_EXACT, _COUNTRY, _RESIDENT_OF),
}
_EVERY_FORM: FormKinds = {name: kind for table in FORMS.values() for name, kind in table.items()}
_SPELLING = re.compile(r"([a-z_]+)(?:\((.+)\))?", re.DOTALL)
# At most four characters compose to one sign. A longer text is not normalised: ordering marks takes their number squared
MAX_SPELLING = 4 * MAX_PLACE + 64
_AGE = re.compile(r"[1-9][0-9]{0,2}")


def _is_parameter(sort: str, text: str) -> bool:
    """Whether `text` is the one spelling of a parameter of this sort."""
    if sort == "age":
        return _AGE.fullmatch(text) is not None and int(text) <= MAX_AGE
    if sort == "place":
        if not 0 < len(text) <= MAX_PLACE:
            return False
        spelled = text == text.strip() and text == unicodedata.normalize("NFC", text)
        return spelled and text.isprintable() and not set('()"\\') & set(text)
    return text == ""


def is_form(kind: AttributeKind, form: Form) -> bool:
    """Whether an attribute of this kind has this form, with this parameter."""
    known = FORMS[kind].get(form.name)
    return known is not None and _is_parameter(known.parameter, form.parameter)


def is_predicate(form: Form) -> bool:
    """Whether the form answers a question with yes or no."""
    return form.name in {"age_over", "resident_of"}


def parse_form(text: str) -> Form | None:
    """Read `exact`, `age_over(18)` or `resident_of(Storkhaven)`; None where it is no form of any kind of attribute."""
    match = _SPELLING.fullmatch(unicodedata.normalize("NFC", text)) if len(text) <= MAX_SPELLING else None
    known = _EVERY_FORM.get(match[1]) if match else None
    if match is None or known is None or not _is_parameter(known.parameter, match[2] or ""):
        return None
    return EXACT if known.name == EXACT.name else Form(known.name, match[2] or "")


def form_title(form: Form) -> Translated:
    """The form in words, in every language that we have: `whether 18 or older`. Empty for a form that we do not know."""
    known = _EVERY_FORM.get(form.name)
    return {} if known is None else {tag: title.format(form.parameter) for tag, title in known.title.items()}


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
