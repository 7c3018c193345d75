"""The benchmark of logins computes its targets from what it measured."""

import asyncio

import pytest

from tests.benchmarks.logins import AT_ONCE, MANY, ONE, POSTGRES, Spent, _growth_target, _targets
from tests.benchmarks.logins_peers import Answer, Connection, LoginFailedError, _read
from tests.benchmarks.measure import Figure


def spent(cpu: float, inside: float = 1.0) -> dict[int, Spent]:
    return {at_once: Spent([cpu + 1, cpu], [inside]) for at_once in AT_ONCE}


def found(**more: dict[int, Spent]) -> dict[tuple[str, int], Spent]:
    cases = {"plain": spent(4.0), "encrypted": spent(5.0), ONE: spent(4.0), MANY: spent(4.2)}
    cases |= {name.replace("_", " "): value for name, value in more.items()}
    return {(name, at_once): value for name, each in cases.items() for at_once, value in each.items()}


def test_the_least_turn_counts_and_the_worse_number_at_once() -> None:
    satosa = {1: Spent([100.0, 120.0]), 8: Spent([78.0])}
    targets = {one.name: one for one in _targets(found(SATOSA_plain=satosa, SATOSA_encrypted=spent(120.0)))}
    assert targets["cpu_vs_satosa_plain"].measured == pytest.approx(19.5)
    assert not targets["cpu_vs_satosa_plain"].met
    assert targets["cpu_vs_satosa_encrypted"].measured == pytest.approx(24.0)
    assert targets["cpu_vs_satosa_encrypted"].met
    assert targets["two_workers_vs_one"].measured == pytest.approx(1.0)
    assert targets["parties_vs_few"].measured == pytest.approx(1.05)


def test_without_the_peer_and_postgresql_only_what_was_measured_is_a_target() -> None:
    assert {one.name for one in _targets(found())} == {"two_workers_vs_one", "parties_vs_few"}
    assert "postgres_vs_sqlite" in {one.name for one in _targets(found(**{POSTGRES: spent(5.0)}))}


def test_the_99th_percentile_is_of_all_logins() -> None:
    assert Spent([], [float(number) for number in range(200)]).p99() == 198.0


def test_memory_that_shrank_did_not_grow() -> None:
    def grown(before: float, after: float) -> float:
        figures = [Figure("memory before", before, "KiB"), Figure("memory after", after, "KiB"), Figure("logins", 100, "1")]
        return _growth_target(figures)[0].measured

    assert (grown(1000, 900), grown(1000, 1040)) == (0.0, 0.4)
    assert _growth_target([]) == []


def test_a_page_leads_on_by_redirect_or_refresh_and_else_the_login_failed() -> None:
    page = b'<meta http-equiv="refresh" content="0; url=https://a.example/cb?x=1&amp;y=2">'
    assert Answer(200, (), page).onward() == "https://a.example/cb?x=1&y=2"
    assert Answer(303, (("location", "https://a.example"),), b"").onward() == "https://a.example"
    with pytest.raises(LoginFailedError):
        Answer(200, (), b"<p>no</p>").onward()


def test_cookies_are_kept_and_removed() -> None:
    browser = Connection("a.example", 1)
    browser._keep(Answer(200, (("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2; Max-Age=60")), b""))
    assert browser.cookies == {"a": "1", "b": "2"}
    browser._keep(Answer(200, (("set-cookie", "a=; Max-Age=0"), ("set-cookie", "b=3; Max-Age=0")), b""))
    assert browser.cookies == {}


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ],
)
def test_an_answer_is_read_to_its_end(octets: bytes) -> None:
    async def reading() -> Answer:
        reader = asyncio.StreamReader()
        reader.feed_data(octets)
        reader.feed_eof()
        return await _read(reader)

    assert asyncio.run(reading()).body == b"hello"
