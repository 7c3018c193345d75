"""A service that speaks SAML signs its citizens in over HTTP, as one that speaks OpenID Connect does."""

import json
from pathlib import Path
from typing import Any  # JSON of a receipt

import pytest

from connectors.wire.names import POST, REDIRECT
from tests.idp.web.saml_party import ENTITY, SamlParty
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor, login_of

PAIRWISE = "urn:oasis:names:tc:SAML:attribute:pairwise-id"


def answered(visitor: Visitor, picker: Answer) -> Answer:
    """The citizen chooses a country, signs in there, and approves."""
    assert picker.status == 200, picker.text
    page = visitor.returns(visitor.signs_in(visitor.asked(login_of(picker))))
    assert page.status == 200, page.text
    return visitor.decides(page)


def receipt(visitor: Visitor) -> dict[str, Any]:
    """The record of the newest sign-in, as its citizen can open it."""
    found: dict[str, Any] = json.loads(visitor.go("GET", "/receipt.json").text)["openings"]
    return {name: one["content"] for name, one in found.items() if "content" in one}


@pytest.mark.spec("saml.md §13")
@pytest.mark.parametrize("binding", [REDIRECT, POST])
@pytest.mark.parametrize("encrypts", [True, False], ids=["encrypted", "plain"])
def test_a_citizen_signs_in_at_a_service_that_speaks_saml(
    visitor: Visitor, stage: Stage, tmp_path: Path, binding: str, *, encrypts: bool
) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock, encrypts=encrypts)
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        before = stage.records
        answer = answered(visitor, library.asks(visitor, binding=binding))
        heard = library.read(answer, stage.application.keys.saml.at(0).certificate)
        assert stage.records == before + 1
    assert heard.was_encrypted is encrypts
    assert heard.statuses == ["Success"]
    assert heard.relay_state == "to the shelf"
    assert heard.root.get("InResponseTo") == library.asked[0]
    assert heard.text("saml:Audience") == ENTITY
    assert heard.text("saml:AuthnContextClassRef") == "http://eidas.europa.eu/LoA/high"
    own = f"{stage.issuer}/attributes"
    (identifier,) = heard.attributes.pop(PAIRWISE)
    assert identifier.endswith("@broker.localhost")
    assert heard.attributes == {f"{own}/age_over_18": ["true"], f"{own}/resident_of/Storkhaven": ["true"]}


def test_the_ledger_has_the_same_record_as_over_openid_connect(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock, more='sector = "mobility"')
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        visitor.code(scope="openid purpose:resident-parking address email")
        over_openid = receipt(visitor)
        answered(visitor, library.asks(visitor))
        over_saml = receipt(visitor)
    # Scopes ask for all of an attribute, and a service of SAML for what it is registered for
    apart = dict.fromkeys(("client", "record", "time", "asked"))
    for part in ("sent", "decision"):
        assert {**over_saml[part], **apart} == {**over_openid[part], **apart}
    # One sector has one pseudonym, in whatever protocol it asks
    assert over_saml["login"]["sub"] == over_openid["login"]["sub"]
    assert (over_saml["login"]["aud"], over_saml["login"]["id"]) == (ENTITY, library.asked[0])
