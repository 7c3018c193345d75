"""A service that a federation vouches for is asked and answered by its metadata of this moment, and by nothing else."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from connectors.connector import Outbound
from connectors.metadata.federated import FederatedEntity
from idp.protocols.saml.identity_provider import SamlIdentityProvider
from idp.protocols.saml.services import Services
from policies.errors import BrokerError, Misconfigured, PeerUnavailable, RequestRefused
from policies.federations import FederationId
from policies.load import load
from policies.parties import ClientId, EntityId
from tests.idp.protocols.doubles import ISSUER, NOW
from tests.idp.protocols.test_saml_identity_provider import House, inbound
from tests.idp.web.saml_party import ACS, ENTITY, SamlParty
from tests.policies.load.files import PEM

RESEARCH = 'id = "research"\nurl = "https://mds.example/all.xml"\nsigners = "metadata/research.pem"\n'
FILE, SOAP = "parties/library.toml", "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
MARK = "https://refeds.org/category/code-of-conduct/v2"
SAID = (
    '<md:Extensions><a:EntityAttributes xmlns:a="urn:oasis:names:tc:SAML:metadata:attribute"><s:Attribute '
    'xmlns:s="urn:oasis:names:tc:SAML:2.0:assertion" Name="http://macedir.org/entity-category">'
    f"<s:AttributeValue>{MARK}</s:AttributeValue></s:Attribute></a:EntityAttributes></md:Extensions>"
)


@dataclass
class Research:
    """A federation that says what a test has it say; "" where the service left."""

    says: str = ""
    asked: list[str] = field(default_factory=list)

    def entity(self, entity_id: EntityId, now: int, federation: str = "") -> FederatedEntity:
        self.asked.append(federation)
        if not self.says:
            raise PeerUnavailable(f"no federation knows {entity_id}.")
        return FederatedEntity(entity_id, FederationId("research"), self.says.encode(), now + 1)


class Federated(House):
    """The house whose service stands in a federation."""

    def __init__(self, folder: Path, registered: str = "", logout: str = "") -> None:
        super().__init__(folder, logout=logout)
        self.research = Research(self.party.metadata())
        named = f'federation = "research"\n{registered}'
        registered = self.files[FILE].decode().replace('metadata = "metadata/library.xml"', named)
        files = {**self.files, FILE: registered.encode(), "federations/research.toml": RESEARCH.encode()}
        self.configuration = load({**files, "metadata/research.pem": PEM.encode()})
        self.services = Services(self.configuration.parties, self.research, lambda: NOW)
        self.parts = replace(self.parts, parties=self.configuration.parties, services=self.services)
        self.frontend = SamlIdentityProvider(self.parts)

    def refused(self, sent: Outbound) -> BrokerError:
        with pytest.raises(BrokerError) as refused:
            self.frontend.receive(inbound(sent), NOW)
        return refused.value


@pytest.fixture
def house(tmp_path: Path) -> Federated:
    return Federated(tmp_path)


@pytest.mark.spec("saml.md §3")
def test_a_service_of_a_federation_is_answered_as_one_that_is_pinned(house: Federated) -> None:
    origin = house.accepted().origin
    assert (origin.issuer, origin.service, set(house.research.asked)) == (ENTITY, "library", {"research"})
    heard = house.answered(origin=origin)
    assert (heard.statuses, heard.was_encrypted, heard.text("saml:Audience")) == (["Success"], True, ENTITY)


def test_a_key_that_is_gone_counts_no_more_and_a_new_one_at_once(house: Federated, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = SamlParty(tmp_path / "other", ISSUER, lambda: NOW)
    assert getattr(house.refused(other.sent(other.request())), "check", "") == "signature"
    house.research.says = other.metadata()
    assert getattr(house.refused(house.party.sent(house.party.request())), "check", "") == "signature"
    house.frontend.receive(inbound(other.sent(other.request())), NOW)


@pytest.mark.spec("security.md §2.1 AuthnRequest side")
def test_no_request_and_no_answer_goes_to_an_address_that_its_metadata_has_no_more(house: Federated) -> None:
    origin = house.accepted().origin
    house.research.says = house.research.says.replace(ACS, "https://library.storkhaven.example/new")
    found = house.refused(house.party.sent(house.party.request()))
    assert (getattr(found, "check", ""), found.peer) == ("acs_url", "library")
    for step in (
        lambda: house.frontend.check_registered(origin),
        lambda: house.frontend.answer(house.released(origin=origin), NOW),
    ):
        with pytest.raises(RequestRefused, match="registered no more"):
            step()


def test_a_service_that_left_is_refused_by_name_and_answered_nothing(house: Federated) -> None:
    origin, sent = house.accepted().origin, house.party.sent(house.party.request())
    house.research.says = ""
    assert "library is not answered now: no federation knows" in house.refused(sent).detail
    assert house.services.of("library") is None
    assert EntityId(ENTITY) not in house.services.keys
    with pytest.raises(RequestRefused, match="registered no more"):
        house.frontend.answer(house.released(origin=origin), NOW)
    with pytest.raises(KeyError):
        house.services.named(EntityId(ENTITY))


@pytest.mark.parametrize("old", [ENTITY, "SPSSODescriptor", "urn:oasis:names:tc:SAML:2.0:protocol"])
def test_metadata_that_cannot_be_used_is_as_none(house: Federated, old: str) -> None:
    house.research.says = house.research.says.replace(old, "https://other.example/a" if ":" in old else "IDPSSODescriptor")
    assert "cannot be used" in house.services.why_not(ENTITY)
    assert house.services.tried(EntityId(ENTITY)) == ()


def test_a_service_that_lost_a_category_of_its_registration_is_answered_nothing(tmp_path: Path) -> None:
    house = Federated(tmp_path, f'entity_categories = ["{MARK}"]')
    assert "cannot be used" in house.services.why_not(ENTITY)
    house.research.says = house.research.says.replace("<md:SPSSODescriptor", f"{SAID}<md:SPSSODescriptor")
    assert house.services.why_not(ENTITY) == ""
    assert house.accepted().origin.service == "library"


def test_whether_it_hears_of_a_logout_over_soap_stands_in_its_metadata_of_the_moment(tmp_path: Path) -> None:
    soap = f'<md:SingleLogoutService Binding="{SOAP}" Location="https://library.storkhaven.example/slo"/>'
    house = Federated(tmp_path, logout=soap)
    party = house.configuration.parties[ClientId("library")]
    grouped = replace(party.openid, logout=replace(party.openid.logout, session_group="city"))
    services = Services({party.client_id: replace(party, openid=grouped)}, house.research, lambda: NOW)
    assert services.takes_soap(ClientId("library"))
    house.research.says = house.research.says.replace(soap, "")
    assert not services.takes_soap(ClientId("library"))
    assert not house.services.takes_soap(ClientId("library")), "it is in no group"


@pytest.mark.parametrize(
    ("party", "federation", "what"),
    [
        ('federation = "research"\nmetadata = "metadata/library.xml"', RESEARCH, "two sources could contradict"),
        ('federation = "other"', RESEARCH, "`other` is none"),
        ('federation = "research"', RESEARCH + 'roles = ["idp"]\n', "lets none with this role count"),
    ],
)
def test_a_registration_that_no_federation_could_serve_is_refused(
    tmp_path: Path, party: str, federation: str, what: str
) -> None:
    files = House(tmp_path).files
    text = files[FILE].decode().replace('metadata = "metadata/library.xml"', party)
    more = {FILE: text.encode(), "federations/research.toml": federation.encode(), "metadata/research.pem": PEM.encode()}
    with pytest.raises(Misconfigured, match=what):
        load({**files, **more})


def test_a_federation_that_is_asked_for_one_entity_at_a_time_is_asked_for_its_services(tmp_path: Path) -> None:
    files = House(tmp_path).files
    text = files[FILE].decode().replace('metadata = "metadata/library.xml"', 'federation = "research"')
    mdq = RESEARCH.replace("url =", "mdq =").encode()
    more = {FILE: text.encode(), "federations/research.toml": mdq, "metadata/research.pem": PEM.encode()}
    assert load({**files, **more}).federations[FederationId("research")].wanted == (ENTITY,)
