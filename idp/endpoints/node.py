"""The citizen's way through a sending node: from another country's node to a sign-in of this one, and back.

GET, POST /eidas/sso                 another country's node asks
GET  /login/{login}/at/{provider}    the chosen identity provider, where this country has several that can answer
POST /saml/acs                       back from it: the answer is judged, and the citizen informed
POST /login/{login}/decision         continue or cancel
POST /login/{login}/cancel           back before any sign-in
"""

import time
from collections.abc import Sequence
from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from connectors.connector import Inbound, Post
from connectors.formats.eidas.registry import MINIMUM
from connectors.request_checks import PeerRequestRefused
from idp.endpoints.http import (
    MAX_MESSAGE_BODY,
    check_navigation,
    check_same_origin,
    client_of,
    cookies,
    form,
    query,
)
from idp.endpoints.logins import LOGIN_ID, Cookie, after_decision, new_secret, secret_of
from idp.endpoints.node_site import NodeSite
from idp.endpoints.site import page
from idp.endpoints.threads import run_in_threadpool, threaded
from idp.endpoints.unsent import answered
from idp.node.login import NODE_DECIDED, NodeAsked, NodeDecided, NodeRefused, NodeReleased, NodeRequest, NodeRequested
from idp.node.person import PERSON_IDENTIFIER_NAME
from idp.pages.views import CountryChoice, Ending, InformView, Item, PickerView, RefusedView, Requester, Text, Towards
from idp.responders.eidas import Declined
from idp.seal import LoginId
from idp.tries import ADDRESS_TIMES
from idp.watching.steps import Step
from policies.errors import (
    AllRevoked,
    AssertionRejected,
    BrokerError,
    Closed,
    NotFound,
    PeerUnavailable,
    Replayed,
    RequestRefused,
    StoreUnavailable,
    Suspended,
    about,
)
from policies.parties import ProviderId, RequestingNode

# The longest query, shorter than the 65,535 bytes at which the server's own parser gives up on an address
MAX_QUERY = 60 * 1024
SIGN_ON = "/eidas/sso"
FIELDS = frozenset({"login", "decided", "choice"})
# A login that goes no further, and of which the node is told
Stopped = AssertionRejected | Suspended | AllRevoked | Closed


def router(site: NodeSite) -> APIRouter:
    """The endpoints of a sending node."""
    routes = APIRouter()

    @routes.api_route(SIGN_ON, methods=["GET", "POST"])
    async def sign_on(request: Request) -> Response:
        check_navigation(request)
        # Before anything of it is read: there is no login yet by which what nobody signed could be counted. A page can send
        # its visitors here, so an address has room for more than a few of them
        site.watched.rates.check_failures(site.watched.rates.address(client_of(request)), SIGN_ON, times=ADDRESS_TIMES)
        return await run_in_threadpool(_begin, site, request, await _asked(request))

    @routes.get("/login/{login}/at/{provider}")
    @threaded
    def at(request: Request, login: str, provider: str) -> Response:
        check_navigation(request)
        now = site.clock()
        state = site.logins.state(cookies(request), login, now)
        site.watched.tries.ask(state.login, client_of(request))
        return _off(site, request, state, ProviderId(provider), now, [])

    @routes.post("/saml/acs")
    async def callback(request: Request) -> Response:
        check_navigation(request)
        if query(request):
            raise RequestRefused("a response with a query")
        fields = await form(request, MAX_MESSAGE_BODY)
        return await run_in_threadpool(_heard, site, request, Inbound("post", fields))

    @routes.post("/login/{login}/decision")
    async def decision(request: Request, login: str) -> Response:
        check_navigation(request)
        check_same_origin(request, site.issuer)
        fields = await form(request)
        return await run_in_threadpool(_decided, site, request, login, fields)

    @routes.post("/login/{login}/cancel")
    async def cancel(request: Request, login: str) -> Response:
        check_navigation(request)
        check_same_origin(request, site.issuer)
        await form(request)
        return await run_in_threadpool(_cancelled, site, request, login)

    return routes


async def _asked(request: Request) -> Inbound:
    """A request by either binding. A query stays as it came: its signature covers the very text."""
    raw = request.scope["query_string"].decode("latin-1")
    if request.method == "POST":
        if raw:
            raise RequestRefused("a request by POST with a query")
        return Inbound("post", await form(request, MAX_MESSAGE_BODY))
    if len(raw) > MAX_QUERY:
        raise RequestRefused("a query that is too long", status=414, code="too_large")
    return Inbound("redirect", {}, raw)


