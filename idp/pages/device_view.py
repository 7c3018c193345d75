"""The pages of a citizen who signs in for a kiosk, as their template gets them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from idp.pages.views import PageKind, Text


class DeviceStep(StrEnum):
    """Where a citizen stands who signs in for a kiosk."""

    CODE = "code"  # they type the code
    CONFIRM = "confirm"  # they read who asks, and go on
    DONE = "done"  # the kiosk has its answer
    ENDED = "ended"  # it gets none
    PROGRAM = "program"  # they take a code to a program of theirs
    UNSENT = "unsent"  # there is no code for it


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A page for whoever stands at a kiosk: the form for its code, who asks and where, or the way back to it.

    The form posts to the path `action`: `user_code`, or once it was found `request`, which for a program is its code.
    `wrong`: the code was none. `when` is the moment in words at which the kiosk asked.
    """

    language: str
    step: DeviceStep
    action: str = ""
    wrong: bool = False
    request: str = field(default="", repr=False)
    service: Text | None = None
    purpose: Text | None = None
    place: Text | None = None
    when: str = ""

    kind: ClassVar[PageKind] = PageKind.FORM
