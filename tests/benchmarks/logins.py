"""The cost of one login: `python -m tests.benchmarks.logins [--json] [--peer DIR]`.

A relying party asks by OpenID Connect, or by SAML, and an identity provider answers by SAML; the peers and the browser are
one process of their own, whose time counts for nobody. Ours with policy, approval page and its post, durable unit, ledger
and receipt. A login counts when the relying party has verified its id_token, or the signatures of its answer. CPU is that
of the broker's process tree, from /proc, with what it spends while nobody asks. Ours runs with two workers unless a row
says otherwise, and so does SATOSA. Whether two give 1.8 times the throughput of one is not measured: driver, database and
workers would need six cores for that.
"""

import argparse
import asyncio
import gc
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.logins_pages import pages
from tests.benchmarks.logins_peers import Answer, Asked, Connection, IdentityProvider, LoginFailedError, RelyingParty
from tests.benchmarks.logins_saml import SamlService, make_saml_stage
from tests.benchmarks.logins_satosa import HOST as SATOSA_HOST
from tests.benchmarks.logins_satosa import Satosa
from tests.benchmarks.logins_stage import HOST, ISSUER, Running, make_stage, memory_kib
from tests.benchmarks.measure import Figure, Report, Target, could_not_run
from tests.postgres import server

LIBRARIES = ("ciconia", "cryptography", "lxml", "xmlsec", "fastapi", "uvicorn", "sqlalchemy", "msgspec")
# Before the turns, and before each of them: what ran before it took the processor's caches
WARM_UP, AGAIN = 20, 10
AT_ONCE = (1, 8)
WORKERS = 2
PARTIES = 5_000
SETTLED = 6.0
ONE, MANY, POSTGRES = "one worker", "5,000 parties", "PostgreSQL"
SAML, SAML_ENCRYPTED = "SAML to SAML", "SAML to SAML encrypted"
VS_SATOSA = (
    ("cpu_vs_satosa_plain", "plain", 20.0),
    ("cpu_vs_satosa_encrypted", "encrypted", 16.0),
    ("saml_cpu_vs_satosa", SAML, 20.0),
    ("saml_cpu_vs_satosa_encrypted", SAML_ENCRYPTED, 16.0),
)
VS_OURS = (
    ("two_workers_vs_one", "plain", ONE, 1.15),
    ("parties_vs_few", MANY, "plain", 1.15),
    ("postgres_vs_sqlite", POSTGRES, "plain", 1.35),
)

Login = Callable[[Connection], Awaitable[None]]
# Signs in at the address to which the broker sent the browser: the broker's page for who comes back
Back = Callable[[Connection, str], Awaitable[Answer]]


@dataclass
class Spent:
    """The measurements of one case, over all its turns."""

    cpu: list[float] = field(default_factory=list)  # ms a login, one a turn
    inside: list[float] = field(default_factory=list)  # ms inside the broker, one a login

    def p99(self) -> float:
        """The 99th percentile of the time inside the broker, in ms."""
        ordered = sorted(self.inside)
        return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


def over_saml(provider: IdentityProvider, *, encrypted: bool = False) -> Back:
    """Over an identity provider that answers by SAML."""

    async def back(browser: Connection, location: str) -> Answer:
        posted = provider.answer(location, encrypted=encrypted)
        return await browser.request("POST", "/saml/acs", posted, sec_fetch_dest="document", sec_fetch_site="cross-site")

    return back


def ours(back: Back, party: RelyingParty) -> Login:
    """One login at Ciconia, of a service that asks by OpenID Connect."""

    async def login(browser: Connection) -> None:
        asked = party.ask()
        redeem = party.redeem(await signed_in(browser, back, asked), asked)
        browser.cookies.clear()
        party.verified(await browser.request("POST", "/token", redeem, authorization=party.authorization), asked)

    return login


async def signed_in(browser: Connection, back: Back, asked: Asked) -> str:
    """A sign-in at Ciconia, approved: the address to which the browser goes with the code."""
    return (await approved(browser, back, f"/authorize?{asked.query}")).onward()


def ours_saml(back: Back, service: SamlService) -> Login:
    """One login at Ciconia, of a service that speaks SAML."""

    async def login(browser: Connection) -> None:
        asked = service.ask()
        service.verified((await approved(browser, back, "/saml/sso", asked.fields)).hidden(), asked)

    return login


