"""The last page of a login, as its template gets it: what goes, or that nothing was shared, and the way on."""

from dataclasses import dataclass, field
from typing import ClassVar

from idp.pages.views import Ending, PageKind, Text, Towards

SECONDS = 10


@dataclass(frozen=True, slots=True)
class LastView:
    """The page between the citizen's decision and the answer to the service.

    `ending` is None of a release: then `went` names what goes, never a value. `onward` is our path that makes the answer.
    The page goes there by itself after `SECONDS`, by a header: whoever saves or prints it has a page that stays. A citizen
    who came by the path `stay` goes when they like, and `stay` is "" then. `receipt` and `file` are paths of
    the citizen's receipt, "" where they have none.
    """

    kind: ClassVar[PageKind] = PageKind.FORM
    language: str
    service: Text
    towards: Towards
    onward: str
    stay: str
    ending: Ending | None = None
    went: tuple[Text, ...] = ()
    # whom the citizen acted for; "" for nobody
    acting_for: str = field(default="", repr=False)
    receipt: str = ""
    file: str = ""
    # where another device gets the receipt, once
    phone: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PhoneView:
    """The page of a link to a receipt, on another device: a button that posts the `link`'s secret to the path `action`."""

    kind: ClassVar[PageKind] = PageKind.FORM
    language: str
    action: str
    link: str = field(repr=False)
