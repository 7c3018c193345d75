"""Responses of peers are accepted by us, and ours by them, wherever they are signed, and encrypted or not.

What was altered on the way, or signed by another key, is refused on both sides.
"""

from collections.abc import Iterator

import pytest

from connectors.connector import Expectation, Inbound
from policies.assurance import LevelOfAssurance
from policies.errors import AssertionRejected
from tests.interop import messages
from tests.interop.messages import OURS, SIGNED_AT, STRANGER, SUBJECT, THEIRS, altered, asked, judge_request, receive
from tests.interop.peer_table import KNOWN, Open, cases, opened
from tests.interop.saml_peers import Ability, Known, Refused

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]  # pysaml2's, on Python 3.12 and later


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    with opened(tmp_path_factory.mktemp("peers")) as found:
        yield found


def answered(peers: Open, known: Known, signed_at: str, *, encrypted: bool) -> tuple[Inbound, Expectation]:
    """A peer's answer to a request of ours."""
    request, expectation = asked("redirect" if "reads requests by redirect" in known.abilities else "post")
    return peers(known).answer(request, expectation.request_id, signed_at, encrypted=encrypted), expectation


def check_of(answer: Inbound, expectation: Expectation, of: str = THEIRS) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        receive(answer, expectation, of)
    return refusal.value.check


ANSWERS = [*cases("its responses", "answers"), *cases("its encryption", "answers encrypted")]


@pytest.mark.parametrize("signed_at", SIGNED_AT)
@pytest.mark.parametrize(("known", "ability"), ANSWERS)
def test_its_response_is_accepted_and_one_altered_or_of_another_key_refused(
    peers: Open, known: Known, ability: Ability, signed_at: str
) -> None:
    encrypted = ability == "answers encrypted"
    answer, expectation = answered(peers, known, signed_at, encrypted=encrypted)
    if encrypted and signed_at == "assertion":
        # Anybody can encrypt to us: what is around it must be signed too
        assert check_of(answer, expectation) == "signature_missing"
        return
    found = receive(answer, expectation)
    assert (found.subject, found.offered.loa) == (SUBJECT, LevelOfAssurance.HIGH)
    assert check_of(altered(answer), expectation) == "digest"
    assert check_of(answer, expectation, STRANGER) == "signature"


@pytest.mark.parametrize("signed_at", SIGNED_AT)
@pytest.mark.parametrize(
    ("known", "ability"), [*cases("our responses", "hears"), *cases("our encryption", "hears encrypted")]
)
def test_it_accepts_our_response_and_refuses_one_altered_or_of_another_key(
    peers: Open, known: Known, ability: Ability, signed_at: str
) -> None:
    peer, encrypted = peers(known), ability == "hears encrypted"

    def heard(by: str, *, spoilt: bool) -> str:
        # To a question of its own each time: an answer is heard once
        asks = "redirect" if "asks by redirect" in known.abilities else "post"
        request_id = judge_request(peer.ask(asks)).request_id
        answer = messages.posted("SAMLResponse", messages.response(request_id, signed_at, encrypted=encrypted, by=by))
        return peer.hear(altered(answer) if spoilt else answer)

    assert heard(OURS, spoilt=False) == SUBJECT
    for by, spoilt in ((OURS, True), (STRANGER, False)):
        with pytest.raises(Refused):
            heard(by, spoilt=spoilt)


@pytest.mark.peer_row("lasso", "AES-CBC refused by us")
def test_what_lasso_encrypts_is_refused_for_its_mode(peers: Open) -> None:
    (known,) = [known for known in KNOWN if known.name == "lasso"]
    assert "answers encrypted" not in known.abilities
    answer, expectation = answered(peers, known, "response", encrypted=True)
    assert b"xmlenc#aes256-cbc" in messages.octets_of(answer)
    assert check_of(answer, expectation) == "content_encryption"
