"""npm `openid-client`, a certified relying party: each login completes through the broker, judged by its code alone."""

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from connectors.signatures.jwk import thumbprint
from idp.demo.browser import Browser
from idp.demo.loopback import client, send
from idp.demo.scene import Scene
from tests.interop.node import Node, require_node
from tests.interop.walking import DECISION, login, opened, to_the_country

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    require_node("openid-client")
    with opened(Scene(tmp_path_factory.mktemp("openid-client") / "stage", fixed=False)) as scene:
        yield scene


@pytest.fixture
def rp(scene: Scene) -> Iterator[Node]:  # noqa: ARG001 - the scene is there before its relying party
    with Node("openid_client_rp.mjs", {}) as node:
        yield node


def _begin(scene: Scene, rp: Node, name: str, **parameters: str) -> dict[str, object]:
    """Let the relying party ask for this service of the city; where it wants the citizen's browser to go."""
    service = scene.city._parties[name].service
    asked: dict[str, object] = {
        "issuer": scene.issuer,
        "client_id": name,
        "redirect_uri": service.redirect_uri,
        "scope": f"openid purpose:{service.purpose} {service.scope}".strip(),
        "alg": service.alg,
        "parameters": parameters,
    }
    if service.signer is None:
        asked["secret"] = service.secret
    else:
        asked["key"] = (scene.folder / "parties" / f"{name}.pem").read_text(encoding="ascii")
        asked["kid"] = thumbprint(service.signer.public_key)
    return rp.ask({"begin": asked})


def _signed_in(said: dict[str, object]) -> tuple[dict[str, object], dict[str, object], dict[str, object]]:
    claims, userinfo, header = (said.get(part) for part in ("claims", "userinfo", "header"))
    assert isinstance(claims, dict), said
    assert isinstance(userinfo, dict)
    assert isinstance(header, dict)
    assert claims["sub"] == userinfo["sub"]
    return claims, userinfo, header


@pytest.mark.spec("OpenID Connect Core §3.1")
def test_a_login_completes_and_gives_the_least(scene: Scene, rp: Node) -> None:
    url = _begin(scene, rp, "parking")["url"]
    claims, userinfo, header = _signed_in(rp.ask({"answer": login(scene, str(url))}))
    assert header["alg"] == "ES256"
    assert claims["acr"] == "http://eidas.europa.eu/LoA/high"
    assert userinfo == {"sub": claims["sub"], "age_over_18": True, "resident_of": {"Storkhaven": True}}


@pytest.mark.spec("OpenID Connect Core §9 private_key_jwt")
def test_it_authenticates_with_a_key_too(scene: Scene, rp: Node) -> None:
    url = _begin(scene, rp, "fares", claims='{"userinfo":{"age_over_60":{"essential":true}}}')["url"]
    _, userinfo, _ = _signed_in(rp.ask({"answer": login(scene, str(url), "juhan")}))
    assert userinfo["age_over_60"] is True


@pytest.mark.spec("OAuth 2.0 Form Post Response Mode §2")
def test_an_answer_by_form_post_is_taken(scene: Scene, rp: Node) -> None:
    url = str(_begin(scene, rp, "parking", response_mode="form_post")["url"])
    with Browser() as browser:
        posting = browser.submit(to_the_country(browser, scene, url), {"citizen": "mari"})
        page = browser.submit(browser.submit(posting, {}), {"choice": "approve"}, DECISION)
    fields = [(str(each.get("name")), str(each.get("value"))) for each in page.tree.iter("input")]
    action = str(page.tree.xpath("string(//form/@action)"))
    claims, _, _ = _signed_in(rp.ask({"answer": action, "body": urlencode(fields)}))
    assert claims["iss"] == scene.issuer


@pytest.mark.spec("RFC 6749 §4.1.2.1")
def test_a_refusal_arrives_as_access_denied(scene: Scene, rp: Node) -> None:
    url = str(_begin(scene, rp, "parking")["url"])
    with Browser() as browser:
        posting = browser.submit(to_the_country(browser, scene, url), {"citizen": "mari"})
        page = browser.submit(browser.submit(posting, {}), {"choice": "refuse"}, DECISION)
        answer = page.link("//main//a")
    assert rp.ask({"answer": answer}) == {"refused": "OAUTH_AUTHORIZATION_RESPONSE_ERROR", "said": "access_denied"}


@pytest.mark.spec("OpenID Connect Core §3.1.2.6")
def test_prompt_none_says_that_the_citizen_is_needed(scene: Scene, rp: Node) -> None:
    url = str(_begin(scene, rp, "parking", prompt="none")["url"])
    answer = _location(url)
    assert answer.startswith(scene.city_base)
    assert rp.ask({"answer": answer})["said"] == "interaction_required"


@pytest.mark.parametrize(
    ("forgotten", "said"),
    [("verifier", "invalid_grant"), ("state", 'unexpected "state"'), ("nonce", 'unexpected ID Token "nonce"')],
)
def test_what_it_remembers_otherwise_is_refused(scene: Scene, rp: Node, forgotten: str, said: str) -> None:
    url = str(_begin(scene, rp, "parking")["url"])
    answer = rp.ask({"answer": login(scene, url), "forget": forgotten})
    assert said in str(answer["said"]), answer


@pytest.mark.spec("RFC 9207 §2.4")
def test_an_answer_in_another_issuers_name_is_refused(scene: Scene, rp: Node) -> None:
    url = str(_begin(scene, rp, "parking")["url"])
    answer = login(scene, url).replace("iss=http%3A%2F%2Fbroker", "iss=http%3A%2F%2Fother")
    assert "iss" in str(rp.ask({"answer": answer})["said"])


def _location(url: str) -> str:
    """Where the broker redirects to without a page."""
    with client() as http:
        return send(http, "GET", url).headers["location"]
