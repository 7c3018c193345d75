"""Somebody acts for a company, over real sockets: what the page says, what the service gets, and who is turned away."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from connectors.formats.eidas.registry import LEGAL_MINIMUM, LEGAL_PERSON, MINIMUM, REPRESENTATIVE_NATURAL_PERSON
from connectors.formats.eidas.values import EidasValue
from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import verify
from idp.audit.verify import verify_ledger
from tests.connectors.eidas.made import natural
from tests.idp.staging import Lines
from tests.idp.web import finland
from tests.idp.web.finland import Traveller
from tests.idp.web.visitor import DIRECT, Answer, login_of

COMPANY = {
    f"{LEGAL_PERSON}/LegalPersonIdentifier": (EidasValue("FI/NL/canary-hrb"),),
    f"{LEGAL_PERSON}/LegalName": (EidasValue("Canary Works Oy"),),
}
# A person of this module alone: their page lists what these tests released
CITIZEN = {**finland.CITIZEN, "PersonIdentifier": (EidasValue("FI/NL/canary-0002"),)}
ACTING = {f"{REPRESENTATIVE_NATURAL_PERSON}/{name}": said for name, said in CITIZEN.items()}
BOTH = 'persons = ["natural", "for_legal"]\n'
NEED = '\n[attributes.legal_name]\nform = "exact"\nrequired = true\nwhy.en = "The permit is the company\'s."\n'
PROVIDER = ("providers/fi.toml", ('country = "FI"\n', f'country = "FI"\n{BOTH}'))
PURPOSE = (
    "purposes/resident-parking.toml",
    ('basis = "public_task"\n', f'basis = "public_task"\n{BOTH}', "\n[attributes.email]", f"{NEED}\n[attributes.email]"),
)
SERVICE = (
    "parties/parking.toml",
    ('sphere = "eu"\n', f'sphere = "eu"\n{BOTH}', "[attributes]\n", '[attributes]\nlegal_name = "exact"\n'),
)


def _says(traveller: Traveller, person: dict[str, tuple[EidasValue, ...]], **changes: str | None) -> Answer:
    request, relay_state = traveller.question_to_finland(**changes)
    return traveller.arrives(traveller.finland_says(request, relay_state, person=person))


def _claims(traveller: Traveller, answer: Answer) -> tuple[Mapping[str, object], Mapping[str, object]]:
    tokens = traveller.redeem(answer.back["code"]).json
    keys = keys_from_jwks(traveller.go("GET", "/jwks", headers=DIRECT).text, "ES256")
    id_token = verify(str(tokens["id_token"]), keys, alg="ES256", types={"JWT"}).members
    return id_token, traveller.userinfo(str(tokens["access_token"])).json


@pytest.mark.spec("eidas.md §3 complete minimum data set")
@pytest.mark.spec("eidas.md §5 representatives")
@pytest.mark.spec("decisions.md 28")
def test_whoever_acts_for_a_company_reads_so_and_the_service_can_tell(traveller: Traveller, tmp_path: Path) -> None:
    stage = traveller.crossing
    with stage.other_broker(tmp_path / "acting", dict((PROVIDER, PURPOSE, SERVICE))) as port:
        traveller.port = port
        request, relay_state = traveller.question_to_finland()
        assert {*MINIMUM, *LEGAL_MINIMUM} <= {one.name for one in request.attributes}
        page = traveller.arrives(traveller.finland_says(request, relay_state, person={**COMPANY, **ACTING}))
        assert page.found("string(//p[@id='acting'])") == ["You act for Canary Works Oy."], page.text
        last = traveller.presses(page)
        assert "You act for Canary Works Oy." in last.text
        id_token, claims = _claims(traveller, traveller.goes_on(last))
        assert id_token["person_kind"] == "for_legal"
        assert {name: value for name, value in claims.items() if name != "sub"} == {
            "person_kind": "for_legal",
            "legal_name": "Canary Works Oy",
            "age_over_18": True,
            "resident_of": {"Storkhaven": True},
        }
        receipt = json.loads(traveller.go("GET", "/receipt.json").text)
        assert set(receipt["openings"]["subject"]["content"]) == {"record", "subject", "represented"}
        assert receipt["openings"]["decision"]["content"]["person"] == "for_legal"

        # The same person for themself: nothing of the company, another `sub`, and nothing is lacking
        alone = _says(traveller, CITIZEN)
        assert not alone.found("//p[@id='acting']")
        _, own = _claims(traveller, traveller.decides(alone))
        assert own["sub"] != claims["sub"]
        assert own.keys().isdisjoint({"legal_name", "person_kind"})

        # Both are theirs to find
        picker = traveller.go("POST", "/me/sign-in")
        request, relay_state = traveller.read(traveller.asks(login_of(picker), "fi").onward)
        traveller.arrives(traveller.finland_says(request, relay_state, person=CITIZEN))
        mine = traveller.go("GET", "/me")
        assert (len(mine.found("//article")), mine.text.count("You acted for another person")) == (2, 1), mine.text
    keys_, store = stage.application.keys, stage.application.store
    assert verify_ledger(store.engine, tenant=stage.application.settings.tenant, keys=keys_.ledger).findings == ()


@pytest.mark.spec("decisions.md 28")
@pytest.mark.parametrize(
    ("edits", "person", "told", "check"),
    [
        ((), {**COMPANY, **ACTING}, "assertion_rejected", "representation"),
        ((PROVIDER, PURPOSE), {**COMPANY, **ACTING}, "person_not_taken", "representation"),
        ((PROVIDER, SERVICE), {**COMPANY, **ACTING}, "person_not_taken", "representation"),
        ((PROVIDER, PURPOSE, SERVICE), COMPANY, "assertion_rejected", "representation"),
        ((PROVIDER, PURPOSE, SERVICE), {**COMPANY, **CITIZEN}, "assertion_rejected", "persons"),
    ],
    ids=["nobody registered it", "not the service", "not the purpose", "a company by itself", "a person and a company"],
)
def test_whom_nobody_registered_is_turned_away(
    traveller: Traveller,
    tmp_path: Path,
    logs: Lines,
    edits: tuple[tuple[str, tuple[str, ...]], ...],
    person: dict[str, tuple[EidasValue, ...]],
    told: str,
    check: str,
) -> None:
    person = {name if ":" in name else natural(name): said for name, said in person.items()}
    with traveller.crossing.other_broker(tmp_path / "acting", dict(edits)) as port:
        traveller.port = port
        page = _says(traveller, person)
    assert page.status == 403, page.text
    assert page.back["error"] == "access_denied"
    assert "anary" not in page.text
    line = next(one for one in logs if one.get("reference") == page.reference)
    assert (line["code"], line["check"]) == (told, check)
