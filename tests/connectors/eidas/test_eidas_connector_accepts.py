"""Good answers of another country's node, odd ones included, and what of a person they offer."""

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree

from connectors.connector import Inbound
from connectors.eidas import EidasConnector
from connectors.eidas_checks import publishes
from connectors.formats.eidas.address import write_address
from connectors.formats.eidas.registry import CURRENT_FAMILY_NAME, NATURAL_PERSON
from connectors.formats.eidas.values import EidasValue
from connectors.profiles import EIDAS
from connectors.signatures.parse import Element
from connectors.signatures.xmlenc import encrypt
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import PERSISTENT, TRANSIENT, UNSPECIFIED, saml
from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName, Value
from policies.authentication import Assertion
from policies.errors import AssertionRejected, SignatureInvalid
from tests.connectors import crossing, forge
from tests.connectors.agreeing import agreement
from tests.connectors.eidas.node import (
    HIGH,
    LOW,
    NOTIFIED,
    NOW,
    OWN_HIGH,
    PERSON,
    SUBSTANTIAL,
    Answer,
    SendingNode,
    connector_opening,
    connector_to,
    expectation,
    ours,
    posted,
)
from tests.connectors.forge import SigningParty
from tests.connectors.metadata.node import rsa_signer

LEVELS = {level.label: level for level in LevelOfAssurance}
ADDRESS = Address(street="Pikk 1", postal_code="10123", locality="Tallinn", region="Harju", country="EE")


@pytest.fixture(scope="module")
def node() -> SendingNode:
    return SendingNode()


def _accepted(node: SendingNode, **changes: object) -> Assertion:
    return connector_to(node).receive(node.says(**changes), expectation(), NOW)


def _offered(node: SendingNode, **values: tuple[EidasValue, ...]) -> dict[str, Value]:
    return {str(name): value for name, value in _accepted(node, person={**PERSON, **values}).offered.attributes.items()}


@pytest.mark.spec("eidas.md §4 Response")
@pytest.mark.spec("eidas.md §4 Assertion")
@pytest.mark.spec("eidas.md §4 signature")
def test_a_good_answer_is_who_its_identifier_says(node: SendingNode) -> None:
    assertion = _accepted(node)
    assert (assertion.provider_id, assertion.issuer, assertion.namespace) == ("ee", node.entity_id, "eidas/EE")
    assert assertion.subject == "EE/NL/0001-äö", "as received"
    assert assertion.offered.loa is LevelOfAssurance.HIGH
    assert (assertion.response_id, assertion.assertion_id) == ("_response0001", "_assertion0001")
    assert (assertion.authenticated_at, assertion.not_on_or_after) == (NOW, NOW + 300)


@pytest.mark.spec("eidas.md §5 transliteration applies to T")
@pytest.mark.spec("eidas.md §5 value order is not significant")
def test_the_minimum_data_set_is_offered_under_our_names_in_latin_script(node: SendingNode) -> None:
    expected = {
        "family_name": "Maasikas",
        "given_name": "Mari",
        "birthdate": "1887-04-12",
        "person_identifier": "EE/NL/0001-äö",
    }
    assert _offered(node) == expected
    turned = tuple(reversed(PERSON["CurrentFamilyName"]))
    assert _offered(node, CurrentFamilyName=turned) == expected


@pytest.mark.spec("eidas.md §5 LatinScript with and without namespace")
def test_both_spellings_of_latin_script_are_read(node: SendingNode) -> None:
    def older(assertion: Element) -> None:
        name = f"{{{NATURAL_PERSON}}}LatinScript"
        marked = [value for value in assertion.iter(saml("AttributeValue")) if name in value.attrib]
        assert len(marked) == 1
        marked[0].set("LatinScript", str(marked[0].attrib.pop(name)))

    assert _accepted(node, change=older).offered.attributes[AttributeName("family_name")] == "Maasikas"


@pytest.mark.spec("eidas.md §5 value forms")
@pytest.mark.spec("eidas.md §5 address")
def test_other_attributes_are_offered_under_our_names(node: SendingNode) -> None:
    offered = _offered(
        node,
        CurrentAddress=(EidasValue(write_address(ADDRESS)),),
        Gender=(EidasValue("Female"),),
        PlaceOfBirth=(EidasValue("Tartu"),),
        Nationality=(EidasValue("EE"),),
        EmailAddress=(EidasValue("mari@post.example"),),
        PhoneNumber=(EidasValue("+37255512345"),),
        BirthName=(EidasValue("Mari Õunapuu"),),
    )
    assert {name: value for name, value in offered.items() if name not in _offered(node)} == {
        "address": ADDRESS,
        "gender": "female",
        "place_of_birth": "Tartu",
        "nationality": "EE",
        "email": "mari@post.example",
        "phone_number": "+37255512345",
    }
    assert _offered(node, Gender=(EidasValue("Male"),))["gender"] == "male"
    assert _offered(node, Nationality=(EidasValue("EE"), EidasValue("LV"), EidasValue("EE")))["nationality"] == ("EE", "LV")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("Nationality", tuple(f"{a}{b}" for a in "ABCDEFG" for b in "ABCDEFGH")),
        ("PlaceOfBirth", ("x" * 257,)),
        ("PlaceOfBirth", ("Tartu", "Riga")),
        ("CurrentAddress", ("%%%",)),
    ],
)
def test_what_says_nothing_or_several_things_is_not_available(
    node: SendingNode, name: str, values: tuple[str, ...]
) -> None:
    assert _offered(node, **{name: tuple(EidasValue(text) for text in values)}) == _offered(node)


