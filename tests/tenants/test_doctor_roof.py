"""`ciconia doctor` looks at every tenant, at the process's settings, and at what tenants share."""

import json
from pathlib import Path
from shutil import copy

from typer.testing import CliRunner

from idp.cli import app
from tests.tenants.roof import Roof


def examined(folder: Path) -> tuple[int, list[dict[str, str]], list[str]]:
    ended = CliRunner().invoke(app, ["doctor", "--config", str(folder), "--offline", "--json"])
    told = json.loads(ended.stdout)
    return ended.exit_code, told["problems"], told["checked"]


def errors(found: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(one["file"], one["key"]) for one in found if one["severity"] == "error"}


def test_each_tenant_is_looked_at(roof: Roof) -> None:
    _, found, checked = examined(roof.folder)
    assert {"alder: keys", "birch: keys", "alder: database", "birch: ledger"} <= set(checked)
    assert not {one for one in errors(found) if one[1] in ("keys", "issuer", "tenants")}


def test_what_is_wrong_with_one_names_its_folder(roof: Roof) -> None:
    (roof.tenant("birch") / "keys" / "es256.pem").write_text("no key", encoding="utf-8")
    code, found, _ = examined(roof.folder)
    assert code == 1
    assert any(file == "tenants/birch/keys/es256.pem" for file, _ in errors(found))
    assert not any(file.startswith("tenants/alder/keys") for file, _ in errors(found))


def test_a_fault_of_one_is_not_said_to_keep_the_server_from_starting(roof: Roof) -> None:
    settings = roof.tenant("birch") / "ciconia.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "\nno TOML\n", encoding="utf-8")
    _, found, _ = examined(roof.folder)
    whys = [one["why"] for one in found if one["file"] == "tenants/birch/ciconia.toml" and one["severity"] == "error"]
    assert "`ciconia serve` closes this tenant with it." in whys
    assert not any("does not start" in why for why in whys)


def test_what_tenants_share_is_an_error_of_both(roof: Roof) -> None:
    copy(roof.tenant("alder") / "keys" / "pairwise.key", roof.tenant("birch") / "keys" / "pairwise.key")
    code, found, _ = examined(roof.folder)
    assert code == 1
    assert {(f"tenants/{name}/keys/pairwise.key", "keys") for name in ("alder", "birch")} <= errors(found)


def test_a_setting_of_a_tenant_beside_the_tenants_is_an_error(roof: Roof) -> None:
    (roof.folder / "ciconia.toml").write_text('issuer = "https://x.example"\n', encoding="utf-8")
    code, found, _ = examined(roof.folder)
    assert (code, ("ciconia.toml", "issuer") in errors(found)) == (1, True)


def test_a_tenant_that_is_no_configuration_is_an_error_and_no_tenant_is_one_too(roof: Roof, tmp_path: Path) -> None:
    (roof.folder / "tenants" / "cedar").mkdir()
    assert any(file == "tenants/cedar" for file, _ in errors(examined(roof.folder)[1]))
    (tmp_path / "none" / "tenants").mkdir(parents=True)
    (tmp_path / "none" / "ciconia.toml").touch()
    assert ("tenants", "tenants") in errors(examined(tmp_path / "none")[1])
