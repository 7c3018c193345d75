import pytest

from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, AttributeName
from policies.catalogue import STANDARD
from policies.examples import differences
from policies.load import load, load_situation
from policies.parties import ClientId, ProviderId, PurposeId, Source
from policies.purposes import Basis
from tests.policies.load.files import FILES, JWKS, PURPOSE, files, problems_of
from tests.policies.parts import ON, form

PARKING = PurposeId("resident-parking")
WHOLE = load(files())


def test_a_purpose_is_read_with_its_lines() -> None:
    purpose = WHOLE.purposes[PARKING]
    assert (purpose.basis, purpose.minimum_assurance) == (Basis.PUBLIC_TASK, LevelOfAssurance.SUBSTANTIAL)
    assert purpose.title == {"en": "Resident parking permit", "et": "Elaniku parkimisluba"}
    assert purpose.controller.contact == "privacy@storkhaven.example"
    need = purpose.needs[AttributeName("birthdate")]
    assert (need.form, need.required, need.source) == (form("age_over(18)"), True, Source("purposes/parking.toml", 13))
    assert not purpose.needs[AttributeName("address")].required
    assert purpose.source == Source("purposes/parking.toml", 1)


def test_a_party_is_read_with_its_lines() -> None:
    party = WHOLE.parties[ClientId("parking")]
    assert party.purposes == (PARKING,)
    assert party.attributes[AttributeName("birthdate")].form == EXACT
    assert party.attributes[AttributeName("birthdate")].source == Source("parties/parking.toml", 10)
    assert (party.authentication_method, party.id_token_alg) == ("client_secret_basic", "ES256")
    assert party.secret_sha256.startswith("2bb80d53")


def test_a_party_with_a_key_is_read() -> None:
    party = WHOLE.parties[ClientId("fares")]
    assert (party.jwks, party.authentication_alg, party.id_token_alg) == (JWKS, "ES256", "RS256")
    assert party.secret_sha256 == ""
    assert party.attributes == {}


def test_a_provider_is_read() -> None:
    provider = WHOLE.providers[ProviderId("demo-ee")]
    assert provider.metadata == b"<EntityDescriptor/>"
    assert provider.attributes == {
        "urn:oid:2.5.4.4": (AttributeName("family_name"), ""),
        "urn:oid:2.5.4.7": (AttributeName("address"), "locality"),
    }
    assert provider.assurance == {
        "urn:x:card": LevelOfAssurance.HIGH,
        "http://eidas.europa.eu/LoA/substantial": LevelOfAssurance.LOW,
    }
    assert (provider.binding, provider.subject_attribute) == ("post", "urn:oid:1.3.6.1.4.1.25178.1.2.15")


def test_without_a_table_a_provider_speaks_the_eidas_levels() -> None:
    text = FILES["providers/demo-ee.toml"].split("[assurance]")[0]
    provider = load(files(**{"providers/demo-ee.toml": text})).providers[ProviderId("demo-ee")]
    assert provider.assurance == {level.uri: level for level in LevelOfAssurance}


def test_the_citys_own_attribute_is_in_the_catalogue() -> None:
    assert WHOLE.catalogue.attributes[AttributeName("library_card")].title == {"en": "Library card number"}
    assert AttributeName("library_card") not in STANDARD.attributes


def test_files_of_other_names_are_not_read() -> None:
    load({"purposes/deep/x.toml": b"=", "ciconia.toml": b"=", "purposes/x.toml~": b"=", "x/purposes/y.toml": b"="})


def test_all_problems_of_all_files_come_at_once_in_order() -> None:
    found = problems_of(
        files(
            **{
                "purposes/parking.toml": PURPOSE.replace("basis =", "bassis =").replace("age_over(18)", "age_above(18)", 1),
                "parties/parking.toml": FILES["parties/parking.toml"].replace("https://", "http://"),
                "providers/broken.toml": "id = [",
            }
        )
    )
    assert [(p.file, p.line, p.key) for p in found] == [
        ("parties/parking.toml", 4, "redirect_uris"),
        ("providers/broken.toml", 1, "file"),
        ("purposes/parking.toml", 1, "basis"),
        ("purposes/parking.toml", 4, "bassis"),
        ("purposes/parking.toml", 13, "attributes.birthdate.form"),
    ]
    assert all(p.what and p.fix for p in found)


