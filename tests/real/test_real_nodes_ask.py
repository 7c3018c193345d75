"""Real nodes ask our sending node over real sockets, and read its answers as their own software does."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from policies.parties import EntityId
from tests.idp.staging import Lines, opened
from tests.idp.web.visitor import Answer
from tests.real.stages import RealNode, Traveller

NATURAL = "http://eidas.europa.eu/attributes/naturalperson"
LOA = "http://eidas.europa.eu/LoA/"
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
SPTYPE = "<eidas:SPType>public</eidas:SPType>"
UNKNOWN = (
    '<eidas:RequestedAttribute FriendlyName="Tax" Name="http://tax.example/attributes/TaxNumber" '
    'NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri" isRequired="{}"/>'
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNode]:
    with opened(RealNode(tmp_path_factory.mktemp("real-node"))) as stage:
        yield stage


@pytest.fixture
def traveller(node: RealNode) -> Iterator[Traveller]:
    node.spain.will_ask()
    with Traveller(node) as made:
        yield made


@pytest.fixture
def logs() -> Iterator[Lines]:
    with capture_logs() as lines:
        yield lines


def _answered(traveller: Traveller, leaving: Answer, choice: str = "continue") -> Answer:
    """From our node to the national sign-in, and back to the node that asked."""
    page = traveller.returns(traveller.signs_in(leaving))
    assert page.status == 200, page.text
    return traveller.back(traveller.decides(page, choice))


@pytest.mark.parametrize(("peer", "country"), [("es", "ES"), ("de", "DE")])
def test_a_real_node_asks_and_opens_what_we_answer(traveller: Traveller, node: RealNode, peer: str, country: str) -> None:
    said = _answered(traveller, traveller.asked_by(node.page_of(peer)))
    assert said.status == 200, said.text
    values = said.json["values"]
    assert isinstance(values, dict)
    assert str(values[f"{NATURAL}/PersonIdentifier"]).startswith(f"EE/{country}/")
    assert {f"{NATURAL}/{name}" for name in ("CurrentFamilyName", "CurrentGivenName", "DateOfBirth")} <= set(values)


def test_a_real_node_hears_of_a_citizen_who_went_back(traveller: Traveller, node: RealNode) -> None:
    said = _answered(traveller, traveller.asked_by(node.page_of("es")), "cancel").json
    assert said["failed"] == [f"{STATUS}Responder", f"{STATUS}AuthnFailed"]


@pytest.mark.spec("eidas.md §3 unknown attributes")
def test_an_unknown_attribute_that_is_optional_is_ignored_and_one_that_is_required_is_answered(
    traveller: Traveller, node: RealNode, logs: Lines
) -> None:
    node.spain.will_ask(additional=UNKNOWN.format("false"), requester_id="https://sp.example/metadata")
    assert "values" in _answered(traveller, traveller.asked_by(node.page_of("es"))).json
    node.spain.will_ask(additional=UNKNOWN.format("true"))
    page = traveller.asked_by(node.page_of("es"))
    assert page.status == 400
    said = traveller.back(page).json
    assert said["failed"] == [f"{STATUS}Requester", f"{STATUS}InvalidAttrNameOrValue"]
    assert str(said["message"]).startswith("unknown_required:")
    assert [line["check"] for line in logs if line["event"] == "refused"] == ["unknown_required"]


@pytest.mark.spec("eidas.md §3 SPType")
def test_the_type_of_services_stands_in_the_metadata_or_in_the_request_and_not_in_both(
    traveller: Traveller, node: RealNode
) -> None:
    peers, connector = node.application.peers, EntityId(node.spain.connector)

    def publish(sp_type: str) -> None:
        node.spain.sp_type_in_metadata = sp_type
        node.spain.life += 10
        peers.refresh(connector, node.clock())
        for waiting in peers.pending(node.clock(), connector):
            peers.approve(waiting.entity_id, waiting.digest, node.clock())

    publish("public")
    try:
        assert "values" in _answered(traveller, traveller.asked_by(node.page_of("es"))).json
        both = "<saml2p:Extensions>"
        node.spain.will_ask(edit=lambda text: text.replace(both, both + SPTYPE))
        page = traveller.asked_by(node.page_of("es"))
        assert page.status == 400
        assert traveller.back(page).json["failed"] == [f"{STATUS}Requester"]
    finally:
        publish("")


@pytest.mark.parametrize(
    ("before", "after"),
    [('ForceAuthn="true"', 'ForceAuthn="false"'), ("<eidas:RequestedAttributes>", f"<eidas:RequestedAttributes>{SPTYPE}")],
)
def test_a_real_request_with_one_thing_more_is_answered_with_a_failure(
    traveller: Traveller, node: RealNode, before: str, after: str
) -> None:
    node.spain.will_ask(edit=lambda text: text.replace(before, after, 1))
    page = traveller.asked_by(node.page_of("es"))
    assert page.status == 400
    failed = traveller.back(page).json["failed"]
    assert isinstance(failed, list)
    assert failed[0] == f"{STATUS}Requester"


def test_what_a_registration_switches_on_is_used_and_told(node: RealNode) -> None:
    germany = node.application.peers.current(EntityId(node.germany.demo), node.clock())
    assert (germany.facts.country, germany.version) == ("DE", "1.2")
    assert germany.facts.deviations == ("no_protocol_version", "registered_country")
