"""Numbers and days that no database and no calendar has are refused, or find nothing: none is an error of ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.store.store import Store
from tests.desk.city_desk import CityDesk, city_desk
from tests.idp.audit.conftest import city_folder, city_store, filled, migrated

__all__ = ["city_folder", "city_store", "filled", "migrated"]
LARGE = (2**31, 2**63 - 1, 2**63, 2**64, 10**18, 10**19 - 1, 10**30)


@pytest.fixture
def desk(city_store: Store, tmp_path: Path) -> Iterator[CityDesk]:
    with city_desk(city_store, tmp_path) as found:
        yield found


@pytest.mark.parametrize("number", LARGE)
def test_a_large_number_is_no_leaf_and_no_page(desk: CityDesk, number: int) -> None:
    assert desk.get("/prove", record=str(number)).status_code in (200, 400)
    assert desk.get("/proof", record=str(number)).status_code in (400, 404)
    assert desk.get("/releases", page=str(number), table="releases").status_code == 200
    text = str(number)
    thousands = "/".join(f"x{text.zfill(33)[at : at + 3]}" for at in range(0, 30, 3)) + f"/{text[-3:]}"
    for place in (f"0/{thousands}", f"entries/{thousands}", f"{text}/000", f"0/000.p/{text}", "0/" + "x999/" * 8 + "999"):
        assert desk.get(f"/log/tile/{place}").status_code == 404, place


@pytest.mark.parametrize("path", ["/releases", "/lacking", "/switched-off", "/acts", "/releases.csv", "/bundle"])
def test_the_last_day_of_the_calendar_is_a_day_and_the_next_year_is_none(desk: CityDesk, path: str) -> None:
    table = {"table": "releases"} if path.endswith("csv") else {}
    assert desk.get(path, since="0001-01-01", until="9999-12-31", **table).status_code == 200
    assert desk.get(path, since="9999-12-31", **table).status_code == 200
    for day in ("10000-01-01", "99999-12-31", "-001-01-01", "9999-12-32"):
        assert desk.get(path, until=day, **table).status_code == 400, day


def test_the_policy_of_the_last_day_is_asked_as_any_other(desk: CityDesk) -> None:
    assert desk.get("/policy", day="9999-12-31").status_code == 200
    assert desk.get("/policy", day="0001-01-01").status_code == 200
    assert desk.get("/policy", day="10000-01-01").status_code == 400
