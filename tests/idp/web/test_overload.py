"""The order of service when too many come: two lanes, turns by address, and no waiting for those turned away."""

import asyncio
import functools
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import ParamSpec

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idp.config.setting_types import Limits
from idp.pages.render import Pages
from idp.server.rate_limits import Rates
from idp.web import overload
from idp.web.early_pages import EarlyPages
from idp.web.overload import TURN_FOR_NEW, Lane, Overload, Queue, lane_of
from policies.errors import Overloaded
from tests.alone import within

HOME, AWAY = "93.184.216.34", "93.184.216.35"
LOGIN = b"__Host-l-AAAAAAAAAAAAAAAAAAAAAA=a123"
REAL = {"cookie": LOGIN}
RATES, PAGES = Rates(Limits()), Pages()
P = ParamSpec("P")


def _scope(path: str, *, client: str = HOME, **headers: bytes) -> Scope:
    listed = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": path, "headers": listed, "client": (client, 0)}


@dataclass
class Told:
    """One request's answer, and how much of its body was read."""

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


def _overload(app: ASGIApp, at_work: int = 2, waiting: int = 3, **limits: int) -> tuple[Overload, Queue]:
    queue = Queue(at_work, waiting)
    return Overload(app, queue=queue, rates=Rates(Limits(**limits)), pages=EarlyPages("x.example", PAGES, "")), queue


def _answering(at_work: int = 2, waiting: int = 3, **limits: int) -> Overload:
    """In front of an application that answers at once."""
    held = Held()
    held.done.set()
    return _overload(held, at_work, waiting, **limits)[0]


async def _ask(wrapped: Overload, scope: Scope, body: Iterable[bytes] = (), pause: float = 0.0) -> Told:
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


