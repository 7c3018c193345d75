"""The routes by which somebody signs in at a desk and out. Each sign-in, sign-out and failure is told."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from idp.desk.answers import asking, error_answer, posted, with_cookies
from idp.desk.events import SignInEvent, Told
from idp.desk.pages import DeskWords, page_headers, passkey_headers
from idp.desk.passkeys import Passkeys
from idp.desk.sessions import CIVIL, PASSKEY, DeskSessions, entry_of
from idp.desk.sign_in import CiconiaSignIn, Ways
from idp.web.login_cookies import Cookie
from idp.web.page_route import PageRoute
from idp.web.requests import cookies, query
from policies.errors import AssertionRejected, Conflict, NotFound, Replayed, RequestRefused

UNLISTED = "not_listed"


@dataclass(frozen=True, slots=True)
class SignInRoutes:
    """One tenant's. `ciconia` and `passkeys` are None where nobody signs in so."""

    words: DeskWords
    tenant: str
    url: str
    sessions: DeskSessions
    ways: Ways
    ciconia: CiconiaSignIn | None
    passkeys: Passkeys | None
    told: Told
    clock: Callable[[], int]

    def routes(self) -> Iterator[PageRoute]:
        """The routes of the ways that there are."""
        yield PageRoute("/sign-out", posted(self.url, lambda request, _: self._ended(request)), "POST")
        if (ciconia := self.ciconia) is not None:
            yield PageRoute("/sign-in/ciconia", asking(lambda _: self._begin(ciconia)), "GET")
            yield PageRoute("/callback", asking(lambda request: self._arrived(ciconia, request)), "GET")
        if (passkeys := self.passkeys) is not None:
            path, enrol = "/sign-in/passkey", "/enrol"
            asked = asking(lambda _: self._asking("passkey", path, *passkeys.begin(self.clock())))
            yield PageRoute(path, asked, "GET")
            yield PageRoute(path, posted(self.url, lambda request, given: self._took(passkeys, request, given)), "POST")
            asked = asking(lambda _: self._asking("enrol", enrol, *passkeys.begin_enrolment(self.clock())))
            yield PageRoute(enrol, asked, "GET")
            took = posted(self.url, lambda request, given: self._enrolled(passkeys, request, given))
            yield PageRoute(enrol, took, "POST")

    def sign_in(self, request: Request) -> Response:
        """The page that somebody sees who is not signed in."""
        said = self.words.render(
            "sign_in",
            title=self.words.say("desk.sign_in.title"),
            tenant=self.tenant,
            ciconia=self.ciconia is not None,
            passkeys=self.passkeys is not None,
            ended="ended" in query(request),
        )
        return HTMLResponse(said, headers=page_headers())

    def _begin(self, ciconia: CiconiaSignIn) -> Response:
        address, cookie = ciconia.begin(self.clock())
        response = RedirectResponse(address, 303, {"cache-control": "no-store", "referrer-policy": "no-referrer"})
        return with_cookies(response, cookie)

    def _arrived(self, ciconia: CiconiaSignIn, request: Request) -> Response:
        now = self.clock()
        try:
            found = ciconia.receive(query(request), cookies(request), now)
        except AssertionRejected as error:
            self.told(SignInEvent("failed", CIVIL, why=error.check))
            raise
        try:
            session, cookie = self.sessions.begin(CIVIL, entry_of(found.sub), found.once, now)
        except NotFound:
            self.told(SignInEvent("failed", CIVIL, why=UNLISTED))
            return error_answer(self.words, self.tenant, 403, "desk.unlisted", number=found.sub, kept=(self.ways.ended(),))
        except Conflict as error:
            self.told(SignInEvent("failed", CIVIL, why=error.code))
            raise
        self.told(SignInEvent("signed_in", CIVIL, session.name))
        page = self.words.render("arrived", title=self.words.say("desk.arrived.title"), tenant=self.tenant)
        return with_cookies(HTMLResponse(page, headers=page_headers()), self.ways.ended(), cookie)

    def _ended(self, request: Request) -> Response:
        session = self.sessions.current(cookies(request), self.clock())
        cookie = self.sessions.end(cookies(request))
        if session is not None:
            self.told(SignInEvent("signed_out", session.way, session.name))
        return with_cookies(RedirectResponse("/", 303, page_headers()), cookie)

    # -- passkeys

    def _asking(self, way: str, action: str, options: str, cookie: Cookie) -> Response:
        title = self.words.say(f"desk.{way}.title")
        page = self.words.render("passkey", title=title, tenant=self.tenant, way=way, action=action, options=options)
        return with_cookies(HTMLResponse(page, headers=passkey_headers()), cookie)

    def _took(self, passkeys: Passkeys, request: Request, given: Mapping[str, str]) -> Response:
        now = self.clock()
        try:
            found = passkeys.receive(given.get("answer", ""), cookies(request), now)
            session, cookie = self.sessions.begin(PASSKEY, found.holder.entry, found.once, now)
        except (RequestRefused, Replayed, Conflict, NotFound) as error:
            self.told(SignInEvent("failed", PASSKEY, why=error.code))
            raise
        self.told(SignInEvent("signed_in", PASSKEY, session.name))
        return with_cookies(RedirectResponse("/", 303, page_headers()), self.ways.ended(), cookie)

    def _enrolled(self, passkeys: Passkeys, request: Request, given: Mapping[str, str]) -> Response:
        try:
            answer, token = given.get("answer", ""), given.get("token", "")
            found = passkeys.enrol(token, answer, cookies(request), self.clock())
        except (RequestRefused, Replayed) as error:
            self.told(SignInEvent("failed", PASSKEY, why=error.code))
            raise
        self.told(SignInEvent("enrolled", PASSKEY, found.name))
        page = self.words.render(
            "enrolled", title=self.words.say("desk.enrolled.title"), tenant=self.tenant, who=found.name
        )
        return with_cookies(HTMLResponse(page, headers=page_headers()), self.ways.ended())
