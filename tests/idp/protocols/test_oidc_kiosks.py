"""The tokens of a kiosk hold as long as its registration and its purpose say so."""

from dataclasses import replace

import pytest

from policies.parties import ClientId
from policies.registrations.openid_client import DEVICE_CODE, OpenIDClient
from tests.idp.protocols.doubles import NOW, PARKING, City, grant, party

KIOSK = party(openid=OpenIDClient(grant_types=(DEVICE_CODE,), place={"en": "Town hall"}), redirect_uris=())


@pytest.mark.spec("decisions.md 10", "security.md §2.2")
def test_a_kiosk_loses_what_it_fetched_with_its_registration_or_its_purposes_mark() -> None:
    city, fetched = City(KIOSK), grant(redirect_uri="")
    over = city.provider.access.over
    assert over(fetched, NOW) != "", "its purpose is not for kiosks"
    city.purposes[PARKING] = replace(city.purposes[PARKING], cross_device=True)
    assert over(fetched, NOW) == ""
    city.parties[ClientId("parking")] = party()
    assert over(fetched, NOW) != "", "it is no kiosk any more"
