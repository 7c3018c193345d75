"""Logouts that services did not hear of: `ciconia doctor` names it, `ciconia logout` lists it and tries it again."""

import json
from pathlib import Path

from sqlalchemy import insert, select

from idp.store import tables
from tests.idp.cli.command import in_process
from tests.idp.doctor.shelf import HOST, meddling
from tests.idp.doctor.ward import NOW, WARNING, examined, only


def given_up(city: Path, *, due: int | None) -> None:
    row = {"logout": b"l" * 16, "client": "parking", "sid": "s", "made": NOW, "tries": 11, "failed": "status 500"}
    with meddling(city) as connection:
        connection.execute(insert(tables.logouts).values(tenant=HOST, due=due, ends=NOW + 60, **row))


def test_a_service_that_never_took_it_is_named_and_can_be_tried_again(city: Path) -> None:
    assert in_process("logout", "list", "--config", city).returncode == 0
    given_up(city, due=None)
    found = only(examined(city))
    assert found.severity is WARNING
    assert "1 logout token or event was given up that parking did not take: status 500." in found.what
    listed = in_process("logout", "list", "--config", city, "--json")
    assert listed.returncode == 1
    (one,) = json.loads(listed.stdout)["logouts"]
    assert (one["service"], one["given_up"], one["tries"], one["failed"]) == ("parking", True, 11, "status 500")
    assert "sid" not in one
    assert "parking" in in_process("logout", "list", "--config", city).stdout
    retried = in_process("logout", "retry", "--service", "fares", "--config", city, "--json")
    assert json.loads(retried.stdout)["retried"] == 0
    assert "1 of them" in in_process("logout", "retry", "--config", city).stdout
    with meddling(city) as connection:
        ((tries, due),) = connection.execute(select(tables.logouts.c.tries, tables.logouts.c.due))
    assert tries == 0
    assert due is not None
    assert examined(city).findings == ()


def test_what_is_tried_again_is_no_finding(city: Path) -> None:
    given_up(city, due=NOW + 5)
    assert examined(city).findings == ()
