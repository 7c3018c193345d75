"""pysaml2 as an identity provider: it believes our requests, we its answers, and not what was done to them after."""

import json
from collections.abc import Iterator

import pytest
import structlog

from idp.demo.browser import Browser, Page
from tests.interop.pysaml2_country import HIGH, OTHER_AUDIENCE, PERSON, XMLSEC1, StageWithPySaml2
from tests.interop.walking import opened, to_the_answer, to_the_country
from tests.peers import require_peer

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module", params=["redirect", "post"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StageWithPySaml2]:
    require_peer("xmlsec1", present=XMLSEC1.exists())
    with opened(StageWithPySaml2(tmp_path_factory.mktemp("pysaml2") / "stage", str(request.param))) as stage:
        yield stage


@pytest.fixture(autouse=True)
def honest(stage: StageWithPySaml2) -> None:
    """Whatever the test before told it to do wrong is forgotten."""
    other = stage.other
    other.audience, other.loa, other.spoil = "", HIGH, None
    other.signed = {"sign_response": True, "sign_assertion": True}


def answered(stage: StageWithPySaml2, browser: Browser) -> Page:
    """A login up to what the broker makes of pysaml2's answer. By POST our own page posts the request first."""
    page = to_the_country(browser, stage, f"{stage.city_base}/parking/login", "pysaml2")
    if stage.other.base not in page.url:
        page = browser.submit(page, {})
    assert page.url.startswith(stage.other.base), page.text
    assert page.status == 200, page.text
    return browser.submit(page, {})


def refused(stage: StageWithPySaml2) -> tuple[int, str]:
    """The status of the page, and the check that the log names beside the page's reference."""
    with Browser() as browser, structlog.testing.capture_logs() as lines:
        page = answered(stage, browser)
    reference = str(page.tree.xpath("string(//dd/code)"))
    (line,) = [line for line in lines if (line["event"], line["reference"]) == ("refused", reference)]
    # Shorter ones occur in any page by chance
    long = [value for value in PERSON.values() if len(value) > 5]
    assert not [value for value in long if value in page.text + json.dumps(line)]
    return page.status, str(line["check"])


@pytest.mark.parametrize("signed", ["response", "assertion", "both"])
def test_a_login_completes_whatever_it_signs(stage: StageWithPySaml2, signed: str) -> None:
    stage.other.signed = {"sign_response": signed != "assertion", "sign_assertion": signed != "response"}
    with Browser() as browser:
        back = to_the_answer(browser, answered(stage, browser))
        end = browser.get(back, origin=stage.issuer, accept="application/json")
    userinfo = end.json()["userinfo"]
    assert isinstance(userinfo, dict)
    assert {name: userinfo[name] for name in ("age_over_18", "resident_of")} == {
        "age_over_18": True,
        "resident_of": {"Storkhaven": True},
    }
    assert not [value for value in (PERSON["sn"], PERSON["mail"], PERSON["street"]) if value in end.text]


def test_pysaml2_verified_our_request_and_read_the_level_that_the_purpose_asks(stage: StageWithPySaml2) -> None:
    before = len(stage.other.heard)
    with Browser() as browser:
        answered(stage, browser)
    assert stage.other.heard[before:] == ["http://eidas.europa.eu/LoA/substantial"]


@pytest.mark.spec("saml.md §2.2")
@pytest.mark.parametrize(
    "spoil",
    [
        (PERSON["schacDateOfBirth"], "19010101"),
        (PERSON["schacPersonalUniqueID"], "LV-040775-22222"),
        (HIGH, "http://eidas.europa.eu/LoA/low"),
    ],
    ids=["birthdate", "identifier", "level"],
)
def test_an_answer_that_was_altered_is_refused(stage: StageWithPySaml2, spoil: tuple[str, str]) -> None:
    stage.other.spoil = spoil
    assert refused(stage) == (403, "digest")


@pytest.mark.spec("saml.md §2.11")
def test_an_answer_for_another_audience_is_refused(stage: StageWithPySaml2) -> None:
    stage.other.audience = OTHER_AUDIENCE
    assert refused(stage) == (403, "audience")


@pytest.mark.spec("saml.md §2.12")
def test_an_answer_of_too_low_assurance_is_refused(stage: StageWithPySaml2) -> None:
    stage.other.loa = "http://eidas.europa.eu/LoA/low"
    assert refused(stage) == (403, "authn_context_too_low")


@pytest.mark.spec("saml.md §2.2")
def test_an_answer_that_nobody_signed_is_refused(stage: StageWithPySaml2) -> None:
    stage.other.signed = {"sign_response": False, "sign_assertion": False}
    assert refused(stage) == (403, "signature_missing")
