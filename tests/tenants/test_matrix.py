"""Everything of one tenant, in every place of every endpoint of another: refused. And each kind in each other place.

Two cities and two sending nodes lie under one roof. The matrix is made from the routes that each has: an endpoint without
a row fails a test. The cities have the same services with the same secrets and the same country with the same key, and the
same country's node asks both nodes, so nothing but the tenant refuses. SQLite has a file for each, PostgreSQL one database.
"""

from collections.abc import Iterator, Mapping

import pytest
from anyio.from_thread import start_blocking_portal
from structlog.testing import capture_logs

from idp.application.tenants import open_installation
from idp.pages.static import STATIC_FILES
from idp.server.rate_limits import Windows
from idp.store.retention import Retention
from policies.errors import Overloaded, StoreUnavailable
from tests.postgres import server
from tests.tenants.cities import NAMES, Call, Town, build, on_postgres
from tests.tenants.matrix import REFUSED, SAME, Held, Rows, calls_of, elsewhere, free, hold, refused, routes, same
from tests.tenants.nodes import Nodes, NodeTown

pytestmark = pytest.mark.spec("decisions.md 5")
NODES = ("elm", "fir")
PAIRS = [NAMES, NAMES[::-1], NODES, NODES[::-1], (NODES[0], NAMES[0]), (NAMES[0], NODES[0])]
# What each endpoint of a city does with what is not its own. A new endpoint needs a row here, and a call in `hold`.
CITY_ROWS: Rows = {
    ("GET", "/authorize"): SAME,
    ("POST", "/authorize"): SAME,
    ("GET", "/login/{login}/countries"): REFUSED,
    ("POST", "/login/{login}/countries"): REFUSED,
    ("GET", "/login/{login}/at/{provider}"): REFUSED,
    ("POST", "/login/{login}/at/{provider}"): REFUSED,
    ("GET", "/saml/sso"): SAME,
    ("POST", "/saml/sso"): SAME,
    ("GET", "/saml/sso/unsolicited"): SAME,
    ("GET", "/saml/error"): SAME,
    ("GET", "/saml/ecp/begin"): SAME,
    ("POST", "/saml/ecp/begin"): SAME,
    ("POST", "/saml/ecp/code"): SAME,
    ("POST", "/saml/ecp"): SAME,
    ("GET", "/saml/idp"): SAME,
    ("GET", "/saml/bodies"): SAME,
    ("GET", "/saml/bodies/{place:path}"): SAME,
    ("POST", "/saml/artifact"): SAME,
    ("GET", "/saml/logout"): SAME,
    ("POST", "/saml/logout"): SAME,
    ("POST", "/saml/logout/soap"): SAME,
    ("GET", "/saml/logout/bodies/{place:path}"): SAME,
    ("POST", "/saml/logout/bodies/{place:path}"): SAME,
    ("GET", "/saml/idp/logout"): SAME,
    ("POST", "/saml/idp/logout"): SAME,
    ("POST", "/saml/idp/logout/confirm"): SAME,
    ("POST", "/saml/idp/logout/soap"): SAME,
    ("POST", "/saml/acs"): REFUSED,
    ("GET", "/saml/acs/artifact"): SAME,
    ("POST", "/saml/acs/artifact"): SAME,
    ("POST", "/saml/landing/{provider}"): SAME,
    ("GET", "/saml/discovery"): SAME,
    ("POST", "/saml/discovery"): SAME,
    ("GET", "/saml/discovery/at/{provider}"): SAME,
    ("GET", "/saml/discovery/none"): SAME,
    ("GET", "/saml/discovered"): SAME,
    ("POST", "/eidas/acs"): REFUSED,
    ("POST", "/stork/acs"): REFUSED,
    ("POST", "/login/{login}/language"): REFUSED,
    ("POST", "/language"): REFUSED,
    ("POST", "/login/{login}/decision"): REFUSED,
    ("POST", "/login/{login}/cancel"): REFUSED,
    ("GET", "/login/{login}/stay"): REFUSED,
    ("GET", "/login/{login}/onward"): REFUSED,
    ("GET", "/receipt"): REFUSED,
    ("GET", "/receipt.json"): REFUSED,
    ("POST", "/receipt/ask"): REFUSED,
    ("POST", "/receipt/forget"): SAME,
    ("GET", "/receipt/phone"): SAME,
    ("GET", "/receipt/check"): SAME,
    ("POST", "/receipt/phone"): REFUSED,
    ("GET", "/me"): SAME,
    ("POST", "/me/sign-in"): SAME,
    ("GET", "/me/receipt.json"): REFUSED,
    ("GET", "/me/erase"): SAME,
    ("POST", "/me/erase"): REFUSED,
    ("POST", "/me/erase/stop"): REFUSED,
    ("GET", "/me/copy"): REFUSED,
    ("GET", "/me/copy.json"): REFUSED,
    ("POST", "/me/act"): REFUSED,
    ("POST", "/me/approval"): REFUSED,
    ("POST", "/me/link"): REFUSED,
    ("POST", "/me/unlink"): REFUSED,
    ("POST", "/me/end"): SAME,
    ("POST", "/token"): REFUSED,
    ("GET", "/try"): REFUSED,
    ("POST", "/try"): SAME,
    ("GET", "/oidc/jwks"): SAME,
    ("GET", "/oidc/callback/{provider}"): SAME,
    ("POST", "/oidc/backchannel/{provider}"): SAME,
    ("GET", "/device"): SAME,
    ("POST", "/device"): SAME,
    ("GET", "/device/done"): SAME,
    ("POST", "/device/ended"): SAME,
    ("POST", "/device/login"): SAME,
    ("POST", "/device_authorization"): SAME,
    ("POST", "/par"): SAME,
    ("GET", "/logout"): SAME,
    ("POST", "/logout"): SAME,
    ("POST", "/logout/confirm"): SAME,
    ("GET", "/logout/services"): SAME,
    ("GET", "/logout/back"): SAME,
    ("POST", "/logout/onward"): SAME,
    ("GET", "/userinfo"): REFUSED,
    ("POST", "/userinfo"): REFUSED,
    ("POST", "/userinfo/receipt"): REFUSED,
    ("POST", "/why"): SAME,
    ("POST", "/introspect"): SAME,
    ("POST", "/revoke"): SAME,
    ("GET", "/log/proof"): REFUSED,
    ("GET", "/log/tile/{tile:path}"): SAME,
    ("GET", "/log/years/{year}"): SAME,
    ("GET", "/mdq/entities/{entity:path}"): SAME,
    **{
        ("GET", path): SAME
        for path in (
            "/.well-known/openid-configuration",
            "/jwks",
            "/log/checkpoint",
            "/log/vkey",
            "/saml/metadata",
            "/eidas/metadata",
            "/",
            "/countries",
            "/countries.json",
            "/healthz",
            *(file.path for file in STATIC_FILES),
        )
    },
}


