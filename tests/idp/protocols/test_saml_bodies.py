"""The document of all public bodies: valid, signed once, known by both keys in a rollover, and read by us and by others."""

import gzip
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from ssl import DER_cert_to_PEM_cert

import pytest
from lxml import etree
from saml2.config import Config
from saml2.mdstore import MetaDataFile
from saml2.sigver import security_context

from connectors.formats.metadata import read_participant
from connectors.formats.service_provider import read_service_provider
from connectors.metadata.federation_index import indexed
from connectors.signatures.key_ring import Ring, Scheduled
from connectors.wire.names import md
from idp.keys.file import FileSigner, create_saml_key, load_signer
from idp.keys.kinds import SAML_LIFE
from idp.protocols.saml.bodies import PublishedBodies
from policies.federations import FILE, Federation, FederationId
from policies.load import Configuration, load
from policies.parties import Source
from tests.connectors.schemas import assert_valid
from tests.interop.saml_peers import XMLSEC1
from tests.peers import require_peer
from tests.policies.load.files import files, spoiled

NOW, DAY = 1_800_000_000, 24 * 3600
ISSUER = "https://broker.example"
BODY = """\
[c_%d]
name.en = "Municipality %d of Storkhaven & Sons"
name.it = "Comune <%d>"
url = "https://www.comune%d.example"
ipa_code = "c_%d"
municipality = "H501"
email = "protocollo@comune%d.example"
"""
OURS = 'scheme = "%s"\ncompany = "Region"\nemail = "eid@region.example"\nvat_number = "IT01234567890"\n'
SUBJECT = 'subject = "urn:oid:1.3.6.1.4.1.25178.1.2.15"'


def configuration(count: int, scheme: str = "cie") -> Configuration:
    bodies = "\n".join(BODY.replace("%d", str(number)) for number in range(count))
    if scheme != "cie":
        bodies = bodies.replace('municipality = "H501"\n', "")
    if not scheme:
        bodies = "\n".join(line for line in bodies.splitlines() if "ipa_code" not in line)
    found = spoiled("parties/parking.toml", 'client_id = "parking"', 'body = "c_0"\nclient_id = "parking"')
    asked = spoiled("providers/demo-ee.toml", SUBJECT, f'{SUBJECT}\nspeaks_for = "bodies"')["providers/demo-ee.toml"]
    ours = OURS % scheme if scheme else OURS.replace('scheme = "%s"\n', "").replace('vat_number = "IT01234567890"\n', "")
    added = {"bodies/all.toml": bodies.encode(), "aggregator.toml": ours.encode(), "providers/demo-ee.toml": asked}
    return load({**files(), **found, **added})


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> FileSigner:
    path = tmp_path_factory.mktemp("keys") / "saml.pem"
    create_saml_key(path, "broker.example")
    return load_signer(path)


def document(signer: FileSigner, count: int = 3, scheme: str = "cie") -> bytes:
    return b"".join(PublishedBodies(ISSUER, configuration(count, scheme), signer, None).all(NOW, SAML_LIFE))


@pytest.mark.spec("SAML Metadata 2.0 §2.3.1")
@pytest.mark.parametrize("scheme", ["spid", "cie", ""])
def test_each_body_is_an_entity_of_its_own_with_our_key_and_address(signer: FileSigner, scheme: str) -> None:
    root = etree.fromstring(document(signer, scheme=scheme))
    assert_valid(root, "saml-schema-metadata-2.0.xsd")
    assert (root.get("Name"), root.get("cacheDuration")) == (f"{ISSUER}/saml/bodies", "PT21600S")
    place = "pub-ag-full/" if scheme == "spid" else ""
    entities = root.findall(md("EntityDescriptor"))
    for number, one in enumerate(entities):
        facts = read_service_provider(etree.tostring(one))
        assert facts.entity_id == f"{ISSUER}/saml/bodies/{place}c_{number}"
        assert (facts.acs_urls, facts.certificates) == ({0: f"{ISSUER}/saml/acs"}, (signer.certificate,))
        names = [
            (name.text, name.get("{http://www.w3.org/XML/1998/namespace}lang")) for name in one.iter(md("OrganizationName"))
        ]
        assert names == [(f"Comune <{number}>", "it"), (f"Municipality {number} of Storkhaven & Sons", "en")]
        logouts = [each.get("Location") for each in one.iter(md("SingleLogoutService"))]
        assert logouts == [f"{ISSUER}/saml/logout/bodies/{place}c_{number}"] * 2
    # The service of one body alone
    assert [len(one.findall(f".//{md('AttributeConsumingService')}")) for one in entities] == [1, 0, 0]


