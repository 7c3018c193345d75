"""A register of the citizen's country names a company, and STORK carries the mandate to the city that asks."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.idp.staging import Clock, Lines, opened
from tests.idp.web.test_for_whom_http import BOTH, TAKEN, for_companies
from tests.idp.web.test_stork_border import StorkStage, asked, informed
from tests.idp.web.visitor import Answer, Visitor
from tests.idp.web_node.citizen import Browser
from tests.idp.web_node.test_node_mandates import BOUND, GENERAL, MandatedStage, labels, registers

# No register of the city is asked: the mandate comes with the sign-in
NEEDS = TAKEN.format(form="may_act(permits)").replace('from = "powers"\nhand_over = ["person_identifier"]\n', "")
EDITS = {
    "providers/ee-stork.toml": ('country = "EE"\n', f'country = "EE"\n{BOTH}'),
    **for_companies('"for_legal"', NEEDS),
}


class MandatedBorder(StorkStage):
    """The same border; Estonia has a register of companies."""

    abroad = MandatedStage


@pytest.fixture(scope="module")
def border(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorkStage]:
    with opened(MandatedBorder(tmp_path_factory.mktemp("powers"), Clock())) as stage:
        yield stage


@pytest.fixture
def citizen(border: StorkStage) -> Iterator[Browser]:
    with Browser(border.node) as made:
        yield made


@pytest.fixture
def visitor(border: StorkStage, tmp_path: Path) -> Iterator[Visitor]:
    with Visitor(border) as made, border.other_broker(tmp_path / "acting", EDITS) as made.port:
        yield made


def arrives(visitor: Visitor, citizen: Browser, page: Answer) -> Answer:
    """The city's page, once the citizen chose the second company and went on from Estonia's page."""
    informs = citizen.acts(page, "1")
    assert "Pohlad OÜ" in informs.text
    assert "Maasikad" not in informs.text
    return visitor.comes_back("/stork/acs", citizen.stage.issuer, citizen.decides(informs).fields)


@pytest.mark.spec("issue 33 item 1")
@pytest.mark.spec("issue 33 item 2")
def test_whom_a_register_names_crosses_a_stork_border_in_a_mandate(
    visitor: Visitor, citizen: Browser, border: StorkStage, logs: Lines
) -> None:
    registers(border.node.folder, ("12345678", "Maasikad OÜ", BOUND), ("87654321", "Pohlad OÜ", BOUND))
    page = informed(citizen, asked(visitor))
    assert labels(page) == ["Maasikad OÜ", "Pohlad OÜ"], page.text
    question = arrives(visitor, citizen, page)
    assert question.found("string(//p[@id='acting'])")[0].startswith("You act for Pohlad OÜ."), question.text
    tokens = visitor.redeem(visitor.decides(question).back["code"]).json
    claims = visitor.userinfo(str(tokens["access_token"])).json
    assert (claims["person_kind"], claims["legal_name"]) == ("for_legal", "Pohlad OÜ")
    assert claims["mandate_may_act"] == {"permits": True}
    text = json.dumps(logs, default=str)
    assert not [one for one in ("Pohlad", "Maasikad", "87654321") if one in text]


@pytest.mark.spec("issue 33 bad input")
def test_a_general_power_of_a_register_is_none_for_a_procedure_over_stork(
    visitor: Visitor, citizen: Browser, border: StorkStage, logs: Lines
) -> None:
    registers(border.node.folder, ("12345678", "Maasikad OÜ", GENERAL), ("87654321", "Pohlad OÜ", GENERAL))
    page = arrives(visitor, citizen, informed(citizen, asked(visitor)))
    assert (page.status, page.back["error"]) == (403, "access_denied")
    assert [one["check"] for one in logs if one["event"] == "refused"] == ["mandate_procedure"]
