"""Who is served when more come than can be: two lanes, turns by address, and no waiting for whoever is turned away."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from idp.endpoints import admission
from idp.endpoints.admission import Admission
from idp.endpoints.gate import Gate
from idp.endpoints.lanes import TURN_FOR_NEW, Lane, Queue, State, Ticket, lane_of
from idp.rates import Rates
from idp.settings import Limits
from policies.errors import BrokerError, Overloaded

HOME, AWAY = "93.184.216.34", "93.184.216.35"
LOGIN = b"__Host-l-AAAAAAAAAAAAAAAAAAAAAA=a123"
REAL = {"cookie": LOGIN}


def _scope(path: str, *, client: str = HOME, **headers: bytes) -> Scope:
    listed = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": path, "headers": listed, "client": (client, 0)}


@dataclass
class Told:
    """What one request got, and how much of its body was read."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    read: int = 0
    seconds: float = 0.0


class Held:
    """An application whose requests end when a test says so."""

    def __init__(self) -> None:
        self.inside: list[str] = []
        self.most = 0
        self.done = asyncio.Event()

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        self.inside.append(scope["path"])
        self.most = max(self.most, len(self.inside))
        await self.done.wait()
        self.inside.remove(scope["path"])
        await send({"type": "http.response.start", "status": scope.get("status", 200), "headers": []})
        await send({"type": "http.response.body", "body": b""})


def _page(_scope: Scope, error: BrokerError, _reference: str) -> tuple[int, dict[str, str], bytes]:
    return 503 if isinstance(error, Overloaded) else 429, {"content-type": "text/plain"}, b"full"


def _admission(app: Held, at_work: int = 2, waiting: int = 3, **limits: int) -> Admission:
    rates = Rates(Limits(**limits))
    return Admission(app, gate=Gate(tenant="x.example", queue=Queue(at_work, waiting), rates=rates, page=_page))


async def _ask(wrapped: Admission, scope: Scope, body: Iterable[bytes] = (), pause: float = 0.0) -> Told:
    told, chunks, begun = Told(), list(body), time.thread_time()

    async def receive() -> Message:
        if pause:
            await asyncio.sleep(pause)
        told.read += 1
        part = chunks.pop(0) if chunks else b""
        return {"type": "http.request", "body": part, "more_body": bool(chunks)}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            told.status, told.headers = message["status"], dict(message["headers"])
            told.seconds = time.thread_time() - begun

    await wrapped(scope, receive, send)
    return told


def _run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(_as_coroutine(test), 20))


async def _as_coroutine(test: Callable[[], Awaitable[None]]) -> None:
    await test()


async def _settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("path", "headers", "lane"),
    [
        ("/saml/acs", REAL, Lane.BEGUN),
        ("/eidas/acs", REAL, Lane.BEGUN),
        ("/login/x/decision", {"cookie": b"a=b; __Host-a-x=1"}, Lane.BEGUN),
        ("/login/x/language", {"cookie": b"a=b; __Host-a-x=1"}, Lane.BEGUN),
        ("/token", {}, Lane.BEGUN),
        ("/userinfo", {}, Lane.BEGUN),
        ("/saml/acs", {}, Lane.NEW),
        ("/login/x/decision", {"cookie": b"a=b"}, Lane.NEW),
        ("/login/x/language", {"cookie": b"a=b"}, Lane.NEW),
        ("/authorize", REAL, Lane.NEW),
        ("/eidas/sso", REAL, Lane.NEW),
        ("/receipt", REAL, Lane.NEW),
    ],
)
def test_a_sign_in_that_has_begun_is_told_by_its_address_and_cookie(
    path: str, headers: dict[str, bytes], lane: Lane
) -> None:
    assert lane_of({**_scope(path), "headers": [(name.encode(), value) for name, value in headers.items()]}) is lane


