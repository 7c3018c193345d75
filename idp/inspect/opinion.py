"""`--second-opinion`: libxmlsec and expat judge again what our own code judged (`connectors.signatures.second_opinion`).

What we accepted and they do not is refused. Of what we refused they are asked too: their answer changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from connectors.fetch import FetchError
from connectors.profiles import Profile
from connectors.request_checks import PeerRequestRefused
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.second_opinion import another_verdict, second_opinion
from connectors.signatures.verification_result import UnsignedMessage
from connectors.signatures.xmldsig import Shape, verify
from idp.inspect.outcome import Inspector, Verdict
from policies.errors import AssertionRejected

AGREES = "agrees"


@dataclass(frozen=True, slots=True)
class Question:
    """A message as it came, and what its signatures are held against."""

    octets: bytes = field(repr=False)
    keys: Sequence[PinnedKey] = field(repr=False)
    shape: Shape
    profile: Profile
    # what stands in it that the second implementation is not shown
    left_open: tuple[str, ...] = ()


class Asked(Inspector, Protocol):
    """An inspector whose messages are in XML, and signed there."""

    def question(self, octets: bytes) -> Question:
        """What another implementation is to be asked of a file. Raises `BrokerError` where it holds no message."""


class SecondOpinion:
    """Implements `Inspector`: as another, and then asks again."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.limit, self.public, self.not_checked = asked.limit, asked.public, asked.not_checked
        self.unsigned: Callable[[bytes], bool] = asked.unsigned
        self.issued: Callable[[bytes], int | None] = asked.issued

    def inspect(self, octets: bytes, digest: str) -> Verdict:
        """As `Inspector` has it. Raises `AssertionRejected` too where the second implementation disagrees."""
        try:
            verdict = self._asked.inspect(octets, digest)
        except (AssertionRejected, PeerRequestRefused, FetchError) as error:
            error.detail = f"{error.detail.rstrip('.')}. {self._of_refused(octets)}"
            raise
        question = self._asked.question(octets)
        message = verify(question.octets, question.keys, question.shape, question.profile)
        if isinstance(message, UnsignedMessage):
            raise AssertionRejected("second_opinion", "there is no signature to ask of")
        second_opinion(question.octets, message.signed, question.keys, question.shape, question.profile)
        told = {**verdict.message, "second_opinion": AGREES}
        return replace(verdict, message=told, not_checked=(*verdict.not_checked, *question.left_open))

    def _of_refused(self, octets: bytes) -> str:
        try:
            question = self._asked.question(octets)
        except AssertionRejected:
            return "The second implementation has nothing to look at."
        match another_verdict(question.octets, question.keys, question.shape, question.profile):
            case True:
                return "The second implementation would have taken its signature."
            case False:
                return "The second implementation would have refused its signature, too."
            case _:
                return "The second implementation was not asked: what the message wants done is nothing to try."