@pytest.mark.parametrize(
    ("folder", "key"),
    [("purposes/parking", "id"), ("parties/parking", "client_id"), ("providers/demo-ee", "id"), ("nodes/nl", "id")],
)
def test_an_id_that_stands_twice_is_a_problem_of_the_second_file(folder: str, key: str) -> None:
    again = folder.split("/", maxsplit=1)[0] + "/zz.toml"
    found = problems_of(files(**{again: FILES[folder + ".toml"]}))
    assert (found[0].file, found[0].line, found[0].key) == (again, 1, key)
    assert f"{folder}.toml:1 already" in found[0].what


def test_two_providers_of_one_entity_are_a_problem() -> None:
    other = FILES["providers/demo-ee.toml"].replace('id = "demo-ee"', 'id = "demo-lv"', 1)
    found = problems_of(files(**{"providers/zz.toml": other}))
    assert {one.file for one in found} == {"providers/zz.toml"}
    # one namespace, too: each could speak of the other's citizens
    assert {one.key for one in found} == {"entity_id", "namespace"}


def test_a_node_that_is_asked_and_one_that_asks_are_two_entities() -> None:
    both = FILES["nodes/nl.toml"].replace("https://node.nl.example/", "https://node.lv.example/")
    (found,) = problems_of(files(**{"nodes/nl.toml": both}))
    assert (found.file, found.line, found.key) == ("nodes/nl.toml", 1, "entity_id")
    assert "providers/lv.toml:1 already" in found.what


def test_an_unknown_purpose_of_a_party_is_a_problem_with_the_nearest_known() -> None:
    text = FILES["parties/parking.toml"].replace('["resident-parking"]', '["resident-parkin"]')
    (found,) = problems_of(files(**{"parties/parking.toml": text}))
    assert (found.line, found.key) == (1, "purposes")
    assert "`resident-parking`" in found.fix


def test_a_registration_that_can_never_be_released_is_a_problem() -> None:
    text = FILES["parties/parking.toml"].replace('birthdate = "exact"', 'birthdate = "age_over(21)"')
    (found,) = problems_of(files(**{"parties/parking.toml": text}))
    assert (found.line, found.key) == (10, "attributes.birthdate")
    assert "age_over(18)" in found.fix


@pytest.mark.parametrize("registered", ["age_over(18)", "exact"])
def test_a_registration_narrower_or_wider_than_the_purpose_is_none(registered: str) -> None:
    text = FILES["parties/parking.toml"].replace('birthdate = "exact"', f'birthdate = "{registered}"')
    load(files(**{"parties/parking.toml": text}))


@pytest.mark.parametrize(
    ("content", "line", "what"),
    [
        (b'id = "a"\nbasis = \n', 2, "is no TOML"),
        (b'id = "a"\nid = "b"\n', 2, "is no TOML"),
        (b'id = "a"\n\ntitle.en = "\xff"\n', 3, "is not UTF-8"),
        (b'id = """a\n\n', 3, "is no TOML"),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_its_line(content: bytes, line: int, what: str) -> None:
    (found,) = problems_of({"purposes/x.toml": content})
    assert (found.file, found.line) == ("purposes/x.toml", line)
    assert what in found.what


def test_a_byte_order_mark_is_named() -> None:
    (found,) = problems_of({"purposes/x.toml": b"\xef\xbb\xbf" + PURPOSE.encode()})
    assert (found.line, found.what) == (1, "is no TOML: it begins with a byte order mark: save it as UTF-8 without one.")


def test_the_example_of_the_file_holds() -> None:
    (example,) = WHOLE.examples[PARKING]
    purpose, party = WHOLE.purposes[PARKING], WHOLE.parties[ClientId("parking")]
    assert example.source == Source("purposes/parking.toml", 21)
    found = differences(example, purpose, party, ON, catalogue=WHOLE.catalogue)
    assert found == ("gender: the file says withheld (not_needed), the decision is withheld (not_registered).",)


def test_a_made_up_person_is_read() -> None:
    text = b'loa = "low"\nasked = { email = "exact" }\n[given]\nemail = "x@example.org"\n'
    situation = load_situation("maria.toml", text, WHOLE.catalogue, ON)
    assert situation.on is None
    assert situation.offered.loa is LevelOfAssurance.LOW
    assert situation.offered.attributes == {AttributeName("email"): "x@example.org"}
