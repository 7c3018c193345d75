import pytest

from policies.assurance import LevelOfAssurance, highest_named, level_named


@pytest.mark.spec("eIDAS Message Format 1.2 §3")
@pytest.mark.parametrize("level", LevelOfAssurance)
def test_a_level_is_known_by_its_uri_and_by_its_label(level: LevelOfAssurance) -> None:
    assert level_named(level.uri) is level
    assert level_named(level.label) is level
    assert level.uri == f"http://eidas.europa.eu/LoA/{level.label}"


def test_levels_stand_in_their_order() -> None:
    assert LevelOfAssurance.LOW < LevelOfAssurance.SUBSTANTIAL < LevelOfAssurance.HIGH


@pytest.mark.parametrize(
    "name",
    ["", "HIGH", "http://eidas.europa.eu/LoA/High", "http://eidas.europa.eu/LoA/high/"],
)
def test_a_name_that_we_do_not_know_is_no_level(name: str) -> None:
    assert level_named(name) is None


@pytest.mark.spec("OpenID Connect Core §5.5.1.1")
@pytest.mark.parametrize(
    ("names", "reached", "said"),
    [
        (("low", LevelOfAssurance.SUBSTANTIAL.uri), LevelOfAssurance.HIGH, LevelOfAssurance.SUBSTANTIAL.uri),
        (("high", "low"), LevelOfAssurance.SUBSTANTIAL, "low"),
        (("high",), LevelOfAssurance.SUBSTANTIAL, ""),
        ((), LevelOfAssurance.HIGH, ""),
    ],
)
def test_of_the_levels_that_were_named_the_highest_that_was_reached_is_said(
    names: tuple[str, ...], reached: LevelOfAssurance, said: str
) -> None:
    assert highest_named(names, reached) == said
