"""A sign-in that was too low: the citizen takes another way by one press, and the service gets its answer."""

import base64
import zlib
from collections.abc import Mapping
from pathlib import Path

from lxml import etree

from tests.idp.web.saml_party import SamlParty
from tests.idp.web.shared_stage import claims_of
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor, query_of

TOO_LOW = "A stronger sign-in is needed"
HIGH, SUBSTANTIAL = "http://eidas.europa.eu/LoA/high", "http://eidas.europa.eu/LoA/substantial"


def offered(page: Answer) -> list[str]:
    return page.found("//main//nav//a/@href")


def pressed(visitor: Visitor, page: Answer, provider: str) -> Mapping[str, str]:
    """The question to the country whose link was pressed."""
    (link,) = [one for one in offered(page) if f"/{provider}" in one]
    answer = visitor.go("GET", link)
    return query_of(answer.onward) if answer.status == 303 else answer.fields


def forces(question: Mapping[str, str]) -> bool:
    octets = base64.b64decode(question["SAMLRequest"])
    return etree.fromstring(zlib.decompress(octets, -15)).get("ForceAuthn") == "true"


def test_a_client_gets_its_answer_after_the_citizen_signed_in_anew_at_the_same_country(visitor: Visitor) -> None:
    question = visitor.asked(visitor.login(nonce="a-nonce", acr_values=SUBSTANTIAL))
    assert not forces(question)
    page = visitor.returns(visitor.signs_in(question, "toomas"))
    assert page.heading == TOO_LOW
    anew = pressed(visitor, page, "demo-ee")
    assert forces(anew), "else the country would remember the sign-in that was too low"
    asking = visitor.returns(visitor.signs_in(anew, "mari"))
    back = visitor.decides(asking).back
    token = claims_of(str(visitor.redeem(back["code"]).json["id_token"]))
    assert (back["state"], token["nonce"], token["acr"]) == ("a-state", "a-nonce", HIGH)


def test_a_saml_service_gets_its_answer_after_another_country(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock)
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        library.asks(visitor)
        page = visitor.returns(visitor.signs_in(visitor.asked(visitor.newest), "toomas"))
        assert page.heading == TOO_LOW
        asking = visitor.returns(visitor.signs_in(pressed(visitor, page, "demo-lv"), "mari"))
        heard = library.read(visitor.decides(asking), stage.application.keys.saml.at(0).certificate)
    assert heard.statuses == ["Success"]
    assert heard.root.get("InResponseTo") == library.asked[-1]
    assert (heard.text("saml:AuthnContextClassRef"), heard.relay_state) == (SUBSTANTIAL, "to the shelf")


def test_whoever_cannot_go_higher_is_not_offered_again(visitor: Visitor) -> None:
    visitor.authorize(acr_values=HIGH)
    refused = visitor.asks(visitor.newest, "demo-lv")
    assert offered(refused) == [f"/login/{visitor.newest}/at/demo-ee"]
    asking = visitor.returns(visitor.signs_in(pressed(visitor, refused, "demo-ee"), "mari"))
    assert asking.status == 200
