"""A list of all nodes decides whose keys sign the metadata of many: what is accepted of it, and what is not."""

import base64
import re
from collections.abc import Callable

import pytest
from lxml import etree

from connectors.addresses import FetchError
from connectors.formats.eidas.service_list import MAX_CERTIFICATES, ServiceList
from connectors.metadata.service_list import MAX_AGE, judged_list, list_keys, listed_certificates
from connectors.signatures.parse import MAX_METADATA, Element
from tests.connectors.metadata.lists import DS, ODD, SER, ee, publisher, signed, text
from tests.connectors.metadata.node import DAY, NOW, curve_signer, key, rsa_signer, unloadable
from tests.connectors.metadata.test_several_certificates import LEAF, MIDDLE, NEXT, ROOT

KEYS = list_keys([publisher().certificate], NOW)


def judged(octets: bytes, now: int = NOW) -> ServiceList:
    return judged_list(octets, KEYS, now)


def check_of(octets: bytes, now: int = NOW) -> str:
    with pytest.raises(FetchError) as refused:
        judged(octets, now)
    return refused.value.check


# -- what is accepted


def test_a_list_as_publishers_sign_it_says_country_node_and_certificate() -> None:
    nl = ee(country="NL", role="connector", location="https://md.nl.example/", entity_id="https://nl.example/metadata")
    found = judged(signed(text(ee(), nl)))
    assert (found.issuer, found.territory, found.issued, found.next_update) == (
        "The publisher",
        "EU",
        NOW - DAY,
        NOW + 6 * DAY,
    )
    assert found.countries == ("EE", "NL", "XY")
    assert [(n.country, n.role, n.entity_id, n.location) for n in found.nodes] == [
        ("EE", "proxy", "https://node.ee.example/proxy", "https://node.ee.example/proxy"),
        ("NL", "connector", "https://nl.example/metadata", "https://md.nl.example/"),
    ]
    assert [n.certificates for n in found.nodes] == [(key("metadata").certificate,)] * 2


def test_what_deployed_lists_have_and_names_no_node_is_left_out_and_counted() -> None:
    unknown = ee(country="FI", said="").text().replace("ept/ProxyService", "ept/Middleware")
    found = judged(signed(text(ee(), odd=ODD + unknown).replace('Territory="XY"', 'Territory="XY-2"', 1)))
    assert ([n.country for n in found.nodes], found.countries, found.left_out) == (["EE"], ("EE",), 1)
    found = judged(signed(text(ee(), odd=ODD + unknown)))
    assert ([n.country for n in found.nodes], found.left_out) == (["EE"], 3)


def test_what_sweden_says_of_a_node_beside_is_read() -> None:
    found = judged(signed(text(ee(said=' Suspend="true"'), ee(country="NL", said=' HideFromDiscovery="true"'))))
    assert [(n.suspended, n.hidden) for n in found.nodes] == [(True, False), (False, True)]


def test_one_of_several_keys_that_were_given_signed_it() -> None:
    keys = list_keys([publisher("another").certificate, publisher().certificate], NOW)
    assert judged_list(signed(text(ee())), keys, NOW).nodes


# -- what is refused


def _poison(root: Element) -> None:
    next(root.iter(f"{{{DS}}}X509Certificate")).text = base64.b64encode(curve_signer().certificate).decode()


def _wrapped(root: Element) -> None:
    """Another list around the signed one, of which readers by name would read the first territory."""
    outer = etree.fromstring(text(ee(certificates=(curve_signer().certificate,))))
    inner = etree.fromstring(etree.tostring(root))
    for child in list(root):
        root.remove(child)
    for child in [*outer, inner]:
        root.append(child)


def _signature_in_front(root: Element) -> None:
    root.insert(0, next(root.iter(f"{{{DS}}}Signature")))


def _add_country(root: Element) -> None:
    root.insert(1, etree.fromstring(f'<ser:MetadataList xmlns:ser="{SER}" Territory="LV"/>'))


@pytest.mark.parametrize(
    ("edit", "check"),
    [(_poison, "digest"), (_add_country, "digest"), (_wrapped, "structure"), (_signature_in_front, "signature_place")],
)
def test_a_signed_list_that_somebody_changed_is_refused(edit: Callable[[Element], None], check: str) -> None:
    assert check_of(signed(text(ee()), edit=edit)) == check


