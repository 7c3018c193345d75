"""Anchors, chains and lists of revoked certificates: what has ended, what will soon, and what libxmlsec cannot judge."""

import base64
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.x509 import Certificate

from connectors.addresses import FetchError
from connectors.signatures.parse import Element
from connectors.signatures.profile import DS
from idp.inspect.metadata import MetadataInspector
from idp.inspect.options import MessageKind, Options
from idp.inspect.result import Accepted
from tests.connectors.authority import between, der, leaf, revoking, root
from tests.connectors.metadata import node
from tests.idp.doctor.shelf import hold
from tests.idp.doctor.ward import DAY, ERROR, NODE, NOW, WARNING, at, examined, only, pem, write

PROVIDER = "providers/ee.toml"
TOP, MIDDLE = root().der, between("middle", "root").made()
SIGNING = leaf("middle").made()
CERTIFICATE = f"{{{DS}}}X509Certificate"


def chained(city: Path, *, anchors: str = "", middle: Certificate = MIDDLE, lists: Sequence[bytes] = ()) -> None:
    """The city's node is registered with anchors and lists, and metadata with a chain is held of it."""
    files = [f"metadata/{number}.crl" for number in range(len(lists))]
    keys = 'anchors = "metadata/anchors.pem"\n' + (f"revocation = {files}\n".replace("'", '"') if files else "")
    write(city, PROVIDER, NODE.replace("[title]", f"{keys}[title]"))
    write(city, "metadata/anchors.pem", anchors or pem(TOP))
    for file, octets in zip(files, lists, strict=True):
        (city / file).write_bytes(octets)
    hold(city, node.octets(node.proxy(signing=(der(SIGNING),)), beside(middle)), chains=True)


def beside(middle: Certificate) -> node.Edit:
    def edit(tree: Element) -> None:
        for own in list(tree.iter(CERTIFICATE)):
            hint = own.makeelement(CERTIFICATE)
            hint.text = base64.b64encode(der(middle)).decode()
            own.addnext(hint)

    return edit


def both(end: int = NOW + 7 * DAY, begin: int = NOW - DAY) -> list[bytes]:
    return [revoking("root", begin=begin, end=end), revoking("middle", begin=begin, end=end)]


def test_a_sound_chain_with_lists_is_no_finding(city: Path) -> None:
    chained(city, lists=both())
    assert not examined(city).findings


@pytest.mark.parametrize(
    ("end", "now", "severity", "words"),
    [
        (NOW + 9 * DAY, NOW, WARNING, "in less than 30 days"),
        (NOW + 90 * DAY, NOW + 91 * DAY, ERROR, "ended on"),
    ],
)
def test_an_anchor_near_its_end_is_told_at_its_file(city: Path, end: int, now: int, severity: str, words: str) -> None:
    other = root("other", "P-384", end=end).der
    chained(city, anchors=pem(TOP) + pem(other))
    found = at(examined(city, now=now), "metadata/anchors.pem", "anchors", words)
    assert (found.severity, found.what.startswith("an anchor")) == (severity, True)
    assert "cut off" in found.why
    assert "authority" in found.fix


@pytest.mark.parametrize(
    ("begin", "end", "severity", "words"),
    [
        (NOW - 9 * DAY, NOW - 1, ERROR, "ended at"),
        (NOW + 60, NOW + 9 * DAY, ERROR, "begins at"),
        (NOW - DAY, NOW + DAY, WARNING, "ends at"),
    ],
)
def test_a_list_that_is_not_of_today_is_told_by_its_name(
    city: Path, begin: int, end: int, severity: str, words: str
) -> None:
    chained(city, lists=both(begin=begin, end=end))
    report = examined(city)
    for file in ("metadata/0.crl", "metadata/1.crl"):
        found = at(report, file, "nextUpdate", words)
        assert (found.severity, "newest list" in found.fix) == (severity, True)
    if severity == ERROR:
        refused = at(report, PROVIDER, "metadata", "x509_revocation_stale")
        assert refused.severity == ERROR
        assert "metadata/0.crl" in refused.what


def test_a_revoked_certificate_is_told_with_the_check(city: Path) -> None:
    chained(city, lists=[revoking("root"), revoking("middle", SIGNING)])
    found = only(examined(city))
    assert (found.severity, found.file, "x509_revoked" in found.what) == (ERROR, PROVIDER, True)


@pytest.mark.parametrize(
    ("anchors", "words"),
    [(pem(leaf("root").der), "no certification authority's"), (pem(b"\x30\x03abc"), "cannot be read")],
)
def test_anchors_that_cannot_be_used_are_told_once(city: Path, anchors: str, words: str) -> None:
    chained(city)
    write(city, "metadata/anchors.pem", anchors)
    found = only(examined(city))
    assert (found.severity, found.file, found.key) == (ERROR, PROVIDER, "anchors")
    assert words in found.what
    assert "Ask the authority" in found.fix


def test_inspection_holds_a_file_against_the_same_anchors(city: Path) -> None:
    chained(city, lists=both())
    octets = node.octets(node.proxy(signing=(der(SIGNING),)), beside(MIDDLE))

    def inspected() -> Accepted:
        return MetadataInspector(Options(MessageKind.METADATA, NOW, config=city, party="ee")).inspect(octets, "")

    assert inspected().message["country"] == "EE"
    chained(city, lists=[revoking("root"), revoking("middle", SIGNING)])
    with pytest.raises(FetchError) as refusal:
        inspected()
    assert refusal.value.check == "x509_revoked"


# -- the other opinion -----------------------------------------------------------------------------------------------------
