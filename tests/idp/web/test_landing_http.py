"""An answer that nobody asked for leads to a service's own sign-in, and signs nobody in."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.connectors import forge
from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

REGISTRATION = f"""\
id = "uni"
country = "EE"
namespace = "test/uni"
entity_id = "{forge.IDP}"
metadata = "metadata/uni.xml"

[title]
en = "Provider with a portal"

[attributes]
"urn:oid:1.3.6.1.4.1.25178.1.2.3" = "birthdate"

[landings]
parking = "https://parking.city.example/login"
"""


@pytest.fixture
def citizen(visitor: Visitor, stage: Stage, idp: forge.SigningParty, tmp_path: Path) -> Iterator[Visitor]:
    added = {"providers/uni.toml": REGISTRATION, "metadata/uni.xml": forge.metadata(idp).decode()}
    with stage.other_broker(tmp_path / "b", {}, added) as visitor.port:
        yield visitor


def unasked(stage: Stage, idp: forge.SigningParty, which: str = "both", **changes: object) -> bytes:
    reply = replace(
        forge.reply_of(stage.clock(), None, f"{stage.issuer}/saml/landing/uni", f"{stage.issuer}/saml/metadata"),
        response_id="_r" + str(changes.pop("number", 1)),
        assertion_id="_a" + str(changes.pop("of", 1)),
    )
    return forge.signed_reply(replace(reply, **changes), idp, which)  # type: ignore[arg-type]  # a test changes a field


def lands(citizen: Visitor, message: bytes, relay_state: str = "parking", path: str = "/saml/landing/uni") -> Answer:
    fields = {"SAMLResponse": base64.b64encode(message).decode(), "RelayState": relay_state}
    return citizen.comes_back(path, "https://idp.example", fields)


@pytest.mark.spec("saml.md §2 5")
def test_it_leads_to_the_service_whose_login_asks_that_provider_without_a_list(
    citizen: Visitor, stage: Stage, idp: forge.SigningParty
) -> None:
    records = stage.records
    landed = lands(citizen, unasked(stage, idp, number=10, of=10))
    assert (landed.status, landed.headers["location"]) == (303, "https://parking.city.example/login")
    assert set(landed.cookies) == {"__Host-landed"}
    begun = citizen.authorize()
    assert begun.status == 303, "no list, and a question of this login's own"
    assert begun.headers["location"].startswith(forge.SSO)
    assert "SAMLRequest=" in begun.headers["location"]
    assert citizen.authorize().status == 200, "the next login has its list again"
    assert stage.records == records, "nobody was signed in"


@pytest.mark.spec("saml.md §2 13")
def test_it_comes_once_and_another_of_its_ids_too(
    citizen: Visitor, stage: Stage, idp: forge.SigningParty, logs: Lines
) -> None:
    assert lands(citizen, unasked(stage, idp, number=20, of=20)).status == 303
    for number, of in ((20, 20), (20, 21), (21, 20)):
        again = lands(citizen, unasked(stage, idp, number=number, of=of))
        assert (again.status, logs[-1]["code"]) == (409, "replayed")
        assert "location" not in again.headers


def test_it_comes_once_on_all_machines(
    citizen: Visitor, stage: Stage, idp: forge.SigningParty, tmp_path: Path, logs: Lines
) -> None:
    message = unasked(stage, idp, number=50, of=50)
    assert lands(citizen, message).status == 303
    added = {"providers/uni.toml": REGISTRATION, "metadata/uni.xml": forge.metadata(idp).decode()}
    with stage.other_broker(tmp_path / "c", {}, added) as citizen.port:
        assert (lands(citizen, message).status, logs[-1]["code"]) == (409, "replayed")


@pytest.mark.spec("saml.md §2 5")
@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"in_response_to": forge.REQUEST}, "in_response_to"),
        ({"confirmed_request": forge.REQUEST}, "subject_confirmation_in_response_to"),
        ({"recipient": "https://other.example"}, "recipient"),
        ({"audiences": ""}, "audience"),
        ({"status": forge.FAILED, "assertions": False}, "status"),
        ({"which": "neither"}, "signature_missing"),
    ],
)
def test_it_is_judged_in_all_else(
    citizen: Visitor, stage: Stage, idp: forge.SigningParty, logs: Lines, changes: dict[str, object], check: str
) -> None:
    which = str(changes.get("which", "both" if changes.get("assertions", True) else "response"))
    more = {name: value for name, value in changes.items() if name != "which"}
    refused = lands(citizen, unasked(stage, idp, which, number=30, of=30, **more))
    assert (refused.status, logs[-1]["check"]) == (403, check)
    assert "__Host-landed" not in refused.cookies


@pytest.mark.spec("saml.md §2 5")
def test_only_where_a_registration_says_so_and_only_to_an_address_of_our_file(
    citizen: Visitor, stage: Stage, idp: forge.SigningParty, logs: Lines
) -> None:
    message = unasked(stage, idp, number=40, of=40)
    assert lands(citizen, message, "https://evil.example").status == 400
    assert lands(citizen, message, "").status == 400
    assert lands(citizen, message, path="/saml/landing/demo-ee").status == 404
    assert lands(citizen, message, path="/saml/landing/nobody").status == 404
    # At the address of logins no byte of it is read: this browser asked nobody
    ordinary = lands(citizen, message, path="/saml/acs")
    assert (ordinary.status, logs[-1]["check"]) == (409, "login_cookie")
    login = citizen.login()
    citizen.asks(login, "uni")
    assert lands(citizen, message, login, path="/saml/acs").status == 403
    assert logs[-1]["check"] == "destination"
    assert lands(citizen, message).status == 303, "it was never used"


def test_our_metadata_names_the_address_for_the_provider(citizen: Visitor, stage: Stage) -> None:
    metadata = citizen.go("GET", "/saml/metadata").text
    assert f'Location="{stage.issuer}/saml/landing/uni" index="2"' in metadata
