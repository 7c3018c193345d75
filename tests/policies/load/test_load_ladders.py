"""Registrations that name ladders of assurance."""

import pytest

from policies.assurance import LevelOfAssurance
from policies.load import load
from policies.parties import ClientId, ProviderId
from tests.policies.load.files import FILES, files, problems_of

PROVIDER, NODE, PARTY = "providers/demo-ee.toml", "providers/lv.toml", "parties/parking.toml"
CARD = '[card]\ntitle = "Card"\nreference = "Council 17"\nbasis = "policy"\nlevels = [{ label = "a", names = ["urn:a"] }]\n'


def named(file: str, ladders: str, before: str = "[attributes]") -> str:
    text, line = FILES[file].partition("[assurance]")[0], f"assurance = {ladders}\n"
    return text.replace(before, line + before, 1) if before in text else text + line


def test_a_provider_speaks_a_ladder_and_a_service_asks_in_ladders() -> None:
    found = load(files(**{PROVIDER: named(PROVIDER, '"se"'), PARTY: named(PARTY, '["spid", "stork"]')}))
    provider = found.providers[ProviderId("demo-ee")]
    assert provider.ladder == "se"
    assert provider.assurance == {f"http://id.elegnamnden.se/loa/1.0/loa{1 + level}": level for level in LevelOfAssurance}
    known = found.parties[ClientId("parking")].vocabulary
    assert {known["https://www.spid.gov.it/SpidL1"].key, known["4"].key} == {"spid:L1", "stork:4"}
    assert not found.parties[ClientId("fares")].vocabulary


def test_defaults_of_a_service_may_be_in_its_ladders() -> None:
    text = named(PARTY, '"stork"').replace("[attributes]", 'default_acr_values = ["3"]\n[attributes]')
    assert load(files(**{PARTY: text})).parties[ClientId("parking")].openid.answers.default_acr_values == ("3",)
    (found,) = problems_of(files(**{PARTY: text.replace('assurance = "stork"\n', "")}))
    assert "is no level that we know" in found.what


@pytest.mark.parametrize(
    ("file", "ladders", "what"),
    [
        (PROVIDER, '"spidd"', "is no ladder of assurance"),
        (PROVIDER, '"refeds-mfa"', "has no level that surely is one of eIDAS"),
        (PROVIDER, '["spid"]', "must be a table"),
        (NODE, '"franceconnect"', "is no URI"),
        (PARTY, '"spidd"', "is no ladder of assurance"),
        (PARTY, "[]", "is empty"),
    ],
)
def test_a_ladder_that_nobody_has_or_that_says_nothing_is_refused(file: str, ladders: str, what: str) -> None:
    found = problems_of(files(**{file: named(file, ladders)}))
    assert all(what in one.what and one.fix for one in found), [str(one) for one in found]


def test_a_citys_own_ladder_is_known_to_its_registrations_and_a_changed_one_is_read_again() -> None:
    party = {PARTY: named(PARTY, '"card"')}
    before = files(**{"assurance.toml": CARD, **party})
    old = load(before)
    again = load(files(**{"assurance.toml": CARD.replace("urn:a", "urn:b"), **party}), (before, old))
    assert [*again.parties[ClientId("parking")].vocabulary] == ["urn:b"]
    (found,) = problems_of(files(**{"assurance.toml": CARD.replace("[card]", "[spid]")}))
    assert found.file == "assurance.toml"
