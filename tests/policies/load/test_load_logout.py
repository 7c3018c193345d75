"""Sessions and logout in a configuration: groups, and addresses at which services hear of an end."""

import pytest

from policies.load import load
from policies.parties import ClientId
from policies.registrations.logout import LogoutChoices
from policies.session_groups import SessionGroup
from tests.policies.load.files import FILES, files, problems_of

PARKING, GROUPS = "parties/parking.toml", "session_groups.toml"
HEARS = """\
session_group = "city"
post_logout_redirect_uris = ["https://parking.storkhaven.example/bye"]
backchannel_logout_uri = "https://inside.storkhaven.example/out"
backchannel_logout_session_required = true
networks = ["10.1.0.0/16"]
frontchannel_logout_uri = "https://parking.storkhaven.example/out"
frontchannel_logout_session_required = true
"""
GROUP = "[city]\nlife = 7200\nidle = 600\n"


def _with(lines: str) -> str:
    return FILES[PARKING].replace("[attributes]", f"{lines}\n[attributes]")


@pytest.mark.spec("RP-Initiated Logout §3.1; Back-Channel Logout §2.2")
def test_a_service_shares_a_sign_in_with_its_group_and_hears_of_the_end() -> None:
    found = load(files(**{PARKING: _with(HEARS), GROUPS: GROUP}))
    assert found.parties[ClientId("parking")].openid.logout == LogoutChoices(
        session_group="city",
        post_logout_redirect_uris=("https://parking.storkhaven.example/bye",),
        backchannel_logout_uri="https://inside.storkhaven.example/out",
        backchannel_networks=("10.1.0.0/16",),
        frontchannel_logout_uri="https://parking.storkhaven.example/out",
    )
    group = found.session_groups["city"]
    assert group == SessionGroup("city", 7200, 600, group.source)
    assert load(files()).parties[ClientId("parking")].openid.logout == LogoutChoices()


@pytest.mark.parametrize(
    ("lines", "groups", "key", "fix"),
    [
        ('session_group = "town"', GROUP, "session_group", "city"),
        ('session_group = "city"', "", "session_group", "write its file first"),
        ('backchannel_logout_uri = "https://x.example/out"', GROUP, "backchannel_logout_uri", "name a session_group"),
        (
            'session_group = "city"\nbackchannel_logout_uri = "http://x.example/out"',
            GROUP,
            "backchannel_logout_uri",
            "https",
        ),
        ('session_group = "city"\nnetworks = ["10.0.0.0/8"]', GROUP, "networks", "leave it out"),
        ('post_logout_redirect_uris = ["https://x.example/*"]', GROUP, "post_logout_redirect_uris", "https"),
        ('post_logout_redirect_uris = ["https://x.example/?state=1"]', GROUP, "post_logout_redirect_uris", "https"),
        (
            'session_group = "city"\nfrontchannel_logout_uri = "https://x.example/"',
            GROUP,
            "frontchannel_logout_uri",
            "theirs",
        ),
        (
            'session_group = "city"\nfrontchannel_logout_uri = "https://parking.storkhaven.example/;script-src"',
            GROUP,
            "frontchannel_logout_uri",
            "leave out",
        ),
        ("", "[city]\nlife = 90000\n", "city.life", "86400"),
        ("", "[city]\nlife = 600\nidle = 700\n", "city.idle", "at most 600"),
        ("", "[city]\nlong = 600\n", "city.long", "known here"),
    ],
)
def test_what_nobody_could_keep_or_reach_is_refused(lines: str, groups: str, key: str, fix: str) -> None:
    (found,) = problems_of(files(**{PARKING: _with(lines), GROUPS: groups}))
    assert found.key == key
    assert fix in found.fix


SAML = """\
client_id = "hall"
protocol = "saml"
title.en = "Town hall"
entity_id = "https://hall.storkhaven.example/saml"
metadata = "metadata/hall.xml"
purposes = ["resident-parking"]
"""


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('session_group = "city"\nsubject = "persistent"', "subject"),
        ('session_group = "town"', "session_group"),
        ('networks = ["10.1.0.0/16"]', "networks"),
    ],
)
def test_a_service_of_saml_is_in_a_group_by_a_name_that_nothing_keeps(lines: str, key: str) -> None:
    def with_hall(more: str) -> dict[str, bytes]:
        return files(**{"parties/hall.toml": SAML + more, "metadata/hall.xml": "<a/>", GROUPS: GROUP})

    taken = 'session_group = "city"\nnetworks = ["10.1.0.0/16"]'
    assert load(with_hall(taken)).parties[ClientId("hall")].openid.logout.session_group == "city"
    assert [problem.key for problem in problems_of(with_hall(lines))] == [key]