ITALY = {
    "spid": (
        "https://spid.gov.it/saml-extensions",
        [
            ("other", "spid:aggregator", "Region", ["VATNumber", "PublicServicesFullAggregator"]),
            ("other", "spid:aggregated", "Comune <0>", ["IPACode", "Public"]),
        ],
    ),
    "cie": (
        "https://www.cartaidentita.interno.gov.it/saml-extensions",
        [
            ("administrative", None, "Comune <0>", ["IPACode", "Municipality", "Public"]),
            ("technical", None, "Region", ["VATNumber", "Private"]),
        ],
    ),
}


@pytest.mark.spec("SPID Avviso 19")
@pytest.mark.parametrize("scheme", ["spid", "cie"])
def test_italy_s_extensions_say_who_stands_for_whom(signer: FileSigner, scheme: str) -> None:
    published = PublishedBodies(ISSUER, configuration(1, scheme), signer, None)
    root, (namespace, contacts) = etree.fromstring(published.one("c_0", NOW, SAML_LIFE)), ITALY[scheme]
    found = [
        (
            one.get("contactType"),
            one.get(f"{{{namespace}}}entityType"),
            one.findtext(md("Company")),
            [str(each.tag).removeprefix(f"{{{namespace}}}") for each in one[0]],
        )
        for one in root.iter(md("ContactPerson"))
    ]
    assert found == contacts


@pytest.mark.spec("saml.md §6")
def test_it_is_made_once_and_again_when_another_key_is_to_be_known(signer: FileSigner, tmp_path: Path) -> None:
    create_saml_key(tmp_path / "next.pem", "broker.example")
    other = load_signer(tmp_path / "next.pem")
    ring = Ring([Scheduled(0, signer)], DAY)
    published = PublishedBodies(ISSUER, configuration(2), ring, None)
    made: Callable[[int], bytes] = published.compressed
    first = made(NOW)
    assert made(NOW + SAML_LIFE // 2 - 1) is first, "nobody has us sign by asking"
    assert made(NOW + SAML_LIFE // 2) is not first, "half of its life is left at least"
    ring.replace([Scheduled(0, signer), Scheduled(NOW + DAY, other)])
    root = etree.fromstring(gzip.decompress(made(NOW)))
    for one in root.iterfind(md("EntityDescriptor")):
        assert set(read_participant(etree.tostring(one)).certificates) == {signer.certificate, other.certificate}
    assert indexed_by(gzip.decompress(made(NOW)), signer) == 2, "the present key signs until the next one begins"
    assert indexed_by(b"".join(published.all(NOW + DAY, SAML_LIFE)), other, NOW + DAY) == 2


def indexed_by(octets: bytes, signer: FileSigner, now: int = NOW) -> int:
    """How many entities our own reader of federations finds in it, once it has verified it."""
    ours = Federation(FederationId("ours"), FILE, "/srv/all.xml", (signer.certificate,), Source("f.toml", 1))
    index = indexed(ours, BytesIO(octets).read, len, name="a.octets", held=None, now=now)
    return len(index.rows)


@pytest.mark.peer
def test_xmlsec1_and_pysaml2_take_three_thousand_bodies(signer: FileSigner, tmp_path: Path) -> None:
    require_peer("xmlsec1", present=XMLSEC1.exists())
    octets, key = document(signer, 3000), tmp_path / "cert.pem"
    assert indexed_by(octets, signer) == 3000
    key.write_text(DER_cert_to_PEM_cert(signer.certificate))
    (tmp_path / "all.xml").write_bytes(octets)
    verified = [str(XMLSEC1), "--verify", "--pubkey-cert-pem", str(key), "--id-attr:ID", "EntitiesDescriptor"]
    assert subprocess.run([*verified, str(tmp_path / "all.xml")], check=False, capture_output=True).returncode == 0
    (tmp_path / "all.xml").write_bytes(octets.replace(b"Comune &lt;2999&gt;", b"Comune &lt;0&gt;"))
    assert subprocess.run([*verified, str(tmp_path / "all.xml")], check=False, capture_output=True).returncode != 0
    (tmp_path / "all.xml").write_bytes(octets)
    config = Config().load({"entityid": "https://idp.example", "xmlsec_binary": str(XMLSEC1)})
    store = MetaDataFile(
        config.attribute_converters, str(tmp_path / "all.xml"), cert=str(key), security=security_context(config)
    )
    store.load()
    assert len(store.keys()) == 3000
    services = store.service(f"{ISSUER}/saml/bodies/c_2999", "spsso_descriptor", "assertion_consumer_service")
    assert [one["location"] for found in services.values() for one in found] == [f"{ISSUER}/saml/acs"]
