"""The routes that the auditor's desk alone has: files of the log, proofs, bundles, uploads and uses of grants."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from idp.audit.questions.ledger_summary import NotReadYet
from idp.desk.answers import asking, posted
from idp.desk.application import Desk, ended
from idp.desk.auditor.auditor_page import DAYS, AuditorPage, asked_for, choices
from idp.desk.auditor.grant_page import GRANTS, use_grant
from idp.desk.auditor.log_files import log_file
from idp.desk.auditor.proof_files import OF_BUNDLES, bundle, proof_file
from idp.desk.auditor.questions import PAGES
from idp.desk.auditor.reading import DeskReader
from idp.desk.auditor.upload_pages import UploadPage
from idp.desk.auditor.uploads import files_in, posted_form
from idp.desk.blocks import Block, Notice
from idp.desk.desk_page import DeskPage
from idp.desk.pages import page_headers
from idp.desk.sign_in_routes import SignInRoutes
from idp.desk.table_views import MAX_FILTER
from idp.web.page_route import Endpoint, PageRoute
from idp.web.requests import check_navigation, check_same_origin, query


class AuditorDesk(Desk):
    """One tenant's desk for auditors."""

    def __init__(self, *, reader: DeskReader, doors: SignInRoutes) -> None:
        self._reader = reader
        super().__init__(doors=doors, pages=PAGES)

    def blocks(self, page: DeskPage, given: Mapping[str, str], who: str) -> Sequence[Block]:
        """See `Desk`."""
        if not isinstance(page, AuditorPage):
            raise TypeError("a page of another desk")
        return page.make(self._reader, asked_for(page, given, who))

    def looked(self, page: DeskPage, given: Mapping[str, str], who: str) -> Sequence[Block]:
        """See `Desk`."""
        return _read(lambda: self.blocks(page, given, who))

    def filter_of(self, name: str) -> tuple[str, Sequence[str]]:
        """See `Desk`."""
        return "date" if name in DAYS else "text", choices(self._reader, name)

    def own_routes(self) -> Iterator[PageRoute]:
        """See `Desk`."""
        yield PageRoute("/log/{place:path}", asking(self._log_file), "GET")
        yield PageRoute(GRANTS.path, posted(self.doors.url, self._use), "POST")
        yield PageRoute("/proof", asking(self._proof), "GET")
        yield PageRoute("/bundle", asking(self._bundle), "GET")
        for page in PAGES:
            if isinstance(page, UploadPage):
                yield PageRoute(page.path, self._taking(page), "POST")

    def _use(self, request: Request, given: Mapping[str, str]) -> Response:
        session = self.session(request)
        if session is None:
            return ended()
        return self.shown(GRANTS, session, use_grant(self._reader, session.name, given), {}, files=False)

    def _taking(self, page: UploadPage) -> Endpoint:
        """The endpoint of a page to which an auditor posts files."""

        async def endpoint(request: Request) -> Response:
            check_navigation(request)
            check_same_origin(request, self.doors.url)
            # Before anything of the body is read
            session = await run_in_threadpool(self.session, request)
            if session is None:
                return ended()
            boundary, body = await posted_form(request)
            found = await run_in_threadpool(_read, lambda: page.take(self._reader, files_in(boundary, body)))
            # What was posted is kept nowhere, so no address shows its tables again
            return self.shown(page, session, found, {}, files=False)

        return endpoint

    def _log_file(self, request: Request) -> Response:
        if self.session(request) is None:
            return ended()
        octets = log_file(self._reader, request.path_params["place"])
        return Response(octets, headers=page_headers(), media_type="application/octet-stream")

    def _proof(self, request: Request) -> Response:
        if self.session(request) is None:
            return ended()
        octets = proof_file(self._reader, query(request).get("record", ""))
        named = {"Content-Disposition": f'attachment; filename="{self.tenant}-proof.json"'}
        return Response(octets, headers=page_headers(**named), media_type="application/json")

    def _bundle(self, request: Request) -> Response:
        if self.session(request) is None:
            return ended()
        given = query(request)
        if unknown := ", ".join(sorted(given.keys() - set(OF_BUNDLES))):
            return self.error(400, "desk.bundle_unknown", names=unknown[:MAX_FILTER])
        named = {"Content-Disposition": f'attachment; filename="{self.tenant}-records.jsonl"'}
        lines = bundle(self._reader, given)
        return StreamingResponse(lines, headers=page_headers(**named), media_type="application/jsonl")


def _read(make: Callable[[], Sequence[Block]]) -> Sequence[Block]:
    """The blocks, or how much is to be read before there are any."""
    try:
        return make()
    except NotReadYet as error:
        return [Notice("desk.reading", {"count": str(error.leaves)})]
