"""The view of the page on which a citizen chooses for whom they sign in."""

from dataclasses import dataclass, field
from typing import ClassVar

from idp.pages.views import PageKind, RegisterText, Text


@dataclass(frozen=True, slots=True)
class RepresentedChoice:
    """One for whom the citizen may act: by name, what tells two of that name apart, and who says so.

    Both texts are "" of the citizen themself.
    """

    name: str = field(repr=False)
    number: str = field(default="", repr=False)
    register: RegisterText | None = None


@dataclass(frozen=True, slots=True)
class ForWhomView:
    """The choice of the one for whom the citizen signs in to `service`, before the question what may go.

    The form posts `login`, `decided` (the sealed login) and the place of a choice as `acting` to `rewording`, or `cancel`
    as `choice` to `action`: both are paths of ours. The page has these whole `minutes` left.
    """

    kind: ClassVar[PageKind] = PageKind.FORM
    language: str
    login: str
    decided: str = field(repr=False)
    action: str
    rewording: str
    service: Text
    choices: tuple[RepresentedChoice, ...]
    minutes: int = 5
