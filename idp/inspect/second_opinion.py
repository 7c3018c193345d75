"""`--second-opinion`: libxmlsec and expat judge again what our own code judged (`connectors.signatures.second_opinion`).

A message that we accepted and they do not is refused. They judge refused messages, too: that changes nothing.
"""

from dataclasses import replace

from connectors.addresses import FetchError
from connectors.request_checks import PeerRequestRefused
from connectors.signatures.second_opinion import another_verdict, second_opinion
from connectors.signatures.verification_result import UnsignedMessage
from connectors.signatures.xmldsig import verify
from idp.inspect.message_files import XmlInspector
from idp.inspect.result import Accepted, Inspector
from policies.errors import AssertionRejected

AGREES = "agrees"


class SecondOpinion(Inspector):
    """Judges as another inspector does, and then asks the second implementation."""

    def __init__(self, asked: XmlInspector) -> None:
        self._asked = asked
        self.limit, self.public, self.not_checked = asked.limit, asked.public, asked.not_checked

    def unsigned(self, octets: bytes) -> bool:
        """See `Inspector`."""
        return self._asked.unsigned(octets)

    def issued(self, octets: bytes) -> int | None:
        """See `Inspector`."""
        return self._asked.issued(octets)

    def inspect(self, octets: bytes, digest: str) -> Accepted:
        """Judges. Raises `AssertionRejected` too where the second implementation disagrees."""
        try:
            accepted = self._asked.inspect(octets, digest)
        except (AssertionRejected, PeerRequestRefused, FetchError) as error:
            error.detail = f"{error.detail.rstrip('.')}. {self._of_refused(octets)}"
            raise
        question = self._asked.question(octets)
        message = verify(question.octets, question.keys, question.shape, question.profile)
        if isinstance(message, UnsignedMessage):
            raise AssertionRejected("second_opinion", "there is no signature to ask of")
        second_opinion(question.octets, message.signed, question.keys, question.shape, question.profile)
        facts = {**accepted.message, "second_opinion": AGREES}
        return replace(accepted, message=facts, not_checked=(*accepted.not_checked, *question.left_open))

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
