"""What a page or a token promised holds only while the configuration still says so."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any  # structlog's own type of an event

import pytest

from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor

Lines = list[MutableMapping[str, Any]]  # Any: structlog's own type of an event
PARTY = "parties/parking.toml"
PROVIDER = "providers/demo-ee.toml"


@pytest.mark.spec("decisions.md 3: a registration that was narrowed since the page was shown")
def test_an_attribute_that_is_registered_no_more_is_not_released(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    question = visitor.question()
    with stage.other_broker(tmp_path / "b", {PARTY: ('address = "resident_of(Storkhaven)"\n', "")}) as visitor.port:
        answer = visitor.decides(question, "approve")
    assert answer.status == 409
    assert "code=" not in answer.text
    assert logs[-1]["check"] == "policy_changed"


@pytest.mark.spec("security.md §2.1 C: a provider that was taken out")
def test_a_provider_that_was_taken_out_ends_codes_and_tokens(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    code = visitor.code()
    token = str(visitor.redeem(visitor.code()).json["access_token"])
    assert visitor.userinfo(token).status == 200
    with stage.other_broker(tmp_path / "b", {PROVIDER: ('id = "demo-ee"', 'id = "demo-fi"')}) as visitor.port:
        assert visitor.redeem(code).status == 400
        assert visitor.userinfo(token).status == 401


def test_an_address_with_one_more_slash_is_no_address(visitor: Visitor) -> None:
    assert visitor.go("GET", "/authorize/").status == 404
