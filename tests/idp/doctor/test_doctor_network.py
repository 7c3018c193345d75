"""Checks from outside: peers' metadata and clocks, and whether this broker answers under its own address."""

import json
from pathlib import Path

import pytest

from connectors.addresses import FetchError
from connectors.fetch import HttpAnswer
from idp.doctor.network import EVERYWHERE
from idp.web.edge import OTHER_HOST, PLAIN_SCHEME
from tests.connectors.metadata import node
from tests.idp.doctor.shelf import note, record, sequence
from tests.idp.doctor.ward import DAY, ERROR, ISSUER, NOW, WARNING, edit, examined, healthy, only

DISCOVERY, CHECKPOINT = f"{ISSUER}/.well-known/openid-configuration", f"{ISSUER}/log/checkpoint"
OURS = json.dumps({"issuer": ISSUER}).encode()


@pytest.mark.parametrize(("off", "words"), [(61, "61 seconds ahead of"), (-75, "75 seconds behind"), (60, ""), (-60, "")])
def test_a_clock_that_is_off_by_more_than_the_profile_allows_is_an_error(city: Path, off: int, words: str) -> None:
    outside = healthy()
    outside.says[node.ENTITY] = HttpAnswer(200, NOW + off, node.octets(node.proxy()))
    report = examined(city, outside=outside)
    assert [(one.severity, one.file, one.line) for one in report.findings] == [(ERROR, "providers/ee.toml", 5)] * bool(
        words
    )
    assert all(words in one.what for one in report.findings)


def test_our_own_clock_is_held_against_the_one_behind_our_address(city: Path) -> None:
    outside = healthy()
    outside.says[DISCOVERY] = HttpAnswer(200, NOW - 100, OURS)
    assert "100 seconds behind" in only(examined(city, outside=outside)).what


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HttpAnswer(503, None, b""), "answers 503"),
        (HttpAnswer(404, None, b""), "answers 404"),
        (FetchError("deadline", "node.example took more than 10 seconds."), "took more than 10 seconds"),
        (HttpAnswer(200, None, node.octets(node.proxy(), by="stranger")), "refused (signature)"),
        (HttpAnswer(200, None, node.octets(node.proxy(valid_until=NOW - 1))), "refused (metadata_expired)"),
        (HttpAnswer(200, None, node.octets(node.proxy(valid_until=NOW + 40 * DAY))), "refused (metadata_far)"),
        (HttpAnswer(200, None, node.octets(node.proxy(entity_id=f"{node.ENTITY}/other"))), "refused (metadata_entity)"),
    ],
    ids=["status", "no such address", "no answer", "another key", "ended", "far", "another entity"],
)
def test_what_a_peer_publishes_now_is_judged_though_a_good_copy_is_held(
    city: Path, answer: HttpAnswer | FetchError, words: str
) -> None:
    outside = healthy()
    outside.says[node.ENTITY] = answer
    found = only(examined(city, outside=outside))
    assert (found.severity, found.file, found.key) == (WARNING, "providers/ee.toml", "metadata_url")
    assert words in found.what
    # Nobody answers 404 to the right address
    assert ("entity_id" in found.fix) is ("404" in words)


def test_peers_are_asked_in_their_networks_and_we_in_every_network(city: Path) -> None:
    edit(city, "providers/ee.toml", "[title]", 'networks = ["10.1.0.0/16"]\n[title]')
    outside = healthy()
    examined(city, outside=outside)
    ours = dict.fromkeys((DISCOVERY, CHECKPOINT, f"{ISSUER}/eidas/metadata"), EVERYWHERE)
    assert outside.asked == {node.ENTITY: ("10.1.0.0/16",), **ours}


def test_offline_asks_nobody(city: Path) -> None:
    assert "peers" not in examined(city).checked


@pytest.mark.parametrize(
    ("answer", "severity", "key", "words"),
    [
        (HttpAnswer(400, NOW, PLAIN_SCHEME), ERROR, "trusted_proxies", "does not say that it was asked over https"),
        (HttpAnswer(421, NOW, OTHER_HOST), ERROR, "issuer", "does not pass the host's name on"),
        (HttpAnswer(502, NOW, b"Bad gateway"), WARNING, "issuer", "answers 502"),
        (HttpAnswer(200, NOW, b'{"issuer": "https://other.test"}'), ERROR, "issuer", "somebody else answers"),
        (HttpAnswer(200, NOW, b"<html>"), ERROR, "issuer", "somebody else answers"),
        (HttpAnswer(200, NOW, b"[]"), ERROR, "issuer", "somebody else answers"),
        (FetchError("tls", "no TLS certificate that we trust."), WARNING, "issuer", "cannot be reached from here"),
    ],
)
def test_what_the_proxy_in_front_makes_of_us(
    city: Path, answer: HttpAnswer | FetchError, severity: str, key: str, words: str
) -> None:
    outside = healthy()
    outside.says[DISCOVERY] = answer
    found = only(examined(city, outside=outside))
    assert (found.severity, found.file, found.key) == (severity, "ciconia.toml", key)
    assert words in found.what
    assert found.fix


def test_a_node_is_asked_for_its_metadata(city: Path) -> None:
    edit(city, "ciconia.toml", 'role = "city"', 'role = "node"')
    outside = healthy()
    outside.says[f"{ISSUER}/eidas/metadata"] = HttpAnswer(200, NOW, b"<md:EntityDescriptor/>")
    report = examined(city, outside=outside)
    assert DISCOVERY not in outside.asked
    assert [one for one in report.findings if one.key == "issuer"] == []


def test_a_log_that_is_not_signed_by_our_key_is_an_error(city: Path) -> None:
    record(city)
    sequence(city)
    ours = note(city)
    assert examined(city, outside=healthy(ours)).findings == ()
    for spoilt in (ours.replace("1\n", "2\n", 1), ours[:-4], "x"):
        found = only(examined(city, outside=healthy(spoilt)))
        assert (found.severity, found.key) == (ERROR, "issuer")
        assert CHECKPOINT in found.what
