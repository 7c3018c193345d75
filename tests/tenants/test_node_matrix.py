"""The matrix of tenants where some are sending nodes: node against node, city against node, and node against city.

All nodes are asked by the same country's node with the same key and have the same identity providers, so nothing but the
tenant refuses. Rows are held against the routes that a node really has.
"""

import time
from collections.abc import Iterator, Mapping

import pytest
from anyio.from_thread import start_blocking_portal

from idp.application.tenants import open_installation
from idp.pages.static import STATIC_FILES
from idp.server.rate_limits import Windows
from tests.postgres import server
from tests.tenants.cities import Call, Cities, Town, build, on_postgres
from tests.tenants.matrix import REFUSED, SAME, Held, Rows, calls_of, elsewhere, free, hold, refused, routes, same
from tests.tenants.nodes import Nodes, NodeTown
from tests.tenants.test_matrix import ROWS as CITY_ROWS

pytestmark = pytest.mark.spec("decisions.md 5")
NODES = ("elm", "fir")
CITY = "alder"
PAIRS = [("elm", "fir"), ("fir", "elm"), ("elm", CITY), (CITY, "elm")]

# What each endpoint of a node does with what is not its own. A new endpoint needs a row here.
ROWS: Rows = {
    ("GET", "/eidas/sso"): REFUSED,
    ("POST", "/eidas/sso"): REFUSED,
    ("GET", "/login/{login}/at/{provider}"): REFUSED,
    ("POST", "/saml/acs"): REFUSED,
    ("POST", "/login/{login}/decision"): REFUSED,
    ("POST", "/login/{login}/cancel"): REFUSED,
    ("GET", "/log/proof"): REFUSED,
    **{
        ("GET", path): SAME
        for path in (
            "/log/checkpoint",
            "/log/vkey",
            "/saml/metadata",
            "/eidas/metadata",
            "/healthz",
            *(file.path for file in STATIC_FILES),
        )
    },
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Nodes:
    return Nodes(tmp_path_factory.mktemp("nodes") / "outside")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, shared: Nodes) -> Cities:
    cities = build(tmp_path_factory.mktemp("nodes") / "roof", {CITY: "ciconia.db"})
    for name in NODES:
        shared.write(cities.folder, name)
    return cities


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def towns(
    request: pytest.FixtureRequest, built: Cities, shared: Nodes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Town]]:
    cities = built
    if request.param == "postgres":
        cities = on_postgres(built, tmp_path_factory.mktemp("on-postgres") / "roof", server().fresh())
    opened = open_installation(cities.folder)
    assert not opened.broken, opened.broken
    for one in opened.tenants.values():
        one.sequencer.start()  # the watch would ask for metadata that nobody serves
    try:
        with start_blocking_portal() as portal:
            nodes = {name: NodeTown(name, shared, cities, opened, portal) for name in NODES}
            yield {CITY: Town(CITY, cities, opened, portal), **nodes}
    finally:
        opened.stop()


@pytest.fixture(scope="module")
def held(towns: Mapping[str, Town]) -> Mapping[str, Held]:
    return {name: town.hold() if isinstance(town, NodeTown) else hold(town) for name, town in towns.items()}


def rows_of(town: Town) -> Rows:
    return ROWS if isinstance(town, NodeTown) else CITY_ROWS


def test_every_endpoint_of_a_node_has_a_row_and_every_row_an_endpoint(
    towns: Mapping[str, Town], held: Mapping[str, Held]
) -> None:
    assert routes(towns["elm"].application) == set(ROWS)
    lacks = [row for row, does in ROWS.items() if does == REFUSED and not calls_of(row, held["elm"])]
    assert lacks == [("GET", "/log/proof")]  # of a leaf, for which a node has no page: `hold` of a city has one


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=[f"{ours} at {theirs}" for ours, theirs in PAIRS])
def test_whatever_is_of_one_tenant_is_refused_at_each_endpoint_of_another(
    towns: Mapping[str, Town], held: Mapping[str, Held], ours: str, theirs: str
) -> None:
    began, at = time.monotonic(), towns[theirs]
    cells = elsewhere(rows_of(at), at, held[ours], held[theirs]) + same(rows_of(at), at, held[ours])
    for call in held[ours].calls.values():  # also where the other one has no such endpoint
        if rows_of(towns[ours])[call.method, call.path] == REFUSED:
            refused(at.send(call), (call.method, call.path, "whole"))
            cells += 1
    print(f"tenant matrix: {ours} at {theirs}: {cells} cells in {time.monotonic() - began:.1f} s")
    assert cells > 200


@pytest.mark.parametrize("name", NODES)
def test_each_kind_in_each_other_place_of_a_node_is_refused(
    towns: Mapping[str, Town], held: Mapping[str, Held], name: str
) -> None:
    cells = 0
    for (method, path, _), call in held[name].calls.items():
        for slot in call.slots:
            for kind, value in held[name].things.items():
                if free(slot) or value == call.value(slot):
                    continue
                # The same country's other question is its own, whatever it came by
                if (path, slot, kind) == ("/eidas/sso", ("form", "SAMLRequest"), "AuthnRequest"):
                    continue
                refused(towns[name].send(call.put(slot, value)), (method, path, slot, kind))
                cells += 1
    print(f"kinds in other places: {name}: {cells} cells")
    assert cells > 100


def test_after_all_of_it_each_node_s_own_things_still_do_what_they_are_for(
    towns: Mapping[str, Town], held: Mapping[str, Held]
) -> None:
    """The control: what was refused elsewhere was whole, and no refusal used it up: not even a country's question."""
    for name in NODES:
        # A login takes five wrong answers, and this one got dozens
        towns[name].application.watched.tries._windows = Windows()
        for (method, path, _), call in held[name].calls.items():
            answer = towns[name].send(call)
            assert answer.status_code in (200, 303), (name, method, path, answer.text[:600])


def test_a_node_publishes_no_key_of_another(towns: Mapping[str, Town]) -> None:
    def certificates(name: str, path: str) -> set[str]:
        text = towns[name].send(Call("GET", path)).text
        return set(text.split("X509Certificate>")[1::2])

    for path in ("/saml/metadata", "/eidas/metadata"):
        one, other = (certificates(name, path) for name in NODES)
        assert one
        assert one.isdisjoint(other), path