def _begin(site: NodeSite, request: Request, inbound: Inbound) -> Response:
    """Judge the node's request; an accepted one leads to a sign-in of this country, or to a choice among several."""
    now = site.clock()
    client = client_of(request)
    # Before it is judged: a signed request is anybody's who saw it, and each failure of ours is signed anew
    try:
        asked = site.proxy.receive(inbound, now, lambda node: site.watched.rates.begin(client, node))
    except PeerRequestRefused as error:
        # That no node has metadata is not the doing of whoever asks
        if error.check != "keys":
            site.watched.rates.failed(site.watched.rates.address(client), SIGN_ON, times=ADDRESS_TIMES)
        raise
    language = site.language(request)
    if isinstance(asked, Declined):
        return _error(site, request, asked.error, asked.answer, asked.node, language)
    try:
        with about(asked.node_id):
            requested = site.broker.begin(asked, now)
            _step(site, Step.BEGUN, site.reference(request, requested.login), asked)
    except (AssertionRejected, Suspended, AllRevoked, Closed) as error:
        return _stopped(site, request, error, asked, now)
    crowded = site.logins.crowded(cookies(request), now)
    providers = site.broker.providers(asked)
    if len(providers) == 1:
        return _off(site, request, requested, providers[0].provider_id, now, crowded)
    wording = site.wording(language)
    view = PickerView(
        language=language,
        service=site.country(site.broker.registered(asked), language),
        purpose=Text(wording.language.say(f"inform.kind.{Requester(asked.sp_type)}"), wording.language.tag),
        countries=tuple(
            CountryChoice(
                f"/login/{requested.login}/at/{one.provider_id}",
                one.country,
                wording.text(one.title),
                available=not site.broker.suspended(one),
                suspended=site.broker.suspended(one),
            )
            for one in providers
        ),
        cancel=f"/login/{requested.login}/cancel",
    )
    return page(site.pages.picker(view), view.kind, [*crowded, site.logins.keep(requested, now)])


def _off(
    site: NodeSite,
    request: Request,
    state: NodeRequested | NodeAsked,
    provider_id: ProviderId,
    now: int,
    crowded: list[Cookie],
) -> Response:
    """Off to an identity provider of this country."""
    try:
        with about(state.request.node_id, provider_id, AssertionRejected):
            outbound, asked = site.broker.ask(state, provider_id, now)
    except (Suspended, AllRevoked, Closed) as error:
        return _stopped(site, request, error, state.request, now)
    _step(site, Step.ASKED, site.reference(request, state.login), state.request)
    return site.send(outbound, site.language(request), [*crowded, site.logins.keep(asked, now)], Towards.PROVIDER)


def _heard(site: NodeSite, request: Request, inbound: Inbound) -> Response:
    """Only this browser's live question lets a response be read at all (decisions.md 1)."""
    now = site.clock()
    login = inbound.parameters.get("RelayState", "")
    reference = site.reference(request, login)
    state = site.logins.state(cookies(request), login, now)
    if not isinstance(state, NodeAsked):
        raise Replayed("not_asked", "a response to a login that has asked nobody")
    client = client_of(request)
    site.watched.tries.answer(login, client)
    began = time.perf_counter()
    try:
        with about(state.request.node_id, state.expectation.provider_id, AssertionRejected):
            decided = site.broker.hear(state, inbound, now)
    except (AssertionRejected, Suspended) as error:
        spent = isinstance(error, AssertionRejected) and site.watched.tries.wrong(login, client)
        return _stopped(site, request, error, state.request, now, after_decision(state.login, None) if spent else ())
    site.watched.verified(time.perf_counter() - began)
    _step(site, Step.ANSWERED, reference, state.request, decided.deviations)
    secret, strict = new_secret(decided.login)
    sealed = site.sealer.seal("decided", decided.login, decided.end, NODE_DECIDED.dump(decided), secret)
    view = _informed(site, decided, sealed, site.language(request))
    return page(site.pages.inform(view), view.kind, [strict])


