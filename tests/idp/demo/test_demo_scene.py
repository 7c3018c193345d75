"""The demo's stage: a folder that any broker could run on, fresh secrets, and nothing of the parties' inside."""

import socket
from pathlib import Path

import pytest

from idp.application.load import load_all
from idp.demo.loopback import client, send
from idp.demo.scene import HOST, PORTS, Scene


def test_the_folder_is_a_configuration_that_loads(scene: Scene) -> None:
    settings, configuration, _ = load_all(scene.receiving)
    assert settings.issuer == scene.issuer
    assert settings.demo
    assert set(configuration.parties) == {"parking", "fares", "budget"}
    assert set(configuration.providers) == {"demo-ee"}
    assert set(configuration.purposes) == {"resident-parking", "concession-fare", "participatory-budget"}
    assert settings.database_url == f"sqlite:///{scene.receiving.resolve()}/ciconia.db"
    assert (scene.receiving / "ciconia.db").is_file()


def test_no_placeholder_is_left_in_any_file(scene: Scene) -> None:
    for file in scene.receiving.rglob("*.toml"):
        assert "@" not in file.read_text(encoding="utf-8").replace("privacy@", "").replace("council@", ""), file


@pytest.mark.spec("house style 8; decisions.md 4")
def test_the_brokers_folder_holds_no_secret_of_a_party(scene: Scene) -> None:
    secrets = [party.service.secret for party in scene.city._parties.values() if party.service.secret]
    assert len(secrets) == 2
    for file in scene.receiving.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert not [secret for secret in secrets if secret.encode() in content], file
    jwks = (scene.receiving / "parties" / "fares.jwks.json").read_text(encoding="utf-8")
    assert '"d"' not in jwks
    assert not list(scene.receiving.rglob("*country*.pem"))


def test_keys_are_for_their_owner_alone(scene: Scene) -> None:
    for file in (scene.receiving / "keys").iterdir():
        assert file.stat().st_mode & 0o077 == 0 or file.suffix in {".vkey", ".crt"}, file


def test_a_usual_port_that_somebody_has_is_not_fought_over(tmp_path: Path) -> None:
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((HOST, PORTS["broker"]))
        held.listen()
    except OSError:
        held.close()  # somebody else has it: as good
    made = Scene(tmp_path / "scene", fixed=True)
    try:
        assert made.issuer != f"http://broker.localhost:{PORTS['broker']}"
        assert made.issuer.startswith("http://broker.localhost:")
    finally:
        made.close()
        held.close()


def test_all_three_answer_on_loopback_under_their_names(scene: Scene) -> None:
    with client() as http:
        for url, expected in (
            (f"{scene.issuer}/.well-known/openid-configuration", 200),
            (f"{scene.country_base}/metadata", 200),
            (f"{scene.city_base}/", 200),
        ):
            assert send(http, "GET", url).status_code == expected
        wrong = scene.issuer.replace("broker.", "evil.")
        assert send(http, "GET", f"{wrong}/jwks").status_code == 421


def test_a_closed_scene_answers_nobody(tmp_path: Path) -> None:
    made = Scene(tmp_path / "scene", fixed=False)
    made.open()
    port = int(made.issuer.rpartition(":")[2])
    made.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((HOST, port), timeout=1)
