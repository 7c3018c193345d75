"""`ciconia inspect` of what has outlived its check of time: it says when that was issued, and which option helps."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from idp.inspect.result import OF_TIME
from tests.connectors import forge, sent
from tests.connectors import test_client_assertion as assertions
from tests.connectors import test_id_token as tokens
from tests.connectors.forge import Reply
from tests.errors_page import tables
from tests.idp.cli import test_inspect_client_assertion as of_clients
from tests.idp.cli import test_inspect_id_token as of_tokens
from tests.idp.cli import test_inspect_messages as of_messages
from tests.idp.cli.inspecting import inspect, only, saml, written

# Fourteen minutes later, and a year
LATE, NEXT_YEAR = 840, 366 * 86400


def judged_at(monkeypatch: pytest.MonkeyPatch, now: int) -> None:
    monkeypatch.setattr("idp.cli.inspect.system_clock", lambda: now)


def without(words: Sequence[str], *names: str) -> list[str]:
    """Without these options; `--at` has a value."""
    found = list(words)
    for name in names:
        at = found.index(name)
        del found[at : at + (2 if name == "--at" else 1)]
    return found


def issued(whole: dict[str, object]) -> object:
    error = whole["error"]
    assert isinstance(error, dict)
    return error["issued"]


def test_an_answer_that_is_inspected_later_says_as_of_when_its_true_fault_is_found(
    tmp_path: Path, idp: forge.SigningParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_at(monkeypatch, forge.NOW + LATE)
    (path,) = written(tmp_path, [forge.post(forge.signed_reply(Reply(audiences=""), idp))])
    words, then = saml(tmp_path, idp), forge.clock(forge.NOW)
    late = only(inspect(path, *without(words, "--at")))
    assert (late.check, issued(late.whole)) == ("response_issued", then)
    page = inspect(path, *without(words, "--at", "--json")).stdout
    assert f"judged as of now, and says that it was issued at {then}: `--at {then}` judges it as of then." in page
    true = only(inspect(path, *without(words, "--at"), "--at", then))
    assert (true.check, issued(true.whole)) == ("audience", None)


def test_each_kind_says_when_it_was_issued(
    tmp_path: Path, idp: forge.SigningParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    logout = forge.signed(sent.LOGOUT_REQUEST.xml().encode(), ["_message0001"], idp)
    (tmp_path / "logout.xml").write_bytes(logout)
    query = sent.redirected(sent.LOGOUT_REQUEST.xml(), idp, "SAMLRequest", "r").raw
    (tmp_path / "query").write_text(query, encoding="ascii")
    token = of_tokens.in_file(tmp_path, tokens.token())
    (client,) = of_clients.in_files(tmp_path, assertions.token())
    tried = [
        (str(tmp_path / "logout.xml"), of_messages.expected(tmp_path, idp, "logout-request"), forge.NOW, "logout_issued"),
        (str(tmp_path / "query"), of_messages.expected(tmp_path, idp, "redirect"), forge.NOW, "logout_issued"),
        (token, of_tokens.expected(tmp_path), tokens.NOW, "token_expired"),
        (client, of_clients.expected(tmp_path), tokens.NOW, "assertion_expired"),
    ]
    for path, words, now, check in tried:
        judged_at(monkeypatch, now + NEXT_YEAR)
        found = only(inspect(path, *without(words, "--at")))
        assert found.check == check
        when = issued(found.whole)
        assert isinstance(when, str)
        assert only(inspect(path, *without(words, "--at"), "--at", when)).check not in OF_TIME


def test_each_check_of_time_is_one_that_there_is() -> None:
    assert {check for table in tables().values() for check in table} >= OF_TIME
