"""A city's citizens sign in by nodes that write as deployed software does, over real sockets."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.idp.staging import Lines, opened
from tests.idp.web.visitor import Answer
from tests.real.eu_node import RESPONDER_STATUS, Said
from tests.real.stages import Citizen, RealCity

HERE = Path(__file__).parent
CANARIES = ("Canaria", "Canarystreet", "canary-es", "Kanari", "4B75CA4A5C", "1887-")
SCOPE = "openid purpose:resident-parking profile"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCity]:
    with opened(RealCity(tmp_path_factory.mktemp("real") / "stage")) as stage:
        yield stage


@pytest.fixture
def citizen(city: RealCity) -> Iterator[Citizen]:
    city.spain.said, city.germany.not_before, city.germany.cancelled, city.germany.edit = Said(), 0, False, str
    with Citizen(city) as made:
        yield made


@pytest.fixture
def logs() -> Iterator[Lines]:
    with capture_logs() as lines:
        yield lines


def _released(citizen: Citizen, page: Answer) -> dict[str, object]:
    assert page.status == 200, page.text
    assert not any(value in page.text for value in CANARIES)
    tokens = citizen.redeem(citizen.decides(page).back["code"]).json
    return dict(citizen.userinfo(str(tokens["access_token"])).json)


def _deviations(logs: Lines) -> list[object]:
    return [line["deviations"] for line in logs if line["event"] == "login" and "deviations" in line]


@pytest.mark.parametrize(("provider", "used"), [("es", ["empty_authn_context_decl"]), ("de", ["confirmation_not_before"])])
def test_a_login_by_a_real_node_goes_from_the_service_to_the_service(
    citizen: Citizen, logs: Lines, provider: str, used: list[str]
) -> None:
    claims = _released(citizen, citizen.arrives(citizen.at_country(provider, scope=SCOPE)))
    assert (claims["age_over_18"], claims["resident_of"]) == (True, {"Storkhaven": True})
    assert _deviations(logs) == [used]
    assert not any(value in str(line) for line in logs for value in CANARIES)


def test_what_the_eu_node_writes_beside_what_is_needed_passes(citizen: Citizen, city: RealCity) -> None:
    city.spain.said = Said(one_time_use=True, address="2001:db8::1")
    assert citizen.arrives(citizen.at_country("es")).status == 200
    city.spain.said = Said(address="", declaration="")
    assert citizen.arrives(citizen.at_country("es")).status == 200


@pytest.mark.parametrize(
    "declaration",
    [
        "<saml2:AuthnContextDecl>x</saml2:AuthnContextDecl>",
        "<saml2:AuthnContextDecl><saml2:Issuer/></saml2:AuthnContextDecl>",
    ],
)
def test_a_declaration_that_says_anything_is_refused(
    citizen: Citizen, city: RealCity, logs: Lines, declaration: str
) -> None:
    city.spain.said = Said(declaration=declaration)
    assert citizen.arrives(citizen.at_country("es")).status == 403
    assert [line["check"] for line in logs if line["event"] == "refused"] == ["unknown_element"]


@pytest.mark.parametrize(("not_before", "status"), [(50, 200), (75, 403)])
def test_a_confirmation_may_have_begun_and_may_not_be_to_come(
    citizen: Citizen, city: RealCity, not_before: int, status: int
) -> None:
    city.germany.not_before = not_before
    assert citizen.arrives(citizen.at_country("de")).status == status


@pytest.mark.parametrize("provider", ["es", "de"])
def test_a_failure_of_a_real_node_ends_on_a_page_with_a_way_back(
    citizen: Citizen, city: RealCity, logs: Lines, provider: str
) -> None:
    """Without an assertion, with nested codes and a message that is shown to nobody."""
    city.spain.said, city.germany.cancelled = Said(failure=RESPONDER_STATUS), True
    page = citizen.arrives(citizen.at_country(provider))
    assert page.status == 403
    assert "Authentication" not in page.text.replace("authentication", "")
    assert page.back["error"] == "access_denied"
    assert [line["check"] for line in logs if line["event"] == "refused"] == ["status"]


def test_metadata_of_both_is_told_with_what_it_deviates_by(city: RealCity) -> None:
    now = city.clock()
    spain, germany = (
        city.application.peers.current(entity, now)  # type: ignore[arg-type] # entity ids are texts
        for entity in (city.spain.service, city.germany.service)
    )
    assert (spain.version, spain.facts.deviations) == ("1.4", ())
    assert (germany.version, germany.facts.versions) == ("1.4", frozenset({"1.4.1"}))
    assert germany.facts.deviations == ("attribute_without_name_format", "patch_protocol_version")
    assert len(germany.facts.attributes) == 8
    assert 29 < (germany.facts.valid_until - now) / 86_400 < 31


def test_a_real_node_imports_nothing_of_the_product() -> None:
    names = ("wire", "site", "their_view", "eu_node", "middleware", "../listening")
    tree = ast.parse("\n".join((HERE / f"{name}.py").read_text(encoding="utf-8") for name in names))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    ours = {one for one in imported if one.split(".")[0] in {"policies", "connectors", "idp", "tests"}}
    assert ours <= {"tests.real", "tests.real.wire", "tests.real.site", "tests.real.their_view", "tests.listening"}
