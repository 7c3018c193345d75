"""One finding of `policy lint`, and the reason of each kind."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.parties import Source

_WIDER = (
    "A registration is the most that a service may ever get: what no purpose needs should not be in it (GDPR art. 5(1)(c))."
)
# Each kind of finding, and why it matters
WHY: Mapping[str, str] = {
    "registered_unneeded": _WIDER,
    "registered_wider": _WIDER,
    "outside_categories": "A category is a promise to ask for nothing else.",
    "unused_purpose": "A text that binds nobody is soon out of date.",
    "unused_attribute": "It is told to citizens as needed, and never passed on.",
    "unused_register": "A register that may be asked for what nobody needs is one mistake away from being asked.",
    "embedding_identifier": "The service learns more than the purpose says, and the citizen does not read it on the page.",
    "identifying_combination": "Nothing in it names anybody, and all of it together does (GDPR recital 26).",
    "close_thresholds": "A sector knows one person by one `sub`: a no to one and a yes to the other tell the value itself.",
    "predicate_would_do": "A yes or no tells less than the value, and is enough for the decision (GDPR art. 5(1)(c)).",
    "missing_retention": "The citizen is to be told how long it is kept (GDPR art. 13(2)(a)).",
    "missing_language": "Citizens who read the page in that language get this text in English, in the middle of theirs.",
    "consent_for_public_task": "A yes to an authority that a law tells to ask is not freely given (GDPR recital 43).",
    "allow_without_reason": "Nobody can tell later whether the reason still holds.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at: its kind (a key of `WHY`), its place and key, what, why, how to mend it.

    `accepted` is the reason of the `# ciconia: allow REASON` on its line; "" where nobody accepted it.
    """

    code: str
    source: Source
    key: str
    what: str
    fix: str
    accepted: str = ""

    @property
    def why(self) -> str:
        """Why it matters."""
        return WHY[self.code]

    def as_json(self) -> dict[str, object]:
        """The object of `policy lint --json`."""
        place = {"code": self.code, "file": self.source.file, "line": self.source.line, "key": self.key}
        accepted = {"reason": self.accepted} if self.accepted else {}
        return {**place, "what": self.what, "why": self.why, "fix": self.fix, **accepted}