def _decided(site: NodeSite, request: Request, login: str, fields: dict[str, str]) -> Response:
    """The citizen's word: bound to this browser by the Strict cookie, to what was shown by the seal."""
    now = site.clock()
    reference = site.reference(request, login)
    if not LOGIN_ID.fullmatch(login) or fields.get("login") != login:
        raise Replayed("login_id", "a decision about another login than its address says")
    if not FIELDS.issuperset(fields):
        raise RequestRefused("a decision with fields that the page does not have", code="other_site")
    secret = secret_of(cookies(request), login)
    sealed = site.sealer.open("decided", LoginId(login), fields.get("decided", ""), now, secret)
    try:
        decided = NODE_DECIDED.load(sealed)
    except NotFound as error:
        raise Replayed("decided_shape", "a decision that another version sealed") from error
    try:
        with about(decided.request.node_id):
            ended, peer = site.broker.decide(decided, fields.get("choice", ""), secret, now)
    except (Suspended, AllRevoked) as error:
        return _stopped(site, request, error, decided.request, now)
    released = isinstance(ended, NodeReleased)
    _step(site, Step.RELEASED if released else Step.CANCELLED, reference, decided.request)
    kept = after_decision(decided.login, secret)
    language = site.language(request)
    node = site.broker.registered(decided.request)
    country = site.country(node, language)

    def made() -> Response:
        if isinstance(ended, NodeReleased):
            return site.answer(site.proxy.respond(ended, peer, now), country, language, kept, Towards.NODE)
        return _left(site, ended, site.proxy.end(ended, peer, tell=node.tell_refusal, now=now), language, kept)

    unsent = partial(site.broker.not_sent, ended, decided.login, now)
    return answered(site, request, made, unsent, service=country, language=language, kept=kept, towards=Towards.NODE)


def _cancelled(site: NodeSite, request: Request, login: str) -> Response:
    """Back to the node from the choice among identity providers."""
    now = site.clock()
    reference = site.reference(request, login)
    state = site.logins.state(cookies(request), login, now)
    with about(state.request.node_id):
        ended, peer = site.broker.cancel(state, now)
    _step(site, Step.CANCELLED, reference, state.request)
    answer = site.proxy.end(ended, peer, tell=site.broker.registered(ended.request).tell_refusal, now=now)
    return _left(site, ended, answer, site.language(request), after_decision(state.login, None))


def _step(site: NodeSite, step: Step, reference: str, asked: NodeRequest, deviations: tuple[str, ...] = ()) -> None:
    """A line and a count of a login, under the node that asks and its country, by these named deviations."""
    country = site.broker.registered(asked).peer.country
    site.watched.steps.step(step, reference, asked.node_id, country, deviations)


def _left(site: NodeSite, ended: NodeRefused, answer: Post, language: str, kept: list[Cookie]) -> Response:
    country = site.country(site.broker.registered(ended.request), language)
    view = RefusedView(language, Ending.CANCELLED, country, answer.url, answer.fields, towards=Towards.NODE)
    return page(site.pages.refused(view), view.kind, kept)


def _stopped(
    site: NodeSite, request: Request, error: Stopped, asked: NodeRequest, now: int, kept: Sequence[Cookie] = ()
) -> Response:
    """No identity provider vouched as it has to, or nobody may or can go through now: the page says why.

    A button tells the node what it may know, where that can be signed.
    """
    node = site.broker.registered(asked)
    try:
        answer = site.proxy.refuse(asked, error, now)
    except (PeerUnavailable, StoreUnavailable):
        answer = None
    return _error(site, request, error, answer, node, site.language(request), kept)


def _error(
    site: NodeSite,
    request: Request,
    error: BrokerError,
    answer: Post | None,
    node: RequestingNode,
    language: str,
    kept: Sequence[Cookie] = (),
) -> Response:
    service = site.country(node, language)
    return site.error(request, error, back=answer, service=service, language=language, towards=Towards.NODE, kept=kept)


def _informed(site: NodeSite, decided: NodeDecided, sealed: str, language: str) -> InformView:
    wording = site.wording(language)
    node = site.broker.registered(decided.request)
    items = [
        wording.carried(
            one.name,
            one.value,
            site.catalogue,
            always=site.catalogue.attributes[one.name].eidas in MINIMUM,
            latin=one.latin,
        )
        for one in decided.attributes
    ]
    return InformView(
        language=language,
        login=decided.login,
        decided=sealed,
        action=f"/login/{decided.login}/decision",
        country=node.peer.country,
        node=wording.text(node.title),
        requester=Requester(decided.request.sp_type),
        named=decided.request.provider_name,
        loa=decided.loa,
        items=tuple(sorted(items, key=_place)),
    )


def _place(item: Item) -> tuple[bool, bool]:
    """Names and birth date first, the identifier that nobody can read after them, then what was asked for beside."""
    return not item.required, item.name == PERSON_IDENTIFIER_NAME
