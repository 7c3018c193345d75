"""Failures as another country's node is told them, whichever protocol it speaks."""

from connectors.formats.eidas.registry import AUTHN_FAILED, REQUEST_DENIED, REQUESTER, RESPONDER
from connectors.formats.eidas.request import RequestHead
from connectors.request_checks import PeerRequestRefused
from idp.login.states import LOGIN_LIFE
from policies.errors import AssuranceTooLow, BrokerError, ReleaseDenied, Suspended


def is_awaited(head: RequestHead, now: int) -> bool:
    """Whether anybody waits for an answer. To an old request, it would buy anybody our signature for ever."""
    return bool(head.request_id) and head.issue_instant is not None and abs(now - head.issue_instant) <= LOGIN_LIFE


def failure_codes(error: BrokerError, too_low: tuple[str, str], *, tell: bool) -> tuple[str, str, str]:
    """Status, second-level status and message of a failure.

    What the citizen or the country could not give is told as if it had been refused (decision 0000.29); but for the level,
    which the node's service has to know: `too_low` has the second and the message of that.
    """
    match error:
        case PeerRequestRefused():
            return error.saml_status, error.saml_sub_status, f"{error.check}: {error.detail}"
        case ReleaseDenied() if tell:
            return REQUESTER, REQUEST_DENIED, ""
        case AssuranceTooLow():
            return RESPONDER, *too_low
        case Suspended():
            # SAML Core 2.0 §3.2.2.2: able to process the request, and has chosen not to respond
            return RESPONDER, REQUEST_DENIED, ""
        case _:
            return RESPONDER, AUTHN_FAILED, ""