@pytest.mark.spec("issue: 503 with Retry-After within 50 ms when full")
def test_a_full_broker_answers_503_at_once_and_reads_no_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "WAIT_SECONDS", 600)  # whoever is not answered at once is not answered here

    async def test() -> None:
        held = Held()
        wrapped = _admission(held, at_work=4, waiting=3)
        inside = [asyncio.ensure_future(_ask(wrapped, _scope("/authorize"))) for _ in range(5)]
        await _settled()
        told = await _ask(wrapped, _scope("/authorize", content_length=b"400000"), [b"x" * 1000] * 400)
        assert (told.status, told.headers[b"retry-after"], told.read) == (503, b"5", 0)
        assert told.headers[b"connection"] == b"close", "what was not read must not be read as the next request"
        assert told.seconds < 0.05
        assert held.most == 2, "two places of four are never for new ones"
        held.done.set()
        assert {one.status for one in await asyncio.gather(*inside)} == {200}

    _run(test)


@pytest.mark.spec("issue: logins that have begun before new ones")
def test_who_has_begun_goes_before_new_ones_that_came_earlier() -> None:
    queue = Queue(at_work=2, waiting=50)
    at_work = [queue.enter(Lane.NEW, "a") for _ in range(2)]
    assert [queue.wants(ticket) for ticket in at_work] == [True, False]
    new = [queue.enter(Lane.NEW, "a") for _ in range(3)]
    for ticket in new:
        queue.wants(ticket)
    begun = queue.enter(Lane.BEGUN, "b")
    assert queue.wants(begun), "the place that is not for new ones"
    later = queue.enter(Lane.BEGUN, "b")
    assert not queue.wants(later)
    queue.leave(begun)
    assert later.working
    assert not any(ticket.working for ticket in new)


def test_a_flood_of_pretenders_takes_at_most_seven_of_eight_turns_from_new_ones() -> None:
    queue = Queue(at_work=2, waiting=1000)
    working = [queue.enter(Lane.BEGUN, "flood") for _ in range(2)]
    for ticket in working:
        queue.wants(ticket)
    waiting = [queue.enter(lane, lane) for lane in (Lane.BEGUN, Lane.NEW) for _ in range(200)]
    for ticket in waiting:
        queue.wants(ticket)
    served = []
    while any(ticket.working for ticket in working):
        queue.leave(next(ticket for ticket in working if ticket.working))
        for ticket in waiting:
            if ticket.working and ticket not in working:
                working.append(ticket)
                served.append(ticket.lane)
    # One of the two places is never for new ones, so a turn of theirs may find the other taken
    assert 9 <= served[: TURN_FOR_NEW * 10].count(Lane.NEW) <= 10


def test_a_real_sign_in_waits_behind_one_of_each_flooding_address_and_not_behind_the_flood() -> None:
    queue = Queue(at_work=1 + 1, waiting=100)
    for ticket in (queue.enter(Lane.BEGUN, "flood") for _ in range(2)):
        queue.wants(ticket)
        last = ticket
    flood = [queue.enter(Lane.BEGUN, "flood", whole=True) for _ in range(99)]
    for ticket in flood:
        queue.wants(ticket)
    real = queue.enter(Lane.BEGUN, "real")
    queue.wants(real)
    queue.leave(last)
    queue.leave(flood[0])
    assert real.working, "one of the flood, then the real one"


def test_in_a_full_lane_the_address_with_most_gives_way() -> None:
    queue = Queue(at_work=2, waiting=10)
    for ticket in (queue.enter(Lane.BEGUN, "flood") for _ in range(2)):
        queue.wants(ticket)
    flood = [queue.enter(Lane.BEGUN, "flood", whole=True) for _ in range(10)]
    for ticket in flood:
        queue.wants(ticket)
    with pytest.raises(Overloaded):
        queue.enter(Lane.BEGUN, "flood")
    real = queue.enter(Lane.BEGUN, "real")
    assert [ticket.evicted for ticket in flood] == [False] * 9 + [True]
    queue.leave(flood[-1])
    assert queue.lines[Lane.BEGUN].size == 10
    queue.leave(real)
    assert queue.lines[Lane.BEGUN].size == 9


