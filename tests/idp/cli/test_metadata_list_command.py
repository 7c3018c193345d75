"""`ciconia metadata service-list`: what is shown of a signed list, and a registration that loads as it is."""

import json
import shutil
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from connectors.fetch import Fetcher
from idp.application.load import load_all
from idp.cli import app
from policies.parties import NodeId, Peer, ProviderId
from tests.connectors.metadata.lists import Place, ee, publisher, signed, text
from tests.connectors.metadata.node import DAY, NOW, curve_signer, key, rsa_signer
from tests.connectors.metadata.test_several_certificates import LEAF, MIDDLE, NEXT, ROOT

Run = Callable[..., Result]
GOOD = key("metadata").certificate
SMALL, ENDED = rsa_signer(0, 2048).certificate, curve_signer(end=NOW - DAY).certificate
PLACES = (
    ee(),
    ee(role="connector", certificates=(GOOD, NEXT.certificate)),
    ee(country="NL", role="connector", certificates=(LEAF.certificate, MIDDLE.certificate, ROOT.certificate)),
    ee(country="NL", location="https://md.nl.example/", entity_id="https://nl.example/metadata"),
    ee(country="DK", certificates=(SMALL,)),
    ee(country="NO", certificates=(ENDED,)),
    ee(country="EL", said=' Suspend="true"'),
    ee(country="FI", certificates=()),
)


@pytest.fixture(autouse=True)
def at_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idp.cli.metadata.service_lists.system_clock", lambda: NOW)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command, over a list of these places."""
    (tmp_path / "publisher.pem").write_text(ssl.DER_cert_to_PEM_cert(publisher().certificate))

    def asked(*words: str, places: Sequence[Place] = PLACES, octets: bytes = b"") -> Result:
        (tmp_path / "list.xml").write_bytes(octets or signed(text(*places)))
        line = ["metadata", "service-list", str(tmp_path / "list.xml"), "--trust", str(tmp_path / "publisher.pem"), *words]
        return CliRunner().invoke(app, line)

    return asked


ORGANIZATION = """
[organization]
name = "City of Riga"
url = "https://riga.example/"
support = "help@riga.example"
technical = "tech@riga.example"
"""


