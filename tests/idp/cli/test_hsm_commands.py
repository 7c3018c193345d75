"""`ciconia keys new` and `rotate` make keys in a token (SoftHSM2), `list` and `doctor` know them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.config.settings import load_settings
from idp.keys.folder import load_keys
from tests.idp.cli.command import ciconia
from tests.softhsm import LABEL, MODULE, PIN, SoftHsm, name_instead, softhsm

pytestmark = pytest.mark.peer


@pytest.fixture
def token(tmp_path: Path) -> Iterator[SoftHsm]:
    with softhsm(tmp_path / "hsm") as made:
        yield made


@pytest.fixture
def city(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    assert ciconia("init", folder).returncode == 0
    return folder


def test_a_rotation_moves_each_kind_that_signs_into_the_token(token: SoftHsm, city: Path) -> None:
    address = f"pkcs11:token={LABEL}?module-path={MODULE}&pin-source=file:{token.pin}"
    for kind in ("es256", "rs256", "saml", "openid", "node", "node-metadata", "log"):
        run = ciconia("keys", "rotate", kind, "--now", "--token", address, "--config", city, "--json")
        assert run.returncode == 0, run.stdout + run.stderr
        made = Path(json.loads(run.stdout)["file"])
        assert b"PRIVATE KEY" not in made.read_bytes()
        assert PIN not in made.read_text() + (run.stdout + run.stderr)
    run = ciconia("keys", "list", "--config", city, "--json")
    signs = {each["kind"]: each["file"] for each in json.loads(run.stdout)["keys"] if each["state"] == "signs"}
    stays = {kind for kind, file in signs.items() if "Z." not in file}
    assert stays == {"sealing", "openid-encryption", "node-encryption", "saml-encryption"}
    settings = load_settings(city)
    keys = load_keys(settings.key_folder, settings.origin)
    assert len(keys.ledger.log.listed.keys) == 2, "the key before vouches for the token's"
    run = ciconia("doctor", "--offline", "--config", city, "--json")
    found = [
        each for each in json.loads(run.stdout)["problems"] if each["severity"] != "notice" and "token" in each["what"]
    ]
    assert not found, "the token keeps them"


def test_a_key_that_decrypts_is_not_made_there(token: SoftHsm, city: Path) -> None:
    address = f"pkcs11:token={LABEL}?module-path={MODULE}&pin-source=file:{token.pin}"
    run = ciconia("keys", "new", "node-encryption", "--token", address, "--config", city)
    assert run.returncode == 1
    assert "has to be in its file" in (run.stdout + run.stderr)


def test_doctor_names_a_key_that_may_be_taken_out_and_a_token_that_is_away(token: SoftHsm, city: Path) -> None:
    keys = city / "keys"
    name_instead(keys / "es256.pem", token.generate("es256", "EC:prime256v1", "--extractable"))
    run = ciconia("doctor", "--offline", "--config", city, "--json")
    found = [each for each in json.loads(run.stdout)["problems"] if "taken out" in each["what"]]
    assert [each["file"].rpartition("/")[2] for each in found] == ["es256.pem"]
    token.take_out()
    run = ciconia("doctor", "--offline", "--config", city, "--json")
    (what,) = {each["what"] for each in json.loads(run.stdout)["problems"] if "token" in each["what"]}
    assert "plug it in" in what
    assert PIN not in (run.stdout + run.stderr)
