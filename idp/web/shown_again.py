"""A page that came without an address of its own, sealed so that it can be shown in another language.

It is sealed for everybody: it says no more than the page that holds it, and only a form of ours brings it.
"""

from dataclasses import dataclass, replace

from idp.login.sealing import LoginId, Sealer
from idp.login.state_codec import NEVER_DEFLATED, Codec
from idp.pages.device_view import DeviceStep, DeviceView
from idp.pages.logout_view import LogoutView
from idp.pages.render import Pages
from idp.pages.views import ErrorView, PageKind
from policies.errors import NotFound, Replayed

KIND, LIFE = "page", 3600
Shown = ErrorView | LogoutView | DeviceView


@dataclass(frozen=True, slots=True)
class SealedPage:
    """One of these views."""

    error: ErrorView | None = None
    logout: LogoutView | None = None
    device: DeviceView | None = None


PAGES = Codec(SealedPage, plain=NEVER_DEFLATED)


def seal_page(sealer: Sealer, view: Shown, now: int) -> str:
    """Seal a view for an hour. What a logout's page calls in frames was called when it was shown first."""
    match view:
        case ErrorView():
            kept = SealedPage(error=view)
        case LogoutView():
            kept = SealedPage(logout=replace(view, frames=()))
        case _:
            kept = SealedPage(device=view)
    return sealer.seal(KIND, LoginId(""), now + LIFE, PAGES.dump(kept))


def shown_again(sealer: Sealer, pages: Pages, page: str, language: str, now: int) -> tuple[str, PageKind]:
    """The page in this language. Raises `Replayed` for one that this version did not seal, or whose hour is over."""
    try:
        kept = PAGES.load(sealer.open(KIND, LoginId(""), page, now))
    except NotFound as error:
        raise Replayed("decided_shape", "a page that another version sealed") from error
    if kept.error is not None:
        return pages.error(replace(kept.error, language=language), page), kept.error.kind
    if kept.logout is not None:
        return pages.logout(replace(kept.logout, language=language), page), kept.logout.kind
    device = replace(kept.device or DeviceView(language, step=DeviceStep.ENDED), language=language)
    return pages.device(device, page), device.kind