@pytest.fixture(scope="module", params=["city", "node"])
def begun(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """A folder as `init` makes it, of a city that asks other countries' nodes or of a node, by its name."""
    folder = tmp_path_factory.mktemp("list") / str(request.param)
    assert CliRunner().invoke(app, ["init", str(folder), "--role", folder.name]).exit_code == 0
    if folder.name == "city":
        file = folder / "ciconia.toml"
        file.write_text(file.read_text("utf-8").replace('\ncountry = ""\n', '\ncountry = "LV"\n') + ORGANIZATION, "utf-8")
    return folder


@pytest.fixture
def config(begun: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(begun, tmp_path / begun.name))


def said(run: Result) -> dict[str, object]:
    found = json.loads(run.stdout)
    assert isinstance(found, dict)
    return found


def test_each_country_is_shown_with_its_nodes_and_what_is_wrong_with_a_certificate(run: Run) -> None:
    found = run()
    assert (found.exit_code, found.stderr) == (0, "")
    shown = " ".join(found.stdout.split())
    for sentence in (
        "The list of The publisher (EU)",
        "EE sending node https://node.ee.example/proxy certificate",
        "receiving node https://node.ee.example/connector certificate",
        "sending node https://nl.example/metadata metadata at https://md.nl.example/ certificate",
        "it issued another one of this node",
        "DK sending node https://node.dk.example/proxy (not usable: none of its certificates can be pinned) certificate",
        "refused: an RSA key of 2048 bits; 3072 to 8192 are taken",
        "NO sending node https://node.no.example/proxy (not usable: none of its certificates can be pinned) certificate",
        ": ended at",
        "EL sending node https://node.el.example/proxy (not usable: the list says that it is suspended)",
        "FI sending node https://node.fi.example/proxy (not usable: the list has no certificate of it)",
        "XY: no node",
        "Left out: 2 addresses or territories that name no node.",
    ):
        assert sentence in shown
    one = run("--country", "DK")
    assert "EE" not in one.stdout


def test_what_is_written_loads_as_it_is(run: Run, config: Path) -> None:
    found = run("--country", "NL", "--write", "--config", str(config))
    assert found.exit_code == 0, found.output
    configuration = load_all(config)[1]
    if config.name == "city":
        provider = configuration.providers[ProviderId("nl")]
        assert isinstance(provider.peer, Peer)
        assert (provider.title, provider.country, provider.namespace) == ({"en": "Netherlands"}, "NL", "eidas/NL")
        assert (provider.peer.entity_id, provider.peer.metadata_url) == (
            "https://nl.example/metadata",
            "https://md.nl.example/",
        )
        assert provider.peer.certificates == (GOOD,)
    else:
        node = configuration.nodes[NodeId("nl")]
        assert (node.peer.entity_id, node.peer.country) == ("https://node.nl.example/connector", "NL")
        assert node.peer.certificates == (LEAF.certificate,), "of a chain its end"
    before = {path: path.read_bytes() for path in config.rglob("nl.*")}
    again = run("--country", "NL", "--write", "--config", str(config))
    assert (again.exit_code, "exists already" in again.stderr) == (2, True), again.output
    assert before == {path: path.read_bytes() for path in config.rglob("nl.*")}
    other = run("--country", "NL", "--write", "--config", str(config), "--name", "nl-2")
    assert other.exit_code == 2, "the loaded configuration has this entity already"
    assert not [*config.rglob("nl-2.*")]


def test_a_country_whose_certificates_cannot_be_pinned_is_not_registered(run: Run, config: Path) -> None:
    before = {path for path in config.rglob("*") if path.is_file()}
    for country in ["DK", "NO", "EL", "FI", "XY", "LV"]:
        found = run("--country", country, "--write", "--config", str(config))
        assert (found.exit_code, "Refused (service_list)" in found.stderr) == (1, True), country
    assert before == {path for path in config.rglob("*") if path.is_file()}


def test_an_unsigned_list_and_one_of_another_key_register_nothing(run: Run, config: Path) -> None:
    words = ("--country", "EE", "--write", "--config", str(config))
    for octets, check in (
        (text(ee()).encode(), "signature_missing"),
        (signed(text(ee()), by="another"), "signature"),
        (signed(text(ee(), until=NOW)), "list_ended"),
    ):
        found = run(*words, octets=octets)
        assert (found.exit_code, f"Refused ({check})" in found.stderr) == (1, True)
        told = said(run(*words, "--json", octets=octets))
        assert isinstance(told["error"], dict)
        assert (told["ok"], told["error"]["check"]) == (False, check)
    assert not [*config.rglob("ee.*")]


def test_an_address_is_fetched_as_metadata_is(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get(_self: Fetcher, url: str, **_given: object) -> bytes:
        asked.append(url)
        return signed(text(*PLACES))

    monkeypatch.setattr(Fetcher, "get", get)
    assert run().exit_code == 0
    line = ["metadata", "service-list", "https://list.example/x", "--trust", str(tmp_path / "publisher.pem")]
    assert CliRunner().invoke(app, line).exit_code == 0
    # A broker of another test may ask its nodes meanwhile
    assert [url for url in asked if url.startswith("https://list.")] == ["https://list.example/x"]
    monkeypatch.undo()
    refused = CliRunner().invoke(app, [*line[:2], "http://list.example/x", *line[3:]])
    assert (refused.exit_code, "Refused (scheme)" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--write",), "--write needs --country"),
        (("--write", "--country", "EE"), "--write needs --country CC and --config DIR"),
        (("--trust", "nowhere.pem"), "nowhere.pem cannot be read"),
    ],
)
def test_what_cannot_be_tried_ends_with_2(run: Run, words: tuple[str, ...], why: str) -> None:
    found = run(*words)
    assert (found.exit_code, why in found.stderr) == (2, True)
    told = said(run(*words, "--json"))
    assert told["ok"] is False
