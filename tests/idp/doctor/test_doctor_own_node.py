"""Our own metadata is held against each demand of the eIDAS technical specifications 1.4, and TLS, too."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.fetch import HttpAnswer
from connectors.formats.eidas.metadata import Role
from connectors.metadata.specification import faults_of_own
from connectors.signatures.parse import Element
from connectors.wire.names import md, saml
from idp.doctor.handshake import handshake
from idp.doctor.own_node import tls_faults
from tests.connectors.metadata import node
from tests.connectors.metadata.node import ENTITY, NOW
from tests.connectors.metadata.origin import Authority, body, origin
from tests.idp.doctor.ward import ERROR, ISSUER, WARNING, examined, healthy


def keys(octets: bytes, role: Role = "proxy", country: str = "EE", now: int = NOW, address: str = ENTITY) -> list[str]:
    found = list(faults_of_own(octets, role, address=address, country=country, now=now))
    assert all(one.what and one.fix for one in found)
    return [one.key for one in found]


@pytest.mark.parametrize("role", ["proxy", "connector"])
def test_what_a_node_of_ours_publishes_meets_them_all(role: Role) -> None:
    assert keys(node.octets(node.proxy() if role == "proxy" else node.connector()), role) == []


def _drop(name: str) -> Callable[[Element], None]:
    def edit(root: Element) -> None:
        for one in list(root.iter(name)):
            parent = one.getparent()
            assert parent is not None
            parent.remove(one)

    return edit


def _without(name: str) -> Callable[[Element], None]:
    return lambda root: root.attrib.pop(name)  # type: ignore[return-value]  # of a test


def _entity(name: str, value: str | None) -> Callable[[Element], None]:
    def edit(root: Element) -> None:
        for one in list(root.iter(saml("Attribute"))):
            if str(one.get("Name")).endswith(name):
                for text in one.iterchildren(saml("AttributeValue")):
                    text.text = value

    return edit


def _plain(root: Element) -> None:
    for one in root.iter(md("SingleSignOnService")):
        one.set("Location", str(one.get("Location")).replace("https:", "http:"))


def _redirect(root: Element) -> None:
    for one in root.iter(md("SingleSignOnService")):
        one.set("Binding", "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect")


def _no_minimum(root: Element) -> None:
    for one in list(root.iter(saml("Attribute"))):
        if str(one.get("Name")).endswith("naturalperson/DateOfBirth"):
            parent = one.getparent()
            assert parent is not None
            parent.remove(one)


@pytest.mark.parametrize(
    ("edit", "key"),
    [
        (_without("validUntil"), "validUntil"),
        (_entity("protocol-version", "1.1"), "protocol-version"),
        (_entity("assurance-certification", "High"), "assurance-certification"),
        (_drop("{http://eidas.europa.eu/saml-extensions}NodeCountry"), "NodeCountry"),
        (_drop(md("KeyDescriptor")), "KeyDescriptor"),
        (_drop(md("OrganizationURL")), "Organization"),
        (_drop(md("EmailAddress")), "ContactPerson"),
        (_plain, "SingleSignOnService"),
        (_redirect, "SingleSignOnService"),
        (_no_minimum, "Attribute"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_each_demand_that_is_not_met_is_named_with_what_to_do(edit: Callable[[Element], None], key: str) -> None:
    assert set(keys(node.octets(node.proxy(), edit))) == {key}


def test_another_address_country_or_time_a_weak_key_and_no_signature_are_named() -> None:
    octets = node.octets(node.proxy())
    assert keys(octets, address="https://other.example/metadata") == ["entityID"]
    assert keys(octets, country="LV") == ["NodeCountry"]
    assert keys(octets, now=NOW + 1000 * node.DAY) == ["validUntil"]
    assert keys(octets, role="connector") == ["EntityDescriptor"]
    assert keys(b"<html/>") == ["EntityDescriptor"]
    weak = node.octets(node.proxy(signing=(node.rsa_signer(0, 2048).certificate,)))
    assert keys(weak) == ["KeyDescriptor"]
    pkcs1 = octets.replace(
        b"http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha", b"http://www.w3.org/2001/04/xmldsig-more#rsa-sha"
    )
    assert keys(pkcs1) == ["SignatureMethod"]


@pytest.mark.parametrize(
    ("suite", "words"), [("ECDHE+AESGCM", ""), ("AES256-GCM-SHA384:ECDHE-ECDSA-AES256-SHA384", "authenticated encryption")]
)
def test_the_tls_at_our_address_is_seen_as_a_node_sees_it(tmp_path: Path, suite: str, words: str) -> None:
    context = Authority(tmp_path).server("node.localhost")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    asking = ssl.create_default_context()
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    asking.set_ciphers(suite)
    with origin(body(b""), context) as server:
        found = handshake("127.0.0.1", server.port, asking)
    assert found is not None
    assert [one.what for one in tls_faults(*found) if words not in one.what] == []
    assert bool(list(tls_faults(*found))) is bool(words)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (HttpAnswer(404, None, b""), [(WARNING, "issuer")]),
        (HttpAnswer(200, None, node.octets(node.connector())), [(ERROR, "entityID"), (ERROR, "NodeCountry")]),
    ],
)
def test_what_is_served_at_our_address_is_judged_beside_what_we_would_publish(
    city: Path, answer: HttpAnswer, found: list[tuple[object, str]]
) -> None:
    outside = healthy()
    outside.says[f"{ISSUER}/eidas/metadata"] = answer
    report = examined(city, outside=outside)
    assert [(one.severity, one.key) for one in report.findings] == found