def test_whoever_is_evicted_while_waiting_or_dripping_is_told_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for bound in ("WAIT_SECONDS", "BODY_SECONDS"):
        monkeypatch.setattr(admission, bound, 600)

    async def test() -> None:
        held = Held()
        wrapped = _admission(held, at_work=2, waiting=2)
        busy = [asyncio.ensure_future(_ask(wrapped, _scope("/token", client=AWAY))) for _ in range(2)]
        await _settled()
        waits = asyncio.ensure_future(_ask(wrapped, _scope("/token")))
        await _settled()
        drips = asyncio.ensure_future(_ask(wrapped, _scope("/token", content_length=b"9"), [b"x"] * 9, pause=30.0))
        await _settled()
        real = asyncio.ensure_future(_ask(wrapped, _scope("/token", client="198.51.101.1")))
        told = await drips
        assert (told.status, held.most) == (503, 2)
        held.done.set()
        assert [one.status for one in await asyncio.gather(waits, real, *busy)] == [200] * 4

    _run(test)


def test_whoever_drips_gives_way_to_a_whole_request_of_an_address_with_no_fewer() -> None:
    async def test() -> None:
        held = Held()
        held.done.set()
        wrapped = _admission(held, at_work=2, waiting=1)
        drips = asyncio.ensure_future(_ask(wrapped, _scope("/token", content_length=b"9"), [b"x"] * 9, pause=30.0))
        await _settled()
        assert (await _ask(wrapped, _scope("/token", client=AWAY, content_length=b"9"), [b"x" * 9])).status == 503
        assert (await _ask(wrapped, _scope("/token", client=AWAY))).status == 200
        assert (await drips).status == 503

    _run(test)


def test_whoever_drips_a_body_holds_no_place_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "BODY_SECONDS", 0.2)

    async def test() -> None:
        held = Held()
        wrapped = _admission(held, at_work=2, waiting=20)
        slow = [
            asyncio.ensure_future(_ask(wrapped, _scope("/token", content_length=b"99"), [b"x"] * 99, pause=0.05))
            for _ in range(8)
        ]
        await asyncio.sleep(0.05)
        quick = asyncio.ensure_future(_ask(wrapped, _scope("/token", content_length=b"2"), [b"xx"]))
        await _settled()
        assert held.inside == ["/token"]
        held.done.set()
        assert (await quick).status == 200
        assert {one.status for one in await asyncio.gather(*slow)} == {503}

    _run(test)


def test_whoever_does_not_read_the_answer_holds_no_place() -> None:
    async def test() -> None:
        held = Held()
        held.done.set()
        wrapped = _admission(held, at_work=2, waiting=2)

        async def receive() -> Message:
            return {"type": "http.request"}

        async def stuck(_message: Message) -> None:
            await asyncio.Event().wait()

        silent = [asyncio.ensure_future(wrapped(_scope("/token"), receive, stuck)) for _ in range(6)]
        await _settled()
        assert wrapped.gate.queue.standing() == (0, {"begun": 0, "new": 0})
        assert (await _ask(wrapped, _scope("/token"))).status == 200
        for one in silent:
            one.cancel()
        await asyncio.gather(*silent, return_exceptions=True)
        assert wrapped.gate.queue.standing() == (0, {"begun": 0, "new": 0}), "nobody leaves twice"

    _run(test)


@pytest.mark.parametrize(("path", "parts"), [("/token", 9), ("/authorize", 9), ("/anything", 9), ("/saml/acs", 41)])
def test_no_more_of_a_body_is_read_than_its_endpoint_takes(path: str, parts: int) -> None:
    async def test() -> None:
        held = Held()
        wrapped = _admission(held, at_work=2, waiting=20)
        busy = [asyncio.ensure_future(_ask(wrapped, _scope("/token"))) for _ in range(2)]
        await _settled()
        read: list[bytes] = []

        async def receive() -> Message:
            read.append(b"")
            return {"type": "http.request", "body": b"x" * 10_000, "more_body": True}

        async def send(_message: Message) -> None:
            return None

        waits = asyncio.ensure_future(wrapped(_scope(path, transfer_encoding=b"chunked"), receive, send))
        await _settled()
        assert len(read) == parts
        held.done.set()
        await asyncio.gather(waits, *busy)

    _run(test)


