"""The command line prints every text as it is: people compare fingerprints and addresses by eye."""

import ast
from pathlib import Path

import pytest

import idp
from idp.cli.console import problems, say
from policies.errors import Misconfigured, Problem

# Every octet stands between colons in many of them, :AB: and :CD: among them
FINGERPRINTS = [bytes((first + step * number) % 256 for number in range(32)) for first in range(256) for step in (1, 7)]


def shown(fingerprint: bytes) -> str:
    return fingerprint.hex(":").upper()


def test_a_fingerprint_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert {octet for fingerprint in FINGERPRINTS for octet in fingerprint[1:-1]} == set(range(256))
    for fingerprint in FINGERPRINTS:
        for error in (False, True):
            text = f"  SHA-256 {shown(fingerprint)}, from 2026-01-01"
            say(text, error=error)
            printed = capsys.readouterr()
            assert (printed.err if error else printed.out) == text + "\n"


@pytest.mark.parametrize(
    "mark", ["\x1b", "\r", "\x07", "\t", "\x7f", "\x85", "\x9b", "\u202e", "\u2066", "\u2028", "\udcff"]
)
def test_what_a_terminal_obeys_or_turns_round_is_shown_as_a_question_mark(
    mark: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for error in (False, True):
        say(f"a{mark}[2Kb\nö", error=error)
        printed = capsys.readouterr()
        assert (printed.err if error else printed.out) == "a?[2Kb\nö\n"
    refused = Misconfigured((Problem(f"a{mark}.toml", 1, "key", f"b{mark}\n.", "mend it."),))
    problems(refused)
    assert capsys.readouterr().err == "a?.toml:1: key: b??. Fix: mend it.\n"
    problems(refused, as_json=True)
    assert capsys.readouterr().out.isascii()


def test_no_console_of_ours_makes_pictograms() -> None:
    made = 0
    for path in Path(str(idp.__file__)).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Console":
                made += 1
                named = {one.arg: ast.unparse(one.value) for one in call.keywords}
                assert named.get("emoji") == "False", f"{path}:{call.lineno}"
    assert made, "the control: there are consoles"
