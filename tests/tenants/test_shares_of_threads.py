"""Each tenant has threads of its own: one that is slow fills its own, and none of another's."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable

import anyio
import pytest
from httpx2 import ASGITransport, AsyncClient

from idp.endpoints.threads import THREADS, Threads, run_in_threadpool, threaded
from idp.ports import Checkpoint
from idp.tenants import Opened
from policies.errors import NotFound
from tests.tenants.roof import Roof, issuer

ASKED = 60


def test_a_share_that_is_used_up_waits_and_another_does_not() -> None:
    gate, begun = threading.Event(), threading.Semaphore(0)
    slow, quick = Threads(2), Threads(2)
    done: list[str] = []

    def wait() -> None:
        begun.release()
        gate.wait(10)
        done.append("slow")

    async def in_share(share: Threads, function: Callable[[], None]) -> None:
        with share.used():
            await run_in_threadpool(function)

    async def both() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(in_share, slow, wait)
            await anyio.to_thread.run_sync(lambda: [begun.acquire() for _ in range(2)])
            await in_share(quick, lambda: done.append("quick"))
            assert not begun.acquire(blocking=False), "more than its share"
            gate.set()

    anyio.run(both)
    assert done == ["quick", *["slow"] * 5]


def test_without_a_share_it_is_the_process_s_own_and_after_one_too() -> None:
    async def ask() -> str:
        with Threads(1).used():
            pass
        return await run_in_threadpool(lambda: threading.current_thread().name)

    assert anyio.run(ask) != threading.current_thread().name


def test_one_after_another_they_share_one_thread_which_ends_when_it_has_nothing_to_do() -> None:
    share = Threads(5, idle_seconds=2)

    async def ask() -> set[threading.Thread]:
        with share.used():
            return {await run_in_threadpool(threading.current_thread) for _ in range(200)}

    (alone,) = asyncio.run(ask())
    alone.join(60)
    assert not alone.is_alive()
    (another,) = asyncio.run(ask())
    assert another is not alone


def test_of_several_threads_the_one_that_worked_last_works_next() -> None:
    share, together = Threads(5), threading.Barrier(5)

    async def all_at_once() -> set[threading.Thread]:
        def meet() -> threading.Thread:
            together.wait(10)
            return threading.current_thread()

        with share.used():
            return set(await asyncio.gather(*(run_in_threadpool(meet) for _ in range(5))))

    async def one_after_another() -> set[threading.Thread]:
        with share.used():
            return {await run_in_threadpool(threading.current_thread) for _ in range(100)}

    assert len(asyncio.run(all_at_once())) == 5
    assert len(asyncio.run(one_after_another())) == 1


def test_what_a_call_raises_is_raised_and_the_thread_lives_on() -> None:
    def fails() -> None:
        raise NotFound("this one")

    async def ask() -> str:
        with pytest.raises(NotFound, match="this one"):
            await run_in_threadpool(fails)
        return await run_in_threadpool(str, 7)

    assert asyncio.run(ask()) == "7"


def test_an_end_that_no_future_takes_is_told_all_the_same() -> None:
    def over() -> int:
        return next(iter(()))

    async def ask() -> None:
        with Threads(1).used():
            async with asyncio.timeout(5):
                await run_in_threadpool(over)

    with pytest.raises(RuntimeError, match="StopIteration") as raised:
        asyncio.run(ask())
    assert raised.traceback[-1].name == "over", "the log names the place"


def test_whoever_went_away_is_not_told_and_what_has_begun_ends() -> None:
    gate, done, share = threading.Event(), threading.Event(), Threads(1)

    def work() -> None:
        gate.wait(10)
        done.set()

    async def ask() -> int:
        with share.used():
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(run_in_threadpool(work), 0.01)
            gate.set()
            return await run_in_threadpool(int, "3")

    assert asyncio.run(ask()) == 3
    assert done.is_set()


def _starts_none(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_what_no_thread_was_there_for_is_not_done_later(monkeypatch: pytest.MonkeyPatch) -> None:
    share, done = Threads(2), list[str]()

    async def ask(which: str) -> None:
        with share.used():
            await run_in_threadpool(done.append, which)

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", _starts_none)
        with pytest.raises(RuntimeError, match="can't start"):
            asyncio.run(ask("refused"))
    asyncio.run(ask("next"))
    asyncio.run(ask("last"))  # whatever waits is called before it
    assert done == ["next", "last"]


def test_where_there_is_a_thread_it_takes_what_no_other_came_for(monkeypatch: pytest.MonkeyPatch) -> None:
    share, gate = Threads(2), threading.Event()

    async def ask() -> list[object]:
        first = share.call(lambda: gate.wait(10))
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", _starts_none)
            second = share.call(lambda: "second")
        gate.set()
        return [await first, await second]

    assert asyncio.run(ask()) == [True, "second"]


def test_of_two_loops_that_wait_for_one_thread_both_hear_that_it_did_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    share, done, heard = Threads(2), list[str](), list[str]()
    begins = threading.Thread.start

    async def ask(which: str) -> None:
        try:
            await asyncio.wait_for(share.call(lambda: done.append(which)), 5)
        except RuntimeError as error:
            heard.append(f"{which}: {error}")

    def other_comes_first(thread: threading.Thread) -> None:
        """While the first one's thread begins, another loop's call comes, and neither gets one."""
        if thread.name == "other":
            begins(thread)
            return
        if not other.ident:
            other.start()
            time.sleep(0.2)
        raise RuntimeError("can't start new thread")

    other = threading.Thread(target=lambda: asyncio.run(ask("other")), name="other")
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", other_comes_first)
        asyncio.run(ask("first"))
        other.join(10)
    asyncio.run(ask("next"))
    assert (sorted(heard), done) == (["first: can't start new thread", "other: can't start new thread"], ["next"])


def test_nobody_is_told_in_a_loop_that_has_ended() -> None:
    gate, share = threading.Event(), Threads(1)

    async def leave() -> None:
        share.call(lambda: gate.wait(10))

    asyncio.run(leave())
    gate.set()

    async def ask() -> int:
        with share.used():
            return await run_in_threadpool(int, "3")

    assert asyncio.run(ask()) == 3


def test_a_thread_that_waits_keeps_nothing_of_the_call_before() -> None:
    class Thing:
        pass

    share, thing = Threads(1), Thing()
    kept = weakref.ref(thing)

    async def ask(held: list[Thing]) -> None:
        with share.used():
            await run_in_threadpool(held.pop)

    asyncio.run(ask([thing]))
    del thing
    end = time.monotonic() + 60
    while kept() is not None and time.monotonic() < end:
        gc.collect()
        time.sleep(0.01)
    assert kept() is None


def test_what_goes_with_a_request_goes_with_its_calls() -> None:
    inner = Threads(2)

    async def ask() -> str:
        with inner.used():
            return await run_in_threadpool(lambda: threading.current_thread().name)

    assert asyncio.run(ask()) == "endpoint"


def test_an_endpoint_that_does_not_block_needs_no_thread() -> None:
    async def endpoint() -> int:
        return 1

    with pytest.raises(TypeError, match="does not block"):
        threaded(endpoint)


def test_a_share_has_as_many_as_the_framework_has_for_a_process() -> None:
    assert anyio.run(_framework_s) == THREADS


async def _framework_s() -> float:
    return anyio.to_thread.current_default_thread_limiter().total_tokens


@pytest.mark.spec("design §6")
def test_a_tenant_whose_database_hangs_holds_nobody_of_another(
    roof: Roof, opened: Callable[[Roof], Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    served, gate = opened(roof), threading.Event()
    slow = served.tenants["alder"].store

    def hangs(_tenant: str) -> Checkpoint | None:
        gate.wait(60)
        raise NotFound("it came back")

    monkeypatch.setattr(slow, "checkpoint", hangs)

    async def ask() -> list[int]:
        async with AsyncClient(transport=ASGITransport(served.asgi), base_url="https://x") as client:
            async with anyio.create_task_group() as group:
                for _ in range(ASKED):
                    group.start_soon(client.get, f"{issuer('alder')}/log/checkpoint")
                await anyio.sleep(0.05)
                with anyio.fail_after(30):
                    found = [(await client.get(f"{issuer('birch')}/log/vkey")).status_code for _ in range(5)]
                gate.set()
            return found

    assert anyio.run(ask) == [200] * 5
