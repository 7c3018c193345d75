"""The view of the page at the end of a test login (`ciconia try`)."""

from dataclasses import dataclass, field

from idp.pages.views import Item, Text, WithheldItem


@dataclass(frozen=True, slots=True)
class TrialView:
    """The end of a test login: what the service would have got, every value masked. `id_token`, `userinfo`: JSON.

    `over_asked` names what the service asks for in vain, from everybody.
    """

    language: str
    service: Text
    purpose: Text
    items: tuple[Item, ...]
    kept: tuple[WithheldItem, ...]
    over_asked: tuple[Text, ...]
    id_token: str = field(repr=False)
    userinfo: str = field(repr=False)
