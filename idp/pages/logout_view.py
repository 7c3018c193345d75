"""The view of the pages that end a shared sign-in."""

from dataclasses import dataclass, field

from idp.pages.views import PageKind, Text


@dataclass(frozen=True, slots=True)
class EndedService:
    """A service after a logout, and what became of its session: the word of an `idp.protocols.oidc.logouts.Outcome`.

    `again` is its number in the form that leads there once more, to the path `onward` of ours; "" where none does.
    """

    service: Text
    outcome: str
    again: str = ""
    onward: str = ""


@dataclass(frozen=True, slots=True)
class LogoutView:
    """The end of a shared sign-in: with an `action` the question, whose form posts `fields` to that path of ours.

    Else what became of it: `ended` has the services, `frames` the addresses that the page calls, `target` the verified
    address of the `service` that asked, `posted` what a form brings there. `at_once`: the browser goes on by itself.
    `onward` is the path of ours that leads to the services which hear by the browser alone, "" where none is left. `done`:
    there was something to end. `country`: the sign-in at the country may live on.
    """

    language: str
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    action: str = ""
    ended: tuple[EndedService, ...] = ()
    frames: tuple[str, ...] = field(default=(), repr=False)
    service: Text | None = None
    target: str = field(default="", repr=False)
    posted: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    at_once: bool = False
    done: bool = False
    onward: str = ""
    country: bool = True

    @property
    def kind(self) -> PageKind:
        """The kind of this page."""
        return PageKind.POST if self.posted else PageKind.FORM