@pytest.mark.spec("eidas.md §8 12")
def test_an_attribute_that_nobody_knows_does_no_harm(node: SendingNode) -> None:
    def more(assertion: Element) -> None:
        statement = assertion.find(saml("AttributeStatement"))
        assert statement is not None
        extra = etree.SubElement(statement, saml("Attribute"))
        extra.set("Name", "http://eidas.europa.eu/attributes/sectorspecific/ee/Shoe")
        extra.set("NameFormat", "urn:oasis:names:tc:SAML:2.0:attrname-format:uri")
        etree.SubElement(extra, saml("AttributeValue")).text = "42"

    assert _accepted(node, change=more).offered.attributes == _accepted(node).offered.attributes


@pytest.mark.spec("eidas.md §7 ECDH-ES; eidas.md §7 brainpool")
@pytest.mark.parametrize("curve", [256, "brainpoolP512r1"])
def test_an_answer_to_our_key_on_a_curve_says_the_same(node: SendingNode, curve: int | str) -> None:
    held = encrypt(node.assertion(Answer()), crossing.on_curve(curve).certificate, EIDAS)
    inbound = posted(node.response(Answer(), held))
    keys = (agreement(curve), ours())
    for order in (keys, keys[::-1]):
        assert connector_opening(node.provider, order, node).receive(inbound, expectation(), NOW) == _accepted(node)
    with pytest.raises(AssertionRejected) as refusal:
        connector_to(node).receive(inbound, expectation(), NOW)
    assert refusal.value.check == "decryption"


@pytest.mark.spec("eidas.md §4 level asked")
@pytest.mark.spec("eidas.md §1 order of the levels")
@pytest.mark.parametrize(("level", "uri"), [("substantial", SUBSTANTIAL), ("high", HIGH)])
def test_the_level_that_was_asked_or_a_higher_one_comes_back(node: SendingNode, level: str, uri: str) -> None:
    assert _accepted(node, level=uri).offered.loa is LEVELS[level]


@pytest.mark.spec("eidas.md §1 non-notified levels")
def test_a_level_that_is_not_notified_counts_as_the_registration_says(node: SendingNode) -> None:
    own = SendingNode(signer=node.signer, assurance=frozenset({OWN_HIGH, "urn:ee:mobile"}))
    connector = connector_to(
        own, assurance={OWN_HIGH: LevelOfAssurance.SUBSTANTIAL, "urn:ee:mobile": LevelOfAssurance.HIGH}
    )
    for uri, level in ((OWN_HIGH, LevelOfAssurance.SUBSTANTIAL), ("urn:ee:mobile", LevelOfAssurance.HIGH)):
        assert connector.receive(own.says(level=uri), expectation(), NOW).offered.loa is level


@pytest.mark.spec("eidas.md §4 level published")
def test_a_node_publishes_its_highest_notified_level_and_each_other_one() -> None:
    assert publishes(frozenset({HIGH}), LOW)
    assert publishes(frozenset({SUBSTANTIAL}), SUBSTANTIAL)
    assert publishes(frozenset({OWN_HIGH}), OWN_HIGH)
    assert not publishes(frozenset({SUBSTANTIAL, OWN_HIGH}), HIGH)
    assert not publishes(frozenset({HIGH}), OWN_HIGH)
    assert not publishes(frozenset(), LOW)


@pytest.mark.spec("eidas.md §4 NameID Format")
@pytest.mark.parametrize(
    ("asked", "comes"),
    [(UNSPECIFIED, TRANSIENT), (UNSPECIFIED, PERSISTENT), (TRANSIENT, TRANSIENT), ("", PERSISTENT)],
)
def test_a_name_of_the_format_that_was_asked_for_is_taken_and_is_not_who_somebody_is(
    node: SendingNode, asked: str, comes: str
) -> None:
    inbound = node.says(name_id_format=comes, name_id="x" * 256)
    assertion = connector_to(node).receive(inbound, expectation(name_id_format=asked), NOW)
    assert assertion.subject == "EE/NL/0001-äö"


