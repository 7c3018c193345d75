"""Everything of one tenant, in every place of every endpoint of another: refused. And each kind in each other place.

The matrix is made from the routes that the application has: an endpoint without a row fails a test. Both tenants have
the same services with the same secrets and the same country with the same key, so nothing but the tenant refuses. SQLite
has a file for each, PostgreSQL one database for both.
"""

from collections.abc import Iterator, Mapping

import pytest
from anyio.from_thread import start_blocking_portal
from structlog.testing import capture_logs

from idp.application.tenants import open_installation
from idp.pages.static import STATIC_FILES
from idp.store.retention import Retention
from policies.errors import Overloaded, StoreUnavailable
from tests.postgres import server
from tests.tenants.cities import NAMES, Call, Cities, Town, build, on_postgres
from tests.tenants.matrix import REFUSED, SAME, Held, calls_of, elsewhere, free, hold, refused, routes, same

pytestmark = pytest.mark.spec("decisions.md 5")
# What each endpoint does with what is not its own. A new endpoint needs a row here, and a call in `calls` or `OPEN`.
ROWS: Mapping[tuple[str, str], str] = {
    ("GET", "/authorize"): SAME,
    ("POST", "/authorize"): SAME,
    ("GET", "/login/{login}/countries"): REFUSED,
    ("GET", "/login/{login}/at/{provider}"): REFUSED,
    ("POST", "/saml/acs"): REFUSED,
    ("POST", "/eidas/acs"): REFUSED,
    ("POST", "/login/{login}/language"): REFUSED,
    ("POST", "/login/{login}/decision"): REFUSED,
    ("POST", "/login/{login}/cancel"): REFUSED,
    ("GET", "/receipt"): REFUSED,
    ("GET", "/receipt.json"): REFUSED,
    ("POST", "/receipt/forget"): SAME,
    ("POST", "/token"): REFUSED,
    ("GET", "/userinfo"): REFUSED,
    ("POST", "/userinfo"): REFUSED,
    ("POST", "/userinfo/receipt"): REFUSED,
    ("GET", "/log/proof"): REFUSED,
    **{
        ("GET", path): SAME
        for path in (
            "/.well-known/openid-configuration",
            "/jwks",
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
def built(tmp_path_factory: pytest.TempPathFactory) -> Cities:
    return build(tmp_path_factory.mktemp("cities") / "roof", dict.fromkeys(NAMES, "ciconia.db"))


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def towns(request: pytest.FixtureRequest, built: Cities, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Town]]:
    cities = built
    if request.param == "postgres":
        cities = on_postgres(built, tmp_path_factory.mktemp("on-postgres") / "roof", server().fresh())
    opened = open_installation(cities.folder)
    assert not opened.broken
    opened.start()
    try:
        with start_blocking_portal() as portal:
            yield [Town(name, cities, opened, portal) for name in NAMES]
    finally:
        opened.stop()


@pytest.fixture(scope="module")
def held(towns: list[Town]) -> dict[str, Held]:
    return {town.name: hold(town) for town in towns}


def test_every_endpoint_has_a_row_and_every_row_an_endpoint(towns: list[Town], held: dict[str, Held]) -> None:
    found = routes(towns[0].application)
    assert found - set(ROWS) == set(), "an endpoint without a row in the matrix of tenants"
    unserved = {("GET", "/eidas/metadata")}  # of a broker that takes part in eIDAS
    assert set(ROWS) - found <= unserved
    assert all(calls_of(row, held["alder"]) for row, does in ROWS.items() if does == REFUSED)


def test_each_line_of_a_request_says_whose_it_is(towns: list[Town], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_now: int) -> object:
        raise ValueError

    def full(_lane: object, _address: str) -> None:
        raise Overloaded("full")

    for town in towns:
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
    towns: list[Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_anything: object) -> None:
        raise StoreUnavailable("SQLITE_FULL")

    for town in towns:
        one = town.application
        with capture_logs() as lines, monkeypatch.context() as patched:
            patched.setattr(one.store, "purge", full)
            patched.setattr(one.keeper, "_tasks", (full,))
            Retention(one.store, elsewhere=lambda: False).step()
            one.keeper.step()
            one.sequencer._halts(StoreUnavailable("SQLITE_FULL"))
        assert {line["event"] for line in lines} >= {"ledger_waits", "purge_failed", "keys_not_ready"}
        assert {line["tenant"] for line in lines} == {one.settings.tenant}


@pytest.mark.parametrize(("ours", "theirs"), [NAMES, NAMES[::-1]], ids=["alder at birch", "birch at alder"])
def test_whatever_is_of_one_tenant_is_refused_at_each_endpoint_of_another(
    towns: list[Town], held: dict[str, Held], ours: str, theirs: str
) -> None:
    at = next(town for town in towns if town.name == theirs)
    cells = elsewhere(ROWS, at, held[ours], held[theirs]) + same(ROWS, at, held[ours])
    print(f"tenant matrix: {ours} at {theirs}: {cells} cells")
    assert cells > 500


@pytest.mark.parametrize("name", NAMES)
def test_each_kind_in_each_other_place_is_refused(towns: list[Town], held: dict[str, Held], name: str) -> None:
    at = next(town for town in towns if town.name == name)
    cells = 0
    for (method, path, _), call in held[name].calls.items():
        for slot in call.slots:
            if ROWS[method, path] != REFUSED or free(slot):
                continue
            for kind, value in held[name].things.items():
                if value == call.value(slot):
                    continue
                # A second assertion of the same client is its own, and the one that it stands for was never used
                if (slot, kind) == (("form", "client_assertion"), "client assertion"):
                    continue
                refused(at.send(call.put(slot, value)), (method, path, slot, kind))
                cells += 1
    print(f"kinds in other places: {name}: {cells} cells")
    assert cells > 250


def test_after_all_of_it_each_tenant_s_own_things_do_what_they_are_for(towns: list[Town]) -> None:
    """The control: what was refused was whole, and nothing of it was used up by a refusal."""
    for town in towns:
        mine = hold(town)
        for (method, path, note), call in mine.calls.items():
            if note == "by assertion" or path in ("/eidas/acs", "/log/proof", "/receipt/forget"):
                continue
            assert town.send(call).status_code in (200, 303), (town.name, method, path, note)


def test_keys_of_one_tenant_are_published_by_no_other(towns: list[Town]) -> None:
    for path in ("/jwks", "/saml/metadata", "/log/vkey"):
        one, other = (town.send(Call("GET", path)).text for town in towns)
        assert one != other, path
    kids = [{key["kid"] for key in town.send(Call("GET", "/jwks")).json()["keys"]} for town in towns]
    assert kids[0].isdisjoint(kids[1])
