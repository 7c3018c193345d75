"""`ciconia inspect --config DIR --from NODE` says of a node's request what this sending node says of it."""

from importlib import import_module
from pathlib import Path

import pytest

from tests.idp.cli.inspecting import Answer, inspect, only
from tests.idp.neighbour import signer
from tests.idp.web_node.stage import NodeStage


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("idp.cli.inspect"), "configure_logs", lambda: None)


def judged(folder: Path, stage: NodeStage, kind: str, text: str, name: str = "nl") -> Answer:
    (folder / "message").write_text(text, encoding="ascii")
    words = ["--as", kind, "--config", str(stage.folder), "--from", name, "--at", str(stage.clock()), "--json"]
    return only(inspect(folder / "message", *words))


@pytest.mark.spec("eidas.md §3 Destination")
def test_a_request_is_judged_by_the_metadata_that_the_node_holds(tmp_path: Path, stage: NodeStage) -> None:
    now = stage.clock()
    good = stage.nl.request(stage.sso_url, now)
    posted = stage.nl.posted(good)["SAMLRequest"]
    one = judged(tmp_path, stage, "authn-request", posted)
    assert one.accepted, one
    message = one.whole["message"]
    assert isinstance(message, dict)
    assert (message["issuer"], message["answer_to"]) == (stage.nl.entity_id, stage.nl.acs_url)
    assert one.whole["not_checked"] == ["one-time use"]
    assert judged(tmp_path, stage, "redirect", stage.nl.queried(good, "r")).accepted
    assert judged(tmp_path, stage, "redirect", stage.nl.queried(good, "r" * 81)).check == "relay_state"
    elsewhere = stage.nl.request("https://other.example/", now)
    assert judged(tmp_path, stage, "authn-request", stage.nl.posted(elsewhere)["SAMLRequest"]).check == "destination"
    stranger = stage.nl.posted(good, by=signer("nobody"))["SAMLRequest"]
    assert judged(tmp_path, stage, "authn-request", stranger).check == "signature"


def test_only_a_node_that_is_registered_and_approved_can_be_expected(tmp_path: Path, stage: NodeStage) -> None:
    (tmp_path / "message").write_text("x", encoding="ascii")
    words = ["--as", "authn-request", "--config", str(stage.folder), "--json"]
    unknown = inspect(tmp_path / "message", *words, "--from", "xx")
    assert (unknown.exit_code, "no node 'xx' that asks: fi, lv, nl" in unknown.stdout) == (2, True)
    ended = inspect(tmp_path / "message", *words, "--from", "nl", "--at", str(stage.clock() + 30 * 86400))
    assert (ended.exit_code, '"code": "country_unavailable"' in ended.stdout) == (2, True)
    odd = inspect(tmp_path / "message", *words, "--from", "nl", "--profile", "saml2int")
    assert (odd.exit_code, "asks in the profile eidas" in odd.stdout) == (2, True)