def in_loop(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """A test that runs in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(asyncio.wait_for(test(*args, **kwargs), 20))

    return run


async def _settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("path", "headers", "lane"),
    [
        ("/saml/acs", REAL, Lane.BEGUN),
        ("/eidas/acs", REAL, Lane.BEGUN),
        ("/stork/acs", REAL, Lane.BEGUN),
        ("/stork/sso", REAL, Lane.NEW),
        ("/login/x/decision", {"cookie": b"a=b; __Host-a-x=1"}, Lane.BEGUN),
        ("/login/x/language", {"cookie": b"a=b; __Host-a-x=1"}, Lane.BEGUN),
        ("/logout/onward", {"cookie": b"__Host-logout=x"}, Lane.BEGUN),
        ("/logout/onward", {"cookie": b"__Host-logout-asked=x"}, Lane.NEW),
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
@in_loop
async def test_a_full_broker_answers_503_at_once_and_reads_no_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "WAIT_SECONDS", 600)  # whoever is not answered at once is not answered here
    held = Held()
    wrapped, _queue = _overload(held, at_work=4, waiting=3)
    inside = [asyncio.ensure_future(_ask(wrapped, _scope("/authorize"))) for _ in range(5)]
    await _settled()
    told = await _ask(wrapped, _scope("/authorize", content_length=b"400000"), [b"x" * 1000] * 400)
    assert (told.status, told.headers[b"retry-after"], told.read) == (503, b"5", 0)
    assert told.seconds < within(0.05, 20)
    assert held.most == 2, "two places of four are never for new ones"
    held.done.set()
    assert {one.status for one in await asyncio.gather(*inside)} == {200}


async def _waits(queue: Queue, lane: Lane, address: str) -> "asyncio.Task[None]":
    task = asyncio.ensure_future(queue.enter(lane, address))
    await asyncio.sleep(0)
    return task


def _refused(tasks: "Iterable[asyncio.Task[None]]") -> list[bool]:
    return [task.done() and isinstance(task.exception(), Overloaded) for task in tasks]


async def _fill(queue: Queue, lane: Lane, addresses: Iterable[str]) -> "list[asyncio.Task[None]]":
    """Those that wait behind a busy broker."""
    while queue.at_work < 2:
        await queue.enter(Lane.BEGUN, "busy")
    return [await _waits(queue, lane, address) for address in addresses]


def _inside(number: int) -> str:
    """An address in one network of a /48."""
    return RATES.address(f"2001:db8:1:{number:x}::1")


@pytest.mark.spec("issue: logins that have begun before new ones")
@in_loop
async def test_who_has_begun_goes_before_new_ones_that_came_earlier() -> None:
    queue = Queue(at_work=2, waiting=50)
    await queue.enter(Lane.NEW, "a")
    new = [await _waits(queue, Lane.NEW, "a") for _ in range(3)]
    assert not any(task.done() for task in new), "half of the places are not for new ones"
    begun = await _waits(queue, Lane.BEGUN, "b")
    assert begun.done()
    later = await _waits(queue, Lane.BEGUN, "b")
    assert not later.done()
    queue.leave(Lane.BEGUN)
    await _settled()
    assert [later.done(), *(task.done() for task in new)] == [True, False, False, False]


@in_loop
async def test_a_flood_of_pretenders_takes_at_most_seven_of_eight_turns_from_new_ones() -> None:
    queue = Queue(at_work=2, waiting=1000)
    served: list[Lane] = []

    async def one(lane: Lane) -> None:
        await queue.enter(lane, lane)
        served.append(lane)
        await asyncio.sleep(0)
        queue.leave(lane)

    await asyncio.gather(*(one(lane) for lane in [Lane.BEGUN] * 202 + [Lane.NEW] * 200))
    # One of the two places is never for new ones, so a turn of theirs may find the other taken
    assert 8 <= served[2 : 2 + TURN_FOR_NEW * 10].count(Lane.NEW) <= 10


@in_loop
async def test_a_real_sign_in_waits_behind_one_of_each_flooding_address_and_not_behind_the_flood() -> None:
    queue = Queue(at_work=2, waiting=100)
    flood = await _fill(queue, Lane.BEGUN, ["flood"] * 99)
    real = await _waits(queue, Lane.BEGUN, "real")
    for _ in range(2):
        queue.leave(Lane.BEGUN)
    await _settled()
    assert (flood[0].done(), real.done(), flood[1].done()) == (True, True, False)


@in_loop
async def test_whoever_shares_an_address_with_requests_that_gave_up_does_not_wait_for_their_turns() -> None:
    queue = Queue(at_work=2, waiting=100)
    gave_up = await _fill(queue, Lane.BEGUN, ["shared"] * 62)
    behind = await _waits(queue, Lane.BEGUN, "shared")
    others = [await _waits(queue, Lane.BEGUN, "other") for _ in range(9)]
    for one in gave_up:
        one.cancel()
    await _settled()
    for _ in range(2):
        queue.leave(Lane.BEGUN)
        await _settled()
    assert (behind.done(), others[0].done(), others[1].done()) == (True, True, False)


@in_loop
async def test_in_a_full_lane_the_address_with_most_gives_way() -> None:
    queue = Queue(at_work=2, waiting=10)
    flood = await _fill(queue, Lane.BEGUN, ["flood"] * 10)
    with pytest.raises(Overloaded):
        await queue.enter(Lane.BEGUN, "flood")
    real = await _waits(queue, Lane.BEGUN, "real")
    await asyncio.sleep(0.2)
    assert _refused([*flood, real]) == [False] * 9 + [True, False], "the newest of the flood, and at once"
    assert len(queue.lines[Lane.BEGUN].waiters) == 10
    real.cancel()
    await _settled()
    assert len(queue.lines[Lane.BEGUN].waiters) == 9


@in_loop
async def test_one_48_that_fills_a_lane_from_many_networks_gives_way_to_everybody_else() -> None:
    queue = Queue(at_work=2, waiting=256)
    flood = await _fill(queue, Lane.NEW, map(_inside, range(256)))
    others = await _fill(queue, Lane.NEW, [RATES.address(f"198.51.100.{number}") for number in range(200)])
    await asyncio.sleep(0.2)
    assert sum(_refused(flood)) == 200
    assert not any(_refused(others))
    with pytest.raises(Overloaded):
        await queue.enter(Lane.NEW, _inside(999))


@in_loop
async def test_a_48_weighs_as_one_address_with_a_quarter_as_many() -> None:
    """A carrier's customers are not one person."""
    queue = Queue(at_work=2, waiting=40)
    home, away = RATES.address(HOME), RATES.address(AWAY)
    await _fill(queue, Lane.NEW, [home] * 8)
    carrier = await _fill(queue, Lane.NEW, map(_inside, range(32)))
    for address in (home, _inside(99)):
        with pytest.raises(Overloaded):
            await queue.enter(Lane.NEW, address)
    await _fill(queue, Lane.NEW, [away] * 2)
    await asyncio.sleep(0.2)
    assert sum(_refused(carrier)) == 1, "eight of one address and 32 of one /48 weigh the same"


@in_loop
async def test_inside_one_48_the_network_with_most_gives_way() -> None:
    queue = Queue(at_work=2, waiting=64)
    flood = await _fill(queue, Lane.NEW, [_inside(number % 4) for number in range(64)])
    await _fill(queue, Lane.NEW, map(_inside, range(100, 120)))
    await asyncio.sleep(0.2)
    assert [sum(_refused(flood[network::4])) for network in range(4)] == [5] * 4


@in_loop
async def test_whoever_drips_gives_way_and_holds_no_place_of_a_whole_request() -> None:
    wrapped = _answering(at_work=2, waiting=1)
    drips = asyncio.ensure_future(_ask(wrapped, _scope("/token", content_length=b"9"), [b"x"] * 9, pause=30.0))
    await _settled()
    assert (await _ask(wrapped, _scope("/token", client=AWAY))).status == 200
    assert (await _ask(wrapped, _scope("/token", content_length=b"9"), [b"x" * 9])).status == 200
    assert (await drips).status == 503, "one address has one of one"


@in_loop
async def test_however_many_drip_a_whole_body_gets_in() -> None:
    """As many addresses as there are places, each with one octet of its body, for less than any limit counts."""
    wrapped = _answering(at_work=2, waiting=64)
    drips = [
        asyncio.ensure_future(
            _ask(wrapped, _scope("/token", content_length=b"9", client=f"192.0.2.{number}"), [b"x"] * 9, pause=30.0)
        )
        for number in range(64)
    ]
    await _settled()
    assert not any(drip.done() for drip in drips)
    assert (await _ask(wrapped, _scope("/token", content_length=b"9", client=AWAY), [b"x" * 9])).status == 200
    for drip in drips:
        drip.cancel()


@in_loop
async def test_one_address_has_a_quarter_of_the_bodies_that_are_under_way() -> None:
    queue, read = Queue(at_work=2, waiting=256), list[str]()

    async def drips(address: str) -> None:
        async def never() -> Message:
            read.append(address)
            await asyncio.Event().wait()
            raise AssertionError

        await queue.read(never, 10, address)

    tasks = [asyncio.ensure_future(drips(address)) for address in ["home"] * 100 + ["away"] * 64 + [""] * 128]
    await asyncio.sleep(0.05)
    assert _refused(tasks) == [True] * 36 + [False] * 256, "who has dripped for longest"
    assert len(read) == 292
    for task in tasks:
        task.cancel()


@in_loop
async def test_whoever_drips_a_body_holds_no_place_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "BODY_SECONDS", 0.2)
    held = Held()
    wrapped, _queue = _overload(held, at_work=2, waiting=20)
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


