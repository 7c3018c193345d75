"""Requests and single logout in a file: XML, the base64 of a POST parameter, or the query of a Redirect, as it came.

A file that begins with `<` is the XML itself, any other the base64 of a POST parameter; with `--as redirect` it is a query
string without its `?`, and the message in it decides which judge takes it.
"""

from collections.abc import Sequence

from connectors.signatures.parse import MAX_PARAMETER, from_post, parse_canonical
from connectors.signatures.redirect import MESSAGES, verify_query
from connectors.signatures.verification_result import Signed
from connectors.signed_messages import signed_root
from connectors.stork import OLD_ALGORITHMS
from idp.inspect.message_files import LINE_END, Question, XmlInspector, issued_in, one_line, parameter
from idp.inspect.message_judges import MessageFacts, MessageJudge
from idp.inspect.options import MessageKind
from idp.inspect.result import Accepted, Inspector
from policies.deviations import SHA1_SIGNATURE
from policies.errors import AssertionRejected, SignatureInvalid


class MessageInspector(XmlInspector):
    """Inspects messages of one kind, in XML."""

    limit = MAX_PARAMETER

    def __init__(self, judge: MessageJudge, now: int) -> None:
        self._judge, self._now = judge, now
        self.public, self.not_checked = judge.public, judge.not_checked

    def inspect(self, octets: bytes, digest: str) -> Accepted:
        """See `Inspector`."""
        question = self.question(octets)
        signed, deviations = self._verified(question)
        found = self._judge.judge(signed, "", self._now)
        if deviations:
            found = MessageFacts({**found.facts, "deviations": deviations}, found.values)
        return _accepted(self._judge, self._judge.kind, found, digest)

    def _verified(self, question: Question) -> tuple[Signed, list[str]]:
        """By today's algorithms, or by those that the sender's registration lets pass, which are then named."""
        older = self._judge.sender.older
        try:
            return signed_root(question.octets, question.keys, question.shape, question.profile), []
        except SignatureInvalid as error:
            if error.check not in OLD_ALGORITHMS or not older:
                raise
            return signed_root(question.octets, question.keys, question.shape, older[0]), [SHA1_SIGNATURE]

    def question(self, octets: bytes) -> Question:
        """See `XmlInspector`."""
        sender = self._judge.sender
        return Question(from_post(parameter(octets)), sender.keys, self._judge.shape, sender.profile)


class RedirectInspector(Inspector):
    """Inspects signed queries of one sender, whichever of its messages they hold."""

    limit = MAX_PARAMETER + LINE_END
    public = "This message could not be accepted."
    not_checked = ("one-time use",)

    def __init__(self, judges: Sequence[MessageJudge], now: int) -> None:
        self._judges, self._now = tuple(judges), now

    def inspect(self, octets: bytes, digest: str) -> Accepted:
        """See `Inspector`."""
        judge, signed, relay_state = self._verified(one_line(octets))
        found = judge.judge(signed, relay_state, self._now)
        facts = {"message": judge.kind.value, **found.facts, "relay_state": len(relay_state)}
        with_state = MessageFacts(facts, {**found.values, "relay_state": relay_state})
        return _accepted(judge, MessageKind.REDIRECT, with_state, digest)

    def issued(self, octets: bytes) -> int | None:
        """See `Inspector`."""
        _, signed, _ = self._verified(one_line(octets))
        return issued_in(parse_canonical(signed.octets))

    def _verified(self, raw: str) -> tuple[MessageJudge, Signed, str]:
        """The judge that takes the message, by its root; the key must be one of that judge's sender, in that role."""
        # The verification refuses a query with both parameters, or none; here it only matters which it is asked for
        wanted = next((name for name in MESSAGES if f"&{raw}".find(f"&{name}=") >= 0), MESSAGES[0])
        judges = [judge for judge in self._judges if judge.parameter == wanted]
        if not judges:
            raise AssertionRejected("parameters", f"a {wanted}, which this sender does not send by Redirect")
        keys = {key.key_id: key for judge in judges for key in judge.sender.keys}
        signed, relay_state = verify_query(raw, wanted, list(keys.values()), judges[0].sender.profile)
        root = parse_canonical(signed.octets).tag
        judge = next((judge for judge in judges if judge.root == root), None)
        if judge is None:
            raise AssertionRejected("root", "a message that this sender does not send by Redirect")
        if signed.key_id not in {key.key_id for key in judge.sender.keys}:
            raise SignatureInvalid("signature", "a signature by a key of another role")
        return judge, signed, relay_state


def _accepted(judge: MessageJudge, kind: MessageKind, found: MessageFacts, digest: str) -> Accepted:
    message = {"kind": kind.value, "profile": judge.sender.profile.name, "sha256": digest, **found.facts}
    redirected = kind is MessageKind.REDIRECT
    left_open = tuple(name for name in judge.not_checked if name != "one-time use") if redirected else ()
    return Accepted(None, message, left_open, found.values)
