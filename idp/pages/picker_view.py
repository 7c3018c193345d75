"""The view of the list of those whom a citizen may choose, as `idp.pages.views` has the others."""

from dataclasses import dataclass, field
from typing import ClassVar

from idp.pages.views import PageKind, RegisterText, Text


@dataclass(frozen=True, slots=True)
class CountryChoice:
    """One identity provider on the picker: a link to `url` on our own origin, its country (ISO 3166-1) and its title.

    A choice that is not `available` has no link; `suspended` means that our operator switched it off. The choice that
    this browser `remembered` stands first. `host` tells a federation's members apart; it is "" for all others.
    """

    url: str
    country: str
    provider: Text
    available: bool = True
    remembered: bool = False
    suspended: bool = False
    host: str = ""


@dataclass(frozen=True, slots=True)
class OfferedSource:
    """One of several sources of an attribute: a register, or whoever signs the citizen in (`register` None)."""

    source_id: str
    register: RegisterText | None
    chosen: bool


@dataclass(frozen=True, slots=True)
class OfferedBox:
    """One attribute of which the citizen decides here whether it is asked for, and from whom.

    An optional one has a box, the form's field `share.NAME`. If it has several `sources`, `from.NAME` has the id of the
    one that is chosen; a `required` one has to have one. `source` is the register of one that has no other.
    """

    name: str
    title: Text
    why: Text
    ticked: bool
    source: RegisterText | None = None
    sources: tuple[OfferedSource, ...] = ()
    required: bool = False

    @property
    def lacks(self) -> bool:
        """Whether one of its sources has yet to be chosen: it is asked for, and from nobody."""
        wanted = self.required or (self.ticked and bool(self.sources))
        return wanted and not any(one.chosen for one in self.sources)


@dataclass(frozen=True, slots=True)
class PickerView:
    """The choice of a country. A form that cancels posts to the path `cancel`, or a link leads to the path `leave`.

    `address` is the picker's own path: its search form, its links about remembering and those to other languages lead
    there. It is empty for a picker without them. `searchable` shows the form, and `sought` is the text that found
    `countries`. `remembering`: the links keep the choice in this browser. `narrowed`: the service or its purpose takes
    some countries only. `leaves_out`: some are not there because they are not sure enough. `unoffered`: whom the
    citizen chose elsewhere is not among them. `more`: what was typed finds more than are shown. With boxes to tick
    (`optional`) the whole list is one form, and each country a button of it. `alone`: the country is settled, and the page
    is there for its boxes. `offered` is the path of the page of countries, or empty.
    """

    kind: ClassVar[PageKind] = PageKind.FORM
    language: str
    service: Text
    purpose: Text
    countries: tuple[CountryChoice, ...]
    cancel: str = ""
    leave: str = ""
    address: str = ""
    searchable: bool = False
    sought: str = field(default="", repr=False)
    remembering: bool = False
    narrowed: bool = False
    leaves_out: bool = False
    unoffered: bool = False
    more: bool = False
    optional: tuple[OfferedBox, ...] = ()
    alone: bool = False
    offered: str = ""

    def link(self, query: str) -> str:
        """The picker's own path with one more parameter."""
        return f"{self.address}{'&' if '?' in self.address else '?'}{query}"