@in_loop
async def test_whoever_does_not_read_the_answer_holds_no_place() -> None:
    held = Held()
    held.done.set()
    wrapped, queue = _overload(held, at_work=2, waiting=2)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def stuck(_message: Message) -> None:
        await asyncio.Event().wait()

    silent = [asyncio.ensure_future(wrapped(_scope("/token"), receive, stuck)) for _ in range(6)]
    await _settled()
    assert queue.standing() == (0, {"begun": 0, "new": 0})
    assert (await _ask(wrapped, _scope("/token"))).status == 200
    for one in silent:
        one.cancel()
    await asyncio.gather(*silent, return_exceptions=True)
    assert queue.standing() == (0, {"begun": 0, "new": 0}), "nobody leaves twice"


@pytest.mark.parametrize(("path", "parts"), [("/token", 9), ("/authorize", 9), ("/anything", 9), ("/saml/acs", 41)])
@in_loop
async def test_no_more_of_a_body_is_read_than_its_endpoint_takes(path: str, parts: int) -> None:
    held = Held()
    wrapped, _queue = _overload(held, at_work=2, waiting=20)
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


@in_loop
async def test_whoever_waits_too_long_is_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overload, "WAIT_SECONDS", 0.05)
    held = Held()
    wrapped, queue = _overload(held, at_work=2, waiting=5)
    busy = [asyncio.ensure_future(_ask(wrapped, _scope("/token"))) for _ in range(2)]
    await _settled()
    assert (await _ask(wrapped, _scope("/token"))).status == 503
    assert len(queue.lines[Lane.BEGUN].waiters) == 0
    held.done.set()
    await asyncio.gather(*busy)
    assert queue.standing() == (0, {"begun": 0, "new": 0})


@in_loop
async def test_a_request_whose_browser_goes_away_leaves_its_place() -> None:
    held = Held()
    wrapped, queue = _overload(held, at_work=2, waiting=5)
    tasks = [asyncio.ensure_future(_ask(wrapped, _scope("/token"))) for _ in range(4)]
    await _settled()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert queue.standing() == (0, {"begun": 0, "new": 0})


