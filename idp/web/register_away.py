"""The page of a register that does not answer, though the purpose requires its word."""

from collections.abc import Sequence

from fastapi import Request
from fastapi.responses import Response

from idp.pages.views import ErrorView
from idp.web.login_cookies import Cookie
from idp.web.site import Site, status_of
from policies.authentication import ServiceRequest
from policies.errors import RegisterAway


def register_away(
    site: Site, request: Request, error: RegisterAway, asked: ServiceRequest, login: str, kept: Sequence[Cookie]
) -> Response:
    """A register does not answer: the page names it, and who answers for it. The login lives on, and may try again."""
    reference, language = site.refused(request, error), site.language(request, asked.languages)
    wording = site.wording(language)
    view = ErrorView(
        language,
        error.code,
        reference,
        retry=f"/login/{login}/countries",
        documentation=site.documentation,
        register=wording.text(error.title),
        helper=wording.text(error.helper),
        contact=error.contact,
    )
    return site.shown(view, kept, status=status_of(error))
