"""Settings that would leak or lose something: `doctor` names them, `serve` refuses them."""

from pathlib import Path

import pytest

from idp.config.settings import Settings
from idp.doctor.production import production_faults
from tests.connectors.metadata import node
from tests.idp.doctor.ward import ERROR, ISSUER, at, edit, examined, machine, provider_metadata, write


def settings(**changes: object) -> Settings:
    base: dict[str, object] = {"issuer": "https://city.test", "folder": Path("/city")}
    return Settings.model_validate(base | changes)


def keys(made: Settings, environment: dict[str, str] | None = None) -> list[str]:
    return [fault.key for fault in production_faults(made, environment or {})]


def test_the_defaults_are_safe() -> None:
    assert keys(settings()) == []


def test_the_demo_is_for_localhost_alone() -> None:
    for issuer, demo, named in [
        ("https://city.test", "on", "demo"),
        ("https://localhost.city.test", "on", "demo"),
        ("http://broker.localhost:8400", "on", ""),
        ("https://city.test", "off", ""),
    ]:
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


def test_everybody_is_listened_to_behind_a_proxy_alone() -> None:
    for listen, proxies, named in [
        ("0.0.0.0:80", ["127.0.0.1", "::1"], "listen"),
        ("[::]:80", ["127.0.0.0/8"], "listen"),
        ("0.0.0.0:80", [], "listen"),
        ("192.0.2.7:80", ["::1"], "listen"),
        ("city.test:80", ["::1"], "listen"),
        ("0.0.0.0:80", ["172.17.0.1"], ""),
        ("127.0.0.1:80", ["::1"], ""),
        ("[::1]:80", [], ""),
        ("localhost:80", [], ""),
    ]:
        assert keys(settings(listen=listen, trusted_proxies=proxies)) == named.split()


def test_a_database_that_would_lose_commits_is_refused() -> None:
    for database, named in [
        ("ciconia.db", ""),
        ("sqlite:////var/lib/ciconia.db", ""),
        ("sqlite:///file:a.db?uri=true&nolock=1", "database"),
        ("sqlite:///file:a.db?uri=true&immutable=1", "database"),
        ("sqlite:///file:a.db?vfs=unix-none&uri=true", "database"),
        ("sqlite:////dev/shm/ciconia.db", "database"),
        ("/dev/shm/ciconia.db", "database"),  # noqa: S108 - named, not used
        ("/run/ciconia.db", "database"),
        ("/runs/ciconia.db", ""),
    ]:
        assert keys(settings(database=database)) == named.split()


def test_surroundings_that_leak_or_lose_are_refused() -> None:
    for variable, value, named in [
        ("PYTHONDEVMODE", "1", "PYTHONDEVMODE"),
        ("PYTHONASYNCIODEBUG", "1", "PYTHONASYNCIODEBUG"),
        ("SSLKEYLOGFILE", "keys.log", "SSLKEYLOGFILE"),
        ("LD_PRELOAD", "/usr/lib/x86_64-linux-gnu/libeatmydata.so", "LD_PRELOAD"),
        ("LD_PRELOAD", "/usr/lib/libjemalloc.so", ""),
        ("PYTHONDEVMODE", "", ""),
        ("PYTHONASYNCIODEBUG", "0", ""),
    ]:
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
