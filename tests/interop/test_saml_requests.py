"""AuthnRequests and single logout between peers and us, by POST and by Redirect, each way.

What was altered on the way, or signed by another key, is refused on both sides.
"""

from collections.abc import Callable, Iterator

import pytest

from connectors.connector import Inbound
from policies.errors import AssertionRejected
from tests.connectors.forge import IDP, SP
from tests.interop import messages
from tests.interop.messages import (
    OURS,
    SESSION,
    STRANGER,
    SUBJECT,
    THEIRS,
    altered,
    asked,
    id_of,
    judge_logout_request,
    judge_logout_response,
    judge_request,
    logout_request,
    logout_response,
)
from tests.interop.peer_table import Open, cases, opened
from tests.interop.saml_peers import Ability, Known, Refused

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]  # pysaml2's, on Python 3.12 and later


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with opened(tmp_path_factory.mktemp("peers")) as found:
        yield found


def binding_of(ability: Ability) -> str:
    return ability.rpartition(" ")[2]


def assert_we_refuse_others(judge: Callable[[Inbound, str], object], message: Inbound) -> None:
    """Assert that an accepted message is refused when it is altered, and when its sender's key is another one."""
    spoilt = "digest" if message.binding == "post" else "signature"
    for changed, of, check in ((altered(message), THEIRS, spoilt), (message, STRANGER, "signature")):
        with pytest.raises(AssertionRejected) as refusal:
            judge(changed, of)
        assert refusal.value.check == check


@pytest.mark.parametrize(("known", "ability"), cases("its requests", "asks by post", "asks by redirect"))
def test_its_authentication_request_is_accepted_and_one_altered_or_of_another_key_refused(
    peers: Open, known: Known, ability: Ability
) -> None:
    request = peers(known).ask(binding_of(ability))
    assert request.binding == binding_of(ability)
    found = judge_request(request)
    assert (found.request_id, found.issuer) == (id_of(request), SP)
    assert_we_refuse_others(judge_request, request)


@pytest.mark.parametrize(
    ("known", "ability"), cases("our requests", "reads requests by post", "reads requests by redirect")
)
def test_it_accepts_our_authentication_request_and_refuses_one_altered_or_of_another_key(
    peers: Open, known: Known, ability: Ability
) -> None:
    peer, binding = peers(known), binding_of(ability)
    request, expectation = asked(binding)
    answer = peer.answer(request, expectation.request_id, "response", encrypted=False)
    assert messages.receive(answer, expectation).subject == SUBJECT
    for bad in (altered(request), asked(binding, by=STRANGER)[0]):
        with pytest.raises(Refused):
            peer.answer(bad, expectation.request_id, "response", encrypted=False)


@pytest.mark.parametrize(("known", "ability"), cases("its logout", "begins logout by post", "begins logout by redirect"))
def test_a_logout_that_it_begins_is_accepted_and_one_altered_or_of_another_key_refused(
    peers: Open, known: Known, ability: Ability
) -> None:
    request = peers(known).begin_logout(binding_of(ability))
    assert request.binding == binding_of(ability)
    found = judge_logout_request(request, known.role)
    assert (found.name.value, found.session_indexes) == (SUBJECT, (SESSION,))
    assert_we_refuse_others(lambda message, of: judge_logout_request(message, known.role, of), request)


@pytest.mark.parametrize(("known", "ability"), cases("our logout", "hears logout by post", "hears logout by redirect"))
def test_it_accepts_our_answer_to_its_logout_and_refuses_one_altered_or_of_another_key(
    peers: Open, known: Known, ability: Ability
) -> None:
    peer, binding = peers(known), binding_of(ability)
    we = IDP if known.role == SP else SP

    def heard(by: str, *, spoilt: bool) -> tuple[str, str]:
        begins = binding if f"begins logout by {binding}" in known.abilities else "redirect"
        request = peer.begin_logout(begins)
        answer = logout_response(we, binding, id_of(request), messages.relay_state_of(request), by)
        return id_of(request), peer.hear_logout(altered(answer) if spoilt else answer)

    asked_as, answered_to = heard(OURS, spoilt=False)
    assert answered_to in ("", asked_as)
    for by, spoilt in ((OURS, True), (STRANGER, False)):
        with pytest.raises(Refused):
            heard(by, spoilt=spoilt)


@pytest.mark.parametrize(("known", "ability"), cases("our logout", "ends logout by post", "ends logout by redirect"))
def test_a_logout_that_we_begin_is_ended_by_it_and_one_altered_or_of_another_key_refused(
    peers: Open, known: Known, ability: Ability
) -> None:
    peer, binding = peers(known), binding_of(ability)
    we = IDP if known.role == SP else SP
    request = logout_request(we, binding)
    answer = peer.end_logout(request)
    assert judge_logout_response(answer, known.role, id_of(request)).complete
    assert_we_refuse_others(lambda message, of: judge_logout_response(message, known.role, id_of(request), of), answer)
    for bad in (altered(logout_request(we, binding)), logout_request(we, binding, by=STRANGER)):
        with pytest.raises(Refused):
            peer.end_logout(bad)
