"""Each tenant has threads of its own: one that is slow fills its own, and none of another's."""

import asyncio
import threading
from collections.abc import Callable

import anyio
import pytest
from httpx2 import ASGITransport, AsyncClient

from idp.application.tenants import OpenInstallation
from idp.ports import Checkpoint
from idp.web.threads import Share, run_in_threadpool, share
from policies.errors import NotFound, Overloaded
from tests.tenants.roof import Roof, issuer

ASKED = 60


def test_a_share_that_is_used_up_waits_and_another_does_not() -> None:
    gate, begun = threading.Event(), threading.Semaphore(0)
    slow, quick = Share(2), Share(2)
    done: list[str] = []

    def wait() -> None:
        begun.release()
        gate.wait(60)
        done.append("slow")

    async def in_share(threads: Share, function: Callable[[], None]) -> None:
        share.set(threads)
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


async def asked_in(threads: Share, wait: Callable[[], object]) -> threading.Thread:
    def work() -> threading.Thread:
        wait()
        return threading.current_thread()

    share.set(threads)
    return await run_in_threadpool(work)


def test_what_comes_at_once_has_threads_of_its_own_which_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.web.threads.IDLE_SECONDS", 0.01)
    threads, all_at_work = Share(3), threading.Barrier(3, timeout=60)

    async def together() -> set[threading.Thread]:
        return {*await asyncio.gather(*(asked_in(threads, all_at_work.wait) for _ in range(3)))}

    first = asyncio.run(together())
    assert len(first) == 3
    for thread in first:
        thread.join(60)
        assert not thread.is_alive()
    assert len(asyncio.run(together())) == 3, "and others come after them"


def test_what_follows_an_answer_finds_the_thread_free() -> None:
    threads = Share(3)

    async def one_by_one() -> set[threading.Thread]:
        return {await asked_in(threads, lambda: None) for _ in range(20)}

    assert len(asyncio.run(one_by_one())) == 1


def test_what_a_function_raises_comes_to_who_waits() -> None:
    def broken() -> None:
        raise NotFound("nothing there")

    async def ask() -> None:
        with pytest.raises(NotFound, match="nothing there"):
            await run_in_threadpool(broken)

    anyio.run(ask)


def test_a_stop_iteration_comes_to_who_waits_as_a_fault() -> None:
    async def ask() -> None:
        with pytest.raises(RuntimeError, match="StopIteration"), anyio.fail_after(60):
            await run_in_threadpool(next, iter(()))

    anyio.run(ask)


def test_a_share_goes_on_after_a_thread_that_could_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def ask() -> None:
        threads, gate = Share(2), threading.Event()
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", fails)
            with pytest.raises(Overloaded):
                await asked_in(threads, gate.wait)
        first = asyncio.ensure_future(asked_in(threads, gate.wait))
        await asyncio.sleep(0)
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", fails)
            second = asyncio.ensure_future(asked_in(threads, gate.wait))
            await asyncio.sleep(0)
        gate.set()
        assert await first == await second, "the thread that there is does both"

    asyncio.run(ask())


def test_without_a_share_it_is_the_process_s_own() -> None:
    async def ask() -> str:
        return await run_in_threadpool(lambda: threading.current_thread().name)

    assert anyio.run(ask) != threading.current_thread().name


def test_what_has_begun_ends_though_its_browser_goes_away() -> None:
    gate, ended = threading.Event(), threading.Event()

    def work() -> None:
        gate.wait(60)
        ended.set()

    async def ask() -> None:
        task = asyncio.ensure_future(run_in_threadpool(work))
        await asyncio.sleep(0.05)
        task.cancel()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())
    assert ended.wait(60)


@pytest.mark.spec("design §6")
def test_a_tenant_whose_database_hangs_holds_nobody_of_another(
    roof: Roof, opened: Callable[[Roof], OpenInstallation], monkeypatch: pytest.MonkeyPatch
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
