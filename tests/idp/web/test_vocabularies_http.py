"""Services ask in their own names for levels, and are answered in them: a whole login in each protocol."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.idp.staging import Lines
from tests.idp.web.forgery import Forgery, swapped
from tests.idp.web.saml_party import Heard, SamlParty
from tests.idp.web.shared_stage import claims_of
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

HIGH = "http://eidas.europa.eu/LoA/high"
SPID, SE = "https://www.spid.gov.it/SpidL", "http://id.elegnamnden.se/loa/1.0/"
NAMES = "providers/demo-ee.toml"
CALLED = {
    "parties/parking.toml": (
        'client_id = "parking"',
        'client_id = "parking"\nassurance = ["spid", "se", "se-eidas-notified"]',
    )
}
# A provider that names its levels as Sweden does
SWEDISH = {NAMES: ('id = "demo-ee"', 'id = "demo-ee"\nassurance = "se"')}
NOTIFIED = {NAMES: ('id = "demo-ee"', 'id = "demo-ee"\nnotified = true')}
SAYS_LOA3 = Forgery(text=swapped(HIGH, f"{SE}loa3"))


def acr(visitor: Visitor, page: Answer) -> object:
    """The acr of the id_token."""
    return claims_of(str(visitor.redeem(visitor.decides(page).back["code"]).json["id_token"]))["acr"]


def essential(*names: str) -> str:
    return json.dumps({"id_token": {"acr": {"essential": True, "values": [*names]}}})


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"acr_values": f"{SPID}1 {SPID}2"}, f"{SPID}2"),
        ({"claims": essential(f"{SPID}2", f"{SPID}1")}, f"{SPID}2"),
        # Nobody may call Estonia's sign-in so, and the service did not insist
        ({"acr_values": f"{SE}loa3"}, HIGH),
        # eIDAS names alone are answered as ever
        ({"acr_values": "http://eidas.europa.eu/LoA/low"}, HIGH),
        # A ladder that it has not registered, not insisted on: as an unknown name
        ({"acr_values": "eidas1"}, HIGH),
    ],
)
def test_a_client_is_answered_in_the_names_that_it_asked_in(
    visitor: Visitor, stage: Stage, tmp_path: Path, asked: dict[str, str], said: str
) -> None:
    with stage.other_broker(tmp_path / "b", CALLED) as visitor.port:
        known = visitor.go("GET", "/.well-known/openid-configuration").json["acr_values_supported"]
        assert isinstance(known, list)
        assert {f"{SPID}1", f"{SE}loa4", HIGH} <= {*map(str, known)}
        assert acr(visitor, visitor.question(**asked)) == said


def test_a_name_of_the_providers_own_ladder_comes_back_as_it_was_said(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    claims = essential(f"{SE}loa2", f"{SE}loa3", f"{SE}loa4")
    with stage.other_broker(tmp_path / "b", {**CALLED, **SWEDISH}) as visitor.port:
        visitor.authorize(claims=claims)
        question = visitor.asked(visitor.newest)
        assert acr(visitor, visitor.returns(SAYS_LOA3.made(stage, question))) == f"{SE}loa3"


def test_a_level_that_no_rung_of_the_providers_ladder_has_is_refused_by_name(
    visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    with stage.other_broker(tmp_path / "b", SWEDISH) as visitor.port:
        for said in (f"{SE}loa9", f"{SE}loa1", HIGH):
            made = Forgery(text=swapped(HIGH, said)).made
            page = visitor.returns(made(stage, visitor.asked(visitor.login())))
            assert (page.status, logs[-1]["check"]) == (403, "authn_context_unknown"), said


@pytest.mark.parametrize("names", [(f"{SE}loa3",), (f"{SE}eidas-nf-sub",)])
def test_a_name_that_no_provider_here_may_be_called_ends_before_anybody_signs_in(
    visitor: Visitor, stage: Stage, tmp_path: Path, names: tuple[str, ...]
) -> None:
    with stage.other_broker(tmp_path / "b", CALLED) as visitor.port:
        page = visitor.authorize(claims=essential(*names))
    assert (page.status, page.back["error"]) == (403, "unmet_authentication_requirements")


def test_a_notified_name_is_said_where_the_registration_says_notified(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    with stage.other_broker(tmp_path / "b", {**CALLED, **NOTIFIED}) as visitor.port:
        # Latvia is not notified, so nobody has to choose
        visitor.authorize(claims=essential(f"{SE}eidas-nf-sub"))
        page = visitor.returns(visitor.signs_in(visitor.asked(visitor.newest)))
        assert acr(visitor, page) == f"{SE}eidas-nf-sub"


def test_a_level_that_no_table_of_the_client_has_is_refused_where_it_is_essential(visitor: Visitor) -> None:
    answer = visitor.authorize(claims=essential(f"{SPID}2"))
    assert answer.status == 303
    back = parse_qs(urlsplit(answer.headers["location"]).query)
    assert back["error"] == ["unmet_authentication_requirements"]


def context(comparison: str, *names: str) -> str:
    refs = "".join(f"<saml:AuthnContextClassRef>{name}</saml:AuthnContextClassRef>" for name in names)
    return f'<samlp:RequestedAuthnContext Comparison="{comparison}">{refs}</samlp:RequestedAuthnContext>'


@pytest.mark.parametrize(
    ("comparison", "asked", "citizen", "said"),
    [
        ("exact", (f"{SPID}2",), "mari", f"{SPID}2"),
        ("exact", (f"{SPID}2", f"{SPID}3"), "mari", f"{SPID}3"),
        ("minimum", (f"{SPID}2",), "mari", f"{SPID}3"),
        ("better", (f"{SPID}2",), "mari", f"{SPID}3"),
        ("maximum", (f"{SPID}2",), "mari", f"{SPID}2"),
        # The purpose needs substantial
        ("maximum", (f"{SPID}1",), "", "NoAuthnContext"),
        ("better", (f"{SPID}3",), "", "NoAuthnContext"),
        ("exact", (f"{SE}loa3",), "", "NoAuthnContext"),
        ("minimum", ("eidas1",), "", "NoAuthnContext"),
        # eIDAS names beside its own: the one or the other
        ("exact", (f"{SE}loa3", HIGH), "mari", HIGH),
    ],
)
def test_a_saml_service_is_answered_in_the_classes_of_its_ladders(
    visitor: Visitor, stage: Stage, tmp_path: Path, comparison: str, asked: tuple[str, ...], citizen: str, said: str
) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock, more='assurance = ["spid", "se"]')
    with stage.other_broker(tmp_path / "b", {}, library.files) as visitor.port:
        page = library.asks(visitor, library.request(context(comparison, *asked)))
        if not citizen:
            assert read(stage, library, page).statuses == ["Responder", said]
            return
        question = visitor.returns(visitor.signs_in(visitor.asked(visitor.newest), citizen))
        assert read(stage, library, visitor.decides(question)).text("saml:AuthnContextClassRef") == said


def test_a_saml_service_in_sweden_reads_what_a_provider_there_said(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock, more='assurance = "se"')
    with stage.other_broker(tmp_path / "b", SWEDISH, library.files) as visitor.port:
        library.asks(visitor, library.request(context("exact", f"{SE}loa3")))
        page = visitor.returns(SAYS_LOA3.made(stage, visitor.asked(visitor.newest)))
        assert read(stage, library, visitor.decides(page)).text("saml:AuthnContextClassRef") == f"{SE}loa3"


def read(stage: Stage, library: SamlParty, page: Answer) -> Heard:
    return library.read(page, stage.application.keys.saml.at(0).certificate)
