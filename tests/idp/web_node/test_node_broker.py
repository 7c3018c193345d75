"""The steps of a sending node without HTTP: what a unit holds, in which order things happen, and what ends meanwhile."""

import hashlib
import json
import re
import time
from dataclasses import replace

import pytest

from connectors import request_object
from connectors.fetch import Fetcher
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.formats.saml_response import message_id
from connectors.metadata.peers import Peers
from connectors.profiles import EIDAS
from connectors.signatures.xmlenc.encryption import _Recipients
from idp.ledger.record_contents import RELEASE, UNSENT
from idp.login.finish import Choice, message_digest
from idp.login.flow import REQUEST_LIFE, Broker
from idp.login.registers import RegisterDesk
from idp.login.sealing import Sealer
from idp.login.states import LOGIN_LIFE, Asked, Decided, Refused, Released
from idp.login.suspension import Suspension
from idp.protocols.eidas.proxy_service import NAME, Here, ProxyService
from idp.protocols.eidas.role import NodeRole
from policies.assurance import LevelOfAssurance as Level
from policies.attributes import AttributeName
from policies.authentication import Offered
from policies.catalogue import STANDARD
from policies.errors import (
    AssertionRejected,
    AssuranceTooLow,
    BrokerError,
    NotFound,
    PeerUnavailable,
    Replayed,
    RequestRefused,
    StoreUnavailable,
    Suspended,
)
from policies.parties import EntityId, IdentityProvider, NodeId, Peer, ProviderId, RequestingNode, Source
from tests.idp.house import ANSWER, SECRET, TENANT, Country, Watched, assertion, gone_on
from tests.idp.memory import MemoryCopies
from tests.idp.switched import MemorySwitches, off_and_on
from tests.idp.web_node.peer import LOA, OTHER_LOA, PeerNode
from tests.idp.web_node.test_node_levels import REQUEST, provider
from tests.idp.web_node.test_node_person import ASKED, PERSON
from tests.sealing import fixed_keys

NATIONAL, BANK = ProviderId("national"), ProviderId("bank")
NL = NodeId("nl")


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> PeerNode:
    return PeerNode(tmp_path_factory.mktemp("peer"), "nl", "NL")


class NodeHouse:
    """A broker with everything around it but HTTP."""

    def __init__(self, peer: PeerNode, now: int) -> None:
        self.now, self.store = now, Watched()
        source = Source("nodes/nl.toml", 1)
        registered = Peer(
            EntityId(peer.entity_id), "NL", peer.entity_id, peer.metadata_signer.certificate, "", ("127.0.0.0/8",), source
        )
        self.copies = MemoryCopies()
        self.copies.keep(peer.held(now + 3600, now))
        self.peers = Peers(
            {registered.entity_id: registered},
            role="connector",
            copies=self.copies,
            fetcher=Fetcher(demo=True),
            profile=EIDAS,
            ours=PROTOCOL_VERSIONS,
        )
        self.person = {AttributeName(name): value for name, value in PERSON.items()}
        says = assertion(offered=Offered(attributes=self.person, loa=Level.HIGH), not_on_or_after=now + 300)
        self.country = Country(NATIONAL, says)
        self.nodes = {NL: RequestingNode(NL, {"en": "NL"}, registered, source)}
        self.providers: dict[ProviderId, IdentityProvider] = {NATIONAL: provider(*Level)}
        self.switches = MemorySwitches()
        suspension = Suspension(self.switches)
        self.proxy = ProxyService(
            here=Here("https://node.example/eidas/metadata", "https://node.example/eidas/sso"),
            nodes=self.nodes,
            peers=self.peers,
            signer=peer.signer,
            catalogue=STANDARD,
        )
        self.broker = Broker(
            tenant=TENANT,
            role=NodeRole(
                tenant=TENANT,
                country="EE",
                nodes=self.nodes,
                providers=self.providers,
                catalogue=STANDARD,
                pairwise_key=bytes(32),
                suspension=suspension,
                desk=RegisterDesk({}, {}, suspension),
            ),
            frontends={NAME: self.proxy},
            connectors={NATIONAL: self.country, BANK: Country(BANK, says)},
            sealer=Sealer(tenant=TENANT, keys=fixed_keys(bytes(32))),
            commits=self.store,
            decisions=self.store,
            suspension=suspension,
            check_open=lambda: None,
        )
        self.request = replace(REQUEST, origin=replace(REQUEST.origin, issuer=registered.entity_id), asked=ASKED)

    def asked(self, **changes: object) -> Asked:
        request = replace(self.request, **changes)  # type: ignore[arg-type] # whichever fields a test names
        return self.broker.ask(self.broker.begin(request, self.now), NATIONAL, self.now)[1]

    def decided(self, **changes: object) -> Decided:
        return self.broker.handle_response(self.asked(**changes), ANSWER, "en", self.now)

    def ends(self, decided: Decided, word: str = "continue", now: int | None = None) -> Released | Refused:
        at = self.now if now is None else now
        return gone_on(self.broker, self.broker.decide(decided, Choice(word), SECRET, at), at)


