"""A recorded sign-in as a timeline: what happened on each leg, and whose move it is. In English, for operators."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors import checks as of_messages
from connectors.formats.grammar import written
from connectors.wire.claims import Json
from idp.login import check_names as of_logins
from idp.monitoring.recorder.recorder import DENIED, FAILED, RECEIVED, REGISTERS, SENT, SERVICE, TRIED
from idp.monitoring.recorder.rows import RecordedStep
from idp.pages.languages import ENGLISH, load_languages
from idp.pages.wording import MOVES, Move, known_code

# It is nobody's move: the sign-in is over. Or it is not the move of the party that reads its leg alone
NOBODY, ELSEWHERE = "nobody", "elsewhere"
_SAYS: Mapping[str, str] = {
    "begun": "The service asked for a sign-in.",
    "asked": "The broker sent the citizen there with its question.",
    RECEIVED: "An answer came back.",
    "answered": "Every check of the answer held.",
    REGISTERS: "Registers vouched for what comes from them, as far as they were needed and answered.",
    "blocked": "Nothing may go, because something that the service needs is missing.",
    "refused": "The citizen did not share.",
    "cancelled": "The citizen went back.",
    "released": "The release is on record.",
    SENT: "The answer went to the service with the citizen's browser.",
    DENIED: "The citizen went on, and the service is told that it gets nothing.",
    TRIED: "The test sign-in ended with its page, and the service gets nothing.",
    "token": "The service fetched its tokens.",
}
# Whose move it is where this was the last step
_MOVES: Mapping[str, str] = {
    "begun": Move.CITIZEN,
    "asked": Move.PROVIDER,
    RECEIVED: Move.OPERATOR,
    REGISTERS: Move.CITIZEN,
    "answered": Move.CITIZEN,
    "blocked": Move.SERVICE,
    "released": Move.CITIZEN,
    SENT: Move.SERVICE,
}
WHOSE: Mapping[str, str] = {
    Move.CITIZEN: "the citizen",
    Move.SERVICE: "the service",
    Move.PROVIDER: "the country",
    Move.OPERATOR: "the broker's operator",
    Move.SUSPENSION: "the broker's operator, who switched it off",
    Move.NODE: "the node that asked",
    Move.REGISTER: "the operator of the register",
    NOBODY: "nobody: it is over",
    ELSEWHERE: "somebody else",
}


@dataclass(frozen=True, slots=True)
class Timeline:
    """The steps of one sign-in that somebody may see, and what to say of them."""

    reference: str
    steps: Sequence[RecordedStep]

    @property
    def move(self) -> str:
        """The party whose move it is."""
        last = self.steps[-1]
        if last.step == FAILED:
            return _move(last)
        if {step.leg for step in self.steps} == {SERVICE} and last.step == "begun":
            return ELSEWHERE
        return str(_MOVES.get(last.step, NOBODY))

    def as_json(self, *, held: Callable[[RecordedStep], Sequence[str]] | None = None) -> dict[str, Json]:
        """The object of the contract; `held` gives the checks of a step that held."""
        steps: list[Json] = [{**_told(step), **({} if held is None else {"held": [*held(step)]})} for step in self.steps]
        return {"reference": self.reference, "move": self.move, "steps": steps}


def timeline(reference: str, steps: Iterable[RecordedStep], *, leg: str = "", party: str = "") -> Timeline | None:
    """The timeline of all legs, or of one; None where there is nothing to see. `party`: what only this one may see."""
    seen = [one for one in steps if leg in ("", one.leg) and party in ("", one.party)]
    # Two workers write within one second in any order
    return Timeline(reference, sorted(seen, key=lambda one: (one.time, one.step != "begun"))) if seen else None


def sentence(step: RecordedStep) -> str:
    """Say what happened, in one or two sentences."""
    size = f" It had at most {step.size} KiB." if step.size else ""
    if step.step != FAILED:
        return _SAYS[step.step] + size
    check = f" Check {step.check_name}: {_CHECKS.get(step.check_name, 'see docs/errors.md')}." if step.check_name else ""
    if step.code in MOVES or known_code(step.code) != "internal":
        return f"{load_languages()[ENGLISH].say(f'error.{known_code(step.code)}.title')} ({step.code}).{check}"
    return f"The program of the service was refused ({step.code}).{check}"


def _move(step: RecordedStep) -> str:
    if step.code not in MOVES and known_code(step.code) == "internal" and step.leg == SERVICE:
        return str(Move.SERVICE)
    return str(MOVES[known_code(step.code)])


def _told(step: RecordedStep) -> dict[str, Json]:
    told: dict[str, Json] = {"time": written(step.time), "leg": step.leg, "party": step.party, "step": step.step}
    told |= {"code": step.code, "check": step.check_name, "at_most_kib": step.size, "says": sentence(step)}
    return told | ({"move": _move(step)} if step.step == FAILED else {})


def _checks() -> dict[str, str]:
    tables = [table for module in (of_messages, of_logins) for name, table in vars(module).items() if name.isupper()]
    return {name: said for table in reversed(tables) if isinstance(table, Mapping) for name, said in table.items()}


_CHECKS = _checks()
