"""The cost of tokens: `python -m tests.benchmarks.tokens [--json] [--peer DIR]`.

CPU of the broker's process tree for one request, from /proc, with what it spends while nobody asks: the exchange of a code
(private_key_jwt and DPoP by ES256, and once with a secret), userinfo with a proof, a refresh and an introspection. The
logins that bring the codes come before and do not count; nor does the driver. `exchange_vs_raw` compares with the bare key
operations of one exchange in the same run: two verifications (assertion, proof) and one signature (id_token). The exchange
is durable: it waits for the commit that makes a code one of one use. `oidc_vs_saml_upstream` compares whole logins: over an
OpenID provider, whose answers the broker fetches over TLS, with those over an identity provider that answers by SAML.
"""

import argparse
import asyncio
import base64
import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.logins import AGAIN, SETTLED, Back, Login, ours, over_saml, signed_in
from tests.benchmarks.logins_openid import OpenIDProvider, make_openid_stage
from tests.benchmarks.logins_peers import Answer, Connection, LoginFailedError, RelyingParty
from tests.benchmarks.logins_satosa import HOST as SATOSA_HOST
from tests.benchmarks.logins_satosa import Satosa
from tests.benchmarks.logins_stage import HOST, Running
from tests.benchmarks.measure import Figure, Report, Target, could_not_run, in_turns
from tests.benchmarks.raw_es256 import raw
from tests.benchmarks.tokens_client import KeyedParty
from tests.benchmarks.tokens_stage import RESOURCE_SECRET, RESOURCE_SERVER, make_token_stage, serve_empty

LIBRARIES = ("ciconia", "cryptography", "fastapi", "uvicorn", "sqlalchemy")
# The key operations of one exchange with private_key_jwt and DPoP
VERIFIED, SIGNED = 2, 1
EXCHANGE, SECRET, USERINFO, REFRESH, INTROSPECTION = (
    "exchange",
    "exchange with a secret",
    "userinfo",
    "refresh",
    "introspection",
)
SAML, OPENID = "whole login over SAML", "whole login over OpenID Connect"
EMPTY, SATOSA = "empty endpoint", "SATOSA, exchange with a secret"

# What is counted: one request, or a login. Raises `LoginFailedError` where it went wrong
Request = Callable[[Connection], Awaitable[object]]
# Makes so many requests ready, uncounted
Ready = Callable[[Connection, int], Awaitable[Sequence[Request]]]


@dataclass(frozen=True, slots=True)
class Contestant:
    """A server that runs, and how its requests are made."""

    broker: Running
    host: str
    ready: Ready


@dataclass
class Cost:
    """CPU of one request in ms, one figure a turn."""

    turns: list[float] = field(default_factory=list)


async def _turn(contestant: Contestant, requests: int) -> float:
    """The CPU of one request, in ms."""
    browser = Connection(contestant.host, contestant.broker.port)
    try:
        made = await contestant.ready(browser, requests)
        gc.collect()
        gc.disable()
        before = contestant.broker.cpu_of_threads()
        for request in made:
            await request(browser)
        return (contestant.broker.cpu_of_threads() - before) * 1000 / requests
    finally:
        gc.enable()
        browser.close()


def exchanges(back: Back, party: KeyedParty) -> Ready:
    """Codes of whole logins, each redeemed with an assertion and a proof that were made before."""

    async def ready(browser: Connection, count: int) -> Sequence[Request]:
        made: list[Request] = []
        for _ in range(count):
            asked = party.asks.ask()
            form = party.redeem(await signed_in(browser, back, asked), asked)
            browser.fresh()
            made.append(_post("/token", form, dpop=party.proof("POST", "/token")))
        return made

    return ready


def secret_exchanges(back: Back, party: RelyingParty) -> Ready:
    """The same with a secret, and an id_token by RS256, as SATOSA has it."""

    async def ready(browser: Connection, count: int) -> Sequence[Request]:
        made: list[Request] = []
        for _ in range(count):
            asked = party.ask()
            form = party.redeem(await signed_in(browser, back, asked), asked)
            browser.fresh()
            made.append(_post("/token", form, authorization=party.authorization))
        return made

    return ready


def satosa_exchanges(satosa: Satosa) -> Ready:
    """SATOSA's codes."""

    async def ready(browser: Connection, count: int) -> Sequence[Request]:
        made: list[Request] = []
        for _ in range(count):
            form = await satosa.form(browser)
            made.append(_post("/OIDC/token", form, authorization=satosa.party.authorization))
        return made

    return ready


async def _token(browser: Connection, back: Back, party: KeyedParty) -> dict[str, str]:
    """The answer of one exchange."""
    asked = party.asks.ask()
    form = party.redeem(await signed_in(browser, back, asked), asked)
    answer = await _asked(browser, "POST", "/token", form, dpop=party.proof("POST", "/token"))
    found: dict[str, str] = json.loads(answer.body)
    return found


def userinfos(back: Back, party: KeyedParty) -> Ready:
    """One access token, brought again and again, each time with a proof of its own."""

    async def ready(browser: Connection, count: int) -> Sequence[Request]:
        token = (await _token(browser, back, party))["access_token"]
        return [
            _get("/userinfo", authorization=f"DPoP {token}", dpop=party.proof("GET", "/userinfo", token))
            for _ in range(count)
        ]

    return ready


def refreshes(back: Back, party: KeyedParty) -> Ready:
    """One refresh token a request: a family that never rotates twice."""

    async def ready(browser: Connection, count: int) -> Sequence[Request]:
        made: list[Request] = []
        for _ in range(count):
            token = (await _token(browser, back, party))["refresh_token"]
            form = {"grant_type": "refresh_token", "refresh_token": token, **party.assertion()}
            made.append(_post("/token", form, dpop=party.proof("POST", "/token")))
        return made

    return ready


