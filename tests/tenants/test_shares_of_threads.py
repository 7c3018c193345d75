"""Each tenant has threads of its own: one that is slow fills its own, and none of another's."""

import asyncio
import threading
from collections.abc import Callable

import anyio
import pytest
from httpx2 import ASGITransport, AsyncClient

from idp.endpoints.threads import Threads, run_in_threadpool
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
        gate.wait(60)
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


def test_what_a_call_raises_is_raised_and_the_thread_lives_on() -> None:
    def fails() -> None:
        raise NotFound("this one")

    async def ask() -> str:
        with pytest.raises(NotFound, match="this one"):
            await run_in_threadpool(fails)
        return await run_in_threadpool(str, 7)

    assert asyncio.run(ask()) == "7"


def test_what_goes_with_a_request_goes_with_its_calls() -> None:
    inner = Threads(2)

    async def ask() -> str:
        with inner.used():
            return await run_in_threadpool(lambda: threading.current_thread().name)

    assert asyncio.run(ask()) == "endpoint"


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
