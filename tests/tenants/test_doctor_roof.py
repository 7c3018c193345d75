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


def test_what_tenants_share_is_an_error_of_both(roof: Roof) -> None:
    copy(roof.tenant("alder") / "keys" / "pairwise.key", roof.tenant("birch") / "keys" / "pairwise.key")
    code, found, _ = examined(roof.folder)
    assert code == 1
    assert {(f"tenants/{name}/keys/pairwise.key", "keys") for name in ("alder", "birch")} <= errors(found)


def test_a_setting_of_a_tenant_beside_the_tenants_is_an_error(roof: Roof) -> None:
    (roof.folder / "ciconia.toml").write_text('issuer = "https://x.example"\n', encoding="utf-8")
    code, found, _ = examined(roof.folder)
    assert (code, ("ciconia.toml", "issuer") in errors(found)) == (1, True)
