"""`ciconia serve`: what it answers behind a proxy, what it refuses to start with, and how it ends."""

import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from idp.config.settings import load_settings
from idp.server.http import bind
from tests.idp.cli.command import ciconia, json_of, listen_on_a_free_port, serving
from tests.idp.server.crew import until

ISSUER = "https://login.city.example"


@pytest.fixture
def city(made: Path, tmp_path: Path) -> Path:
    """A folder that `init` made, on a port that is free and without a database yet."""
    folder = shutil.copytree(made, tmp_path / "city", ignore=shutil.ignore_patterns("ciconia.db*"))
    listen_on_a_free_port(folder)
    return folder


def test_discovery_is_served_under_the_issuer_to_a_proxy_that_says_https(city: Path, tmp_path: Path) -> None:
    with serving(city, tmp_path / "log") as served:
        assert served.first_line == f"{ISSUER} is served at http://127.0.0.1:{served.port}. Ctrl-C ends it.\n"
        https = {"x_forwarded_proto": "https"}
        path = "/.well-known/openid-configuration"
        for host in ("login.city.example", f"127.0.0.1:{served.port}", f"localhost:{served.port}"):
            found = served.get(path, host=host, **https)
            assert found.status_code == 200, host
            assert found.json()["issuer"] == ISSUER
            assert found.json()["token_endpoint"] == f"{ISSUER}/token"
        other = served.get(path, host="other.example", **https)
        assert (other.status_code, "issuer in ciconia.toml" in other.text) == (421, True)
        # The host is compared whole: neither another port nor a longer name is ours
        for host in ("login.city.example:8443", "login.city.example.other.example", "127.0.0.1.other.example"):
            assert served.get(path, host=host, **https).status_code == 421, host
        plain = served.get(path, host="login.city.example")
        assert (plain.status_code, "X-Forwarded-Proto" in plain.text) == (400, True)
        assert served.get("/jwks", **https).json()["keys"]
        assert b"EntityDescriptor" in served.get("/saml/metadata", **https).content


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_0_and_the_lease_of_the_ledger_is_free_again(
    city: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with serving(city, tmp_path / "log") as served:
        assert served.get("/log/checkpoint", x_forwarded_proto="https").status_code == 404
        until(lambda: bool(lease_ends(city / "ciconia.db")))
        assert served.end(number) == 0
        assert served.stderr.count("Traceback") == 0
    assert lease_ends(city / "ciconia.db") == 0


def test_a_setting_that_does_not_exist_is_named_with_file_line_key_and_the_nearest(city: Path) -> None:
    path = city / "ciconia.toml"
    text = path.read_text(encoding="utf-8").replace("trusted_proxies =", "trusted_proxy =").replace("10.0", "0.0")
    path.write_text(text, encoding="utf-8")
    lines = text.splitlines()
    at = {
        key: 1 + next(n for n, line in enumerate(lines) if line.startswith(key)) for key in ("trusted_proxy", "checkpoint")
    }
    run = ciconia("serve", "--config", city)
    assert run.returncode == 1
    assert run.stdout == ""
    assert (
        f"{path}:{at['trusted_proxy']}: trusted_proxy: no setting has this name. Fix: Did you mean trusted_proxies?"
        in run.stderr
    )
    # All problems at once
    assert f"{path}:{at['checkpoint']}: checkpoint_seconds:" in run.stderr
    found = json_of(ciconia("migrate", "--config", city, "--json"))["problems"]
    assert isinstance(found, list)
    assert {(one["line"], one["key"]) for one in found} == {
        (at["trusted_proxy"], "trusted_proxy"),
        (at["checkpoint"], "checkpoint_seconds"),
    }


def test_every_key_that_does_not_serve_is_named_at_once(city: Path) -> None:
    keys = city / "keys"
    (keys / "sealing.key").chmod(0o644)
    (keys / "pairwise.key").write_text("short", encoding="ascii")
    (keys / "es256.pem").write_text("PRIVATE-BYTES", encoding="ascii")
    (keys / "saml.pem").unlink()
    (keys / "openings.key").write_text("zz", encoding="ascii")
    run = ciconia("serve", "--config", city)
    assert run.returncode == 1
    for name in ("sealing.key", "pairwise.key", "es256.pem", "saml.pem", "openings.key"):
        assert f"{keys / name}:" in run.stderr, name
    assert "PRIVATE-BYTES" not in run.stderr
    assert "Traceback" not in run.stderr


def test_a_port_that_somebody_has_is_named_with_what_to_change(city: Path) -> None:
    taken = bind("127.0.0.1", load_settings(city).port)
    try:
        run = ciconia("serve", "--config", city)
    finally:
        taken.close()
    assert run.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{load_settings(city).port}: Address already in use" in run.stderr
    assert "End what listens there, or change listen in ciconia.toml" in run.stderr


def lease_ends(database: Path) -> int | None:
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        row = connection.execute("SELECT lease_ends FROM trees").fetchone()
    finally:
        connection.close()
    return None if row is None else int(row[0])
