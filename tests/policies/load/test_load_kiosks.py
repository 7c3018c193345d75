"""Kiosks in a configuration, and which purposes they may ask for."""

import pytest

from policies.load import load
from policies.parties import ClientId, PurposeId
from policies.registrations.openid_client import DEVICE_CODE
from tests.policies.load.files import FILES, files, problem_of, problems_of

PARKING, PURPOSE = "parties/parking.toml", "purposes/parking.toml"
KIOSK = f'grant_types = ["{DEVICE_CODE}"]\nplace.en = "Town hall"\n[attributes]'
OPEN = FILES[PURPOSE].replace("minimum_assurance", "cross_device = true\nminimum_assurance", 1)


def _kiosk(text: str = KIOSK, **more: str) -> dict[str, bytes]:
    return files(**{PURPOSE: OPEN, PARKING: FILES[PARKING].replace("[attributes]", text), **more})


@pytest.mark.spec("RFC 8628 §3.1")
def test_a_kiosk_needs_no_redirect_address_and_says_where_it_stands() -> None:
    lines = [line for line in FILES[PARKING].splitlines() if not line.startswith("redirect_uris")]
    text = "\n".join(lines).replace("[attributes]", KIOSK)
    found = load(_kiosk(**{PARKING: text}))
    party = found.parties[ClientId("parking")]
    assert party.redirect_uris == ()
    assert party.openid.is_kiosk
    assert party.openid.place == {"en": "Town hall"}
    assert found.purposes[PurposeId("resident-parking")].cross_device


@pytest.mark.spec("RFC 10027")
@pytest.mark.parametrize(
    ("text", "key", "fix"),
    [
        (KIOSK.replace('place.en = "Town hall"', ""), "place", "place.en"),
        (KIOSK.replace(f'grant_types = ["{DEVICE_CODE}"]', ""), "place", "leave it out"),
        (KIOSK.replace("device_code", "ciba"), "grant_types", "device_code"),
        (f'profile = "fapi2"\n{KIOSK}', "grant_types", "by itself"),
    ],
)
def test_a_kiosk_that_citizens_could_not_know_is_refused(text: str, key: str, fix: str) -> None:
    told = [one for one in problems_of(_kiosk(text)) if one.key == key]
    assert told
    assert fix in told[0].fix


def test_a_public_client_is_no_kiosk() -> None:
    lines = [line for line in FILES[PARKING].splitlines() if not line.startswith(("client_secret", "token_endpoint"))]
    text = "\n".join(lines).replace("[attributes]", f"public = true\n{KIOSK}")
    assert [one.key for one in problems_of(_kiosk(**{PARKING: text}))] == ["grant_types"]


@pytest.mark.spec("RFC 10027")
def test_only_a_purpose_that_says_so_is_for_kiosks_and_none_at_the_highest_level() -> None:
    assert "cross_device = true" in problem_of(PARKING, "[attributes]", KIOSK).fix
    high = OPEN.replace('minimum_assurance = "substantial"', 'minimum_assurance = "high"')
    assert high != OPEN
    (told,) = problems_of(_kiosk(**{PURPOSE: high}))
    assert told.key == "cross_device"
