"""Three registers asked at once, one in each way, and the slowest of them asked alone: real sockets, a real database.

Each needs a tenth of a second to answer. The two that are asked over HTTP stand in a process of their own.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TypeVar

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from connectors.attribute_provider import AttributeProvider, RegisterAnswer, ask_all
from connectors.registers.database_view import RegisterView
from policies.attribute_register import SignedClaimsService
from policies.attributes import AttributeName
from policies.catalogue import STANDARD
from tests.benchmarks.measure import Figure, Taken, Target
from tests.connectors.registers import authority, signed_claims, views
from tests.interop.messages import OURS, THEIRS, key
from tests.postgres import server

Query = TypeVar("Query")
Answer = TypeVar("Answer")
SECONDS = 0.1
MOST = 1.1


def providers_parallel(rounds: int) -> tuple[Target, Sequence[Figure]]:
    """How much longer three registers take than the slowest of them does alone; of each the undisturbed call."""
    with _registers() as registers:
        alone = {name: _timed([one], rounds) for name, one in registers.items()}
        together = _timed(list(registers.values()), rounds)
    slowest = max(taken.least for taken in alone.values())
    figures = [Figure(f"{name}, alone, least", round(taken.least * 1000, 1), "ms") for name, taken in alone.items()]
    figures += [
        Figure("three registers at once, least", round(together.least * 1000, 1), "ms"),
        Figure("three registers at once, median", round(together.median * 1000, 1), "ms"),
    ]
    return Target("providers_parallel", together.least / slowest, at_most=MOST), figures


def _timed(providers: Sequence[AttributeProvider], rounds: int) -> Taken:
    calls = []
    for turn in range(rounds + 1):
        now = int(time.time())
        questions = [(one, authority.question([AttributeName("address")], now)) for one in providers]
        begun = time.perf_counter()
        found = ask_all(questions)
        took = time.perf_counter() - begun
        failed = [one for one in found.values() if not isinstance(one, RegisterAnswer)]
        if failed:
            raise RuntimeError(f"a register did not answer: {failed[0]!r}")
        # The first call opens the connections
        calls += [took] if turn else []
    return Taken(tuple(calls))


@contextmanager
def _registers() -> Iterator[dict[str, AttributeProvider]]:
    # Made before the other process begins, so that both have them
    key(OURS), key(THEIRS)
    ours, theirs = multiprocessing.get_context("fork").Pipe()
    child = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs,), daemon=True)
    child.start()
    saml_url, https_url = ours.recv()
    view = RegisterView(register=views.register(_database(), "slow"), catalogue=STANDARD)
    try:
        yield {
            "SAML attribute authority": authority.ours(authority.register(authority.metadata(saml_url, key(THEIRS)))),
            "signed tokens over HTTPS": signed_claims.provider(signed_claims.register(https_url)),
            "view in PostgreSQL": view,
        }
    finally:
        view.close()
        ours.send("enough")
        child.join(10)


def _serve(parent: Connection) -> None:
    """Both registers over HTTP, until the parent says that it is enough."""
    held = authority.Authority(_late(lambda query: authority.sealed(authority.reply(query, int(time.time())))))
    claims = signed_claims.Register(_late(lambda query: signed_claims.token(signed_claims.claims(query, int(time.time())))))
    with authority.listening(held.post) as saml_url, signed_claims.served(claims) as registered:
        assert isinstance(registered.transport, SignedClaimsService)
        parent.send((saml_url, registered.transport.endpoint))
        parent.recv()


def _late(answer: Callable[[Query], Answer]) -> Callable[[Query], Answer]:
    def answered(query: Query) -> Answer:
        time.sleep(SECONDS)
        return answer(query)

    return answered


def _database() -> str:
    url = views.postgres()
    with psycopg.connect(server().conninfo(str(make_url(url).database)), autocommit=True) as connection:
        asleep = sql.SQL("CREATE VIEW slow AS SELECT people.* FROM people, (SELECT pg_sleep({})) AS late OFFSET 0")
        connection.execute(asleep.format(sql.Literal(SECONDS)))
        connection.execute("GRANT SELECT ON slow TO PUBLIC")
    return url
