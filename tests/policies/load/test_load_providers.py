import pytest

from policies.attributes import AttributeName
from policies.load import load
from policies.parties import ProviderId
from tests.policies.load.files import FILES, files, problem_of, problems_of, spoiled

FILE = "providers/demo-ee.toml"


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "fix"),
    [
        ('"EE"', '"ee"', 3, "country", "two capital letters"),
        ('country = "EE"\n', "", 1, "country", "two capital letters"),
        ("title.en", "title.et", 2, "title.en", "title.en"),
        ('"demo/EE"', '"demo EE"', 4, "namespace", "eidas/EE"),
        ('"https://idp.example/metadata"', '"idp"', 5, "entity_id", "sign by sign"),
        ("metadata/demo-ee.xml", "metadata/absent.xml", 6, "metadata", "metadata/NAME.xml"),
        ("metadata/demo-ee.xml", "../keys/signing.pem", 6, "metadata", "metadata/NAME.xml"),
        ('"post"', '"artifact"', 7, "binding", '"redirect", "post"'),
        ('subject = "urn', 'subjct = "urn', 8, "subjct", "`subject`"),
        ('"family_name"', '"familyname"', 11, "attributes.urn:oid:2.5.4.4", "`family_name`"),
        ('"family_name"', '"family_name.first"', 11, "attributes.urn:oid:2.5.4.4", "family_name."),
        ('"family_name"', '"family_name."', 11, "attributes.urn:oid:2.5.4.4", "family_name, family_name.latin"),
        ('"address.locality"', '"address.latin"', 12, "attributes.urn:oid:2.5.4.7", "address.street"),
        ('binding = "post"', 'protocol = "oauth"', 7, "protocol", '"saml", "eidas"'),
        ('binding = "post"', 'metadata_url = "https://x.example"', 7, "metadata_url", 'protocol = "eidas"'),
        ('binding = "post"', 'name_id_format = "windows"', 7, "name_id_format", '"persistent", "unspecified"'),
        ('subject = "urn:oid:1.3.6.1.4.1.25178.1.2.15"', 'name_id_format = "email"', 8, "name_id_format", "'persistent'"),
        ('binding = "post"', 'deviations = ["aes-cbc"]', 7, "deviations", "`aes_cbc`"),
        ('"address.locality"', '"address"', 12, "attributes.urn:oid:2.5.4.7", "address.street"),
        ('"address.locality"', '"family_name"', 12, "attributes.urn:oid:2.5.4.7", "keep one"),
        ('"urn:x:card" = "high"', '"urn:x:card" = "very high"', 15, "assurance.urn:x:card", '"high"'),
        (
            '"http://eidas.europa.eu/LoA/substantial" = "low"',
            '"http://eidas.europa.eu/LoA/substantial" = "high"',
            16,
            "assurance.http://eidas.europa.eu/LoA/substantial",
            '"substantial"',
        ),
    ],
)
def test_a_fault_of_a_provider_is_told_with_line_key_and_fix(old: str, new: str, line: int, key: str, fix: str) -> None:
    found = problem_of(FILE, old, new)
    assert (found.line, found.key) == (line, key)
    assert fix in found.fix


def test_an_empty_table_of_levels_is_a_problem() -> None:
    text = FILES[FILE].split('"urn:x:card"')[0]
    (found,) = problems_of(files(**{FILE: text}))
    assert (found.line, found.key) == (14, "assurance")


def test_a_provider_without_a_table_of_attributes_is_a_problem() -> None:
    text = FILES[FILE].split("[attributes]")[0]
    (found,) = problems_of(files(**{FILE: text}))
    assert (found.line, found.key) == (1, "attributes")


