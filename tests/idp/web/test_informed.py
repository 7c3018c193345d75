"""A purpose that rests on a task or a duty informs the citizen, who continues or leaves; consent can be refused."""

import json
from pathlib import Path

import pytest

from idp.receipts.receipt_verify import verify_receipt
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor
from tests.independent_receipt import check

PURPOSE = "purposes/resident-parking.toml"
BASIS = 'basis = "public_task"'
EMAIL = {"share.email": "yes"}


INFORMS = f"""{BASIS}
show = "inform"
retention = "P1Y6M"
recipients = [{{ en = "Treasury of Storkhaven" }}]
rights.object = "Room 12"
rights.complain = "https://authority.example/complain"
"""


def test_who_is_informed_continues_or_leaves_and_the_record_says_so(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    with stage.other_broker(tmp_path / "b", {PURPOSE: (BASIS, INFORMS)}) as visitor.port:
        page = visitor.question()
        assert page.heading == "This goes to Resident parking"
        assert page.found("//main//button[not(@hidden)]/@value") == ["continue", "cancel", "longer"]
        assert page.found("//input[@type='checkbox']/@name") == ["share.email"]
        told = page.found("//details[summary/@id='who']//dd//text()")
        assert told[-4:] == [
            "1 year and 6 months",
            "Treasury of Storkhaven",
            "Room 12",
            "https://authority.example/complain",
        ]
        assert "If you cancel, Resident parking receives nothing" in page.text
        (tells,) = page.found("//details[summary/@id='who']/p/text()")
        assert tells.startswith("About one person in 3 has the same details"), "a yes and another yes or no"
        assert tells.endswith("With every box ticked it is enough to tell you from everybody else.")
        assert page.found("//details//a/@rel") == ["noopener noreferrer"]
        assert "onsent" not in page.found("string(//main)")[0]
        for word in ("approve", "refuse"):
            assert visitor.decides(page, word).status == 400
        assert visitor.decides(page, "continue", ticked=EMAIL).back["code"]
        octets = visitor.go("GET", "/receipt.json").text.encode()
        ledger = stage.application.keys.ledger.log.at(0).verifier
        assert "email" in dict(verify_receipt(octets, [ledger]).names)
        check(octets, str(ledger))
        receipt = json.loads(octets)
        assert receipt["openings"]["decision"]["content"]["path"] == "informed"
        assert receipt["record"]["events"][0]["event_state"] == "informed"
        assert receipt["record"]["processing"]["collection_method"].endswith("and continued there.")
        assert "P1Y6M" in receipt["record"]["processing"]["retention_period"]
        assert visitor.go("GET", "/receipt").found("//dl/div[5]/dd/text()") == ["1 year and 6 months"]
        left = visitor.presses(visitor.question(), "cancel")
        assert (left.heading, visitor.goes_on(left).back["error"]) == ("Sign-in cancelled", "access_denied")


@pytest.mark.parametrize(("said", "found"), [("\nrefusable_without_loss = true", 1), ("", 0)])
def test_the_page_says_where_who_refuses_loses_nothing(
    visitor: Visitor, stage: Stage, tmp_path: Path, said: str, found: int
) -> None:
    with stage.other_broker(tmp_path / "b", {PURPOSE: (BASIS, f'basis = "consent"{said}')}) as visitor.port:
        assert visitor.question().text.count("You lose nothing if you do not share") == found
        assert visitor.decides(visitor.question(), "continue").status == 400, "the word of the other page"
