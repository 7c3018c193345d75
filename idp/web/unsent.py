"""An answer that cannot be made after its login was recorded: the page says so, and the record gets an event.

Nothing left then. Without the event the record would say for ever that it did.
"""

from collections.abc import Callable, Sequence

from fastapi import Request
from fastapi.responses import Response

from idp.pages.views import Text, Towards
from idp.web.edge import REFERENCE, UNFORESEEN, log_unforeseen
from idp.web.login_cookies import Cookie
from idp.web.site import Site
from policies.errors import BrokerError, NotSent, StoreUnavailable


def answered(
    site: Site,
    request: Request,
    make: Callable[[], Response],
    record: Callable[[], None],
    *,
    service: Text,
    language: str,
    kept: Sequence[Cookie],
    towards: Towards = Towards.SERVICE,
) -> Response:
    """The response that `make` gives. If it fails, `record` writes the event, and a page says that nothing was passed on.

    There is no way back on that page: it is the address, or our key for it, that fails.
    """
    try:
        return make()
    except Exception as error:  # noqa: BLE001 - whatever it is, what was recorded did not leave
        detail = f"{type(error).__name__} after the login was recorded"
        if not isinstance(error, BrokerError):
            request.scope[UNFORESEEN] = type(error).__name__
            log_unforeseen(error, site.tenant, request.scope["path"], str(request.scope.get(REFERENCE)))
    try:
        record()
    except StoreUnavailable:
        detail += "; the record could not be told so"
    return site.error(request, NotSent(detail), service=service, language=language, towards=towards, kept=kept)
