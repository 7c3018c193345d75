"""The states of a login: what each may hold, that they travel whole, and that no value shows in their words."""

import dataclasses
import json
import zlib

import pytest

from connectors.connector import Expectation
from idp.ledger.record_contents import DecidedBy
from idp.login.sealing import LoginId
from idp.login.state_codec import Codec
from idp.login.states import (
    ACCESS_TOKEN_LIFE,
    ANSWER_LIFE,
    ASKED,
    CODE_LIFE,
    DECIDED,
    DECIDED_LIFE,
    GRANT,
    LOGIN_LIFE,
    REQUESTED,
    Asked,
    Decided,
    Earlier,
    Grant,
    Judged,
    Refused,
    Released,
    Requested,
)
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Address, Attribute, AttributeName, Form
from policies.authentication import AskedAttribute, Origin, ServiceRequest
from policies.errors import NotFound
from policies.parties import ProviderId, PurposeId, ServiceId, Source
from policies.release import Decision, Reason, Ruling, RulingOutcome

CANARY = "Canary-Kanarbik-1887"
BIRTHDATE, ADDRESS, EMAIL = AttributeName("birthdate"), AttributeName("address"), AttributeName("email")
SOURCE = Source("purposes/p.toml", 3)

REQUEST = ServiceRequest(
    origin=Origin("openid", ServiceId("parking"), "parking", protocol='{"state":"a-state ä"}'),
    purpose_id=PurposeId("resident-parking"),
    asked=(AskedAttribute(BIRTHDATE, EXACT), AskedAttribute(EMAIL, EXACT)),
    unknown=("shoe_size",),
    minimum_assurance=LevelOfAssurance.SUBSTANTIAL,
    languages=("et", "en"),
)
EXPECTATION = Expectation(
    provider_id=ProviderId("demo-ee"),
    request_id="_" + "0" * 40,
    issued_at=1_000,
    minimum_assurance=LevelOfAssurance.SUBSTANTIAL,
    force_authentication=True,
    max_age=60,
)
ATTRIBUTES = (
    Attribute(BIRTHDATE, Form("age_over", "18"), value=True),
    Attribute(ADDRESS, EXACT, Address(street=CANARY, locality=CANARY, country="EE")),
    Attribute(EMAIL, EXACT, CANARY),
    Attribute(AttributeName("nationality"), Form("only", "EE,LV"), (CANARY, "EE")),
)
RULINGS = (
    Ruling(BIRTHDATE, EXACT, RulingOutcome.WEAKENED, Reason.LEAST_SUFFICIENT, True, SOURCE, ATTRIBUTES[0]),  # noqa: FBT003 # required
    Ruling(ADDRESS, EXACT, RulingOutcome.AS_ASKED, Reason.AS_ASKED, False, SOURCE, ATTRIBUTES[1]),  # noqa: FBT003 # as above
    Ruling(EMAIL, EXACT, RulingOutcome.WITHHELD, Reason.NOT_NEEDED, False, SOURCE),  # noqa: FBT003 # as above
)
LOGIN = LoginId("A" * 22)
ASKED_STATE = Asked(LOGIN, 1_000, REQUEST, EXPECTATION)
REQUESTED_STATE = Requested(LOGIN, 1_000, REQUEST)
DECIDED_STATE = Decided(
    login=LOGIN,
    began=1_000,
    end=2_000,
    request=REQUEST,
    provider_id=ProviderId("demo-ee"),
    judged=Judged(
        sub=CANARY,
        loa=LevelOfAssurance.HIGH,
        context="",
        decision=Decision(RULINGS),
        subject=bytes(range(256))[200:232],
        policy="p" * 64,
        notice="n" * 64,
    ),
    authenticated_at=900,
    response=bytes(range(32)),
    assertion=b"\xff" * 32,
    marks_end=3_000,
    path=DecidedBy.PAGE,
    earlier=Earlier(500, (EMAIL,), same=True),
)
GRANTED = Grant(
    origin=REQUEST.origin,
    purpose_id=PurposeId("resident-parking"),
    provider_id=ProviderId("demo-ee"),
    sub=CANARY,
    loa=LevelOfAssurance.HIGH,
    context="",
    authenticated_at=900,
    attributes=ATTRIBUTES,
)


def test_every_state_travels_whole() -> None:
    assert REQUESTED.load(REQUESTED.dump(REQUESTED_STATE)) == REQUESTED_STATE
    assert ASKED.load(ASKED.dump(ASKED_STATE)) == ASKED_STATE
    assert DECIDED.load(DECIDED.dump(DECIDED_STATE)) == DECIDED_STATE
    assert GRANT.load(GRANT.dump(GRANTED)) == GRANTED