def test_whoever_waits_too_long_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "WAIT_SECONDS", 0.05)

    async def test() -> None:
        held = Held()
        wrapped = _admission(held, at_work=2, waiting=5)
        busy = [asyncio.ensure_future(_ask(wrapped, _scope("/token"))) for _ in range(2)]
        await _settled()
        assert (await _ask(wrapped, _scope("/token"))).status == 503
        assert wrapped.gate.queue.lines[Lane.BEGUN].size == 0
        held.done.set()
        await asyncio.gather(*busy)
        assert wrapped.gate.queue.standing() == (0, {"begun": 0, "new": 0})

    _run(test)


def test_a_request_whose_browser_goes_away_leaves_its_place() -> None:
    async def test() -> None:
        held = Held()
        wrapped = _admission(held, at_work=2, waiting=5)
        tasks = [asyncio.ensure_future(_ask(wrapped, _scope("/token"))) for _ in range(4)]
        await _settled()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert wrapped.gate.queue.standing() == (0, {"begun": 0, "new": 0})

    _run(test)


def test_whose_browser_goes_away_as_a_place_comes_free_spoils_nobodys_answer() -> None:
    async def test() -> None:
        held = Held()
        wrapped = _admission(held, at_work=1, waiting=5)
        served, gone, following = tasks = [asyncio.ensure_future(_ask(wrapped, _scope("/token"))) for _ in range(3)]
        await _settled()
        held.done.set()
        gone.cancel()  # its place comes before it has left
        await asyncio.gather(*tasks, return_exceptions=True)
        assert gone.cancelled()
        assert [served.result().status, following.result().status] == [200, 200]
        assert wrapped.gate.queue.standing() == (0, {"begun": 0, "new": 0})

    _run(test)


def test_the_body_comes_whole_to_the_endpoint_and_what_is_too_much_comes_as_it_is() -> None:
    seen: list[bytes] = []

    async def reading(_scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), bool(message.get("more_body"))
        seen.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def test() -> None:
        wrapped = Admission(reading, gate=Gate(tenant="x.example", queue=Queue(2, 2), rates=Rates(Limits()), page=_page))
        await _ask(wrapped, _scope("/token", content_length=b"5"), [b"ab", b"cd", b"e"])
        await _ask(wrapped, _scope("/token", transfer_encoding=b"chunked"), [b"x" * 100_000] * 6)

    _run(test)
    assert seen == [b"abcde", b"x" * 600_000]


def test_files_of_ours_and_the_question_whether_we_are_here_never_wait() -> None:
    async def test() -> None:
        held = Held()
        wrapped = _admission(held, at_work=2, waiting=1)
        held.done.set()
        for path in ("/style.css", "/mark.svg", "/healthz"):
            assert (await _ask(wrapped, {**_scope(path), "method": "GET"})).status == 200

    _run(test)


def test_whatever_else_is_asked_of_them_is_limited_as_all_else_is() -> None:
    """It is answered with a page and a line of the log."""

    async def test() -> None:
        held = Held()
        held.done.set()
        wrapped = _admission(held, pages=1)
        for method, status in (("GET", 200), ("DELETE", 200), ("GET", 200), ("DELETE", 429), ("POST", 429)):
            assert (await _ask(wrapped, {**_scope("/healthz"), "method": method})).status == status

    _run(test)


def _browser(site: bytes, dest: bytes | None) -> dict[str, bytes]:
    return {"sec-fetch-site": site, **({} if dest is None else {"sec-fetch-dest": dest})}


def _from(headers: dict[str, bytes], path: str = "/authorize") -> Scope:
    return {**_scope(path), "headers": [(name.encode(), value) for name, value in headers.items()]}


