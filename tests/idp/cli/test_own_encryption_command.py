"""`ciconia keys` of a provider's own key, and `ciconia party` of its deviation."""

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from idp.cli import app
from tests.connectors import forge
from tests.idp.cli.keys_said import REASON, keys, listed, said

PROVIDER = """
id = "llng"
country = "EE"
title.en = "LemonLDAP"
namespace = "llng/EE"
entity_id = "https://idp.example/metadata"
metadata = "metadata/llng.xml"
deviations = ["aes_cbc"]

[attributes]
"urn:oid:2.5.4.4" = "family_name"
"""
KIND = "saml-encryption.llng"
NAME = "llng/aes_cbc"


def registered(city: Path) -> Path:
    for name, content in (
        ("providers/llng.toml", PROVIDER.encode()),
        ("metadata/llng.xml", forge.metadata(forge.rsa_party())),
    ):
        (city / name).parent.mkdir(exist_ok=True)
        (city / name).write_bytes(content)
    return city


def party(city: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["party", *arguments, "--config", str(city), "--json"])


def doctor(city: Path) -> list[dict[str, str]]:
    run = CliRunner().invoke(app, ["doctor", "--offline", "--config", str(city), "--json"])
    found = json.loads(run.stdout)["problems"]
    assert isinstance(found, list)
    return [one for one in found if one["key"] in ("deviations", f"{KIND}.pem") or "aes_cbc" in one["what"]]


def test_a_providers_own_key_is_made_listed_rotated_and_revoked(city: Path) -> None:
    made = said(keys(city, "new", KIND, "--json"))
    assert str(made["file"]).startswith(str(city / "keys" / f"{KIND}-"))
    (line,) = listed(city, KIND)
    assert (line["state"], line["key_id"]) == ("signs", made["key_id"])
    assert said(keys(city, "rotate", KIND, "--json"))["key_id"] == made["key_id"], "the one that waits"
    assert said(keys(city, "rotate", KIND, "--now", "--json"))["kind"] == KIND
    assert said(keys(city, "revoke", str(made["key_id"]), "--reason", REASON, "--json"))["ok"]
    assert [one["state"] for one in listed(city, KIND) if one["key_id"] == made["key_id"]] == ["revoked"]


def test_without_its_key_the_deviation_is_no_configuration_and_a_key_without_it_is_told(city: Path) -> None:
    registered(city)
    assert any(one["severity"] == "error" and f"{KIND}.pem" in one["what"] for one in doctor(city))
    said(keys(city, "new", KIND, "--json"))
    (notice,) = doctor(city)
    assert (notice["severity"], notice["file"], "AES-128" in notice["what"]) == ("notice", "providers/llng.toml", True)
    (city / "providers/llng.toml").write_text(PROVIDER.replace('deviations = ["aes_cbc"]\n', ""), encoding="utf-8")
    (unused,) = doctor(city)
    assert (unused["severity"], "no registration of that id has aes_cbc" in unused["what"]) == ("notice", True)


def test_what_was_switched_off_is_told_and_an_operator_switches_it_on(city: Path) -> None:
    registered(city)
    said(keys(city, "new", KIND, "--json"))
    at = ("--kind", "deviation", "--reason")
    assert party(city, "disable", "llng/aes_gcm", *at, "It fails").exit_code == 1
    off = json.loads(party(city, "disable", NAME, *at, "10 of its answers within an hour could not be opened").stdout)
    assert (off["kind"], off["name"], off["off"]) == ("deviation", NAME, True)
    error = next(one for one in doctor(city) if one["severity"] == "error")
    assert "could not be opened" in error["what"]
    assert f"ciconia party enable {NAME} --kind deviation" in error["fix"]
    switches = json.loads(party(city, "list").stdout)["switches"]
    assert [one["off"] for one in switches if one["name"] == NAME] == [True]
    assert party(city, "enable", NAME, *at, "It encrypts to the right key again").exit_code == 0
    assert [one["severity"] for one in doctor(city)] == ["notice"]
