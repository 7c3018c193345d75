"""npm `samlp` as an identity provider: it believes our requests, we its answers, and none of what it can do wrong."""

import json
from collections.abc import Iterator

import pytest
import structlog

from idp.demo.browser import Browser, Page
from tests.interop.node import require_node
from tests.interop.samlp_country import PERSON, StageWithSamlp
from tests.interop.walking import opened, to_the_answer, to_the_country

pytestmark = pytest.mark.peer
# It warns of CBC, and does it for whoever insists
INSECURE = {"disallowEncryptionWithInsecureAlgorithm": False}


@pytest.fixture(scope="module", params=["redirect", "post"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StageWithSamlp]:
    require_node("samlp")
    with opened(StageWithSamlp(tmp_path_factory.mktemp("samlp") / "stage", str(request.param))) as stage:
        yield stage


@pytest.fixture(autouse=True)
def honest(stage: StageWithSamlp) -> None:
    """Whatever the test before told it to do wrong is forgotten."""
    stage.other.say()


def _answered(stage: StageWithSamlp, browser: Browser) -> Page:
    """A login up to what the broker makes of samlp's answer. By POST our own page posts the request first."""
    page = to_the_country(browser, stage, f"{stage.city_base}/parking/login", "samlp")
    if stage.other.base not in page.url:
        page = browser.submit(page, {})
    assert page.url.startswith(stage.other.base), page.text
    assert page.status == 200, page.text
    return browser.submit(page, {})


def _refused(stage: StageWithSamlp) -> str:
    """The check that the log names beside the page's reference; nothing of the person is in either."""
    with Browser() as browser, structlog.testing.capture_logs() as lines:
        page = _answered(stage, browser)
    assert page.status == 403
    reference = str(page.tree.xpath("string(//dd/code)"))
    (line,) = [line for line in lines if (line["event"], line["reference"]) == ("refused", reference)]
    assert not [value for value in PERSON.values() if len(value) > 4 and value in page.text + json.dumps(line)]
    return str(line["check"])


@pytest.mark.parametrize("signed", ["response", "assertion"])
def test_a_login_completes_whatever_it_signs(stage: StageWithSamlp, signed: str) -> None:
    stage.other.say(signResponse=signed != "assertion", signAssertion=signed != "response")
    with Browser() as browser:
        back = to_the_answer(browser, _answered(stage, browser))
        end = browser.get(back, origin=stage.issuer, accept="application/json")
    userinfo = end.json()["userinfo"]
    assert isinstance(userinfo, dict)
    assert (userinfo["age_over_18"], userinfo["resident_of"]) == (True, {"Storkhaven": True})
    assert not [value for value in PERSON.values() if len(value) > 4 and value != "Storkhaven" and value in end.text]


@pytest.mark.spec("saml.md §2: encrypted assertions")
@pytest.mark.parametrize("signed", ["both"])
def test_a_login_completes_where_it_encrypts_to_the_key_of_our_metadata(stage: StageWithSamlp, signed: str) -> None:
    stage.other.encrypt(stage.published(), signResponse=True, signAssertion=signed == "both")
    with Browser() as browser:
        back = to_the_answer(browser, _answered(stage, browser))
        end = browser.get(back, origin=stage.issuer, accept="application/json")
    userinfo = end.json()["userinfo"]
    assert isinstance(userinfo, dict)
    assert (userinfo["age_over_18"], userinfo["resident_of"]) == (True, {"Storkhaven": True})


@pytest.mark.spec("security.md §2.1 B")
@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ({"signResponse": False, "signAssertion": True}, "signature_missing"),
        ({**INSECURE, "encryptionAlgorithm": "http://www.w3.org/2001/04/xmlenc#aes256-cbc"}, "content_encryption"),
        ({"spoil": ["<e:CipherValue>", "<e:CipherValue>AAAA"]}, "digest"),
    ],
    ids=["nobody signed the response", "CBC", "altered"],
)
def test_what_it_encrypts_and_we_do_not_take_is_refused_by_its_check(
    stage: StageWithSamlp, wrong: dict[str, object], check: str
) -> None:
    stage.other.encrypt(stage.published(), **{"signResponse": True, **wrong})
    assert _refused(stage) == check


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        pytest.param({"signResponse": False, "signAssertion": False}, "signature_missing", id="unsigned"),
        pytest.param({"spoil": [PERSON["urn:oid:2.5.4.4"], "Svensson"]}, "digest", id="altered value"),
        pytest.param({"signatureAlgorithm": "rsa-sha1"}, "signature_algorithm", id="RSA-SHA1"),
        pytest.param({"audience": "https://other.example/metadata"}, "audience", id="audience"),
        pytest.param({"loa": "http://eidas.europa.eu/LoA/low"}, "authn_context_too_low", id="too low"),
    ],
)
def test_what_it_does_wrong_is_refused_by_the_check_for_it(
    stage: StageWithSamlp, wrong: dict[str, object], check: str
) -> None:
    stage.other.say(**wrong)
    assert _refused(stage) == check
