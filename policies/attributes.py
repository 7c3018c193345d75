"""Attributes, their values, and the forms in which they may be released: which form says less than which.

The forms of one attribute are a meet-semilattice under "says no more than": `exact` is its top, and every two forms have
one greatest form that says no more than either, or nothing at all (None). `policies.catalogue` checks that at load.
"""

from dataclasses import dataclass, field
from typing import NewType

AttributeName = NewType("AttributeName", str)


@dataclass(frozen=True, slots=True, order=True)
class Form:
    """How much of an attribute is said: `Form("exact")`, `Form("age_over", "18")`, `Form("only", "staff,student")`."""

    name: str
    parameter: str = ""

    def __str__(self) -> str:
        return f"{self.name}({self.parameter})" if self.parameter else self.name


EXACT = Form("exact")
# The form of a name in Latin letters
LATIN = "latin"


def latin_name(name: AttributeName) -> AttributeName:
    """The reserved name of an attribute's transliteration to Latin script: no catalogue has it, so nobody asks for it."""
    return AttributeName(f"{name}.{LATIN}")


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address. Every part may be empty; `country` is ISO 3166-1 alpha-2."""

    street: str = field(default="", repr=False)
    postal_code: str = field(default="", repr=False)
    locality: str = field(default="", repr=False)
    region: str = field(default="", repr=False)
    country: str = field(default="", repr=False)


# A value: text (a birth date is `YYYY-MM-DD`, `YYYY-MM` or `YYYY`), an address, a predicate's answer, or several texts.
Value = str | Address | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute in one form. The value is never in a repr.

    `latin` is the transliteration of a name that is in another script, else "". It goes along with the whole name.
    """

    name: AttributeName
    form: Form
    value: Value = field(repr=False)
    latin: str = field(default="", repr=False)
    # the id of the register that vouches for it; "" where whoever signed the person in does
    register: str = ""
