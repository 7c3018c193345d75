"""The demo country believes only the broker's signed questions, and answers about whom was picked."""

import base64
import zlib
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx2
import pytest
import xmlsec
from lxml import etree

from connectors.connector import Ask, Post, Redirect
from connectors.saml_sp.connector import SamlConnector
from connectors.wire.names import SAMLP
from idp.demo.citizens import CITIZENS, NAMES
from idp.demo.country import SAML
from idp.demo.loopback import client, send
from idp.demo.scene import Scene
from idp.system.addresses import acs_url, entity_id
from policies.assurance import LevelOfAssurance
from policies.parties import ProviderId

ASK = Ask(relay_state="r" * 22, minimum_assurance=LevelOfAssurance.LOW, force_authentication=False)
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with client() as made:
        yield made


def _connector(scene: Scene, binding: str) -> SamlConnector:
    provider = scene.application.city.role.provider(ProviderId("demo-ee"))
    return SamlConnector(
        provider=replace(provider, binding=binding),
        entity_id=entity_id(scene.issuer),
        acs_url=acs_url(scene.issuer),
        signer=scene.application.keys.saml,
    )


def _redirect(scene: Scene) -> dict[str, str]:
    outbound, _ = _connector(scene, "redirect").request(ASK, 1_795_600_000)
    assert isinstance(outbound, Redirect)
    assert outbound.url.startswith(f"{scene.country_base}/sso?")
    return dict(parse_qsl(urlsplit(outbound.url).query))


def _post(scene: Scene) -> dict[str, str]:
    outbound, _ = _connector(scene, "post").request(ASK, 1_795_600_000)
    assert isinstance(outbound, Post)
    return dict(outbound.fields)


def _asks(http: httpx2.Client, scene: Scene, fields: dict[str, str]) -> httpx2.Response:
    return send(http, "GET", f"{scene.country_base}/sso?{urlencode(fields, quote_via=quote)}")


def _posts(http: httpx2.Client, scene: Scene, fields: dict[str, str], path: str = "/sso") -> httpx2.Response:
    return send(http, "POST", f"{scene.country_base}{path}", headers=FORM, content=urlencode(fields).encode())


def test_it_asks_who_one_is_after_a_question_by_redirect_or_post(http: httpx2.Client, scene: Scene) -> None:
    for page in (_asks(http, scene, _redirect(scene)), _posts(http, scene, _post(scene))):
        assert page.status_code == 200
        assert "Asked by broker.localhost" in page.text
        for one in CITIZENS:
            assert one.about in page.text
            assert one.attributes["person_identifier"] not in page.text
        assert "Do not sign in" in page.text


@pytest.mark.spec("SAML Bindings §3.4.4.1")
@pytest.mark.parametrize("name", ["SAMLRequest", "RelayState", "SigAlg", "Signature"])
def test_a_question_by_redirect_that_was_altered_is_refused(http: httpx2.Client, scene: Scene, name: str) -> None:
    fields = _redirect(scene)
    without = {key: value for key, value in fields.items() if key != name}
    assert _asks(http, scene, without).status_code == 400
    changed = {**fields, name: ("B" if fields[name][0] != "B" else "C") + fields[name][1:]}
    assert _asks(http, scene, changed).status_code == 400
    assert _asks(http, scene, fields).status_code == 200


def test_a_question_with_sha_1_is_refused(http: httpx2.Client, scene: Scene) -> None:
    fields = {**_redirect(scene), "SigAlg": "http://www.w3.org/2000/09/xmldsig#rsa-sha1"}
    assert _asks(http, scene, fields).status_code == 400


def test_a_question_by_post_that_was_altered_or_unsigned_is_refused(http: httpx2.Client, scene: Scene) -> None:
    fields = _post(scene)
    message = base64.b64decode(fields["SAMLRequest"])
    for changed in (
        message.replace(b"/saml/acs", b"/evil/acs"),
        message.replace(b"rsa-sha256", b"rsa-sha1"),
        b"<a/>",
        b"",
        b"no XML",
        zlib.compress(message),
    ):
        refused = _posts(http, scene, {**fields, "SAMLRequest": base64.b64encode(changed).decode()})
        assert refused.status_code == 400
    assert _posts(http, scene, {**fields, "SAMLRequest": "!"}).status_code == 400
    root = etree.fromstring(message)
    root.remove(root[1])
    assert _posts(http, scene, {"SAMLRequest": base64.b64encode(etree.tostring(root)).decode()}).status_code == 400


def test_a_question_is_verified_again_when_one_has_picked(http: httpx2.Client, scene: Scene) -> None:
    query = urlencode(_redirect(scene), quote_via=quote)
    good = _posts(http, scene, {"query": query, "citizen": "mari", "relay_state": "x"}, "/answer")
    assert good.status_code == 200
    for changed in ("", query.replace("RelayState", "relay"), f"{query}&RelayState=y", "a=b"):
        assert _posts(http, scene, {"query": changed, "citizen": "mari"}, "/answer").status_code == 400


def _answer(http: httpx2.Client, scene: Scene, who: str) -> tuple[etree._Element, str]:
    query = urlencode(_redirect(scene), quote_via=quote)
    page = _posts(http, scene, {"query": query, "citizen": who, "relay_state": "<r>"}, "/answer")
    assert page.status_code == 200
    message = page.text.partition('name="SAMLResponse" value="')[2].partition('"')[0]
    return etree.fromstring(base64.b64decode(message)), page.text


def test_its_answer_is_signed_twice_and_goes_to_the_broker(http: httpx2.Client, scene: Scene) -> None:
    root, page = _answer(http, scene, "mari")
    assert f'action="{scene.issuer}/saml/acs"' in page
    assert 'name="RelayState" value="&lt;r&gt;"' in page
    xmlsec.tree.add_ids(root, ["ID"])
    key = xmlsec.Key.from_memory((scene.folder / "parties" / "country.pem").read_bytes(), xmlsec.constants.KeyDataFormatPem)
    signatures = root.findall(".//{http://www.w3.org/2000/09/xmldsig#}Signature")
    assert len(signatures) == 2
    for signature in signatures:
        context = xmlsec.SignatureContext()
        context.key = key
        context.verify(signature)


def test_its_answer_has_what_it_knows_about_who_was_picked(http: httpx2.Client, scene: Scene) -> None:
    for one in CITIZENS:
        root, _ = _answer(http, scene, one.key)
        values = {
            each.get("Name"): each.findtext(f"{{{SAML}}}AttributeValue") for each in root.iter(f"{{{SAML}}}Attribute")
        }
        assert values == {NAMES[key]: value for key, value in one.attributes.items()}
        assert root.findtext(f".//{{{SAML}}}AuthnContextClassRef") == one.loa


def test_who_does_not_sign_in_gets_a_signed_failure_without_an_assertion(http: httpx2.Client, scene: Scene) -> None:
    for who in ("", "nobody"):
        root, _ = _answer(http, scene, who)
        code = root.find(f".//{{{SAMLP}}}StatusCode")
        assert code is not None
        assert code.get("Value") == "urn:oasis:names:tc:SAML:2.0:status:Responder"
        assert root.find(f"{{{SAML}}}Assertion") is None
        assert root.find("{http://www.w3.org/2000/09/xmldsig#}Signature") is not None


def test_its_metadata_is_what_the_broker_pinned(http: httpx2.Client, scene: Scene) -> None:
    served = send(http, "GET", f"{scene.country_base}/metadata")
    assert served.content == (scene.receiving / "metadata" / "demo-ee.xml").read_bytes()
    assert served.headers["content-type"] == "application/samlmetadata+xml"
