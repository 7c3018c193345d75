"""The view of the sending node's page: what goes to another country's node, and for whom."""

from dataclasses import dataclass, field
from typing import ClassVar

from idp.pages.views import Item, PageKind, SpType, Text
from policies.assurance import LevelOfAssurance


@dataclass(frozen=True, slots=True)
class Alternative:
    """One answer that may go to another country's node. `acting_for` is the name of whom the citizen acts for, or ""."""

    acting_for: str = field(repr=False)
    items: tuple[Item, ...]

    @property
    def always(self) -> tuple[Item, ...]:
        """The items that travel with every sign-in between countries."""
        return tuple(item for item in self.items if item.required)

    @property
    def additional(self) -> tuple[Item, ...]:
        """The other items that were asked for and are there."""
        return tuple(item for item in self.items if not item.required)


@dataclass(frozen=True, slots=True)
class InformView:
    """The sending node's page: what goes to another country's node, encrypted to it.

    `country` (ISO 3166-1) and `node` say which node asks. `named` is the name that this node gave the service
    (ProviderName), or empty: nobody here has checked it. Items that are `required` travel with every sign-in between
    countries. The form posts `login`, `decided` (the sealed login) and `choice` (`continue` or `cancel`) to `action` on
    our own origin; of several `answers`, the place of one as `acting`. The page has these whole `minutes` left.
    """

    kind: ClassVar[PageKind] = PageKind.FORM
    language: str
    login: str
    decided: str = field(repr=False)
    action: str
    country: str
    node: Text
    requester: SpType
    named: str
    loa: LevelOfAssurance
    answers: tuple[Alternative, ...]
    rewording: str = ""
    minutes: int = 5
