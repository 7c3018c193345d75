"""The view of the sending node's page: what goes to another country's node, and for whom."""

from dataclasses import dataclass, field
from typing import ClassVar

from idp.pages.views import Item, PageKind, RegisterText, SpType, Text
from policies.assurance import LevelOfAssurance


@dataclass(frozen=True, slots=True)
class InformView:
    """The sending node's page: what goes to another country's node, encrypted to it.

    `country` (ISO 3166-1) and `node` say which node asks. `named` is the name that this node gave the service
    (ProviderName), or empty: nobody here has checked it. Items that are `required` travel with every sign-in between
    countries. The form posts `login`, `decided` (the sealed login) and `choice` (`continue` or `cancel`) to `action` on
    our own origin. `acting_for` is the name of whom the citizen acts for, or "", and `named_by` the register that says
    so, if it is one. The page has these whole `minutes` left.
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
    items: tuple[Item, ...]
    acting_for: str = field(default="", repr=False)
    named_by: RegisterText | None = None
    rewording: str = ""
    minutes: int = 5

    @property
    def always(self) -> tuple[Item, ...]:
        """The items that travel with every sign-in between countries."""
        return tuple(item for item in self.items if item.required)

    @property
    def additional(self) -> tuple[Item, ...]:
        """The other items that were asked for and are there."""
        return tuple(item for item in self.items if not item.required)
