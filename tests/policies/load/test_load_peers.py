"""Another country's node in a file: as provider, and as one that asks us."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.assurance import LevelOfAssurance
from policies.load import load
from policies.load.peers import der_of_pem
from policies.parties import NodeId, Peer, ProviderId, Source
from tests.policies.load.files import COUNTRY_NODE, FILES, PEM, files, problems_of

LV, NL = "providers/lv.toml", "nodes/nl.toml"
CERTIFICATE = "metadata/node.pem"
DER = base64.b64decode("".join(PEM.splitlines()[1:-1]))
BODY = PEM.split("-----")[2]


def pem(der: bytes) -> bytes:
    return b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der) + b"-----END CERTIFICATE-----\n"


def test_a_country_is_asked_by_its_node() -> None:
    provider = load(files()).providers[ProviderId("lv")]
    assert (provider.protocol, provider.country, provider.namespace) == ("eidas", "LV", "eidas/LV")
    assert (provider.binding, provider.notified, provider.metadata) == ("post", False, b"")
    assert (provider.attributes, provider.subject_attribute, provider.latin) == ({}, "", {})
    assert provider.assurance == {
        "http://eidas.europa.eu/LoA/high": LevelOfAssurance.HIGH,
        "http://eidas.europa.eu/NotNotified/LoA/substantial": LevelOfAssurance.LOW,
    }
    peer = provider.peer
    assert isinstance(peer, Peer)
    assert peer.entity_id == provider.entity_id == "https://node.lv.example/eidas/metadata"
    assert (peer.country, peer.certificate, peer.source) == ("LV", DER, Source(LV, 6))
    assert peer.digest.startswith("2bb80d53")
    assert peer.networks == ("10.1.0.0/16", "fd00:1::/48")


@pytest.mark.spec("eidas.md §2 entity id is where metadata is served")
def test_metadata_is_at_the_entity_id_unless_the_file_names_another_address() -> None:
    peer = load(files()).providers[ProviderId("lv")].peer
    assert isinstance(peer, Peer)
    assert peer.metadata_url == peer.entity_id
    asking = load(files()).nodes[NodeId("nl")].peer
    assert isinstance(asking, Peer)
    assert (asking.metadata_url, asking.entity_id) == (
        "https://metadata.nl.example/node.xml",
        "https://node.nl.example/eidas/metadata",
    )


def test_a_node_that_asks_is_read_with_its_lines() -> None:
    node = load(files()).nodes[NodeId("nl")]
    assert (node.title, node.tell_refusal, node.source) == ({"en": "Node of the Netherlands"}, True, Source(NL, 1))
    assert isinstance(node.peer, Peer)
    assert (node.peer.country, node.peer.digest, node.peer.networks, node.peer.certificate) == ("NL", "", (), DER)


@pytest.mark.spec("decisions.md 29")
def test_a_node_is_told_of_a_refusal_only_where_its_file_says_so() -> None:
    silent = FILES[NL].replace("tell_refusal = true\n", "")
    assert not load(files(**{NL: silent})).nodes[NodeId("nl")].tell_refusal


def test_without_a_table_a_country_speaks_the_notified_levels() -> None:
    provider = load(files(**{LV: COUNTRY_NODE.split("[assurance]")[0]})).providers[ProviderId("lv")]
    assert provider.assurance == {level.uri: level for level in LevelOfAssurance}


SHARED = [
    ("entity_id = ", "entity = ", "entity_id", "sign by sign"),
    ("metadata_certificate = ", "# ", "metadata_certificate", "openssl x509"),
    ("metadata/node.pem", "metadata/absent.pem", "metadata_certificate", "metadata/NAME.pem"),
    ("metadata_certificate", 'metadata_digest = "2BB8"\nmetadata_certificate', "metadata_digest", "metadata pending"),
    ("metadata_certificate", 'metadata_url = "http://x.example/m"\nmetadata_certificate', "metadata_url", "https://"),
    ("metadata_certificate", 'metadata_url = "https://a@x.example"\nmetadata_certificate', "metadata_url", "https://"),
    ("metadata_certificate", 'networks = "10.0.0.0/8"\nmetadata_certificate', "networks", "10.1.0.0/16"),
    ("metadata_certificate", 'networks = ["0.0.0.0/0"]\nmetadata_certificate', "networks", "10.1.0.0/16"),
    ("metadata_certificate", 'networks = ["128.0.0.0/1"]\nmetadata_certificate', "networks", "/8 or more"),
    ("metadata_certificate", 'networks = ["10.0.0.0/7"]\nmetadata_certificate', "networks", "/8 or more"),
    ("metadata_certificate", 'networks = ["2000::/15"]\nmetadata_certificate', "networks", "/16 or more"),
    ("metadata_certificate", 'networks = ["10.0.0.1/8"]\nmetadata_certificate', "networks", "10.1.0.0/16"),
    ("country = ", "contry = ", "contry", "`country`"),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "fix"), [*((NL, *row) for row in SHARED), *((LV, *row) for row in SHARED[:2])]
)
def test_a_fault_of_a_peer_is_told_in_both_kinds_of_file(file: str, old: str, new: str, key: str, fix: str) -> None:
    # what the case adds must not stand there already
    keys = ("metadata_url", "metadata_digest", "networks")
    text = "".join(line for line in FILES[file].splitlines(keepends=True) if not line.startswith(keys))
    assert old in text
    spoiled = text.replace(old, new, 1)
    found = [one for one in problems_of(files(**{file: spoiled})) if one.key == key]
    assert [one.file for one in found] == [file]
    assert fix in found[0].fix
    lines = spoiled.splitlines()
    assert lines[found[0].line - 1].startswith(key) or found[0].line == 1


@pytest.mark.parametrize("network", ["10.0.0.0/8", "::1/128"])
def test_a_network_of_somebodys_own_may_be_named(network: str) -> None:
    text = COUNTRY_NODE.replace('"10.1.0.0/16"', f'"{network}"')
    assert network in text
    peer = load(files(**{LV: text})).providers[ProviderId("lv")].peer
    assert isinstance(peer, Peer)
    assert network in peer.networks


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "fix"),
    [
        ('"eidas"', '"oauth"', 3, "protocol", '"saml", "eidas"'),
        ('binding = "post"', 'metadata = "metadata/demo-ee.xml"', 10, "metadata", 'protocol = "saml"'),
        ('binding = "post"', 'subject = "urn:x"', 10, "subject", "leave it out"),
        ('binding = "post"', "notified = true", 10, "notified", "leave it out"),
        ("[assurance]", "[attributes]\n[assurance]", 12, "attributes", "leave it out"),
        ('binding = "post"', 'binding = "soap"', 10, "binding", '"redirect", "post"'),
        ('binding = "post"', "tell_refusal = true", 10, "tell_refusal", "known here"),
        ('"high"', '"higher"', 13, "assurance.http://eidas.europa.eu/LoA/high", '"high"'),
    ],
)
def test_a_fault_of_a_countrys_node_is_told_with_line_key_and_fix(
    old: str, new: str, line: int, key: str, fix: str
) -> None:
    found = [one for one in problems_of(files(**{LV: COUNTRY_NODE.replace(old, new, 1)})) if one.key == key]
    assert [one.line for one in found] == [line]
    assert fix in found[0].fix


@pytest.mark.spec("eidas.md §1 error under the prefix of notified levels")
@pytest.mark.parametrize(
    ("uri", "level", "what"),
    [
        ("http://eidas.europa.eu/LoA/substantial", "high", "never mapped upward"),
        ("http://eidas.europa.eu/NotNotified/LoA/substantial", "high", "never mapped upward"),
        ("http://eidas.europa.eu/LoA/NotNotified/low", "low", "notified levels are alone"),
        ("http://eidas.europa.eu/LoA/High", "high", "notified levels are alone"),
        ("urn:x y", "low", "is no URI"),
    ],
)
def test_a_level_that_no_node_may_have_is_a_problem(uri: str, level: str, what: str) -> None:
    text = COUNTRY_NODE.split('"http://eidas.europa.eu/LoA/high"')[0] + f'"{uri}" = "{level}"\n'
    (found,) = problems_of(files(**{LV: text}))
    assert (found.line, found.key) == (13, f"assurance.{uri}")
    assert what in found.what


@pytest.mark.parametrize(
    ("uri", "level"),
    [("http://eidas.europa.eu/NotNotified/LoA/high", "substantial"), ("http://eidas.europa.eu/LoA/high", "low")],
)
def test_a_level_of_a_countrys_own_may_be_mapped_to_what_it_surely_reaches(uri: str, level: str) -> None:
    text = COUNTRY_NODE.split('"http://eidas.europa.eu/LoA/high"')[0] + f'"{uri}" = "{level}"\n'
    assert load(files(**{LV: text})).providers[ProviderId("lv")].assurance[uri].label == level


def test_an_entity_id_that_is_no_address_needs_the_address_of_the_metadata() -> None:
    urn = COUNTRY_NODE.replace("https://node.lv.example/eidas/metadata", "urn:lv:node")
    (found,) = problems_of(files(**{LV: urn}))
    assert (found.line, found.key) == (1, "metadata_url")
    assert "the entity id is no absolute https address" in found.what
    named = urn.replace("binding", 'metadata_url = "https://node.lv.example/m"\nbinding')
    peer = load(files(**{LV: named})).providers[ProviderId("lv")].peer
    assert isinstance(peer, Peer)
    assert peer.metadata_url == "https://node.lv.example/m"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "something else than certificates in PEM"),
        (PEM + PEM, "names something twice"),
        ("text before\n" + PEM, "something else than certificates in PEM"),
        (PEM.replace("\n-----END", "====\n-----END"), "something else than certificates in PEM"),
        (PEM.replace("CERTIFICATE", "PRIVATE KEY"), "private key"),
        (PEM + PEM.replace("CERTIFICATE", "EC PRIVATE KEY"), "private key"),
        (pem(DER + b"\0").decode(), "something else than certificates in PEM"),
        (pem(DER + DER).decode(), "something else than certificates in PEM"),
        (pem(DER[:-1]).decode(), "something else than certificates in PEM"),
    ],
)
def test_what_is_not_exactly_one_certificate_is_a_problem_and_is_not_quoted(content: str, what: str) -> None:
    found = problems_of(files(**{CERTIFICATE: content}))
    assert [(one.file, one.key) for one in found] == [(NL, "metadata_certificate"), (LV, "metadata_certificate")]
    assert all(what in one.what and "MII" not in str(one) for one in found)


def test_a_certificate_is_the_bytes_between_its_lines_whatever_ends_them() -> None:
    assert der_of_pem(PEM.encode()) == (DER, "")
    assert der_of_pem(PEM.replace("\n", "\r\n").encode()) == (DER, "")
    assert der_of_pem(PEM.rstrip().encode()) == (DER, "")
    assert der_of_pem(pem(b"\x30\x03abc")) == (b"\x30\x03abc", "")


@given(st.binary(max_size=200))
def test_whatever_stands_in_a_certificate_is_a_certificate_or_a_fault(content: bytes) -> None:
    for octets in (content, pem(content)):
        der, fault = der_of_pem(octets)
        assert bool(der) != bool(fault)


def test_a_peer_does_not_show_its_certificate() -> None:
    assert "certificate" not in repr(load(files()).nodes[NodeId("nl")])


def test_a_list_of_files_and_a_file_of_several_pin_each_certificate() -> None:
    other = pem(b"\x30\x03\x02\x01\x07").decode()
    named = COUNTRY_NODE.replace(f'"{CERTIFICATE}"', f'["{CERTIFICATE}", "metadata/next.pem"]')
    for content in (
        files(**{LV: named, "metadata/next.pem": other}),
        files(**{CERTIFICATE: PEM + other}),
    ):
        peer = load(content).providers[ProviderId("lv")].peer
        assert isinstance(peer, Peer)
        assert peer.certificates == (DER, b"\x30\x03\x02\x01\x07")


@pytest.mark.parametrize(
    ("listed", "what"),
    [
        ("[]", "is empty"),
        ('["metadata/nowhere.pem"]', "there is no file"),
        ('["CERT", "metadata/same.pem"]', "names a certificate twice"),
        ("[7]", "must be a list of texts"),
    ],
)
def test_a_list_that_pins_nothing_or_something_twice_is_a_problem(listed: str, what: str) -> None:
    text = COUNTRY_NODE.replace(f'"{CERTIFICATE}"', listed.replace("CERT", CERTIFICATE))
    found = problems_of(files(**{LV: text, "metadata/same.pem": PEM}))
    assert [one.key for one in found] == ["metadata_certificate"], found
    assert what in found[0].what


def test_nobody_pins_more_certificates_than_two_chains_have() -> None:
    many = "".join(pem(bytes([0x30, 3, 2, 1, number])).decode() for number in range(9))
    (found, *_) = problems_of(files(**{CERTIFICATE: many}))
    assert "more than 8" in found.what
