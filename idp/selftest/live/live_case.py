"""A case, and how it is played: first whatever honest or stolen thing it needs, then the one request that must be refused.

What must not happen is looked for twice: in the answer (a code, a token, a page that asks), and in the broker's database,
where each release stands as a record and each code, token or receipt as a parked row.
"""

import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any  # structlog's own type of an event

from connectors.attacks.attack_case import CaseKind
from connectors.attacks.verdict import JudgeVerdict
from idp.selftest.live.stage import Stage
from idp.selftest.live.visitor import AstrayError, BrokerAnswer, Visitor
from idp.selftest.report import TriedCase

ENTRANCE = "a live broker"
# What nobody may get who is refused: members of a token answer
_TOKENS = frozenset({"access_token", "id_token", "sub"})
# And what a browser would carry on, or read of a service that was signed out
_ANSWERS = frozenset({"code", "decided", "SAMLResponse", "SAMLart", "ended"})

_UNUSUAL = re.compile(r"[^a-z0-9_'-]+")
Lines = Sequence[MutableMapping[str, Any]]  # Any: structlog's own type of an event
Attack = Callable[[], BrokerAnswer]


@dataclass(frozen=True, slots=True)
class LiveCase:
    """One try. `refusal` is what must be answered: the status and the check (or code), such as `409 login_cookie`.

    `prepare` brings a browser to the moment before, and gives the request that is judged. A case without a refusal is
    honest; `releases` says whether it then releases something, which a refused one never may.
    """

    name: str
    family: str
    kind: CaseKind
    refusal: str | None
    prepare: Callable[[Visitor], Attack]
    releases: bool = False


def refused(
    family: str, kind: CaseKind, cases: Mapping[str, tuple[str, Callable[[Visitor], Attack]]]
) -> Iterable[LiveCase]:
    """Cases of one class, by name: what must be answered, and how it is prepared."""
    return [LiveCase(named(family, name), family, kind, *case) for name, case in cases.items()]


def honest(family: str, cases: Mapping[str, Callable[[Visitor], Attack]], *, releases: bool = True) -> Iterable[LiveCase]:
    """Cases that must be answered, by name, and whether they then release something or end a session."""
    return [
        LiveCase(named(family, name), family, CaseKind.VALID, None, case, releases=releases) for name, case in cases.items()
    ]


def named(family: str, name: str) -> str:
    """The name of a case, as the names of all cases are spelt."""
    return "/".join(_UNUSUAL.sub("-", part) for part in (family, name, "live"))


def play(stage: Stage, case: LiveCase, lines: Lines) -> TriedCase:
    """Play one case in a browser of its own. `lines` is the broker's log, which names the check that refused."""
    visitor = Visitor(stage)
    try:
        attack = case.prepare(visitor)
        before, heard = stage.released(), len(lines)
        answer = attack()
        verdict = _verdict(case, answer, stage.released() - before, lines[heard:])
    except AstrayError as error:
        verdict = JudgeVerdict(f"something before it: {error}")
    except Exception as error:  # noqa: BLE001 - the edge of a case: it ends this one, and counts
        verdict = JudgeVerdict(None, type(error).__name__)
    finally:
        stage.clock.ahead = 0
        visitor.close()
    return TriedCase(case.name, case.family, case.kind, ENTRANCE, case.refusal, verdict)


def _verdict(case: LiveCase, answer: BrokerAnswer, new: frozenset[bytes], lines: Lines) -> JudgeVerdict:
    surprises = [str(line["kind"]) for line in lines if line["event"] == "unforeseen"]
    if surprises:
        return JudgeVerdict(None, surprises[-1])
    if case.refusal is None:
        if bool(new) != case.releases:
            return JudgeVerdict("nothing: it released something more" if new else "nothing: it released nothing")
        return JudgeVerdict(None) if answer.status < 400 else JudgeVerdict(_said(answer, lines))  # noqa: PLR2004 - RFC 9110 §15.5
    # Where a page asks, or a program is told that there is nothing, that is the refusal
    refuses = answer.status >= 400 or case.refusal.startswith(str(answer.status))  # noqa: PLR2004 - as above
    if new or _gives(answer) or not refuses:
        return JudgeVerdict(None)
    return JudgeVerdict(_said(answer, lines))


def _gives(answer: BrokerAnswer) -> bool:
    if not answer.headers.get("content-type", "").startswith("text/html"):
        return not _TOKENS.isdisjoint(answer.json) or ":Assertion" in answer.text
    # By a link goes a LogoutResponse alone
    said = {*answer.back} - {"SAMLResponse"} | {*answer.fields, *answer.found("//li/@data-outcome")}
    return not _ANSWERS.isdisjoint(said)


def _said(answer: BrokerAnswer, lines: Lines) -> str:
    """The status, with the OAuth error that a program reads, or the check that the log names for a page."""
    if "error" in answer.json:
        return f"{answer.status} {answer.json['error']}"
    names = [str(line.get("check") or line.get("code")) for line in lines if line["event"] == "refused"]
    return f"{answer.status} {names[-1]}" if names else str(answer.status)
