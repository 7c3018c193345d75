"""The page on which a citizen chooses for whom they sign in, for both roles: it comes before the question."""

from collections.abc import Mapping

from idp.login.states import DECIDED_LIFE, Decided
from idp.pages.for_whom_view import ForWhomView, RepresentedChoice
from idp.pages.render import Pages
from idp.pages.views import Text
from policies.attribute_register import AttributeRegister
from policies.catalogue import Catalogue
from policies.parties import RegisterId


def for_whom(
    pages: Pages,
    decided: Decided,
    sealed: str,
    language: str,
    left: int,
    service: Text,
    known: tuple[Mapping[RegisterId, AttributeRegister], Catalogue],
) -> str:
    """The page. `sealed` is what its form brings back, within `left` seconds; `known` are registers and catalogue."""
    wording, (registers, catalogue) = pages.wording(language), known
    choices = [
        RepresentedChoice(one.acting_for, one.number, wording.register(registers, one.named_by, catalogue))
        for one in decided.judged.instead
    ]
    view = ForWhomView(
        language=language,
        login=decided.login,
        decided=sealed,
        action=f"/login/{decided.login}/decision",
        rewording=f"/login/{decided.login}/language",
        service=service,
        choices=tuple(choices),
        minutes=min(left, DECIDED_LIFE) // 60,
    )
    return pages.for_whom(view)
