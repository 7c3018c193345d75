"""Requests and single logout in a file: XML, the base64 of a POST parameter, or the query of a Redirect, as it came.

A file that begins with `<` is the XML itself, any other is the base64 of a POST parameter; with `--as redirect` it is a
query string without its `?`, and the message inside of it decides who judges.
"""

from collections.abc import Sequence

from connectors.signatures.parse import MAX_PARAMETER, from_post, parse_canonical
from connectors.signatures.profile import SIGNATURE
from connectors.signatures.redirect import MESSAGES, verify_query
from connectors.signatures.verification_result import Signed
from connectors.signed_messages import signed_root
from idp.inspect.opinion import Question
from idp.inspect.options import Kind
from idp.inspect.outcome import Verdict
from idp.inspect.reading import LINE_END, issued_in, line, parameter, peek
from idp.inspect.told import MessageJudge, Told
from policies.errors import AssertionRejected, SignatureInvalid


class MessageInspector:
    """Implements `Inspector` and `Asked`: messages of one kind, in XML."""

    limit = MAX_PARAMETER

    def __init__(self, judge: MessageJudge, now: int) -> None:
        self._judge, self._now = judge, now

    @property
    def not_checked(self) -> tuple[str, ...]:
        """As `Inspector` has it."""
        return self._judge.not_checked

    @property
    def public(self) -> str:
        """As `Inspector` has it."""
        return self._judge.public

    def inspect(self, octets: bytes, digest: str) -> Verdict:
        """As `Inspector` has it."""
        sender = self._judge.sender
        signed = signed_root(from_post(parameter(octets)), sender.keys, self._judge.shape, sender.profile)
        told = self._judge.judge(signed, "", self._now)
        return _verdict(self._judge, self._judge.kind, told, digest)

    def question(self, octets: bytes) -> Question:
        """As `Asked` has it."""
        sender = self._judge.sender
        return Question(from_post(parameter(octets)), sender.keys, self._judge.shape, sender.profile)

    def unsigned(self, octets: bytes) -> bool:
        """As `Inspector` has it."""
        root = peek(octets)
        return root is not None and root.find(f".//{SIGNATURE}") is None

    def issued(self, octets: bytes) -> int | None:
        """As `Inspector` has it."""
        return issued_in(peek(octets))


class RedirectInspector:
    """Implements `Inspector`: signed queries of one sender, whichever of its messages they hold."""

    limit = MAX_PARAMETER + LINE_END
    public = "This message could not be accepted."
    not_checked = ("one-time use",)

    def __init__(self, judges: Sequence[MessageJudge], now: int) -> None:
        self._judges, self._now = tuple(judges), now

    def inspect(self, octets: bytes, digest: str) -> Verdict:
        """As `Inspector` has it."""
        raw = line(octets)
        judge, signed, relay_state = self._verified(raw)
        told = judge.judge(signed, relay_state, self._now)
        facts = {"message": judge.kind.value, **told.facts, "relay_state": len(relay_state)}
        told = Told(facts, {**told.values, "relay_state": relay_state})
        return _verdict(judge, Kind.REDIRECT, told, digest)

    def unsigned(self, octets: bytes) -> bool:  # noqa: ARG002 - a query that nobody signed fails before anything else
        """As `Inspector` has it."""
        return False

    def issued(self, octets: bytes) -> int | None:
        """As `Inspector` has it."""
        _, signed, _ = self._verified(line(octets))
        return issued_in(parse_canonical(signed.octets))

    def _verified(self, raw: str) -> tuple[MessageJudge, Signed, str]:
        """Which judge takes the message, by its root; its key must be one of that judge's sender, in that role."""
        # The verification refuses both at once, and none; here it only matters which it is asked for
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


def _verdict(judge: MessageJudge, kind: Kind, told: Told, digest: str) -> Verdict:
    message = {"kind": kind.value, "profile": judge.sender.profile.name, "sha256": digest, **told.facts}
    left_open = tuple(name for name in judge.not_checked if name != "one-time use") if kind is Kind.REDIRECT else ()
    return Verdict(None, message, left_open, told.values)