@pytest.mark.spec("eidas.md §6 several keys for signing in a rollover")
@pytest.mark.spec("eidas.md §7 signature algorithms")
def test_in_a_rollover_either_key_signs(node: SendingNode) -> None:
    both = SendingNode(signer=node.signer, more_keys=[rsa_signer(2)])
    for signer in (node.signer, rsa_signer(2)):
        inbound = posted(both.response(Answer(), signer=signer))
        assert connector_to(both).receive(inbound, expectation(), NOW).subject


@pytest.mark.spec("eidas.md §4 inner signature")
def test_an_assertion_may_be_signed_itself(node: SendingNode) -> None:
    element = etree.fromstring(sign_enveloped(node.assertion(Answer()), node.signer, place=1, profile=EIDAS))
    inbound = posted(node.response(Answer(), encrypt(element, ours().certificate, EIDAS)))
    assert connector_to(node).receive(inbound, expectation(), NOW).subject == "EE/NL/0001-äö"
    element.set("ID", "_another")
    inbound = posted(node.response(Answer(), encrypt(element, ours().certificate, EIDAS)))
    with pytest.raises(SignatureInvalid):
        connector_to(node).receive(inbound, expectation(), NOW)


@pytest.mark.spec("eidas.md §7 signature algorithms")
@pytest.mark.spec("eidas.md §7 RSA-OAEP")
@pytest.mark.parametrize("bits", [512])
def test_what_other_peoples_code_signs_and_encrypts_is_read(node: SendingNode, bits: int) -> None:
    """Libxmlsec signs with RSASSA-PSS, pyca encrypts: no code of ours made the message's cryptography."""
    finland, key = SendingNode(signer=rsa_signer(2)), rsa_signer(2)._private_key
    party = SigningParty(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), rsa_signer(2).certificate)
    plaintext = etree.tostring(finland.assertion(Answer()))
    held = crossing.Encryption(plaintext=plaintext, hashes=(bits, bits), digest=crossing.DIGEST_URIS[bits]).element()
    for mask in held.iter(f"{{{crossing.XENC11}}}MGF"):
        mask.set("Algorithm", f"{crossing.XENC11}mgf1sha{bits}")
    root = etree.fromstring(finland.response(Answer(signed=False), held))
    forge.sign_element(root, "_response0001", party, crossing.by(crossing.PSS.format(bits)))
    connector = connector_opening(finland.provider, [crossing.unwrapper(crossing.node("ours"))], finland)
    assert connector.receive(posted(etree.tostring(root)), expectation(), NOW).subject == "EE/NL/0001-äö"
    assert _refused_by(connector_to(finland), posted(etree.tostring(root))) == "decryption", "the control: another key"
    assert _refused_by(connector_to(node), posted(etree.tostring(root))) == "signature", "the control: another node"


def _refused_by(connector: EidasConnector, inbound: Inbound) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        connector.receive(inbound, expectation(), NOW)
    return refusal.value.check


@pytest.mark.spec("eidas.md §8 15")
@pytest.mark.parametrize(
    "changes",
    [
        {"issued": NOW + 60, "assertion_issued": NOW + 60, "begins": NOW + 60, "authenticated": NOW + 60},
        {"issued": NOW - 360, "assertion_issued": NOW - 360},
        {"begins": NOW - 60, "ends": NOW - 59},
        {"authenticated": NOW - 90},
    ],
    ids=["ahead", "old", "ended", "authenticated before we asked"],
)
def test_clocks_may_differ_by_a_minute(node: SendingNode, changes: dict[str, object]) -> None:
    assert _accepted(node, **changes).subject


@pytest.mark.spec("eidas.md §4 lifetime")
def test_an_assertion_ends_with_the_first_of_its_ends(node: SendingNode) -> None:
    assert _accepted(node, ends=NOW + 100).not_on_or_after == NOW + 100
    assert _accepted(node, ends=NOW + 3600).not_on_or_after == NOW + 300, "its IssueInstant refuses it from then on"


@pytest.mark.spec("eidas.md §4 PersonIdentifier country")
def test_an_identifier_is_taken_as_it_came(node: SendingNode) -> None:
    for identifier in ("EE/NL/a/b/c", "EE/NL/" + "1" * 256):
        person = {**PERSON, "PersonIdentifier": (EidasValue(identifier),)}
        assert _accepted(node, person=person).subject == identifier


def test_no_value_is_in_a_repr(node: SendingNode) -> None:
    assertion = _accepted(node)
    # The whole date: its year stands in random hex now and then
    for text in ("Maasikas", "0001-äö", "1887-04-12"):
        assert text not in repr(assertion)
    assert CURRENT_FAMILY_NAME not in repr(assertion)
    assert NOTIFIED[HIGH] is assertion.offered.loa