def introspections(back: Back, party: KeyedParty) -> Ready:
    """A resource server that asks about one live token."""
    pair = base64.b64encode(f"{RESOURCE_SERVER}:{RESOURCE_SECRET}".encode()).decode()

    async def ready(browser: Connection, count: int) -> Sequence[Request]:
        token = (await _token(browser, back, party))["access_token"]
        return [_post("/introspect", {"token": token}, authorization=f"Basic {pair}")] * count

    return ready


def logins(login: Login) -> Ready:
    """Whole logins, from the service's request to its id_token, each of another browser."""

    async def one(browser: Connection) -> None:
        browser.fresh()
        await login(browser)

    async def ready(browser: Connection, count: int) -> Sequence[Request]:
        for _ in range(AGAIN):
            await one(browser)
        return [one] * count

    return ready


async def _nothing(_browser: Connection, count: int) -> Sequence[Request]:
    return [_post("/", {"token": "x" * 43})] * count


def _post(path: str, form: dict[str, str], **headers: str) -> Request:
    return lambda browser: _asked(browser, "POST", path, form, **headers)


def _get(path: str, **headers: str) -> Request:
    return lambda browser: _asked(browser, "GET", path, None, **headers)


async def _asked(browser: Connection, method: str, path: str, form: dict[str, str] | None, **headers: str) -> Answer:
    answer = await browser.request(method, path, form, **headers)
    if answer.status != 200:
        raise LoginFailedError(f"{path}: {answer.status} {answer.body[:300]!r}")
    return answer


def measured(folder: Path, chosen: argparse.Namespace) -> tuple[list[Figure], list[Target]]:
    """All in turns, and the raw key operations beside them."""
    with ExitStack() as running:
        contestants = _contestants(folder, chosen, running)
        # A worker that begins looks once at everything that it has
        time.sleep(SETTLED)
        found = {name: Cost() for name in contestants}
        for _ in range(chosen.turns):
            for name, one in contestants.items():
                found[name].turns.append(asyncio.run(_turn(one, chosen.requests)))
        keys = in_turns(raw(), chosen.rounds)
    operations = (VERIFIED * keys["verify"].least + SIGNED * keys["sign"].least) * 1000
    figures = [Figure("raw key operations of one exchange, least", round(operations, 4), "ms")]
    for name, cost in found.items():
        figures.append(Figure(f"CPU of a request, {name}, least", round(min(cost.turns), 3), "ms"))
        figures.append(Figure(f"CPU of a request, {name}, median", round(statistics.median(cost.turns), 3), "ms"))
    return figures, targets({name: min(cost.turns) for name, cost in found.items()}, operations)


def _contestants(folder: Path, chosen: argparse.Namespace, running: ExitStack) -> dict[str, Contestant]:
    stage = make_token_stage(folder / "ours")
    broker = running.enter_context(stage.base.serve())
    back, party = over_saml(stage.base.provider), stage.party
    upstream = running.enter_context(OpenIDProvider(folder))
    other = make_openid_stage(folder / "upstream", upstream)
    found = {
        EXCHANGE: Contestant(broker, HOST, exchanges(back, party)),
        SECRET: Contestant(broker, HOST, secret_exchanges(back, stage.base.party)),
        USERINFO: Contestant(broker, HOST, userinfos(back, party)),
        REFRESH: Contestant(broker, HOST, refreshes(back, party)),
        INTROSPECTION: Contestant(broker, HOST, introspections(back, party)),
        SAML: Contestant(broker, HOST, logins(ours(back, stage.base.party))),
        OPENID: Contestant(running.enter_context(other.serve()), HOST, logins(ours(upstream.back, other.party))),
        EMPTY: Contestant(running.enter_context(serve_empty(folder)), HOST, _nothing),
    }
    if chosen.peer is not None:
        satosa = Satosa(chosen.peer, folder / "satosa")
        found[SATOSA] = Contestant(running.enter_context(satosa.serve()), SATOSA_HOST, satosa_exchanges(satosa))
    return found


def targets(least: dict[str, float], operations: float) -> list[Target]:
    """The ratios of what was measured."""
    found = [
        Target("exchange_vs_raw", least[EXCHANGE] / operations, at_most=4.0),
        Target("introspection_vs_empty", least[INTROSPECTION] / least[EMPTY], at_most=3.0),
        Target("oidc_vs_saml_upstream", least[OPENID] / least[SAML], at_most=1.2),
    ]
    if SATOSA in least:
        found.append(Target("exchange_vs_satosa", least[SATOSA] / least[SECRET], at_least=4.0))
    return found


def main() -> int:
    """Measure and print. The exit code."""
    parser = argparse.ArgumentParser(description="what a token costs")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of a table")
    parser.add_argument("--requests", type=int, default=100, help="requests in a turn")
    parser.add_argument("--turns", type=int, default=7, help="turns of each case: the least of them counts")
    parser.add_argument("--rounds", type=int, default=30, help="turns of the raw key operations")
    parser.add_argument("--peer", type=Path, metavar="DIR", help="a folder that runs SATOSA")
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="a page whose figures are written anew")
    chosen = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            figures, found = measured(Path(folder), chosen)
    except (OSError, LoginFailedError, subprocess.SubprocessError) as error:
        return could_not_run(error)
    return Report("tokens", LIBRARIES, figures, found).finish(as_json=chosen.json, page=chosen.markdown)


if __name__ == "__main__":
    sys.exit(main())