async def approved(browser: Connection, back: Back, target: str, posted: dict[str, str] | None = None) -> Answer:
    """A sign-in that a service's request at `target` begins, approved: the broker's answer, on its way to the service.

    Nothing here is of the protocol in which the service asks.
    """
    method = "GET" if posted is None else "POST"
    first = await browser.request(method, target, posted, sec_fetch_dest="document", sec_fetch_site="cross-site")
    page = await back(browser, first.onward())
    fields = page.hidden()
    if "decided" not in fields:
        raise LoginFailedError(f"{page.status} {page.body[:2000]!r}")
    decision = f"/login/{fields['login']}/decision"
    chosen = {**fields, "choice": "approve"}
    onward = await browser.request(
        "POST", decision, chosen, sec_fetch_dest="document", sec_fetch_site="same-origin", origin=ISSUER
    )
    for _to_the_last_page_and_from_there in range(2):
        path = onward.onward().removeprefix(ISSUER)
        onward = await browser.request("GET", path, sec_fetch_dest="document", sec_fetch_site="same-origin")
    return onward


async def drive(login: Login, host: str, port: int, *, logins: int, at_once: int) -> list[float]:
    """So many logins, so many at once. The time inside the broker of each, in ms."""
    inside: list[float] = []
    left = logins

    async def worker() -> None:
        nonlocal left
        browser = Connection(host, port)
        try:
            while left > 0:
                left -= 1
                browser.fresh()
                await login(browser)
                inside.append(browser.spent * 1000)
        finally:
            browser.close()

    await asyncio.gather(*(worker() for _ in range(at_once)))
    return inside


def turn(broker: Running, host: str, login: Login, spent: Spent, *, logins: int, at_once: int) -> None:
    """One turn: so many logins, and what they cost. Some that nobody counts come before them.

    The driver collects no garbage meanwhile: that takes 90 ms once in some 1,500 logins, and would count as the broker's.
    """
    asyncio.run(drive(login, host, broker.port, logins=AGAIN, at_once=at_once))
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        before = broker.cpu()
        inside = asyncio.run(drive(login, host, broker.port, logins=logins, at_once=at_once))
    finally:
        gc.enable()
    spent.cpu.append((broker.cpu() - before) * 1000 / logins)
    spent.inside += inside


@dataclass(frozen=True, slots=True)
class Case:
    """One contestant: a broker that runs, and a kind of login at it."""

    broker: Running
    host: str
    login: Login


def measured(folder: Path, chosen: argparse.Namespace) -> tuple[list[Figure], list[Target]]:
    """Ours in its variants and SATOSA, in turns; what ten thousand logins leave behind."""
    with ExitStack() as running:
        cases = {} if chosen.saml else _cases(folder, chosen, running)
        cases |= _saml_cases(folder, chosen, running)
        for case in cases.values():
            asyncio.run(drive(case.login, case.host, case.broker.port, logins=WARM_UP, at_once=4))
        # A worker that begins looks once at everything that it has
        time.sleep(SETTLED)
        found: dict[tuple[str, int], Spent] = {}
        for _ in range(chosen.turns):
            for name, case in cases.items():
                for at_once in AT_ONCE:
                    spent = found.setdefault((name, at_once), Spent())
                    turn(case.broker, case.host, case.login, spent, logins=chosen.logins, at_once=at_once)
        growth = _growth(next(iter(cases.values())), chosen.growth)
    shown, within = ([], []) if chosen.saml else pages()
    return [*_figures(found), *growth, *shown], [*_targets(found), *_growth_target(growth), *within]


def _cases(folder: Path, chosen: argparse.Namespace, running: ExitStack) -> dict[str, Case]:
    """The contestants by name, each with its broker."""
    stage = make_stage(folder / "ours")
    broker = running.enter_context(stage.serve(WORKERS))
    cases = {
        "plain": Case(broker, HOST, ours(over_saml(stage.provider), stage.party)),
        "encrypted": Case(broker, HOST, ours(over_saml(stage.provider, encrypted=True), stage.party)),
    }
    more = {ONE: make_stage(folder / "one"), MANY: make_stage(folder / "many", parties=PARTIES)}
    if chosen.postgres:
        more[POSTGRES] = make_stage(folder / "postgres", database=server().fresh())
    for name, other in more.items():
        alone = running.enter_context(other.serve(1 if name == ONE else WORKERS))
        cases[name] = Case(alone, HOST, ours(over_saml(other.provider), other.party))
    if chosen.peer is not None:
        satosa = Satosa(chosen.peer, folder / "satosa")
        theirs = running.enter_context(satosa.serve())
        cases["SATOSA plain"] = Case(theirs, SATOSA_HOST, satosa.plain)
        cases["SATOSA encrypted"] = Case(theirs, SATOSA_HOST, satosa.encrypted)
    return cases


