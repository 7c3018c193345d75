"""A tenant whose database does not answer is closed until it does, and no other tenant waits for it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import structlog

from idp.application import late_databases as late
from idp.application import tenants
from idp.application.app import Application
from idp.application.tenants import OpenInstallation, load_installation, open_installation
from idp.config.settings import Settings
from idp.monitoring.listener import ready
from idp.monitoring.measures import Measures
from policies.errors import Misconfigured, Problem, StoreUnavailable
from tests.idp.monitoring.told import sharing
from tests.idp.server.crew import until
from tests.tenants.roof import NOW, Roof, issuer
from tests.tenants.test_roof import DISCOVERY, get, what

PATIENCE = 300.0


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(late, "AGAIN_SECONDS", 0.02)
    monkeypatch.setattr(tenants, "OPEN_SECONDS", 3.0)


class Databases:
    """Each tenant's database answers, cannot be reached, or hangs until it is let go."""

    def __init__(self, **away: Exception) -> None:
        self.away = away
        self.hanging: set[str] = set()
        self.asked: list[str] = []
        self.go = threading.Event()

    def __call__(self, settings: Settings) -> None:
        name = settings.folder.name
        self.asked.append(name)
        if name in self.hanging:
            self.go.wait(PATIENCE)
        if name in self.away:
            raise self.away[name]


@contextmanager
def site(roof: Roof, databases: Databases, measures: Measures | None = None) -> Iterator[OpenInstallation]:
    """A worker's, from its beginning to its end."""
    opened = open_installation(roof.folder, clock=lambda: NOW, prepare=databases, measures=measures or Measures())
    opened.start()
    try:
        yield opened
    finally:
        databases.go.set()
        opened.stop()


def status(opened: OpenInstallation, name: str) -> int:
    return get(opened, f"{issuer(name)}{DISCOVERY}").status_code


def test_a_tenant_is_served_by_itself_when_its_database_answers(roof: Roof) -> None:
    databases, measures = Databases(alder=StoreUnavailable("OperationalError")), Measures()
    with structlog.testing.capture_logs() as logs, site(roof, databases, measures) as opened:
        assert (status(opened, "alder"), status(opened, "birch")) == (503, 200)
        until(lambda: ready(measures).tenants == {"alder.example": False, "birch.example": True})
        assert ready(measures).broken == {"alder.example": "database"}
        until(lambda: databases.asked.count("alder") > 3)
        databases.away.clear()
        until(lambda: status(opened, "alder") == 200)
        until(lambda: ready(measures).tenants == {"alder.example": True, "birch.example": True})
        assert (opened.broken, set(opened.tenants)) == ((), {"alder", "birch"})
        assert ready(measures).broken == {}
        asked = len(databases.asked)
    told = [(line["event"], line["tenant"]) for line in logs if line["event"].startswith("tenant_")]
    assert told == [("tenant_broken", "alder"), ("tenant_opened", "alder")], "one line however often it was tried"
    assert len(databases.asked) == asked


def test_a_database_that_goes_while_the_tenant_is_composed_is_away_too(roof: Roof, monkeypatch: pytest.MonkeyPatch) -> None:
    fails = [StoreUnavailable("OperationalError")] * 3
    monkeypatch.setattr(tenants, "Application", failing("alder", fails))
    with site(roof, Databases()) as opened:
        until(lambda: status(opened, "alder") == 200)
    assert not fails


def failing(name: str, errors: list[StoreUnavailable]) -> Callable[..., Application]:
    def compose(folder: object, **more: object) -> Application:
        if str(folder).endswith(name) and errors:
            raise errors.pop()
        return Application(folder, **more)  # type: ignore[arg-type]  # as it is called

    return compose


def test_databases_that_hang_keep_nobody_else_waiting(roof: Roof) -> None:
    databases, measures = Databases(), Measures()
    databases.hanging.add("alder")
    with site(roof, databases, measures) as opened:
        assert not databases.go.is_set()
        assert (status(opened, "alder"), status(opened, "birch")) == (503, 200)
        assert not ready(measures).tenants["alder.example"]
        databases.go.set()
        until(lambda: status(opened, "alder") == 200)
        assert databases.asked.count("alder") == 1, "the try that hung is the one that came"


def test_a_fault_that_time_does_not_mend_closes_it_for_good(roof: Roof) -> None:
    databases, measures = Databases(alder=StoreUnavailable("OperationalError")), Measures()
    with structlog.testing.capture_logs() as logs, site(roof, databases, measures) as opened:
        fault = Problem("", 0, "database", "it belongs to another installation.", "serve it with its keys")
        databases.away["alder"] = Misconfigured((fault,))
        until(lambda: any("another installation" in str(one.problems[0]) for one in opened.broken))
        until(lambda: [line["tenant"] for line in logs if line["event"] == "tenant_broken"] == ["alder", "alder"])
        asked = databases.asked.count("alder")
        assert status(opened, "alder") == 503
        assert not ready(measures).tenants["alder.example"]
        assert ready(measures).broken == {"alder.example": "configuration"}
        time.sleep(0.1)
        assert databases.asked.count("alder") == asked
    assert [line["tenant"] for line in logs if line["event"] == "tenant_broken"] == ["alder", "alder"]


def test_a_tenant_that_one_worker_closed_for_good_is_not_ready_whatever_another_one_can(roof: Roof) -> None:
    seen = load_installation(roof.folder)
    with sharing() as shared, site(roof, Databases(), shared.worker(1)):
        until(lambda: ready(shared).tenants.get("alder.example", False))
        (roof.tenant("alder") / "keys" / "es256.pem").write_bytes(b"half a key")
        again = open_installation(roof.folder, seen=seen, clock=lambda: NOW, measures=shared.worker(2))
        again.stop()
        assert [one.name for one in again.broken] == ["alder"]
        assert ready(shared).tenants["alder.example"] is False
        assert ready(shared).broken == {"alder.example": "configuration"}


def test_where_no_database_answers_the_roof_does_not_open(roof: Roof) -> None:
    databases = Databases(alder=StoreUnavailable("OperationalError"), birch=StoreUnavailable("SQLITE_BUSY"))
    with pytest.raises(Misconfigured) as refused:
        open_installation(roof.folder, prepare=databases)
    assert all(word in what(refused.value) for word in ("OperationalError", "SQLITE_BUSY"))