# What each endpoint of a node does with what is not its own. A new endpoint needs a row here.
NODE_ROWS: Rows = {
    ("GET", "/eidas/sso"): REFUSED,
    ("POST", "/eidas/sso"): REFUSED,
    # These nodes have no country that speaks STORK
    ("GET", "/stork/sso"): SAME,
    ("POST", "/stork/sso"): SAME,
    ("GET", "/login/{login}/at/{provider}"): REFUSED,
    ("POST", "/saml/acs"): REFUSED,
    ("GET", "/saml/acs/artifact"): SAME,
    ("POST", "/saml/acs/artifact"): SAME,
    ("POST", "/login/{login}/language"): REFUSED,
    ("POST", "/language"): REFUSED,
    ("POST", "/login/{login}/decision"): REFUSED,
    ("POST", "/login/{login}/cancel"): REFUSED,
    ("GET", "/login/{login}/stay"): REFUSED,
    ("GET", "/login/{login}/onward"): REFUSED,
    ("GET", "/log/proof"): REFUSED,
    ("GET", "/log/tile/{tile:path}"): SAME,
    ("GET", "/log/years/{year}"): SAME,
    ("GET", "/mdq/entities/{entity:path}"): SAME,
    ("GET", "/oidc/jwks"): SAME,
    ("GET", "/oidc/callback/{provider}"): SAME,
    **{
        ("GET", path): SAME
        for path in (
            "/log/checkpoint",
            "/log/vkey",
            "/saml/metadata",
            "/eidas/metadata",
            "/",
            "/countries",
            "/countries.json",
            "/healthz",
            *(file.path for file in STATIC_FILES),
        )
    },
}


