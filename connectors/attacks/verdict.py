"""An entrance's verdict about a case, and whether it is right."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from connectors.addresses import FetchError
from connectors.request_checks import PeerRequestRefused
from policies.errors import AssertionRejected, BrokerError, Misconfigured

# The check that stands for "nobody foresaw this": the judges' own net, which is a defect of ours wherever it holds
UNFORESEEN = "unforeseen"


class CaseOutcome(StrEnum):
    """How a case ended. All but `RIGHT` are wrong."""

    RIGHT = "right"
    ACCEPTED = "wrongly accepted"
    REFUSED = "wrongly refused"
    # Refused, and by luck: the check that is there for this attack did not see it, or another stands before it
    OTHER_CHECK = "refused by another check"
    # Refused by the net that catches what nobody foresaw: a defect of ours
    UNFORESEEN = "refused by an exception that nobody foresaw"

    @property
    def wrong(self) -> bool:
        """Whether it is a disagreement."""
        return self is not CaseOutcome.RIGHT


@dataclass(frozen=True, slots=True)
class JudgeVerdict:
    """A verdict: the check that refused, None where it accepted; `surprise` is the type of an exception."""

    check: str | None
    surprise: str = ""

    @property
    def accepted(self) -> bool:
        """Whether it was accepted."""
        return self.check is None and not self.surprise

    def against(self, expected: str | None) -> CaseOutcome:
        """Compare this verdict with a case that `expected` must refuse, or that must be accepted (None)."""
        if self.surprise:
            return CaseOutcome.UNFORESEEN
        if self.check == expected:
            return CaseOutcome.RIGHT
        if self.check is None:
            return CaseOutcome.ACCEPTED
        return CaseOutcome.REFUSED if expected is None else CaseOutcome.OTHER_CHECK


def verdict_of(judge: Callable[[bytes], None], octets: bytes) -> JudgeVerdict:
    """A judge's verdict about octets. It never raises: an exception that is none of ours is a verdict too."""
    try:
        judge(octets)
    except (AssertionRejected, PeerRequestRefused, FetchError) as error:
        if error.check == UNFORESEEN:
            # The detail of this check is the exception's type and nothing else
            return JudgeVerdict(None, error.detail)
        return JudgeVerdict(error.check)
    except Misconfigured as error:
        # A registration that cannot work is known by what of it has to be mended
        return JudgeVerdict(error.problems[0].key)
    except BrokerError as error:
        # A refusal without a check is known by its code
        return JudgeVerdict(error.code)
    except Exception as error:  # noqa: BLE001 - the edge of a case: it ends this one, and counts
        return JudgeVerdict(None, type(error).__name__)
    return JudgeVerdict(None)
