"""A country that speaks STORK in a file: as provider, and as one that asks us."""

import pytest

from policies.assurance import LevelOfAssurance
from policies.load import load
from policies.parties import EntityId, NodeId, ProviderId, StorkPeer
from tests.policies.load.files import files, problems_of
from tests.policies.load.test_load_peers import CERTIFICATE, DER

KH, SE = "providers/kh.toml", "nodes/se.toml"
COUNTRY = f"""id = "kh"
protocol = "stork"
country = "KH"
namespace = "stork/KH"
entity_id = "https://peps.kh.example"
url = "https://peps.kh.example/PEPS/ColleagueRequest"
certificates = "{CERTIFICATE}"
middleware = true
sp_id = "STORKHAVEN"
is_age_over = true
deviations = ["sha1_signature"]
title = {{ en = "Khotar" }}
[assurance]
3 = "low"
"""
ASKS = f"""id = "se"
protocol = "stork"
country = "SE"
entity_id = "https://peps.se.example"
url = "https://peps.se.example/PEPS/ColleagueResponse"
certificates = "{CERTIFICATE}"
encryption_certificate = "{CERTIFICATE}"
title = {{ en = "Sweden" }}
"""


def test_a_country_that_speaks_stork_has_its_keys_and_address_in_its_registration() -> None:
    configuration = load(files(**{KH: COUNTRY, SE: ASKS}))
    provider = configuration.providers[ProviderId("kh")]
    assert (provider.protocol, provider.binding, provider.pinned) == ("stork", "post", True)
    assert provider.assurance == {"3": LevelOfAssurance.LOW}
    peer = provider.peer
    assert isinstance(peer, StorkPeer)
    assert (peer.entity_id, peer.country, peer.certificates) == (EntityId("https://peps.kh.example"), "KH", (DER,))
    assert (peer.middleware, peer.sp_id, peer.deviations) == (True, "STORKHAVEN", frozenset({"sha1_signature"}))
    assert peer.is_age_over
    asking = configuration.nodes[NodeId("se")].peer
    assert isinstance(asking, StorkPeer)
    assert (asking.url, asking.encryption_certificate) == ("https://peps.se.example/PEPS/ColleagueResponse", DER)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('3 = "low"', '3 = "high"', "assurance.3"),
        ('3 = "low"', '1 = "low"', "assurance.1"),
        ('sp_id = "STORKHAVEN"', "", "sp_id"),
        ('"STORKHAVEN"', '"a service"', "sp_id"),
        ('url = "https://peps.kh', 'url = "http://peps.kh', "url"),
        (f'certificates = "{CERTIFICATE}"', "", "certificates"),
        ('["sha1_signature"]', '["aes_cbc"]', "deviations"),
        ('protocol = "stork"', 'protocol = "eidas"', "url"),
    ],
)
def test_a_fault_is_told_by_its_key(old: str, new: str, key: str) -> None:
    assert old in COUNTRY
    assert key in {problem.key for problem in problems_of(files(**{KH: COUNTRY.replace(old, new)}))}
