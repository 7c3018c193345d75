"""`ciconia metadata propagation`: which federation has our keys and addresses of today, and which still the old ones."""

import re
import time
from pathlib import Path
from typing import Any  # Any: JSON of a command

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from connectors.formats.grammar import written
from connectors.metadata.uptake import uptake
from idp.application.load import load_all
from idp.application.saml_services import metadata_for_all
from idp.store.migrate import migrate
from tests.benchmarks import metadata_made as made
from tests.idp.cli.command import in_process, json_of

FEDERATION = 'id = "research"\nfile = "{file}"\nsigners = "metadata/research.pem"\nroles = ["idp"]\n'
PROVIDER = """\
id = "university"
title.en = "University"
country = "EE"
namespace = "university"
entity_id = "https://idp.example/saml"
federation = "research"
attributes = { "urn:oid:2.5.4.4" = "family_name" }
"""


@pytest.fixture
def city(tmp_path: Path) -> Path:
    folder = tmp_path / "city"
    assert in_process("init", folder).returncode == 0
    pem = load_der_x509_certificate(made.certificate("federation")).public_bytes(Encoding.PEM)
    for name, text in {
        "federations/research.toml": FEDERATION.format(file=tmp_path / "all.xml"),
        "metadata/research.pem": pem.decode(),
        "providers/university.toml": PROVIDER,
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    migrate(f"sqlite:///{folder / 'ciconia.db'}")
    return folder


def ours(city: Path) -> list[str]:
    settings, configuration, keys = load_all(city)
    return [make(int(time.time())).decode() for make in metadata_for_all(settings, configuration, keys).values()]


def publish(city: Path, entities: list[str]) -> None:
    head, *rest = made.unsigned(3, valid_until=written(int(time.time()) + 7 * 24 * 3600))
    texts = [one.partition("?>")[2] if one.startswith("<?xml") else one for one in entities]
    (city.parent / "all.xml").write_bytes(made.sign(head, "".join([*texts, *rest])))


def looked(city: Path, code: int) -> dict[str, Any]:
    found = in_process("metadata", "propagation", "--config", city, "--json")
    assert found.returncode == code, found.stdout + found.stderr
    return json_of(found)


def states(told: dict[str, Any]) -> set[str]:
    return {one["state"] for one in told["entities"]}


def test_a_key_that_waits_for_its_minute_is_missing_until_the_federation_has_it(city: Path) -> None:
    publish(city, ours(city))
    told = looked(city, 0)
    assert (states(told), told["next_keys"]) == ({"current"}, {})
    (peer,) = told["peers"]
    assert (peer["id"], peer["federation"], peer["state"]) == ("university", "research", "current")
    assert in_process("keys", "new", "saml", "--config", city).returncode == 0
    told = looked(city, 1)
    (key,) = told["next_keys"]
    assert states(told) == {"behind"}
    assert [one["lacks"] for one in told["entities"]] == [[key]] * 2
    text = in_process("metadata", "propagation", "--config", city).stdout
    assert f"lacks {key}, which signs from" in " ".join(text.split())
    publish(city, ours(city))
    assert states(looked(city, 0)) == {"current"}


def test_an_address_of_before_is_named_on_both_sides(city: Path) -> None:
    publish(city, [one.replace("/saml/acs", "/saml/old") for one in ours(city)])
    told = looked(city, 1)
    changed = next(one for one in told["entities"] if one["state"] == "behind")
    assert [one.rpartition("/")[2] for one in (*changed["lacks"], *changed["still"])] == ["acs", "old"]


def test_who_does_not_have_it_is_not_behind_and_what_cannot_be_read_is_told(city: Path) -> None:
    publish(city, [])
    told = looked(city, 0)
    assert states(told) == {"absent"}
    (city.parent / "all.xml").write_bytes(b"<a/>")
    told = looked(city, 1)
    assert states(told) == {"unread"}
    assert all("(" in one["detail"] for one in told["entities"])
    (city / "federations/research.toml").unlink()
    (city / "providers/university.toml").unlink()
    assert looked(city, 0)["entities"] == looked(city, 0)["peers"] == []


def test_a_key_that_signs_no_more_need_not_be_known(city: Path) -> None:
    octets = ours(city)[0]
    bare = re.sub("<md:KeyDescriptor.*</md:KeyDescriptor>", "", octets).encode()
    lacks = uptake(octets.encode(), bare, ()).lacks
    (key,) = [one for one in lacks if one.startswith("signing key ")]
    assert set(lacks) - {key} == {*uptake(octets.encode(), bare, [key.removeprefix("signing key ")]).lacks}
