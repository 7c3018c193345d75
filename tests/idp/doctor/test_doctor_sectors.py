"""`sector_identifier_uri`: fetched by doctor alone, from public addresses, and it has to list every redirect address."""

import json
from pathlib import Path

import pytest

from connectors.addresses import FetchError
from connectors.fetch import Fetcher, HttpAnswer
from idp.doctor.clients import MAX_LIST
from policies.load import load
from policies.parties import ClientId
from tests.idp.doctor.ward import ERROR, NOW, WARNING, edit, examined, healthy, only

URI = "https://storkhaven.test/sector.json"
CALLBACK = "https://parking.test/callback"
PARTY = "parties/parking.toml"


def named(city: Path, uri: str = URI) -> Path:
    edit(city, PARTY, 'sector = "mobility"', f'sector = "mobility"\nsector_identifier_uri = "{uri}"')
    return city


@pytest.mark.spec("OpenID Connect Core §8.1")
@pytest.mark.parametrize(
    ("answer", "severity", "words"),
    [
        (HttpAnswer(200, NOW, json.dumps([CALLBACK, "https://other.test/"]).encode()), None, ""),
        (HttpAnswer(200, NOW, json.dumps([CALLBACK + "/"]).encode()), ERROR, CALLBACK),
        (HttpAnswer(200, NOW, json.dumps({"redirect_uris": [CALLBACK]}).encode()), ERROR, "no JSON list"),
        (HttpAnswer(200, NOW, b"<html>"), ERROR, "no JSON list"),
        (HttpAnswer(200, NOW, b"[" * MAX_LIST), ERROR, "no JSON list"),
        (HttpAnswer(404, NOW, b""), WARNING, "404"),
        (FetchError("deadline", "storkhaven.test took more than 5 seconds."), WARNING, "5 seconds"),
    ],
)
def test_the_document_has_to_list_every_redirect_address(
    city: Path, answer: HttpAnswer | FetchError, severity: object, words: str
) -> None:
    outside = healthy()
    outside.says[URI] = answer
    report = examined(named(city), outside=outside)
    if severity is None:
        assert report.findings == ()
        return
    found = only(report)
    assert (found.severity, found.file, found.key) == (severity, PARTY, "sector_identifier_uri")
    assert words in found.what


@pytest.mark.spec("security.md §2.2")
def test_no_network_of_ours_is_looked_into_for_a_service(city: Path) -> None:
    outside = healthy()
    outside.says[URI] = HttpAnswer(200, NOW, json.dumps([CALLBACK]).encode())
    examined(named(city), outside=outside)
    assert outside.asked[URI] == ()
    with pytest.raises(FetchError) as caught:
        Fetcher(demo=False, resolver=lambda _host, _port: ["10.0.0.1"]).look(URI, limit=MAX_LIST, timeout=1.0)
    assert caught.value.check == "address"


def test_a_start_asks_nobody_and_the_sector_stays_the_operators(city: Path) -> None:
    files = {
        str(path.relative_to(named(city))): path.read_bytes()
        for path in city.rglob("*")
        if path.suffix in {".toml", ".xml", ".pem"} and path.parent.name in {"parties", "purposes"}
    }
    party = load(files).parties[ClientId("parking")]
    assert (party.sector, party.openid.answers.sector_identifier_uri) == ("mobility", URI)
    assert "sectors" not in examined(city).checked
