"""What would leak or lose: `doctor` names it, `serve` refuses it."""

from pathlib import Path

import pytest

from idp.doctor.production import production_faults
from idp.settings import Settings
from tests.connectors.metadata import node
from tests.idp.doctor.ward import ERROR, ISSUER, NOTICE, at, edit, examined, machine, only, provider_metadata, write


def settings(**changes: object) -> Settings:
    base: dict[str, object] = {"issuer": "https://city.test", "folder": Path("/city")}
    return Settings.model_validate(base | changes)


def keys(made: Settings, environment: dict[str, str] | None = None) -> list[str]:
    return [fault.key for fault in production_faults(made, environment or {})]


def test_the_defaults_are_safe() -> None:
    assert keys(settings()) == []


@pytest.mark.parametrize(
    ("issuer", "demo", "named"),
    [
        ("https://city.test", "on", "demo"),
        ("https://localhost.city.test", "on", "demo"),
        ("http://broker.localhost:8400", "on", ""),
        ("https://city.test", "off", ""),
    ],
)
def test_the_demo_is_for_localhost_alone(issuer: str, demo: str, named: str) -> None:
    assert keys(settings(issuer=issuer, demo=demo == "on")) == named.split()


@pytest.mark.parametrize(
    ("issuer", "demo", "named"),
    [
        ('"http://broker.localhost:8400/"', "true", "issuer"),
        ('"broker.localhost"', "true", "issuer"),
        ("http://broker.localhost:8400", "true", ""),
        ('"http://login.storkhaven.test"', '"maybe"', "demo"),
    ],
)
def test_one_misspelling_in_a_demos_settings_is_one_finding(city: Path, issuer: str, demo: str, named: str) -> None:
    edit(city, "ciconia.toml", f'issuer = "{ISSUER}"', f"issuer = {issuer}\ndemo = {demo}")
    write(city, "metadata/lv.xml", provider_metadata(node.curve_signer().certificate, url="http://idp.localhost:8401/sso"))
    errors = [(found.file, found.key) for found in examined(city).findings if found.severity is ERROR]
    assert errors == [("ciconia.toml", named)]


@pytest.mark.parametrize(
    ("listen", "proxies", "named"),
    [
        ("0.0.0.0:80", ["127.0.0.1", "::1"], "listen"),
        ("[::]:80", ["127.0.0.0/8"], "listen"),
        ("0.0.0.0:80", [], "listen"),
        ("192.0.2.7:80", ["::1"], "listen"),
        ("city.test:80", ["::1"], "listen"),
        ("0.0.0.0:80", ["172.17.0.1"], ""),
        ("127.0.0.1:80", ["::1"], ""),
        ("[::1]:80", [], ""),
        ("localhost:80", [], ""),
    ],
)
def test_everybody_is_listened_to_behind_a_proxy_alone(listen: str, proxies: list[str], named: str) -> None:
    assert keys(settings(listen=listen, trusted_proxies=proxies)) == named.split()


@pytest.mark.parametrize(
    ("database", "named"),
    [
        ("ciconia.db", ""),
        ("sqlite:////var/lib/ciconia.db", ""),
        ("sqlite:///file:a.db?uri=true&nolock=1", "database"),
        ("sqlite:///file:a.db?uri=true&immutable=1", "database"),
        ("sqlite:///file:a.db?vfs=unix-none&uri=true", "database"),
        ("sqlite:////dev/shm/ciconia.db", "database"),
        ("/dev/shm/ciconia.db", "database"),  # noqa: S108 - named, not used
        ("/run/ciconia.db", "database"),
        ("/runs/ciconia.db", ""),
    ],
)
def test_a_database_that_would_lose_commits_is_refused(database: str, named: str) -> None:
    assert keys(settings(database=database)) == named.split()


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("PYTHONDEVMODE", "1", "PYTHONDEVMODE"),
        ("PYTHONASYNCIODEBUG", "1", "PYTHONASYNCIODEBUG"),
        ("SSLKEYLOGFILE", "keys.log", "SSLKEYLOGFILE"),
        ("LD_PRELOAD", "/usr/lib/x86_64-linux-gnu/libeatmydata.so", "LD_PRELOAD"),
        ("LD_PRELOAD", "/usr/lib/libjemalloc.so", ""),
        ("PYTHONDEVMODE", "", ""),
        ("PYTHONASYNCIODEBUG", "0", ""),
    ],
)
def test_surroundings_that_leak_or_lose_are_refused(variable: str, value: str, named: str) -> None:
    assert keys(settings(), {variable: value}) == named.split()


def test_all_of_them_are_named_at_once_with_their_lines(city: Path) -> None:
    line = edit(city, "ciconia.toml", 'listen = "127.0.0.1:8400"', 'listen = "0.0.0.0:8400"\ndemo = true')
    report = examined(city, on=machine(environment={"SSLKEYLOGFILE": "keys.log", "LD_PRELOAD": "libeatmydata.so"}))
    assert [(one.file, one.line, one.key) for one in report.of(ERROR)] == [
        ("ciconia.toml", line, "listen"),
        ("ciconia.toml", line + 1, "demo"),
        ("environment", 0, "SSLKEYLOGFILE"),
        ("environment", 0, "LD_PRELOAD"),
    ]


def test_a_base_address_behind_which_browsers_keep_no_cookie_is_an_error(city: Path) -> None:
    edit(city, "ciconia.toml", "https://login.storkhaven.test", "http://login.storkhaven.test")
    report = examined(city)
    found = at(report, "ciconia.toml", "issuer", "browsers would keep no cookie")
    assert (found.severity, found.line) == (ERROR, 2)
    assert "__Host-" in found.why


def test_the_demo_says_that_safari_keeps_no_cookie(city: Path) -> None:
    edit(city, "ciconia.toml", "https://login.storkhaven.test", "http://broker.localhost:8400")
    edit(city, "ciconia.toml", 'role = "city"', 'role = "city"\ndemo = true')
    found = at(examined(city), "ciconia.toml", "issuer", "Safari")
    assert found.severity is NOTICE


def test_libraries_that_disagree_are_an_error(city: Path) -> None:
    assert only(examined(city, on=machine(lxml=(2, 13, 6)))).key == "libxml2"
    assert examined(city, on=machine(lxml=(2, 14, 9))).ok


@pytest.mark.parametrize(("free", "named"), [(1023 * 1024**2, "database"), (4 * 1024**3, "database"), (6 * 1024**3, "")])
def test_a_disk_that_is_nearly_full_is_a_warning(city: Path, free: int, named: str) -> None:
    report = examined(city, on=machine(free=free))
    assert [one.key for one in report.findings] == named.split()
    assert report.of(ERROR) == []