@pytest.fixture
def house(peer: PeerNode) -> NodeHouse:
    return NodeHouse(peer, int(time.time()))


def test_a_release_is_one_unit_that_says_node_message_and_time(house: NodeHouse) -> None:
    decided = house.decided()
    assert house.store.units == [], "nothing is written before the citizen decided"
    assert isinstance(house.ends(decided), Released)
    (unit,) = house.store.units
    request, issuer = house.request.origin, assertion().issuer
    assert {(mark.kind, mark.digest) for mark in unit.marks} == {
        ("login", hashlib.sha256(decided.login.encode()).digest()),
        ("request", message_digest(request.issuer, request.message_id)),
        ("response", message_digest(issuer, "_response")),
        ("assertion", message_digest(issuer, "_assertion")),
    }
    assert unit.parked == ()
    assert unit.record is not None
    assert (unit.record.kind, unit.record.subject) == ("release", None)
    sent = json.loads(next(one.content for one in unit.record.openings if one.compartment == "sent"))
    assert sent == {
        "message": request.message_id,
        "node": request.issuer,
        "record": unit.record.record.hex(),
        "time": house.now,
    }


def test_nothing_is_recorded_for_a_certificate_that_nothing_can_be_encrypted_to(
    house: NodeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pyca reads certificates that libxmlsec cannot encrypt to: one for PSS alone, say."""

    def refuses(*_: object) -> None:
        raise BrokerError("libxmlsec did not encrypt")

    decided = house.decided()
    monkeypatch.setattr("connectors.signatures.xmlenc.encryption._recipients", _Recipients())
    with monkeypatch.context() as broken:
        broken.setattr("connectors.signatures.xmlenc.encryption._transported", refuses)
        with pytest.raises(PeerUnavailable, match="nothing can be encrypted to"):
            house.ends(decided)
    assert house.store.units == []
    assert isinstance(house.ends(decided), Released), "a certificate that failed once is tried again"


def test_nobody_signs_in_for_a_node_that_nobody_could_encrypt_to(house: NodeHouse, peer: PeerNode) -> None:
    house.copies.keep(peer.held(house.now + 7200, house.now, encrypting=False))
    house.peers.reload(EntityId(house.request.origin.issuer))
    with pytest.raises(PeerUnavailable, match="no approved key for encryption"):
        house.asked()


def test_marks_outlive_whatever_could_come_again(house: NodeHouse) -> None:
    decided = house.decided()
    house.ends(decided)
    ends = {mark.kind: mark.end for mark in house.store.units[0].marks}
    assert ends["request"] == house.now + REQUEST_LIFE
    # The latest begin of a second login with this request, and its whole life
    assert ends["request"] >= house.now + EIDAS.skew + EIDAS.max_age + EIDAS.skew + LOGIN_LIFE
    # The same of a signed request of OpenID Connect, which is taken until an hour after its moment
    assert ends["request"] >= house.now + request_object.SKEW + request_object.LIFE + request_object.SKEW + LOGIN_LIFE
    assert min(ends["login"], ends["response"], ends["assertion"]) >= house.now + LOGIN_LIFE


def test_a_cancel_before_any_sign_in_takes_marks_and_records_nothing(house: NodeHouse) -> None:
    asked = house.asked()
    first = house.broker.cancel(asked, house.now)
    second = house.broker.cancel(asked, house.now)
    assert first == second
    (unit,) = house.store.units
    assert unit.record is None
    assert {mark.kind for mark in unit.marks} == {"login", "request"}
    with pytest.raises(Replayed):
        house.ends(house.broker.handle_response(asked, ANSWER, "en", house.now))


@pytest.mark.parametrize("word", ["continue", "cancel"])
def test_an_answer_that_is_given_again_is_durable_like_the_first(house: NodeHouse, word: str) -> None:
    decided = house.decided()
    first = house.ends(decided, word)
    assert house.store.again == 0
    assert house.ends(decided, word) == first
    # A release is one step here, and a refusal two: the press, and going on
    assert house.store.again == (1 if word == "continue" else 2)
    house.store.fails_again = True
    with pytest.raises(StoreUnavailable):
        house.ends(decided, word)


@pytest.mark.spec("decisions.md 31")
def test_what_the_national_answer_deviated_by_is_remembered_for_the_log(
    house: NodeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert house.decided().deviations == ()
    heard = house.country.receive
    monkeypatch.setattr(house.country, "receive", lambda *asked: replace(heard(*asked), deviations=("a_deviation",)))
    assert house.decided().deviations == ("a_deviation",)


@pytest.mark.parametrize("off", [("country", "NL"), ("provider", NATIONAL)])
def test_what_is_switched_off_while_the_commit_waits_is_not_sent(house: NodeHouse, off: tuple[str, str]) -> None:
    decided = house.decided()
    house.store.meanwhile = lambda: house.switches.set_switch(*off, off=True)
    for _ in range(2):
        with pytest.raises(Suspended):
            house.ends(decided)
    assert [unit.record and unit.record.kind for unit in house.store.units] == [RELEASE, UNSENT]


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize("off", [("country", "NL"), ("provider", NATIONAL)])
def test_what_was_asked_or_heard_before_a_switch_is_of_no_use_after_it(house: NodeHouse, off: tuple[str, str]) -> None:
    off_and_on(house.switches, *off)
    asked, decided = house.asked(), house.decided()
    off_and_on(house.switches, "country", "LV")
    assert replace(house.broker.handle_response(asked, ANSWER, "en", house.now), login=decided.login) == decided, (
        "another thing's act"
    )
    off_and_on(house.switches, *off)
    with pytest.raises(Replayed, match="switched off meanwhile"):
        house.broker.handle_response(asked, ANSWER, "en", house.now)
    with pytest.raises(Replayed, match="switched off meanwhile"):
        house.ends(decided)
    assert isinstance(house.ends(decided, "cancel"), Refused)
    again = house.broker.ask(asked, NATIONAL, house.now)[1]
    assert isinstance(house.broker.handle_response(again, ANSWER, "en", house.now), Decided)


def test_ids_depend_on_login_and_browser(house: NodeHouse) -> None:
    decided = house.decided()
    first, again = house.ends(decided), house.ends(decided)
    assert first == again
    assert isinstance(first, Released)
    ids = [message_id(first.answer_key, what) for what in ("response", "assertion", "transient")]
    assert len(set(ids)) == 3
    assert all(re.fullmatch("_[0-9a-f]{40}", one) for one in ids)
    other = house.decided(origin=replace(house.request.origin, message_id="_2"))
    with pytest.raises(Replayed):  # the same answer of the identity provider
        house.ends(other)


# -- what ends meanwhile ---------------------------------------------------------------------------------------------------


def test_a_node_that_is_registered_no_more_ends_every_step(house: NodeHouse) -> None:
    asked = house.asked()
    decided = house.broker.handle_response(asked, ANSWER, "en", house.now)
    house.nodes.clear()
    steps = (
        lambda: house.broker.begin(house.request, house.now),
        lambda: house.broker.ask(asked, NATIONAL, house.now),
        lambda: house.broker.handle_response(asked, ANSWER, "en", house.now),
        lambda: house.ends(decided),
        lambda: house.ends(decided, "cancel"),
        lambda: house.broker.cancel(asked, house.now),
    )
    for step in steps:
        with pytest.raises(RequestRefused):
            step()
    assert house.store.units == []


def test_a_provider_that_was_taken_out_ends_the_login(house: NodeHouse) -> None:
    asked = house.asked()
    decided = house.broker.handle_response(asked, ANSWER, "en", house.now)
    house.providers.clear()
    with pytest.raises(NotFound):
        house.broker.ask(asked, NATIONAL, house.now)
    with pytest.raises(NotFound):
        house.broker.handle_response(asked, ANSWER, "en", house.now)
    with pytest.raises(NotFound):
        house.ends(decided)


def test_a_scheme_whose_notification_ended_meanwhile_sends_nothing(house: NodeHouse) -> None:
    contexts = (f"{OTHER_LOA}high", f"{LOA}high")
    decided = house.decided(contexts=contexts)
    assert decided.judged.context == f"{LOA}high"
    house.providers[NATIONAL] = provider(*Level, notified=False)
    with pytest.raises(Replayed) as refused:
        house.ends(decided)
    assert refused.value.check == "policy_changed"
    assert house.store.units == []


# -- levels ----------------------------------------------------------------------------------------------------------------


def test_nobody_is_sent_to_sign_in_for_nothing(house: NodeHouse) -> None:
    with pytest.raises(AssuranceTooLow) as refused:
        house.broker.begin(replace(house.request, contexts=(f"{OTHER_LOA}high",)), house.now)
    assert refused.value.check == "assurance_unreachable"


@pytest.mark.parametrize("level", list(Level))
def test_the_identity_provider_is_asked_for_what_the_node_asked(house: NodeHouse, level: Level) -> None:
    house.asked(minimum_assurance=level)
    (ask,) = house.country.asks
    assert (ask.minimum_assurance, ask.force_authentication, ask.max_age) == (level, True, None)
    assert ask.attributes == ()
    assert ask.requester is None, "the country's identity provider does not learn who asks"


def test_no_answer_goes_to_another_country_that_could_not_say_when(house: NodeHouse) -> None:
    house.country.says = replace(house.country.says, authenticated_at=0)
    with pytest.raises(AssertionRejected) as refused:
        house.broker.handle_response(house.asked(), ANSWER, "en", house.now)
    assert refused.value.check == "authentication_time"