def _others() -> list[tuple[Codec[object], bytes]]:
    codecs = {"requested": REQUESTED, "asked": ASKED, "decided": DECIDED, "grant": GRANT}
    texts = {
        "requested": REQUESTED.dump(REQUESTED_STATE),
        "asked": ASKED.dump(ASKED_STATE),
        "decided": DECIDED.dump(DECIDED_STATE),
        "grant": GRANT.dump(GRANTED),
    }
    return [(codec, text) for name, codec in codecs.items() for other, text in texts.items() if name != other]  # type: ignore[misc] # read alone


def test_no_state_opens_as_another() -> None:
    opened = 0
    for codec, text in _others():
        try:
            codec.load(text)
        except NotFound:
            continue
        opened += 1
    # An Asked and a Decided have all that a Requested has: that they are none is said by the seal's kind, see test_seal
    assert opened <= 2


def test_without_any_one_member_nothing_opens() -> None:
    members = json.loads(DECIDED.dump(DECIDED_STATE))
    assert set(members) == {one.name for one in dataclasses.fields(Decided)}
    # A version that knows no `acts` seals none: whatever was ever switched ends it
    cut = {key: value for key, value in members.items() if key != "acts"}
    assert DECIDED.load(json.dumps(cut).encode()).acts == 0
    # Nor `deviations`: then it took none
    cut = {key: value for key, value in members.items() if key != "deviations"}
    assert DECIDED.load(json.dumps(cut).encode()).deviations == ()
    # Nor `authorities`: then nobody was named
    cut = {key: value for key, value in members.items() if key != "authorities"}
    assert DECIDED.load(json.dumps(cut).encode()).authorities == ()
    # Nor of sessions: then there is none
    cut = {key: value for key, value in members.items() if key not in {"signed_in", "resumed"}}
    assert (DECIDED.load(json.dumps(cut).encode()).signed_in, DECIDED.load(json.dumps(cut).encode()).resumed) == (
        None,
        False,
    )
    # Nor `stop`: then nothing was taken back, and what was ends it
    cut = {key: value for key, value in members.items() if key != "stop"}
    assert DECIDED.load(json.dumps(cut).encode()).stop == b""
    # Nor `more`: then nobody moved its end
    cut = {key: value for key, value in members.items() if key != "more"}
    assert DECIDED.load(json.dumps(cut).encode()).more == 0
    for name in members.keys() - {"acts", "authorities", "deviations", "signed_in", "resumed", "stop", "more"}:
        cut = {key: value for key, value in members.items() if key != name}
        with pytest.raises(NotFound):
            DECIDED.load(zlib.compress(json.dumps(cut).encode()))


@pytest.mark.spec("decisions.md 15; house style 8")
def test_no_value_and_no_identifier_shows_in_the_words_of_a_state() -> None:
    released = Released(GRANTED, CANARY.encode(), CANARY)
    for state in (DECIDED_STATE, GRANTED, released):
        assert CANARY not in repr(state)
        assert CANARY not in str(state)
        assert repr(DECIDED_STATE.judged.subject) not in repr(state)
    assert "True" not in repr(ATTRIBUTES[0]), "a predicate is a value too"


@pytest.mark.spec("decisions.md I: before a decision we keep no attribute, name or identifier")
def test_what_lies_in_a_cookie_holds_no_field_for_a_person() -> None:
    person = {"sub", "subject", "attributes", "decision", "judged", "offered", "assertion"}
    for kind in (Requested, Asked, Refused, ServiceRequest, Origin, Expectation):
        assert not person & {one.name for one in dataclasses.fields(kind)}


@pytest.mark.spec("decisions.md A; design §2")
def test_the_lives_are_those_of_the_design() -> None:
    assert (LOGIN_LIFE, DECIDED_LIFE, ANSWER_LIFE, CODE_LIFE, ACCESS_TOKEN_LIFE) == (900, 300, 60, 60, 300)


def test_the_length_of_a_parked_grant_tells_no_value_to_whoever_chose_the_state() -> None:
    """Deflated, a state that has the value in it would be shorter: whoever sees the rows' lengths would read it off."""
    lengths = set()
    for guess in (CANARY, CANARY[::-1]):
        origin = dataclasses.replace(REQUEST.origin, protocol=f'{{"state":"{guess * 200}"}}')
        lengths.add(len(GRANT.dump(dataclasses.replace(GRANTED, origin=origin))))
    assert len(lengths) == 1
