"""One registration for all identity providers of a federation: what it says of each, and what it may not say."""

from dataclasses import fields

import pytest

from policies.assurance import LevelOfAssurance
from policies.federations import FederationId, family_of, member_id, member_of
from policies.load import load
from policies.load.roles import problems_of_role
from policies.parties import EntityId, ProviderId
from tests.policies.load.files import PROVIDER, files, problems_of

FILE, FAMILY = "providers/demo-ee.toml", ProviderId("demo-ee")
FEDERATION = """\
id = "research"
url = "https://mds.federation.example/all.xml"
signers = "metadata/node.pem"
"""
ALL = PROVIDER.replace(
    'entity_id = "https://idp.example/metadata"\nmetadata = "metadata/demo-ee.xml"\n',
    'federation = "research"\nmembers = "all"\n',
)
ONE, OTHER = EntityId("https://idp.one.example/saml"), EntityId("https://idp.other.example/saml")


def configured(provider: str = ALL, federation: str = FEDERATION, **more: str) -> dict[str, bytes]:
    return files(**{FILE: provider, "federations/research.toml": federation, **more})


def test_a_member_is_its_family_under_a_name_and_a_namespace_that_no_other_has() -> None:
    found = load(configured())
    family = found.providers[FAMILY]
    assert (family.members, family.entity_id, found.federations[FederationId("research")].listed) == (True, "", True)
    one, other = (member_of(family, entity_id, {"en": "One"}) for entity_id in (ONE, OTHER))
    assert one.provider_id == member_id(FAMILY, ONE) != other.provider_id
    assert family_of(one.provider_id) == family_of(FAMILY) == FAMILY == one.family
    assert len({one.namespace, other.namespace, family.namespace}) == 3
    assert one.assurance == {"urn:x:card": LevelOfAssurance.HIGH, LevelOfAssurance.SUBSTANTIAL.uri: LevelOfAssurance.LOW}
    own = {"provider_id", "title", "namespace", "entity_id", "members", "family"}
    rest = [each.name for each in fields(family) if each.name not in own]
    assert [getattr(one, name) for name in rest] == [getattr(family, name) for name in rest]


def test_no_file_can_name_a_member_or_its_namespace() -> None:
    member = member_id(FAMILY, ONE)
    for old, new in (('"demo-ee"', f'"{member}"'), ('"demo/EE"', f'"{member}"')):
        (found,) = problems_of(files(**{FILE: PROVIDER.replace(old, new, 1)}))
        assert found.key in ("id", "namespace")


OF_ONE = [
    'entity_id = "https://idp.example/metadata"',
    'metadata = "metadata/demo-ee.xml"',
    "notified = true",
    'deviations = ["aes_cbc"]',
    'scopes = ["uni.example"]',
    'authorities = ["https://home.example/idp"]',
    "proxies = 1",
    'landings = { portal = "https://portal.example/login" }',
]


@pytest.mark.parametrize("line", OF_ONE)
def test_nothing_of_it_is_about_one_member(line: str) -> None:
    found = problems_of(configured(ALL.replace('binding = "post"', f'binding = "post"\n{line}')))
    assert (FILE, line.partition(" ")[0]) in [(one.file, one.key) for one in found]


@pytest.mark.parametrize(
    ("provider", "federation", "key", "fix"),
    [
        (ALL.replace('"all"', '"some"'), FEDERATION, "members", '"all"'),
        (ALL.replace('federation = "research"\n', ""), FEDERATION, "members", "federations/"),
        (ALL, FEDERATION.replace("url", "mdq"), "members", "aggregate"),
        (
            ALL.replace("federation =", 'discovery = "http://ds.example/"\nfederation ='),
            FEDERATION,
            "discovery",
            "https://",
        ),
        (ALL.partition("[assurance]")[0], FEDERATION, "assurance", "[assurance]"),
        (ALL, FEDERATION + 'roles = ["sp"]\n', "federation", 'roles = ["idp", "sp"]'),
    ],
)
def test_it_names_an_aggregate_and_each_level_that_is_believed(provider: str, federation: str, key: str, fix: str) -> None:
    found = next(one for one in problems_of(configured(provider, federation)) if one.key == key)
    assert found.file == FILE
    assert fix in found.fix


def test_a_federation_has_one_such_registration() -> None:
    twice = ALL.replace('"demo-ee"', '"twice"').replace("demo/EE", "demo/twice")
    (found,) = problems_of(configured(**{"providers/twice.toml": twice}))
    assert (found.file, found.key) == ("providers/twice.toml", "members")


def test_a_node_has_none() -> None:
    kept = {
        name: octets for name, octets in configured().items() if name in (FILE, "metadata/node.pem") or "federa" in name
    }
    found = problems_of_role(load(kept), "node", "EE", organization=True)
    assert "members" in [one.key for one in found]