# Another value in this place is the tenant's own: a client's second assertion, and the country's question by another way
OWN = {(("form", "client_assertion"), "client assertion"), (("form", "SAMLRequest"), "AuthnRequest")}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def towns(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Town]]:
    folder = tmp_path_factory.mktemp("towns")
    shared = Nodes(folder / "outside")
    cities = build(folder / "roof", dict.fromkeys(NAMES, "ciconia.db"))
    for name in NODES:
        shared.write(cities.folder, name)
    if request.param == "postgres":
        cities = on_postgres(cities, folder / "on-postgres", server().fresh())
    opened = open_installation(cities.folder)
    assert not opened.broken, opened.broken
    for one in opened.tenants.values():
        one.sequencer.start()  # the watch would ask for metadata that nobody serves
    try:
        with start_blocking_portal() as portal:
            yield {
                **{name: Town(name, cities, opened, portal) for name in NAMES},
                **{name: NodeTown(name, shared, cities, opened, portal) for name in NODES},
            }
    finally:
        opened.stop()


@pytest.fixture(scope="module")
def held(towns: Mapping[str, Town]) -> Mapping[str, Held]:
    return {name: town.hold() if isinstance(town, NodeTown) else hold(town) for name, town in towns.items()}


def rows_of(town: Town) -> Rows:
    return NODE_ROWS if isinstance(town, NodeTown) else CITY_ROWS


def cities_of(towns: Mapping[str, Town]) -> list[Town]:
    return [towns[name] for name in NAMES]


@pytest.mark.parametrize(
    ("name", "unserved", "lacking"),
    [
        # Without a node to ask there is no metadata of one
        ("alder", {("GET", "/eidas/metadata")}, set()),
        # A node has no page with a leaf
        ("elm", set(), {("GET", "/log/proof")}),
    ],
)
def test_every_endpoint_has_a_row_and_every_row_an_endpoint(
    towns: Mapping[str, Town],
    held: Mapping[str, Held],
    name: str,
    unserved: set[tuple[str, str]],
    lacking: set[tuple[str, str]],
) -> None:
    rows, found = rows_of(towns[name]), routes(towns[name].application)
    assert found - set(rows) == set(), "an endpoint without a row in the matrix of tenants"
    assert set(rows) - found <= unserved
    assert {row for row, does in rows.items() if does == REFUSED and not calls_of(row, held[name])} == lacking


def test_each_line_of_a_request_says_whose_it_is(towns: Mapping[str, Town], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_now: int) -> object:
        raise ValueError

    def full(_lane: object, _address: str) -> None:
        raise Overloaded("full")

    for town in cities_of(towns):
        with capture_logs() as lines:
            town.tokens()
            town.send(town.redeeming("no code"))
            town.send(Call("GET", "/nope"))
            town.send(Call("GET", "/authorize", query={**town.request(), "scope": "openid purpose:none"}))
            with monkeypatch.context() as patched:
                patched.setattr(town.application.queue, "check", full)
                town.send(Call("GET", "/authorize"))
            monkeypatch.setattr(town.application.city.openid, "jwks", fails)
            town.send(Call("GET", "/jwks"))
        of_requests = [line for line in lines if line["event"] in {"login", "refused", "turned_away", "unforeseen"}]
        assert [line["event"] for line in of_requests] == ["login"] * 5 + ["refused"] * 3 + ["turned_away", "unforeseen"]
        assert {line["tenant"] for line in of_requests} == {town.application.settings.tenant}


