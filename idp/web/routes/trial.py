"""The end of a test login: a page for developers, with what their service would have got and what it asks for in vain."""

import json
from collections.abc import Mapping
from dataclasses import replace

from fastapi.responses import Response

from connectors.wire.claims import Json
from idp.login.states import Decided
from idp.pages.trial_view import TrialView
from idp.pages.views import PageKind, Text
from idp.protocols.oidc.trial import MASK
from idp.web.city_site import CitySite
from idp.web.login_cookies import after_decision
from idp.web.site import page
from policies.release import OVER_ASKED


def tried(site: CitySite, decided: Decided, language: str, now: int) -> Response:
    """The page. The login has ended with it: nobody is asked, and nothing is written."""
    wording, catalogue, decision = site.wording(language), site.catalogue, decided.decision
    party, purpose = site.role.registered(decided.request)
    tokens = site.trials.tried(decided, now)
    items = wording.items(decision, purpose, catalogue)
    over = [one.name for one in decision.rulings if one.reason in OVER_ASKED]
    unknown = tuple(Text(name, "en") for name in decided.request.unknown)
    view = TrialView(
        language,
        service=wording.text(party.title),
        purpose=wording.text(purpose.title),
        items=tuple(replace(item, value=(MASK,)) for item in items),
        kept=wording.kept(decision, catalogue),
        over_asked=(*wording.titles(over, catalogue), *unknown),
        id_token=_shown(tokens.id_token),
        userinfo=_shown(tokens.userinfo),
    )
    return page(site.pages.trial(view), PageKind.PLAIN, after_decision(decided.login, None))


def _shown(claims: Mapping[str, Json]) -> str:
    return json.dumps(dict(claims), indent=2, ensure_ascii=False)
