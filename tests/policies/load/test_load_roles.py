"""Rules of a configuration for a city, and for a node."""

import pytest

from policies.errors import Problem
from policies.load import load
from policies.load.roles import problems_of_role
from tests.policies.load.files import FILES, files

PROVIDER = "providers/demo-ee.toml"
WHOLE_SET = """
[attributes]
"urn:oid:2.5.4.4" = "family_name"
"urn:oid:2.5.4.42" = "given_name"
"urn:x:born" = "birthdate"
"""
NATIONAL = FILES[PROVIDER].split("[attributes]")[0] + WHOLE_SET
ABROAD = ("nodes/nl.toml", "metadata/node.pem")


def only(*names: str, **changed: str) -> dict[str, bytes]:
    """A configuration of these files alone."""
    return {name: content for name, content in files(**changed).items() if name in names}


NODE = only(PROVIDER, "metadata/demo-ee.xml", *ABROAD, **{PROVIDER: NATIONAL})
CITY = {name: content for name, content in files().items() if name != "nodes/nl.toml"}


def problems(configuration: dict[str, bytes], role: str, country: str, *, organization: bool = True) -> list[Problem]:
    found = problems_of_role(load(configuration), role, country, organization=organization)
    assert all(one.what and one.fix for one in found)
    return list(found)


def test_a_city_that_asks_a_country_and_a_node_that_answers_two_are_fine() -> None:
    assert problems(CITY, "city", "NL") == []
    assert problems(NODE, "node", "EE") == []


def test_a_city_has_no_nodes_that_ask() -> None:
    (found,) = problems(files(), "city", "NL")
    assert (found.file, found.line, found.key) == ("nodes/nl.toml", 1, "id")
    assert 'role = "node" in ciconia.toml' in found.fix


@pytest.mark.parametrize(("kinds", "told"), [('"legal", "for_legal"', ["persons"]), ('"natural", "for_legal"', [])])
def test_a_provider_vouches_for_companies_or_for_their_representatives(kinds: str, told: list[str]) -> None:
    provider = {PROVIDER: f"persons = [{kinds}]\n{FILES[PROVIDER]}"}
    for role, country, names in (("city", "NL", CITY), ("node", "EE", NODE)):
        configuration = {name: content for name, content in files(**provider).items() if name in names}
        assert [one.key for one in problems(configuration, role, country) if one.key == "persons"] == told


def test_a_city_that_asks_a_countrys_node_says_which_country_it_is_and_who_runs_it() -> None:
    found = problems(CITY, "city", "", organization=False)
    assert [(one.file, one.key) for one in found] == [("ciconia.toml", "country"), ("ciconia.toml", "organization")]
    assert "two capital letters" in found[0].fix
    assert "[organization]" in found[1].fix


def test_a_node_serves_no_relying_parties_and_has_no_purposes() -> None:
    served = NODE | {k: v for k, v in files().items() if k.startswith(("parties/", "purposes/", "catalogue"))}
    found = problems(served, "node", "EE")
    assert sorted(one.file for one in found) == ["parties/fares.toml", "parties/parking.toml", "purposes/parking.toml"]
    assert all('role = "city" in ciconia.toml' in one.fix for one in found)


def test_a_node_asks_no_other_node() -> None:
    asks = NODE | only("providers/lv.toml", "metadata/node.pem")
    (found,) = problems(asks, "node", "EE")
    assert (found.file, found.line, found.key) == ("providers/lv.toml", 1, "protocol")


def test_a_node_says_its_country_and_who_runs_it() -> None:
    found = problems(NODE, "node", "", organization=False)
    assert [(one.file, one.key) for one in found] == [("ciconia.toml", "country"), ("ciconia.toml", "organization")]


def test_a_provider_of_another_country_is_a_problem_of_a_node() -> None:
    (found,) = problems(NODE, "node", "LV")
    assert (found.file, found.key) == (PROVIDER, "country")
    assert found.what == "is EE, and this node answers for LV."


@pytest.mark.spec("eidas.md §5 minimum data set")
@pytest.mark.parametrize("name", ["family_name", "given_name", "birthdate"])
def test_a_provider_that_has_no_name_for_one_of_the_minimum_data_set_is_a_problem(name: str) -> None:
    text = "".join(line for line in NATIONAL.splitlines(keepends=True) if not line.endswith(f'= "{name}"\n'))
    (found,) = problems(NODE | {PROVIDER: text.encode()}, "node", "EE")
    assert (found.file, found.line, found.key) == (PROVIDER, 1, "attributes")
    assert name in found.what
    assert f'= "{name}"' in found.fix
    # a city asks for what its purposes need, and no more
    assert problems(only(PROVIDER, "metadata/demo-ee.xml", **{PROVIDER: text}), "city", "EE") == []


@pytest.mark.spec("eidas.md §5 minimum data set")
def test_an_identifier_for_other_countries_needs_a_named_attribute_and_no_nameid() -> None:
    text = NATIONAL.replace('subject = "urn:oid:1.3.6.1.4.1.25178.1.2.15"\n', "")
    (found,) = problems(NODE | {PROVIDER: text.encode()}, "node", "EE")
    assert (found.file, found.line, found.key) == (PROVIDER, 1, "subject")
    assert problems(only(PROVIDER, "metadata/demo-ee.xml", **{PROVIDER: text}), "city", "EE") == []


def test_a_node_leads_to_no_service_and_knows_none_by_its_categories() -> None:
    more = 'only_for = ["https://refeds.org/sirtfi"]\nlandings = { a = "https://portal.example/login" }\n'
    spoiled = {**NODE, PROVIDER: more.encode() + NODE[PROVIDER]}
    assert [one.key for one in problems(spoiled, "node", "EE")] == ["landings", "only_for"]
    assert problems(NODE, "node", "EE") == []
