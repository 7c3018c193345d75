"""`ciconia try`: a link of one use, made-up persons, a page that masks every value, and nothing that is written."""

import json

import pytest
from typer.testing import CliRunner

from idp.cli import app
from idp.protocols.oidc.trial import LINK_LIFE, MASK
from idp.web.login_cookies import DECIDED
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor, login_of, of_mari


def _link(stage: Stage, *options: str) -> str:
    """The path of a new link."""
    run = CliRunner().invoke(app, ["try", "parking", "--config", str(stage.receiving), "--json", *options])
    assert run.exit_code == 0, run.output
    link = str(json.loads(run.stdout)["link"])
    assert link.startswith(f"{stage.issuer}/try?link=")
    return link.removeprefix(stage.issuer)


def _tried(visitor: Visitor, path: str, citizen: str = "mari") -> Answer:
    """Through the login, to its page."""
    picker = visitor.go("GET", path)
    assert picker.status == 200, picker.text
    return visitor.returns(visitor.signs_in(visitor.asked(login_of(picker)), citizen))


PURPOSE = ("--purpose", "resident-parking")


@pytest.mark.spec("decisions.md 34")
def test_a_test_login_shows_names_and_forms_and_no_value_and_writes_no_record(visitor: Visitor, stage: Stage) -> None:
    path = _link(stage, *PURPOSE, "--scope", "profile email address")
    before = stage.written()
    page = _tried(visitor, path)
    assert (page.status, page.heading) == (200, "A test sign-in for Resident parking")
    assert stage.written()["records"] == before["records"]
    assert not page.found("//main//form | //main//button | //main//input"), "nothing can be approved"
    assert of_mari(page.text) == []
    id_token, userinfo = (json.loads(text) for text in page.found("//pre/text()"))
    assert userinfo == {"sub": MASK, "age_over_18": MASK, "resident_of": {"Storkhaven": MASK}, "email": MASK}
    assert (id_token["iss"], id_token["aud"], id_token["sub"]) == (stage.issuer, "parking", MASK)
    assert "Family name" in page.found("//section[@aria-labelledby='over']//li//text()")
    held = {value for name, value in visitor.jar.items() if name.startswith("__Host-l-")}
    assert held == {DECIDED}, "the login has ended"


@pytest.mark.spec("decisions.md 34")
def test_a_link_opens_once_and_within_its_minutes(visitor: Visitor, stage: Stage) -> None:
    path = _link(stage, *PURPOSE)
    assert visitor.go("GET", path).status == 200
    assert visitor.go("GET", path).status == 400
    late = _link(stage, *PURPOSE)
    stage.clock.ahead = LINK_LIFE
    assert visitor.go("GET", late).status == 400
    for wrong in ("/try", "/try?link=", "/try?link=AAAA", f"/try?link={'A' * 43}"):
        assert visitor.go("GET", wrong).status == 400


@pytest.mark.spec("decisions.md 34")
def test_only_made_up_persons_answer_a_test_and_those_for_tests_answer_nobody_else(stage: Stage) -> None:
    folder = stage.folder / "other"
    only = {"providers/demo-ee.toml": ('"also"', '"only"'), "providers/demo-lv.toml": ('test = "also"\n', "")}
    with stage.other_broker(folder, only) as port, Visitor(stage, port=port) as other:
        picker = other.go("GET", _link(stage, *PURPOSE))
        assert [one.rpartition("/")[2] for one in picker.found("//a[contains(@href, '/at/')]/@href")] == ["demo-ee"]
        assert other.asks(login_of(picker), "demo-lv").status == 404
        ordinary = other.authorize()
        assert [one.rpartition("/")[2] for one in ordinary.found("//a[contains(@href, '/at/')]/@href")] == ["demo-lv"]
        assert other.asks(login_of(ordinary), "demo-ee").status == 404


def test_a_service_that_may_not_ask_so_and_one_that_nobody_knows_get_no_link(stage: Stage) -> None:
    def refused(*arguments: str) -> str:
        run = CliRunner().invoke(app, ["try", *arguments, "--config", str(stage.receiving)])
        assert run.exit_code == 2
        return run.output

    assert "parking" in refused("parkin")
    assert "--purpose" in refused("parking")
    assert "not registered" in refused("parking", "--purpose", "concession-fare")
    assert "claims" in refused("parking", *PURPOSE, "--claims", "[]")


def test_a_cancelled_test_tells_the_service_nothing(visitor: Visitor, stage: Stage) -> None:
    login = login_of(visitor.go("GET", _link(stage, *PURPOSE)))
    left = visitor.go("POST", f"/login/{login}/cancel")
    assert stage.city_base not in left.text