@pytest.mark.parametrize("site", [b"cross-site", b"same-site"])
@pytest.mark.parametrize("dest", [b"empty", b"image", b"iframe"])
def test_what_a_web_page_asks_for_fills_a_count_of_its_own_and_shuts_nobody_out(site: bytes, dest: bytes) -> None:
    async def test() -> None:
        held = Held()
        held.done.set()
        wrapped = _admission(held, pages=2)
        page = [await _ask(wrapped, _from(_browser(site, dest))) for _ in range(3)]
        assert [told.status for told in page] == [200, 200, 429]
        returned = _from({**REAL, **_browser(b"cross-site", b"document")}, "/saml/acs")
        assert (await _ask(wrapped, returned)).status == 200
        assert (await _ask(wrapped, _scope("/token"))).status == 200
        assert (await _ask(wrapped, _scope("/token"))).status == 429

    _run(test)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        _browser(b"cross-site", None),
        {"sec-fetch-dest": b"empty"},
        _browser(b"cross-site", b"document"),
        _browser(b"none", b"document"),
        _browser(b"same-origin", b"empty"),
    ],
)
def test_whatever_may_be_somebodys_way_is_counted_together(headers: dict[str, bytes]) -> None:
    async def test() -> None:
        held = Held()
        held.done.set()
        wrapped = _admission(held, pages=1)
        assert (await _ask(wrapped, _from(headers))).status == 200
        assert (await _ask(wrapped, _scope("/authorize"))).status == 429

    _run(test)


def test_an_address_that_asks_for_too_many_pages_is_refused_and_this_machine_never() -> None:
    async def test() -> None:
        held = Held()
        held.done.set()
        wrapped = _admission(held, pages=2)
        assert [(await _ask(wrapped, _scope("/authorize"))).status for _ in range(3)] == [200, 200, 429]
        statuses = [(await _ask(wrapped, _scope("/authorize", client="127.0.0.1"))).status for _ in range(5)]
        assert statuses == [200] * 5

    _run(test)


def test_admission_costs_a_request_little() -> None:
    async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
        return None

    async def test() -> None:
        rates = Rates(Limits(pages=10**7))
        wrapped = Admission(nothing, gate=Gate(tenant="x.example", queue=Queue(16, 256), rates=rates, page=_page))
        scope = _scope("/authorize")

        async def receive() -> Message:
            return {"type": "http.request"}

        async def send(_message: Message) -> None:
            return None

        best = float("inf")
        for _ in range(7):
            begun = time.thread_time()
            for _ in range(500):
                await wrapped(scope, receive, send)
            best = min(best, (time.thread_time() - begun) / 500)
        assert best < 60e-6, f"{best * 1e6:.1f} microseconds"

    _run(test)


@given(
    st.lists(st.tuples(st.sampled_from(["come", "read", "end", "leave"]), st.booleans(), st.integers(0, 3)), max_size=60)
)
def test_a_place_at_once_is_the_place_that_the_queue_would_give(steps: list[tuple[str, bool, int]]) -> None:
    """The same comes to two queues, of which one is asked for a place at once first: both serve the same."""
    quick, slow = (Queue(at_work=3, waiting=4, clock=lambda: 0.0) for _ in range(2))
    both: list[tuple[Ticket, Ticket]] = []
    for step, begun, number in steps:
        lane, address = Lane.BEGUN if begun else Lane.NEW, str(number)
        if step == "come":  # with its body, or without one
            try:
                other = slow.enter(lane, address, whole=True)
            except Overloaded:
                assert quick.at_once(lane, address) is None
                with pytest.raises(Overloaded):
                    quick.enter(lane, address, whole=True)
                continue
            slow.wants(other)
            if (ticket := quick.at_once(lane, address)) is None:
                ticket = quick.enter(lane, address, whole=True)
                quick.wants(ticket)
            both.append((ticket, other))
        elif step == "read":  # its body is still to come
            try:
                both.append((quick.enter(lane, address), slow.enter(lane, address)))
            except Overloaded:
                continue
        elif number < len(both):
            pair = both[number]
            if step == "leave":
                quick.leave(pair[0])
                slow.leave(pair[1])
            elif pair[0].state is State.COMING:
                quick.wants(pair[0])
                slow.wants(pair[1])
        assert quick.standing() == slow.standing()
        assert [one.working for one, _ in both] == [other.working for _, other in both]
        assert [one.evicted for one, _ in both] == [other.evicted for _, other in both]
