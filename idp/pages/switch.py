"""The list of languages on a page, each by its own name: how the reader gets the same page in another one."""

from dataclasses import dataclass

# Our path that shows a page again: one with an address of its own, or one that lies sealed in the form
PATH = "/language"


@dataclass(frozen=True, slots=True)
class LanguageSwitch:
    """Links that begin with `link`, or buttons of a `form` that post `fields` to our path `action`.

    The form is one of the page, or one of their own.
    """

    link: str = ""
    action: str = PATH
    fields: tuple[tuple[str, str], ...] = ()
    form: str = "languages"


def at(address: str) -> LanguageSwitch | None:
    """The switch of a page with an address of its own; None if it has none."""
    return LanguageSwitch(fields=(("at", address),)) if address else None


def sealed(page: str) -> LanguageSwitch | None:
    """The switch of a page that lies sealed in it; None if it does not."""
    return LanguageSwitch(fields=(("page", page),)) if page else None
