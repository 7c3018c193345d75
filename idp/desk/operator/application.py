"""The operator's pages as an ASGI application: their forms write proposals, and nothing else."""

import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from idp.desk.answers import posted
from idp.desk.application import Desk, ended
from idp.desk.blocks import Block
from idp.desk.desk_page import DeskPage
from idp.desk.operator.operator_page import OperatorPage
from idp.desk.operator.pages import PAGES
from idp.desk.operator.plan_pages import PLANS, PROPOSE, changeable, look
from idp.desk.operator.reading import OperatorQuestion, OperatorReader
from idp.desk.operator.simulator import SIMULATOR, simulate
from idp.desk.operator.standing_pages import things
from idp.desk.pages import page_headers
from idp.desk.sessions import DeskSession
from idp.desk.sign_in_routes import SignInRoutes
from idp.desk.table_views import MAX_FILTER
from idp.system.logs import log_of
from idp.web.page_route import Endpoint, PageRoute
from policies.errors import RequestRefused


class OperatorDesk(Desk):
    """One tenant's pages for its administrators."""

    def __init__(self, *, reader: OperatorReader, doors: SignInRoutes) -> None:
        self._reader = reader
        super().__init__(doors=doors, pages=PAGES)

    def blocks(self, page: DeskPage, given: Mapping[str, str], who: str) -> Sequence[Block]:
        """See `Desk`."""
        if not isinstance(page, OperatorPage):
            raise TypeError("a page of another desk")
        named = {name: given.get(name, "") for name in page.filters}
        if any(len(value) > MAX_FILTER for value in named.values()):
            raise RequestRefused("a filter that is too long")
        return page.make(self._reader, OperatorQuestion(named, who))

    def filter_of(self, name: str) -> tuple[str, Sequence[str]]:
        """See `Desk`."""
        match name:
            case "thing":
                return "text", [f"{kind} {one}" for kind, one in things(self._reader.standing())]
            case "file":
                return "text", changeable(self._reader)
            case "purpose":
                return "text", sorted(self._reader.standing().configuration.purposes)
            case "plan" | "on":
                return "text", [one.plan for one in self._reader.proposals.listed()]
        return "text", ()

    def own_routes(self) -> Iterator[PageRoute]:
        """See `Desk`."""
        yield PageRoute(PROPOSE.path, self._acting(self._proposed), "POST")
        yield PageRoute(SIMULATOR.path, self._acting(self._simulated), "POST")
        yield PageRoute(PLANS.path, self._acting(self._withdrawn), "POST")

    def _acting(self, act: Callable[[DeskSession, Mapping[str, str]], Response]) -> Endpoint:
        """The endpoint of a form that does something: it is of this very session's own page."""

        def endpoint(request: Request, given: Mapping[str, str]) -> Response:
            session = self.session(request)
            if session is None:
                return ended()
            if not hmac.compare_digest(given.get("token", "").encode(), session.token.encode()):
                raise RequestRefused("a form of another session", status=403, code="other_site")
            return act(session, given)

        return posted(self.doors.url, endpoint)

    def _proposed(self, session: DeskSession, given: Mapping[str, str]) -> Response:
        found = look(self._reader, given, session.name)
        if not isinstance(found, str):
            return self.shown(PROPOSE, session, found, {}, files=False)
        log_of(self.tenant).info("proposal_written", plan=found, who=session.name)
        return RedirectResponse(f"{PLANS.path}?plan={found}", 303, page_headers())

    def _simulated(self, session: DeskSession, given: Mapping[str, str]) -> Response:
        return self.shown(SIMULATOR, session, simulate(self._reader, given), {}, files=False)

    def _withdrawn(self, session: DeskSession, given: Mapping[str, str]) -> Response:
        plan = given.get("plan", "")
        if self._reader.proposals.remove(plan):
            log_of(self.tenant).info("proposal_withdrawn", plan=plan, who=session.name)
        return RedirectResponse(PLANS.path, 303, page_headers())
