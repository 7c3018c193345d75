"""The numbered plans for people: the checks of each kind in their order, ticked off up to the one that failed.

plan.toml has them. The order is the code's (`connectors/signatures/xmldsig.py`, `redirect.py` there, and the judges of
`connectors`). A decrypted assertion goes through the first steps again; a check that fails there is shown at its first
step, so that no step is ticked that did not hold.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from connectors.formats.grammar import written
from idp.inspect.options import MessageKind
from idp.inspect.result import FileResult
from idp.pages.languages import Language, load_english
from idp.pages.wording import known_code


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of a plan: a sentence that is true when it is ticked, and the names of its checks.

    `unless` is the word in `not_checked` by which it was skipped. A step of `signature` does not count in an unsigned file.
    """

    sentence: str
    checks: str
    unless: str = ""
    signature: bool = False


_SAID = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_STEPS = {name: CheckStep(**step) for name, step in _SAID["steps"].items()}
PLANS: Mapping[MessageKind, tuple[CheckStep, ...]] = {
    kind: tuple(_STEPS[name] for name in _SAID["plans"][kind]) for kind in MessageKind
}
# Where it is asked for, after everything else
OPINION = _STEPS["opinion"]
# A failure here stops a citizen's login
_OF_CITIZENS = (MessageKind.RESPONSE, MessageKind.ID_TOKEN)


def page(result: FileResult, kind: MessageKind, *, second_opinion: bool = False) -> str:
    """The result in plain sentences. It holds no value, and nothing that a terminal would obey."""
    steps = (*PLANS[kind], OPINION) if second_opinion else PLANS[kind]
    lines = _lines(result, kind, steps)
    return "\n".join("".join(mark if mark.isprintable() else "?" for mark in line) for line in lines)


def steps_before(check: str) -> Iterator[str]:
    """The sentences of the steps of an answer or a token that hold where this check fails; none for another check."""
    for kind in _OF_CITIZENS:
        numbers = [number for number, step in enumerate(PLANS[kind]) if check in step.checks.split()]
        if numbers:
            yield from (step.sentence for step in PLANS[kind][: numbers[0]])
            return


def _lines(result: FileResult, kind: MessageKind, steps: Sequence[CheckStep]) -> Iterator[str]:
    name, failure, accepted = result.file, result.refusal, result.accepted
    if accepted is not None:
        yield f"{name}: accepted."
    elif failure is not None and failure.check is None:
        yield f"{name}: nothing can be said of it ({failure.code}): {failure.detail}"
        return
    elif failure is not None:
        yield f"{name}: refused by the check `{failure.check}` ({failure.code})."
        yield f"  {failure.detail[:1].upper()}{failure.detail[1:].removesuffix('.')}."
        read = f"What a citizen would read: {_of_page(failure.code)}"
        yield f"  {read if kind in _OF_CITIZENS else f'In short: {failure.public}'}"
    if failure is not None and failure.untimely:
        yield f"  {_as_of(failure.issued)}"
    yield from _plan(result, steps)
    if accepted is not None and accepted.statement is not None:
        said = accepted.statement
        yield f"  Issuer {said.issuer}; level {said.loa or 'none that we know'}; subject in the form {said.subject_format}."
        counts = (f"{attribute} ({len(values)})" for attribute, values in sorted(said.attributes.items()))
        yield f"  Attributes, and how many values each has: {', '.join(counts) or 'none'}."
    elif accepted is not None:
        yield from (f"  {name}: {fact}" for name, fact in accepted.message.items() if name != "kind")
    yield f"  Not checked: {', '.join(result.not_checked)}."


def _of_page(code: str) -> str:
    """Title and text of the error page, in English."""
    say, shown = _english().say, known_code(code)
    return f"{say(f'error.{shown}.title')}. {say(f'error.{shown}.text')}"


@lru_cache(maxsize=1)
def _english() -> Language:
    return load_english()


def _as_of(issued: int | None) -> str:
    """Advice about a check of the time that an old file fails."""
    if issued is None:
        return "It was judged as of now: `--at TIME` judges it as of then."
    then = written(issued)
    return f"It was judged as of now, and says that it was issued at {then}: `--at {then}` judges it as of then."


def _plan(result: FileResult, steps: Sequence[CheckStep]) -> Iterator[str]:
    failed = result.refusal.check if result.refusal is not None else None
    # A check that stands in no step ticks nothing
    end = next((n for n, step in enumerate(steps) if failed in step.checks.split()), -1 if failed else len(steps))
    for number, step in enumerate(steps):
        if number == end:
            mark, note = "[!]", ""
        elif number > end:
            mark, note = "[ ]", ""
        elif step.signature and result.unsigned:
            mark, note = "[-]", " Nobody signed it."
        elif step.unless and step.unless in result.not_checked:
            mark, note = "[-]", " Not checked."
        else:
            mark, note = "[x]", ""
        yield f"  {mark} {number + 1:>2}. {step.sentence}{note}"