def _saml_cases(folder: Path, chosen: argparse.Namespace, running: ExitStack) -> dict[str, Case]:
    """The same of services that speak SAML. Where such a service's assertion is encrypted, the provider's is, too."""
    stage, *services = make_saml_stage(folder / "saml")
    broker, cases = running.enter_context(stage.serve(WORKERS)), {}
    for name, service, encrypts in zip((SAML, SAML_ENCRYPTED), services, (False, True), strict=True):
        cases[name] = Case(broker, HOST, ours_saml(over_saml(stage.provider, encrypted=encrypts), service))
        if chosen.peer is not None:
            satosa = Satosa(chosen.peer, folder / f"satosa {name}", encrypts=encrypts)
            cases[f"SATOSA {name}"] = Case(running.enter_context(satosa.serve()), SATOSA_HOST, satosa.saml)
    return cases


def _growth(case: Case, logins: int) -> list[Figure]:
    """The memory that a broker's processes have for themselves, before and after so many logins."""
    if not logins:
        return []
    # Each connection's cache of pages fills while the database grows beyond it, in some twenty thousand logins
    asyncio.run(drive(case.login, case.host, case.broker.port, logins=2 * logins, at_once=8))
    before = memory_kib(case.broker.processes)
    asyncio.run(drive(case.login, case.host, case.broker.port, logins=logins, at_once=8))
    after = memory_kib(case.broker.processes)
    return [
        Figure("memory before", before, "KiB"),
        Figure("memory after", after, "KiB"),
        Figure("logins between", logins, "1"),
    ]


def _growth_target(growth: list[Figure]) -> list[Target]:
    if not growth:
        return []
    before, after, logins = (each.value for each in growth)
    return [Target("growth_kib_per_login", max(0.0, after - before) / logins, at_most=0.5)]


def _figures(found: dict[tuple[str, int], Spent]) -> list[Figure]:
    figures = []
    for (name, at_once), spent in found.items():
        what = f"CPU of a login, {name}, {at_once} at once"
        figures.append(Figure(f"{what}, least", round(min(spent.cpu), 3), "ms"))
        figures.append(Figure(f"{what}, median", round(statistics.median(spent.cpu), 3), "ms"))
        if at_once == 1:
            figures.append(
                Figure(f"time inside the broker, {name}, median", round(statistics.median(spent.inside), 2), "ms")
            )
            figures.append(Figure(f"time inside the broker, {name}, p99", round(spent.p99(), 2), "ms"))
    return figures


def _targets(found: dict[tuple[str, int], Spent]) -> list[Target]:
    """The ratios. The worse of those with one login at once and with eight counts."""

    def ratio(over: str, under: str) -> list[float]:
        return [min(found[over, n].cpu) / min(found[under, n].cpu) for n in AT_ONCE if (over, n) in found]

    targets = []
    for target, kind, limit in VS_SATOSA:
        if ratios := ratio(f"SATOSA {kind}", kind):
            targets.append(Target(target, min(ratios), at_least=limit))
    for target, over, under, limit in VS_OURS:
        if ratios := ratio(over, under):
            targets.append(Target(target, max(ratios), at_most=limit))
    return targets


def main() -> int:
    """Measure and print. The exit code."""
    parser = argparse.ArgumentParser(description="what a broker spends on one login")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of a table")
    parser.add_argument("--logins", type=int, default=100, help="logins in a turn")
    parser.add_argument("--peer", type=Path, metavar="DIR", help="a folder that runs SATOSA")
    parser.add_argument("--saml", action="store_true", help="logins over SAML to SAML alone")
    parser.add_argument("--no-postgres", dest="postgres", action="store_false", help="SQLite alone")
    parser.add_argument("--growth", type=int, default=10_000, help="logins between two looks at the memory; 0 for no look")
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="a page whose figures are written anew")
    parser.add_argument("--turns", type=int, default=10, help="turns of each case: the least of them counts")
    chosen = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures, targets = measured(Path(folder), chosen)
    except (OSError, LoginFailedError, subprocess.SubprocessError) as error:
        return could_not_run(error)
    return Report("logins", LIBRARIES, figures, targets).finish(as_json=chosen.json, page=chosen.markdown)


if __name__ == "__main__":
    sys.exit(main())
