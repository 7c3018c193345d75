"""A node that moved: citizens choose one of the two, and remain who they are."""

from dataclasses import replace

import pytest

from idp.login.eligible import one_of_each
from idp.login.role import Reach
from policies.load import load
from policies.parties import ProviderId
from tests.policies.load.files import COUNTRY_NODE, files, problems_of

OPEN, AWAY, OFF = Reach.OPEN, Reach.AWAY, Reach.OFF
MOVED = COUNTRY_NODE.replace('id = "lv"', 'id = "lv-new"\ninstead_of = "lv"').replace(
    "node.lv.example", "node-2.lv.example"
)
NEW = "providers/lv-new.toml"


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        (OPEN, OPEN, "lv-new"),
        (OPEN, AWAY, "lv"),
        (OPEN, OFF, "lv"),
        (AWAY, OPEN, "lv-new"),
        (OFF, OPEN, "lv-new"),
        (AWAY, AWAY, "lv-new"),
        (OFF, OFF, "lv-new"),
    ],
)
def test_one_of_the_two_is_offered_and_the_newer_while_it_answers(old: Reach, new: Reach, shown: str) -> None:
    providers = load(files(**{NEW: MOVED})).providers
    former, newer = providers[ProviderId("lv")], providers[ProviderId("lv-new")]
    other = replace(former, provider_id=ProviderId("et"))
    assert (former.namespace, former.country) == (newer.namespace, newer.country)
    found = one_of_each([(other, AWAY), (former, old), (newer, new)])
    assert [one.provider_id for one, _ in found] == ["et", shown]
    # Before anything of the new one is approved, it is not there
    assert [one.provider_id for one, _ in one_of_each([(former, old)])] == ["lv"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('instead_of = "lv"', 'instead_of = "lt"', "is none"),
        ('instead_of = "lv"', 'instead_of = "lv-new"', "stands by itself"),
        ('namespace = "eidas/LV"', 'namespace = "eidas/other"', "another country or namespace"),
        ('instead_of = "lv"\n', "", "stands in"),
    ],
)
def test_a_node_takes_the_place_of_one_of_its_own_scheme_alone(old: str, new: str, words: str) -> None:
    assert old in MOVED
    found = problems_of(files(**{NEW: MOVED.replace(old, new)}))
    assert any(words in str(one) for one in found), found
