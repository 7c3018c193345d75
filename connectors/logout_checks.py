"""The checks of single logout (SAML Core 2.0 §3.7, SAML Profiles 2.0 §4.4).

Their names are in `connectors.checks.LOGOUT_CHECKS`. A forged logout ends a session that its citizen wanted: signature,
Issuer and Destination are never optional, and IssueInstant bounds what has no NotOnOrAfter. The holder of sessions compares
NameID and SessionIndexes, and takes a request once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.connector import Inbound
from connectors.formats.grammar import MAX_TEXT
from connectors.formats.logout import LogoutRequest, LogoutResponse, read_logout_request, read_logout_response
from connectors.profiles import Profile
from connectors.response_checks import check_issued
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.shapes import LOGOUT_REQUEST, LOGOUT_RESPONSE
from connectors.signed_messages import foreseen, signed_message
from connectors.wire.names import CONSENTS, TOP_STATUSES
from connectors.wire.text import is_plain
from policies.errors import AssertionRejected

# A participant has one session for each authentication of a citizen; thousands in one message are nobody's
MAX_SESSION_INDEXES = 64


@dataclass(frozen=True, slots=True)
class ExpectedLogout:
    """The facts that a message of single logout must match, sign by sign; an empty part matches nothing.

    `destination` is the address that received it, `in_response_to` the ID of our LogoutRequest, for a response. What comes
    back on a connection of ours (`on_our_line`) may leave its Destination out.
    """

    issuer: str
    destination: str
    in_response_to: str = ""
    on_our_line: bool = False


@foreseen
def receive_logout_request(
    inbound: Inbound, keys: Sequence[PinnedKey], expected: ExpectedLogout, now: int, profile: Profile
) -> tuple[LogoutRequest, str]:
    """Verify, read and judge a LogoutRequest by either binding; RelayState beside it. Raises `AssertionRejected`.

    `keys` are those of `expected.issuer` alone, in force now.
    """
    signed, relay_state = signed_message(inbound, "SAMLRequest", keys, LOGOUT_REQUEST, profile)
    return judge_logout_request(read_logout_request(signed), expected, now, profile), relay_state


@foreseen
def receive_logout_response(
    inbound: Inbound, keys: Sequence[PinnedKey], expected: ExpectedLogout, now: int, profile: Profile
) -> tuple[LogoutResponse, str]:
    """Verify, read and judge a LogoutResponse by either binding, as `receive_logout_request`."""
    signed, relay_state = signed_message(inbound, "SAMLResponse", keys, LOGOUT_RESPONSE, profile)
    return judge_logout_response(read_logout_response(signed), expected, now, profile), relay_state


def judge_logout_request(message: LogoutRequest, expected: ExpectedLogout, now: int, profile: Profile) -> LogoutRequest:
    """Judge a request whose signature held. Raises `AssertionRejected`."""
    _check_envelope(message, expected, now, profile)
    if message.not_on_or_after is not None and now >= message.not_on_or_after + profile.skew:
        raise AssertionRejected("logout_expired", "a LogoutRequest after its end")
    if message.reason and (len(message.reason) > MAX_TEXT or len(message.reason.split()) != 1):
        raise AssertionRejected("logout_reason", "a Reason that is too long, or no URI")
    if not is_plain(message.name.value):
        raise AssertionRejected("name_id", "a NameID that names nobody")
    sessions = message.session_indexes
    if len(sessions) > MAX_SESSION_INDEXES or len(set(sessions)) != len(sessions):
        raise AssertionRejected(
            "session_index", f"more than {MAX_SESSION_INDEXES} SessionIndexes, or one that stands twice"
        )
    if not all(is_plain(session) for session in sessions):
        raise AssertionRejected("session_index", "a SessionIndex that names no session")
    return message


def judge_logout_response(message: LogoutResponse, expected: ExpectedLogout, now: int, profile: Profile) -> LogoutResponse:
    """Judge a response whose signature held; what its status says is for whoever asked. Raises `AssertionRejected`."""
    _check_envelope(message, expected, now, profile)
    if not expected.in_response_to or message.in_response_to != expected.in_response_to:
        raise AssertionRejected("in_response_to", "a LogoutResponse to another request, or to none")
    if message.status not in TOP_STATUSES:
        raise AssertionRejected("logout_status", "a top-level status that SAML does not have")
    return message


def _check_envelope(message: LogoutRequest | LogoutResponse, expected: ExpectedLogout, now: int, profile: Profile) -> None:
    """From whom, to whom, when."""
    if not expected.issuer or message.issuer != expected.issuer:
        raise AssertionRejected("issuer", "a message of another issuer than whose key signed it")
    # An IdP that sends one message to all of its participants would let each of them pass it on to the others
    to_us = bool(expected.destination) and message.destination == expected.destination
    if not to_us and (message.destination or not expected.on_our_line):
        raise AssertionRejected("destination", "a message to another address, or to none")
    check_issued(message.issue_instant, now, "logout_issued", profile)
    if message.consent and message.consent not in CONSENTS:
        raise AssertionRejected("consent", "a Consent that SAML does not have")
