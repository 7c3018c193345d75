"""docs/errors.md explains every code and every check, and nothing that there is not."""

import json
import re

import pytest
from fastapi import Request
from structlog.testing import capture_logs

from idp.monitoring.refusals import Refusals
from idp.pages.wording import MOVES
from idp.protocols.oidc.provider import SENTENCES
from idp.web.site import log_error
from policies.errors import SignatureInvalid
from tests.errors_page import PAGE, WORDS, Words, holes, read_words, render, sources
from tests.raised_checks import Raised, codes_in, oauth_codes_in, raised_in

KINDS = {"AssertionRejected", "FetchError"}
MADE = """
RELAY = "relay_state"
SENTENCES = {"access_denied": "x."}
UNSUPPORTED = {"request": "request_not_supported"}

class Refused(Exception):
    def __init__(self, *, oauth="invalid_request"): ...

def raising(name, check):
    raise AssertionRejected("one", "detail", code="its_code")
    raise errors.AssertionRejected("two" if name else "three", "detail")
    raise FetchError(check=RELAY)
    raise AssertionRejected(f"claim_{name}")
    raise AssertionRejected(check)
    raise Refused(oauth="invalid_scope")

class Reader:
    def refuse(self, tag, check): ...

def _private(check): ...

raising("no check", "four")
_private("five")
reader.refuse("no check", "six")
print({"code": "printed", "error": "in_a_body"})
print({"file": name, "check": "seven"})
failed("why_not", "detail", as_json=True)
rates.failed(address, name)
failed("why_not_either", "detail")
end("at_its_end", "detail")
end(whole, "no code")
MessageRefusal("of_a_file", None, "public", "detail")
raise RuntimeError("this source is read and never run")
"""


def words() -> Words:
    return read_words(WORDS.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.mark.spec("issue 4 item 6")
def test_the_committed_page_is_what_the_code_says_today(page: str) -> None:
    assert page == render(words()), "python -m tests.errors_page writes it"


@pytest.mark.spec("issue 4 item 6")
def test_every_code_and_check_that_can_be_raised_has_a_text_and_every_text_something_to_be_about() -> None:
    assert holes(words(), sources()) == ()


def test_every_code_is_a_heading_and_so_an_anchor(page: str) -> None:
    headings = re.findall(r"^### (\S+)$", page, flags=re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(headings) >= {*MOVES, *SENTENCES, "invalid_grant", "invalid_token"}
    assert all(re.fullmatch(r"[a-z_]+", heading) for heading in headings), "its anchor is the heading itself"


def test_the_line_on_the_page_is_the_line_that_is_logged(page: str) -> None:
    shown = re.search(r"```json\n(.*?)```", page, flags=re.DOTALL)
    assert shown
    request = Request(
        {"type": "http", "method": "POST", "path": "/saml/acs", "headers": [], "query_string": b"a=b", "route": ...}
    )
    error = SignatureInvalid("digest", "...")
    error.peer = "demo-ee"
    with capture_logs() as lines:
        log_error(Refusals(tenant="login.city.example"), request, error, "3f9c2a7b10")
    (line,) = lines
    line["level"] = line.pop("log_level")
    assert json.loads(shown[1]) == line


def test_checks_are_found_wherever_they_are_written() -> None:
    found = raised_in([("idp/x.py", MADE)], KINDS)
    assert [one.check for one in found if one.whole] == [
        "four",
        "five",
        "six",
        "one",
        "two",
        "three",
        "relay_state",
        "seven",
    ]
    assert [one.check for one in found if not one.whole] == ["claim_"]
    assert found[0] == Raised("four", "idp/x.py:22")


def test_codes_are_found_in_errors_and_in_what_commands_print() -> None:
    assert set(codes_in([("x.py", MADE)])) == {
        "its_code",
        "printed",
        "why_not",
        "why_not_either",
        "at_its_end",
        "of_a_file",
    }
    assert set(oauth_codes_in([("x.py", MADE)])) == {
        "access_denied",
        "request_not_supported",
        "invalid_request",
        "invalid_scope",
        "in_a_body",
    }


def test_what_nothing_is_said_of_is_a_hole() -> None:
    for source, hole in [
        ('raise AssertionRejected("no_such_check")', "idp/x.py:1: the check `no_such_check` has no sentence"),
        ('raise AssertionRejected(f"nothing_{x}")', "idp/x.py:1: the check `nothing_` has no sentence"),
        ('raise ReleaseDenied("x", code="no_such_code")', "the code `no_such_code` is not in errors.toml"),
        ('failed("no_such_code", "x", as_json=True)', "the code `no_such_code` is not in errors.toml"),
        ('failed("conflict", "x", as_json=True)', "the code `conflict` is of commands, too, and errors.toml names none"),
        ('print({"check": "no_such_check"})', "idp/x.py:1: the check `no_such_check` has no sentence"),
        ('raise RequestRefused("x", oauth="no_such_error")', "the OAuth error `no_such_error` is not in errors.toml"),
    ]:
        assert hole in holes(words(), [("idp/x.py", source)])


def test_a_text_of_what_there_is_not_is_told() -> None:
    read = words()
    more = Words({**read.mend, "gone": "x."}, {**read.oauth, "gone_too": ("x.", "x.")}, {})
    found = holes(more, [])
    assert "errors.toml has `gone`, which nothing raises" in found
    assert "errors.toml has `gone_too`, which nothing answers" in found
    assert "the table SAML_CHECKS is not in errors.toml" in found