@in_loop
async def test_whose_browser_goes_away_as_a_place_comes_free_spoils_nobodys_answer() -> None:
    held = Held()
    wrapped, queue = _overload(held, at_work=1, waiting=5)
    served, gone, following = tasks = [asyncio.ensure_future(_ask(wrapped, _scope("/token"))) for _ in range(3)]
    await _settled()
    held.done.set()
    gone.cancel()  # its place comes before it has left
    await asyncio.gather(*tasks, return_exceptions=True)
    assert gone.cancelled()
    assert [served.result().status, following.result().status] == [200, 200]
    assert queue.standing() == (0, {"begun": 0, "new": 0})


@in_loop
async def test_the_body_comes_whole_to_the_endpoint_and_what_is_too_much_comes_as_it_is() -> None:
    seen: list[bytes] = []

    async def reading(_scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), bool(message.get("more_body"))
        seen.append(body)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    wrapped, _ = _overload(reading)
    await _ask(wrapped, _scope("/token", content_length=b"5"), [b"ab", b"cd", b"e"])
    await _ask(wrapped, _scope("/token", transfer_encoding=b"chunked"), [b"x" * 100_000] * 6)
    assert seen == [b"abcde", b"x" * 600_000]


@in_loop
async def test_files_of_ours_and_the_question_whether_we_are_here_never_wait() -> None:
    wrapped = _answering(at_work=2, waiting=1)
    for path in ("/style.css", "/mark.svg", "/healthz"):
        assert (await _ask(wrapped, {**_scope(path), "method": "GET"})).status == 200


@in_loop
async def test_whatever_else_is_asked_of_them_is_limited_as_all_else_is() -> None:
    """It is answered with a page and a line of the log."""
    wrapped = _answering(pages=1)
    for method, status in (("GET", 200), ("DELETE", 200), ("GET", 200), ("DELETE", 429), ("POST", 429)):
        assert (await _ask(wrapped, {**_scope("/healthz"), "method": method})).status == status


def _browser(site: bytes, dest: bytes | None) -> dict[str, bytes]:
    return {"sec-fetch-site": site, **({} if dest is None else {"sec-fetch-dest": dest})}


def _from(headers: dict[str, bytes], path: str = "/authorize") -> Scope:
    return {**_scope(path), "headers": [(name.encode(), value) for name, value in headers.items()]}


@pytest.mark.parametrize("site", [b"cross-site", b"same-site"])
@pytest.mark.parametrize("dest", [b"empty", b"image", b"iframe"])
@in_loop
async def test_what_a_web_page_asks_for_fills_a_count_of_its_own_and_shuts_nobody_out(site: bytes, dest: bytes) -> None:
    wrapped = _answering(pages=2)
    page = [await _ask(wrapped, _from(_browser(site, dest))) for _ in range(3)]
    assert [told.status for told in page] == [200, 200, 429]
    returned = _from({**REAL, **_browser(b"cross-site", b"document")}, "/saml/acs")
    assert (await _ask(wrapped, returned)).status == 200
    assert (await _ask(wrapped, _scope("/token"))).status == 200
    assert (await _ask(wrapped, _scope("/token"))).status == 429


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
@in_loop
async def test_whatever_may_be_somebodys_way_is_counted_together(headers: dict[str, bytes]) -> None:
    wrapped = _answering(pages=1)
    assert (await _ask(wrapped, _from(headers))).status == 200
    assert (await _ask(wrapped, _scope("/authorize"))).status == 429


@in_loop
async def test_an_address_that_asks_for_too_many_pages_is_refused_and_this_machine_never() -> None:
    wrapped = _answering(pages=2)
    assert [(await _ask(wrapped, _scope("/authorize"))).status for _ in range(3)] == [200, 200, 429]
    statuses = [(await _ask(wrapped, _scope("/authorize", client="127.0.0.1"))).status for _ in range(5)]
    assert statuses == [200] * 5


@pytest.mark.parametrize(
    ("cookie", "language"),
    [
        (b"a=b; __Host-language=et", "et"),
        (b"x__Host-language=et", "en"),
        (b"__Host-language=xx", "en"),
        # Not even looked at: a full broker has no time for it
        (b"__Host-language=et" + b"-x" * 30_000, "en"),
    ],
)
def test_whoever_is_turned_away_reads_it_in_the_language_that_they_chose_before(cookie: bytes, language: str) -> None:
    scope = _scope("/authorize", cookie=cookie)
    page = EarlyPages("x.example", PAGES, "").turned_away(scope, Overloaded("full"))
    assert f'<html lang="{language}">'.encode() in page.body
