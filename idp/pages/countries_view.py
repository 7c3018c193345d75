"""The view of the page of countries: what each offers to whoever signs in."""

from dataclasses import dataclass
from datetime import date
from typing import ClassVar

from idp.pages.views import PageKind, Text

ADDRESS = "/countries"


@dataclass(frozen=True, slots=True)
class SchemeView:
    """One identity provider or country's node. `persons` and `levels` are the ends of phrases' keys; levels with notified.

    `last` is a day on which several people were signed in, None where none is told.
    """

    title: Text
    persons: tuple[str, ...]
    levels: tuple[tuple[str, bool], ...]
    attributes: tuple[Text, ...]
    reachable: bool
    last: date | None = None


@dataclass(frozen=True, slots=True)
class CountriesView:
    """The page at the path `address`: countries by their codes. `is_node`: they ask us, and we do not ask them."""

    kind: ClassVar[PageKind] = PageKind.FORM
    language: str
    address: str
    countries: tuple[tuple[str, tuple[SchemeView, ...]], ...]
    is_node: bool = False