def test_a_list_of_nobody_or_of_another_key_is_refused() -> None:
    assert check_of(text(ee()).encode()) == "signature_missing"
    assert check_of(signed(text(ee()), by="another")) == "signature"


def test_metadata_and_a_huge_list_are_no_list() -> None:
    assert check_of(signed(re.sub("MetadataServiceList", "MetadataServices", text(ee())))) == "root"
    assert check_of(b"<a>" + b" " * MAX_METADATA + b"</a>") == "size"
    many = "".join(f'<ser:MetadataLocation Location="https://n{number}.example/"/>' for number in range(5000))
    assert check_of(signed(text(ee(), odd=many))) == "elements"


def test_a_list_that_ended_or_is_yet_to_come_is_refused() -> None:
    octets = signed(text(ee()))
    assert judged(octets, NOW + 6 * DAY - 1).nodes
    assert check_of(octets, NOW + 6 * DAY) == "list_ended"
    assert check_of(octets, NOW - DAY - 61) == "list_issued"
    endless = signed(text(ee(), until=None))
    assert judged(endless, NOW - DAY + MAX_AGE - 1).next_update == 0
    assert check_of(endless, NOW - DAY + MAX_AGE) == "list_ended"
    years = signed(text(ee(), until=NOW + 3000 * DAY))
    assert judged(years, NOW - DAY + MAX_AGE - 1).nodes
    assert check_of(years, NOW - DAY + MAX_AGE) == "list_ended"
    assert check_of(signed(text(ee()).replace("T", "U", 1).replace('IssueDate="', 'IssueDate="x', 1))) == "time"


@pytest.mark.parametrize(
    "unsigned",
    [
        text(ee(), odd="").replace('Territory="XY"', 'Territory="EE"'),
        text(ee(), ee(country="NL", location="https://node.ee.example/proxy", entity_id="https://nl.example/")),
        text(ee()).replace('Version="1.0"', 'Version="2.0"'),
        text(ee(certificates=[curve_signer().certificate for _ in range(MAX_CERTIFICATES + 1)])),
    ],
    ids=["a territory twice", "a location twice", "version", "certificates"],
)
def test_a_list_that_names_a_thing_twice_or_is_none_is_refused(unsigned: str) -> None:
    assert check_of(signed(unsigned)) == "service_list"


def test_a_publishers_certificate_that_ended_signs_no_list() -> None:
    with pytest.raises(FetchError) as refused:
        list_keys([publisher().certificate], NOW + 1000 * DAY + 1)
    assert refused.value.check == "list_key"
    with pytest.raises(ValueError, match="1024"):
        list_keys([rsa_signer(0, 1024).certificate], NOW)


# -- certificates


def faults(*certificates: bytes) -> list[str]:
    node = judged(signed(text(ee(certificates=certificates)))).nodes[0]
    return [one.fault for one in listed_certificates(node, NOW)]


def test_a_certificate_that_cannot_be_pinned_says_why() -> None:
    ended, early = curve_signer(end=NOW - 1), curve_signer(begin=NOW + DAY)
    found = faults(ended.certificate, early.certificate, rsa_signer(0, 2048).certificate, key("metadata").certificate)
    assert [text.split(" at ")[0] for text in found] == [
        "ended",
        "begins",
        "refused: an RSA key of 2048 bits; 3072 to 8192 are taken",
        "",
    ]
    assert faults(unloadable(key("metadata").certificate)) == ["refused: a certificate that cannot be read"]


def test_of_a_chain_its_end_alone_is_pinned() -> None:
    """Chains stand in the lists of several countries; an authority would sign for every node that it issued one to."""
    issuer = "it issued another one of this node"
    assert faults(LEAF.certificate, MIDDLE.certificate, ROOT.certificate) == ["", issuer, issuer]
    assert faults(LEAF.certificate, NEXT.certificate) == ["", ""]


def test_a_certificate_in_no_spelling_of_base64_is_told_with_its_node() -> None:
    broken = re.sub(r"(<ds:X509Certificate>\n)..", r"\1!!", text(ee()))
    node = judged(signed(broken)).nodes[0]
    assert [one.fault for one in listed_certificates(node, NOW)] == ["refused: a certificate that cannot be read"]
