"""`ciconia metadata export`: the metadata of public bodies as a file, signed by our key."""

import subprocess
from pathlib import Path

import pytest
from lxml import etree

from connectors.wire.names import md
from tests.idp.cli.command import in_process, json_of

BODIES = """\
[rome]
name.en = "Rome"
url = "https://rome.example"
[milan]
name.en = "Milan"
url = "https://milan.example"
"""


@pytest.fixture
def city(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    assert in_process("init", folder).returncode == 0
    (folder / "bodies").mkdir()
    (folder / "bodies" / "italy.toml").write_text(BODIES)
    return folder


def test_one_body_or_all_come_as_a_file_or_to_standard_output(city: Path, tmp_path: Path) -> None:
    shown = in_process("metadata", "export", "milan", "--config", city)
    assert shown.returncode == 0, shown.stderr
    assert str(etree.fromstring(shown.stdout.encode()).get("entityID")).endswith("/saml/bodies/milan")
    told = json_of(in_process("metadata", "export", "--config", city, "--out", tmp_path / "all.xml", "--json"))
    assert told["ok"], told
    octets = (tmp_path / "all.xml").read_bytes()
    assert (told["entities"], told["octets"]) == (2, len(octets))
    assert len(etree.fromstring(octets).findall(md("EntityDescriptor"))) == 2


def code_of(run: subprocess.CompletedProcess[str]) -> object:
    error = json_of(run)["error"]
    assert isinstance(error, dict)
    return error["code"]


def test_who_asks_for_nobody_s_is_told(city: Path, tmp_path: Path) -> None:
    assert (
        code_of(in_process("metadata", "export", "paris", "--config", city, "--out", tmp_path / "a", "--json"))
        == "not_found"
    )
    assert code_of(in_process("metadata", "export", "--config", city, "--json")) == "usage"
    (city / "bodies" / "italy.toml").unlink()
    assert in_process("metadata", "export", "--config", city).returncode == 2


def test_no_body_has_an_address_of_ours_for_a_name(city: Path) -> None:
    shown = in_process("metadata", "export", "rome", "--config", city)
    name = str(etree.fromstring(shown.stdout.encode()).get("entityID"))
    for taken in (name, name.replace("bodies/rome", "metadata")):
        (city / "bodies" / "italy.toml").write_text(f'{BODIES}entity_id = "{taken}"\n')
        refused = in_process("metadata", "export", "rome", "--config", city)
        assert (refused.returncode, "lies under our own address" in refused.stderr) == (2, True), refused.stderr
