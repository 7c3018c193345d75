"""The view of the page at the bare address: what this service is, who runs it, and where help is."""

from dataclasses import dataclass
from typing import ClassVar

from idp.pages.views import PageKind


@dataclass(frozen=True, slots=True)
class FrontView:
    """The front page at the path `address`, of a node or a city. `own_page`, `countries`: paths, or empty."""

    kind: ClassVar[PageKind] = PageKind.FORM
    language: str
    address: str
    is_node: bool
    own_page: str = ""
    countries: str = ""
