"""Pinned metadata of identity providers, and held metadata of other countries' nodes."""

from dataclasses import replace
from pathlib import Path

import pytest

from connectors.profiles import AES256_GCM
from connectors.signatures.parse import Element
from idp.doctor.metadata import ENDS_SOON
from tests.connectors.metadata import node
from tests.idp.doctor.shelf import facts_of, hold, meddling
from tests.idp.doctor.ward import DAY, ERROR, NOTICE, NOW, WARNING, at, examined, only, provider_metadata, write

PROVIDER, NODE, PINNED = "providers/lv.toml", "providers/ee.toml", "metadata/lv.xml"
ENDED = ' validUntil="2020-01-01T00:00:00Z"'


def pinned(city: Path, **changes: str) -> None:
    write(city, PINNED, provider_metadata(node.curve_signer().certificate, **changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"entity_id": "https://other.test/metadata"}, "its entityID is not that of the registration"),
        ({"url": ""}, "no SingleSignOnService for this binding"),
    ],
)
def test_pinned_metadata_that_the_server_would_not_take_is_an_error(
    city: Path, changes: dict[str, str], words: str
) -> None:
    pinned(city, **changes)
    found = only(examined(city))
    assert (found.severity, found.file) == (ERROR, PROVIDER)
    assert words in found.what
    assert PINNED in found.what


def test_a_pinned_address_of_http_is_an_error_of_its_file(city: Path) -> None:
    pinned(city, url="http://idp.test/sso")
    found = only(examined(city))
    assert (found.severity, found.file, found.key) == (ERROR, PINNED, "SingleSignOnService")
    assert "not https" in found.what


def test_pinned_metadata_past_its_end_is_a_warning(city: Path) -> None:
    pinned(city, more=ENDED)
    found = only(examined(city))
    assert (found.severity, found.file, found.key) == (WARNING, PINNED, "validUntil")
    pinned(city, more=' validUntil="2222-01-01T00:00:00Z"')
    assert examined(city).findings == ()
    pinned(city, more=' validUntil="some day"')
    assert examined(city).findings == ()


def test_a_node_of_which_nothing_is_held_is_a_warning(city: Path) -> None:
    with meddling(city) as connection:
        connection.exec_driver_sql("DELETE FROM peers")
    assert only(examined(city)).what == "nothing is held of its metadata."
    (city / "ciconia.db").unlink()
    assert at(examined(city), NODE, "metadata").severity is WARNING


@pytest.mark.parametrize(
    ("octets", "check"),
    [
        (node.octets(node.proxy(), by="stranger"), "signature"),
        (node.octets(node.proxy(country="SE")), "metadata_country"),
        (node.octets(node.proxy(entity_id="https://other.example/metadata")), "metadata_entity"),
        (node.octets(node.proxy(post_url="http://node.example/sso")), "metadata_address"),
    ],
)
def test_what_is_held_is_judged_as_the_server_does(city: Path, octets: bytes, check: str) -> None:
    hold(city, octets, facts=facts_of(node.octets(node.proxy())))
    found = only(examined(city))
    assert (found.severity, found.file, found.line) == (ERROR, NODE, 5)
    assert f"({check})" in found.what


def test_what_is_held_ends(city: Path) -> None:
    end = NOW + DAY
    assert examined(city, now=end - ENDS_SOON - 1).findings == ()
    assert only(examined(city, now=end - ENDS_SOON + 60)).key == "validUntil"
    ended = only(examined(city, now=end + 1))
    assert (ended.severity, ended.key) == (ERROR, "metadata")
    assert "ended at" in ended.what


def test_what_is_new_waits_and_what_was_never_approved_is_an_error(city: Path) -> None:
    before = facts_of(node.octets(node.proxy()))
    octets = node.octets(node.proxy(signing=(node.key("messages").certificate, node.key("next").certificate)))
    hold(city, octets, facts=replace(facts_of(octets)), approved=False)
    report = examined(city)
    assert at(report, NODE, "metadata", "is approved").severity is ERROR
    assert at(report, NODE, "metadata", "wait for an approval").severity is NOTICE
    assert before != facts_of(octets)


@pytest.mark.parametrize(("methods", "found"), [(("http://www.w3.org/2001/04/xmlenc#aes256-cbc",), 1), ((AES256_GCM,), 0)])
def test_no_algorithm_in_common_is_a_warning(city: Path, methods: tuple[str, ...], found: int) -> None:
    octets = node.octets(node.proxy(encryption=(node.rsa_signer().certificate,)), _encrypts(methods))
    hold(city, octets)
    report = examined(city)
    assert [one.key for one in report.findings] == ["EncryptionMethod"] * found


def _encrypts(methods: tuple[str, ...]) -> node.Edit:
    """The algorithms that its metadata says it decrypts."""

    def change(root: Element) -> None:
        elements = [each for each in root.iter() if str(each.tag).endswith("}EncryptionMethod")]
        assert elements
        for element in elements[len(methods) :]:
            parent = element.getparent()
            assert parent is not None
            parent.remove(element)
        for element, method in zip(elements, methods, strict=False):
            element.set("Algorithm", method)

    return change


def test_keys_that_no_node_takes_are_an_error(city: Path) -> None:
    hold(city, node.octets(node.proxy(signing=(node.rsa_signer(2, bits=2048).certificate,))))
    report = examined(city)
    assert at(report, NODE, "KeyDescriptor", "for signing").severity is ERROR
