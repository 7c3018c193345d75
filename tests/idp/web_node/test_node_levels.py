"""Which levels may answer a request: notified or not, asked for, reached, published, and never rounded up."""

from dataclasses import replace
from itertools import combinations

import pytest

from idp.protocols.eidas.levels import answered_level, levels_for, published_levels
from idp.protocols.eidas.proxy_service import NAME
from policies.assurance import LevelOfAssurance as Level
from policies.authentication import Origin, Requester, ServiceRequest
from policies.parties import EntityId, IdentityProvider, ProviderId, PurposeId, ServiceId, Source, SubjectNamespace
from tests.idp.web_node.peer import LOA, OTHER_LOA

REQUEST = ServiceRequest(
    origin=Origin(NAME, ServiceId("nl"), "https://nl.example/eidas/metadata", "_1", '{"relay_state":""}'),
    purpose_id=PurposeId(""),
    asked=(),
    unknown=(),
    minimum_assurance=Level.LOW,
    requester=Requester("", "public"),
)


def provider(*levels: Level, notified: bool = True) -> IdentityProvider:
    return IdentityProvider(
        provider_id=ProviderId("national"),
        title={"en": "National"},
        country="EE",
        namespace=SubjectNamespace("national/EE"),
        entity_id=EntityId("https://idp.example"),
        metadata=b"",
        attributes={},
        subject_attribute="s",
        assurance={level.label: level for level in levels},
        source=Source("providers/national.toml", 1),
        notified=notified,
    )


def exact(*contexts: str) -> ServiceRequest:
    return replace(REQUEST, contexts=contexts)


@pytest.mark.parametrize(
    ("lowest", "found"),
    [
        ("low", (Level.LOW, Level.SUBSTANTIAL, Level.HIGH)),
        ("substantial", (Level.SUBSTANTIAL, Level.HIGH)),
        ("high", (Level.HIGH,)),
    ],
)
@pytest.mark.spec("eidas.md §3 minimum is one notified level")
def test_a_minimum_takes_all_notified_levels_from_it_up(lowest: str, found: tuple[Level, ...]) -> None:
    request = replace(REQUEST, minimum_assurance=Level[lowest.upper()])
    assert tuple(sorted(levels_for(request, provider(*Level)))) == found
    assert set(levels_for(request, provider(*Level)).values()) == {f"{LOA}{level.label}" for level in found}


def test_a_scheme_that_is_not_notified_never_answers_a_minimum() -> None:
    for lowest in Level:
        request = replace(REQUEST, contexts=(f"{LOA}{lowest.label}",))
        assert levels_for(request, provider(*Level, notified=False)) == {}


def test_only_what_the_table_reaches_answers() -> None:
    assert levels_for(replace(REQUEST, contexts=(f"{LOA}high",)), provider(Level.LOW, Level.SUBSTANTIAL)) == {}
    assert levels_for(REQUEST, provider(Level.LOW)) == {Level.LOW: f"{LOA}low"}


@pytest.mark.spec("eidas.md §3 exact needs a non-notified level")
def test_exact_takes_what_is_listed_and_nothing_else() -> None:
    request = exact(f"{OTHER_LOA}low", f"{LOA}substantial", f"{LOA}high", "urn:another:level")
    assert levels_for(request, provider(*Level)) == {Level.SUBSTANTIAL: f"{LOA}substantial", Level.HIGH: f"{LOA}high"}
    assert levels_for(request, provider(*Level, notified=False)) == {Level.LOW: f"{OTHER_LOA}low"}
    assert levels_for(exact("urn:another:level"), provider(*Level, notified=False)) == {}


def test_an_answer_is_never_above_what_was_reached_nor_outside_of_what_was_asked() -> None:
    for size in range(4):
        for listed in combinations(Level, size):
            levels = levels_for(exact(*(f"{OTHER_LOA}{level.label}" for level in listed)), provider(*Level, notified=False))
            for reached in Level:
                said = answered_level(levels, reached)
                below = [level for level in listed if level <= reached]
                assert said == (f"{OTHER_LOA}{max(below).label}" if below else None)


@pytest.mark.spec("eidas.md §6 assurance-certification")
def test_the_highest_notified_level_is_published_and_every_other_that_is_reached() -> None:
    bank = provider(Level.LOW, Level.SUBSTANTIAL, notified=False)
    assert published_levels([provider(Level.LOW, Level.HIGH), provider(Level.SUBSTANTIAL), bank]) == (
        f"{LOA}high",
        f"{OTHER_LOA}low",
        f"{OTHER_LOA}substantial",
    )
    assert published_levels([bank]) == (f"{OTHER_LOA}low", f"{OTHER_LOA}substantial")
    assert published_levels([]) == ()