@pytest.mark.parametrize(
    ("old", "new", "line", "key"),
    [
        ("[attributes.library_card]", "[attributes.email]", 1, "attributes.email"),
        ("[attributes.library_card]", '[attributes."Library-card"]', 1, "attributes.Library-card"),
        ('kind = "text"', 'kind = "address"', 2, "attributes.library_card.kind"),
        ('kind = "text"', 'kind = "text"\nvalues = ["a"]', 3, "attributes.library_card.values"),
        ('kind = "text"', 'kind = "set"\nvalues = []', 3, "attributes.library_card.values"),
        ('kind = "text"', 'kind = "set"\nvalues = ["a", "b,c"]', 3, "attributes.library_card.values"),
        ('kind = "text"', 'kind = "date"\nclaim = "age_over_30"', 3, "attributes.library_card.claim"),
        ('kind = "text"', 'kind = "text"\nclaim = "is_eu_citizen"', 3, "attributes.library_card.claim"),
        ('kind = "text"', 'kind = "text"\nclaim = "sub"', 3, "attributes.library_card.claim"),
        ('kind = "text"', 'kind = "text"\nclaim = "acr"', 3, "attributes.library_card.claim"),
        ('kind = "text"', 'kind = "text"\nclaim = "age_over_30"', 3, "attributes.library_card.claim"),
        ("title.en", "title.et", 3, "attributes.library_card.title.en"),
        ("[attributes.library_card]", "[attribute.library_card]", 1, "attribute"),
    ],
)
def test_a_fault_of_an_own_attribute_is_told_with_line_and_key(old: str, new: str, line: int, key: str) -> None:
    found = problems_of(files(**{"catalogue.toml": FILES["catalogue.toml"].replace(old, new, 1)}))
    assert (line, key) in [(p.line, p.key) for p in found]
    assert all(p.file == "catalogue.toml" and p.fix for p in found)


def test_the_latin_spelling_of_a_name_is_read_beside_the_name_and_never_for_it() -> None:
    text = FILES[FILE].replace("[assurance]", '"urn:x:latin" = "family_name.latin"\n\n[assurance]')
    provider = load(files(**{FILE: text})).providers[ProviderId("demo-ee")]
    assert provider.latin == {"urn:x:latin": AttributeName("family_name")}
    assert "urn:x:latin" not in provider.attributes
    assert provider.attributes["urn:oid:2.5.4.4"] == (AttributeName("family_name"), "")


@pytest.mark.parametrize("notified", [True, False])
def test_whether_a_scheme_is_notified_is_said_and_otherwise_it_is_not(*, notified: bool) -> None:
    text = FILES[FILE].replace('binding = "post"', f"notified = {str(notified).lower()}")
    assert load(files(**{FILE: text})).providers[ProviderId("demo-ee")].notified is notified
    assert not load(files()).providers[ProviderId("demo-ee")].notified


@pytest.mark.parametrize("level", ["substantial"])
def test_a_known_level_may_be_mapped_to_itself(level: str) -> None:
    uri = f"http://eidas.europa.eu/LoA/{level}"
    text = FILES[FILE].replace('"http://eidas.europa.eu/LoA/substantial" = "low"', f'"{uri}" = "{level}"')
    assert load(files(**{FILE: text})).providers[ProviderId("demo-ee")].assurance[uri].label == level


def test_a_name_id_format_is_asked_for_by_its_word_and_by_default_none_is() -> None:
    assert load(files()).providers[ProviderId("demo-ee")].name_id_format == ""
    for word, urn in (("persistent", "2.0:nameid-format:persistent"), ("email", "1.1:nameid-format:emailAddress")):
        found = load(spoiled(FILE, 'binding = "post"', f'name_id_format = "{word}"')).providers[ProviderId("demo-ee")]
        assert found.name_id_format == f"urn:oasis:names:tc:SAML:{urn}"


def test_a_deviation_is_on_for_the_provider_that_names_it() -> None:
    found = load(spoiled(FILE, 'binding = "post"', 'deviations = ["aes_cbc"]')).providers[ProviderId("demo-ee")]
    assert found.deviations == frozenset({"aes_cbc"})
