"""Single logout: a forged, an old or a foreign message ends nobody's session, by either binding."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree

from connectors.connector import Inbound
from connectors.formats.logout import (
    PARTIAL_LOGOUT,
    LogoutRequest,
    LogoutResponse,
)
from connectors.formats.saml_message import NameIdentifier
from connectors.logout_checks import (
    ExpectedLogout,
    receive_logout_request,
    receive_logout_response,
)
from connectors.profiles import SAML2INT
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.wire.names import PERSISTENT, SUCCESS, UNSPECIFIED
from policies.errors import AssertionRejected
from tests.connectors.forge import NOW, SigningParty
from tests.connectors.schemas import assert_valid
from tests.connectors.sent import (
    HERE,
    LOGOUT_REQUEST,
    LOGOUT_RESPONSE,
    PEER,
    Message,
    both,
    posted,
    redirected,
)

BY_PERSON = "urn:oasis:names:tc:SAML:2.0:logout:user"
PROTOCOL = "saml-schema-protocol-2.0.xsd"
EXPECTED = ExpectedLogout(PEER, HERE, "_asked")
RESPONDER = "urn:oasis:names:tc:SAML:2.0:status:Responder"


def key(party: SigningParty) -> PinnedKey:
    return key_of_certificate(party.certificate, SAML2INT)


def request(inbound: Inbound, party: SigningParty, expected: ExpectedLogout = EXPECTED) -> LogoutRequest:
    return receive_logout_request(inbound, [key(party)], expected, NOW, SAML2INT)[0]


def response(inbound: Inbound, party: SigningParty, expected: ExpectedLogout = EXPECTED) -> LogoutResponse:
    return receive_logout_response(inbound, [key(party)], expected, NOW, SAML2INT)[0]


def check_of(call: Callable[[], object]) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        call()
    return refusal.value.check


def ends(text: str) -> str:
    return f' NotOnOrAfter="{text}"'


def status(code: str, inside: str = "", after: str = "") -> str:
    return f'<samlp:Status><samlp:StatusCode Value="{code}">{inside}</samlp:StatusCode>{after}</samlp:Status>'


@pytest.mark.spec("saml.md §5")
def test_a_request_that_holds_says_whom_it_means_by_either_binding(idp: SigningParty) -> None:
    xml = replace(LOGOUT_REQUEST, more=f'{LOGOUT_REQUEST.more} Reason="{BY_PERSON}"').xml()
    assert_valid(etree.fromstring(xml), PROTOCOL)
    for inbound in both(xml, idp, "SAMLRequest"):
        assert request(inbound, idp) == LogoutRequest(
            request_id="_message0001",
            issue_instant=NOW,
            issuer=PEER,
            destination=HERE,
            not_on_or_after=NOW + 120,
            name=NameIdentifier("Õunapuu-0001", PERSISTENT, "q", ""),
            session_indexes=("session-0001",),
            reason=BY_PERSON,
        )


@pytest.mark.spec("saml.md §5")
@pytest.mark.parametrize(
    ("code", "inside", "sub_status", "complete"),
    [
        (SUCCESS, "", "", True),
        (SUCCESS, f'<samlp:StatusCode Value="{PARTIAL_LOGOUT}"/>', PARTIAL_LOGOUT, False),
        (RESPONDER, f'<samlp:StatusCode Value="{PARTIAL_LOGOUT}"/>', PARTIAL_LOGOUT, False),
        (RESPONDER, "", "", False),
    ],
)
def test_a_responses_status_is_a_fact_and_no_fault(
    idp: SigningParty, *, code: str, inside: str, sub_status: str, complete: bool
) -> None:
    xml = replace(LOGOUT_RESPONSE, inside=status(code, inside)).xml()
    assert_valid(etree.fromstring(xml), PROTOCOL)
    for inbound in both(xml, idp, "SAMLResponse"):
        found = response(inbound, idp)
        assert (found.response_id, found.in_response_to, found.issuer) == ("_message0001", "_asked", PEER)
        assert (found.status, found.sub_status, found.complete) == (code, sub_status, complete)


@pytest.mark.spec("saml.md §4")
def test_relay_state_comes_back_as_it_came(idp: SigningParty) -> None:
    keys = [key(idp)]
    by_redirect = redirected(LOGOUT_REQUEST.xml(), idp, "SAMLRequest", "a%2Fb+c")
    by_post = posted(LOGOUT_REQUEST.xml(), idp, "SAMLRequest", RelayState="a/b c")
    for inbound in (by_redirect, by_post):
        assert receive_logout_request(inbound, keys, EXPECTED, NOW, SAML2INT)[1] == "a/b c"
    answered = posted(LOGOUT_RESPONSE.xml(), idp, "SAMLResponse", RelayState="x")
    assert receive_logout_response(answered, keys, EXPECTED, NOW, SAML2INT)[1] == "x"


@pytest.mark.spec("saml.md §4")
def test_a_relay_state_that_no_address_has_room_for_is_refused_by_either_binding(idp: SigningParty) -> None:
    for inbound in (
        redirected(LOGOUT_REQUEST.xml(), idp, "SAMLRequest", "x" * 1025),
        posted(LOGOUT_REQUEST.xml(), idp, "SAMLRequest", RelayState="x" * 1025),
    ):
        with pytest.raises(AssertionRejected, match="1025 characters"):
            receive_logout_request(inbound, [key(idp)], EXPECTED, NOW, SAML2INT)


def changed(message: Message, changes: dict[str, object]) -> str:
    return replace(message, **changes).xml()  # type: ignore[arg-type] # each row names fields of Message


def test_a_name_without_qualifiers_and_no_session_means_all_of_them(idp: SigningParty) -> None:
    found = request(posted(replace(LOGOUT_REQUEST, inside="<saml:NameID>x</saml:NameID>").xml(), idp, "SAMLRequest"), idp)
    assert (found.name, found.session_indexes) == (NameIdentifier("x", UNSPECIFIED, "", ""), ())


@pytest.mark.spec("house-style.md 10")
def test_an_empty_expectation_matches_nothing(idp: SigningParty) -> None:
    nobody = posted(replace(LOGOUT_REQUEST, issuer="<saml:Issuer/>").xml(), idp, "SAMLRequest")
    nowhere = posted(replace(LOGOUT_REQUEST, destination=None).xml(), idp, "SAMLRequest")
    unasked = posted(replace(LOGOUT_RESPONSE, more="").xml(), idp, "SAMLResponse")
    assert check_of(lambda: request(nobody, idp, ExpectedLogout("", HERE))) == "issuer"
    assert check_of(lambda: request(nowhere, idp, ExpectedLogout(PEER, ""))) == "destination"
    assert check_of(lambda: response(unasked, idp, ExpectedLogout(PEER, HERE))) == "in_response_to"
    assert check_of(lambda: receive_logout_request(nobody, [], EXPECTED, NOW, SAML2INT)) == "keys"


def test_a_surprise_is_a_refusal_in_nobodys_words(idp: SigningParty, monkeypatch: pytest.MonkeyPatch) -> None:
    def surprise(*_arguments: object) -> None:
        raise KeyError("Õunapuu")

    monkeypatch.setattr("connectors.logout_checks.read_logout_request", surprise)
    with pytest.raises(AssertionRejected) as refusal:
        request(posted(LOGOUT_REQUEST.xml(), idp, "SAMLRequest"), idp)
    assert (refusal.value.check, refusal.value.detail) == ("unforeseen", "KeyError")
    assert refusal.value.__cause__ is None


NAMED = NameIdentifier("Õunapuu-0001", PERSISTENT, "q", "s")
FULL = LogoutRequest(
    "_r1",
    NOW,
    PEER,
    HERE,
    NOW + 60,
    NAMED,
    ("one", "two"),
    BY_PERSON,
    "urn:oasis:names:tc:SAML:2.0:consent:obtained",
)


def test_no_value_of_a_citizen_is_in_a_repr() -> None:
    assert not [value for value in ("Õunapuu-0001", "one", "two") if value in repr(FULL).replace("None", "")]