def test_each_line_of_what_goes_on_beside_requests_says_whose_it_is(
    towns: Mapping[str, Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_anything: object) -> None:
        raise StoreUnavailable("SQLITE_FULL")

    for town in towns.values():
        one = town.application
        with capture_logs() as lines, monkeypatch.context() as patched:
            patched.setattr(one.store, "purge", full)
            patched.setattr(one.keeper, "_tasks", (full,))
            Retention(one.store, elsewhere=lambda: False).step()
            one.keeper.step()
            one.sequencer._halts(StoreUnavailable("SQLITE_FULL"))
        assert {line["event"] for line in lines} >= {"ledger_waits", "purge_failed", "keys_not_ready"}
        assert {line["tenant"] for line in lines} == {one.settings.tenant}


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=[f"{ours} at {theirs}" for ours, theirs in PAIRS])
def test_whatever_is_of_one_tenant_is_refused_at_each_endpoint_of_another(
    towns: Mapping[str, Town], held: Mapping[str, Held], ours: str, theirs: str
) -> None:
    at = towns[theirs]
    cells = elsewhere(rows_of(at), at, held[ours], held[theirs]) + same(rows_of(at), at, held[ours])
    for call in held[ours].calls.values():  # also where the other one has no such endpoint
        if rows_of(towns[ours])[call.method, call.path] == REFUSED:
            refused(at.send(call), (call.method, call.path, "whole"))
            cells += 1
    print(f"tenant matrix: {ours} at {theirs}: {cells} cells")
    assert cells > (500 if {ours, theirs} == set(NAMES) else 200)


@pytest.mark.parametrize("name", [*NAMES, *NODES])
def test_each_kind_in_each_other_place_is_refused(towns: Mapping[str, Town], held: Mapping[str, Held], name: str) -> None:
    cells = 0
    for (method, path, _), call in held[name].calls.items():
        if rows_of(towns[name])[method, path] != REFUSED:
            continue
        for slot in call.slots:
            for kind, value in held[name].things.items():
                if free(slot) or value == call.value(slot) or (slot, kind) in OWN:
                    continue
                refused(towns[name].send(call.put(slot, value)), (method, path, slot, kind))
                cells += 1
    print(f"kinds in other places: {name}: {cells} cells")
    assert cells > (250 if name in NAMES else 100)


def test_after_all_of_it_each_city_s_own_things_do_what_they_are_for(towns: Mapping[str, Town]) -> None:
    """The control: what was refused was whole, and nothing of it was used up by a refusal."""
    for town in cities_of(towns):
        mine = hold(town)
        for (method, path, note), call in mine.calls.items():
            # Nothing is remembered or linked there that could be switched off
            if note == "by assertion" or path in (
                "/eidas/acs",
                "/stork/acs",
                "/log/proof",
                "/receipt/forget",
                "/me/approval",
                "/me/link",
                "/me/unlink",
            ):
                continue
            assert town.send(call).status_code in (200, 303), (town.name, method, path, note)


def test_after_all_of_it_each_node_s_own_things_do_what_they_are_for(
    towns: Mapping[str, Town], held: Mapping[str, Held]
) -> None:
    """The control: no refusal used anything up, not even a country's question."""
    for name in NODES:
        # A login takes five wrong answers, and this one got dozens
        towns[name].application.watched.tries._windows = Windows()
        for (method, path, _), call in held[name].calls.items():
            answer = towns[name].send(call)
            assert answer.status_code in (200, 303), (name, method, path, answer.text[:600])


def test_keys_of_one_tenant_are_published_by_no_other(towns: Mapping[str, Town]) -> None:
    def keys(name: str, path: str) -> set[str]:
        answer = towns[name].send(Call("GET", path))
        if path == "/jwks":
            return {key["kid"] for key in answer.json()["keys"]}
        return {answer.text} if path == "/log/vkey" else set(answer.text.split("X509Certificate>")[1::2])

    cities, nodes = ("/jwks", "/log/vkey", "/saml/metadata"), ("/log/vkey", "/saml/metadata", "/eidas/metadata")
    for names, paths in ((NAMES, cities), (NODES, nodes)):
        for path in paths:
            one, other = (keys(name, path) for name in names)
            assert one, path
            assert one.isdisjoint(other), path
