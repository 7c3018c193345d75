"""Valkey as `serve` will ask it: what keeps a broker from starting is found before."""

import sys
from pathlib import Path

import pytest

from idp.doctor.finding import DoctorFinding
from policies.errors import EXTRAS
from tests.idp.doctor.ward import ERROR, edit, examined, healthy, only
from tests.ports import free_port
from tests.valkey import valkey_server


def set_valkey(city: Path, url: str) -> int:
    """Have limits counted there; the line that says so."""
    return edit(city, "ciconia.toml", 'keys = "keys"\n', f'keys = "keys"\nvalkey = "{url}"\n') + 1


def told(found: DoctorFinding, line: int) -> None:
    assert (found.severity, found.place) == (ERROR, f"ciconia.toml:{line}:valkey")
    assert "`ciconia serve` does not start without it" in found.why


@pytest.mark.parametrize("offline", [True, False])
def test_a_library_that_is_missing_is_found_offline_too(
    city: Path, monkeypatch: pytest.MonkeyPatch, *, offline: bool
) -> None:
    line = set_valkey(city, "valkey://127.0.0.1:6399/0")
    monkeypatch.setitem(sys.modules, "valkey", None)
    found = only(examined(city, outside=None if offline else healthy()))
    told(found, line)
    assert (found.what, found.fix.partition(",")[0]) == ("Valkey's library is not installed.", EXTRAS)


def test_where_nobody_listens_that_is_found_and_no_password_is_told(city: Path) -> None:
    port = free_port()
    line = set_valkey(city, f"valkey://u:Canary-1887@127.0.0.1:{port}/0")
    (city / "ciconia.toml").chmod(0o600)
    report = examined(city, outside=healthy())
    told(only(report), line)
    assert f"Valkey at 127.0.0.1:{port}/0 does not answer" in only(report).what
    assert "Canary" not in repr(report)
    assert examined(city).findings == (), "offline nobody is asked"


@pytest.mark.peer
def test_one_that_would_drop_counters_is_found(city: Path, tmp_path: Path) -> None:
    with valkey_server(tmp_path) as valkey:
        line = set_valkey(city, valkey.url)
        assert examined(city, outside=healthy()).findings == ()
        valkey.stop()
        valkey.policy = "allkeys-lru"
        valkey.start()
        found = only(examined(city, outside=healthy()))
    told(found, line)
    assert "is allkeys-lru: a full memory would drop counters" in found.what
    assert found.fix == "set maxmemory-policy noeviction in valkey.conf"
