"""Services, purposes and countries that are right by themselves, and do not fit together; texts that lack a language."""

from pathlib import Path

import pytest

from tests.idp.doctor.ward import ERROR, NOTICE, WARNING, at, edit, examined, only, write

PARTY, PURPOSE = "parties/parking.toml", "purposes/permit.toml"


BIRTHDATE, EMAIL, ID = 'birthdate = "age_over(18)"\n', 'email = "exact"\n', 'id = "permit"'
FEW = f'{ID}\ncountries = ["SE", "FI"]'


@pytest.mark.parametrize(
    ("edited", "old", "new", "severity", "key", "words"),
    [
        (PARTY, EMAIL, f'{EMAIL}family_name = "initials"\n', WARNING, "attributes.family_name", "none of its purposes"),
        (PARTY, BIRTHDATE, "", ERROR, "attributes.birthdate", "cannot do without"),
        (PURPOSE, ID, FEW, WARNING, "countries", "SE, FI"),
    ],
)
def test_what_does_not_fit_together_is_named_where_it_stands(
    city: Path, edited: str, old: str, new: str, severity: str, key: str, words: str
) -> None:
    edit(city, edited, old, new)
    found = only(examined(city))
    assert (found.severity, found.file, found.key, words in found.what) == (severity, edited, key, True), found


def test_an_attribute_that_nobody_is_registered_for_is_a_warning_of_the_purpose(city: Path) -> None:
    edit(city, PARTY, EMAIL, "")
    found = only(examined(city))
    assert (found.severity, found.file, found.key) == (WARNING, PURPOSE, "attributes.email")


def test_a_purpose_that_no_service_has_is_a_notice(city: Path) -> None:
    text = (city / PURPOSE).read_text(encoding="utf-8")
    write(city, "purposes/other.toml", text.replace(ID, 'id = "other"'))
    found = only(examined(city))
    assert (found.severity, found.file, found.key) == (NOTICE, "purposes/other.toml", "id")


def test_what_lint_finds_is_a_notice_until_somebody_accepts_it(city: Path) -> None:
    edit(city, PURPOSE, 'retention = "P1Y"\n', "")
    found = only(examined(city))
    assert (found.severity, found.file, found.key) == (NOTICE, PURPOSE, "retention")
    edit(city, PURPOSE, "[law]", "[law]  # ciconia: allow The register is kept for ever")
    assert not examined(city).findings


def test_a_level_that_nobody_vouches_for_is_a_warning(city: Path) -> None:
    edit(city, PURPOSE, 'minimum_assurance = "low"', 'minimum_assurance = "high"\ncountries = ["LV"]')
    edit(city, "providers/lv.toml", "[attributes]", '[assurance]\n"urn:test:some" = "substantial"\n[attributes]')
    found = only(examined(city))
    assert (found.severity, found.key) == (WARNING, "minimum_assurance")


def test_http_on_loopback_is_for_developers(city: Path) -> None:
    edit(city, PARTY, "https://parking.test/callback", "http://localhost:3000/callback")
    found = only(examined(city))
    assert (found.severity, found.key) == (WARNING, "redirect_uris")
    assert "developers" in found.why


@pytest.mark.parametrize(("role", "files"), [("city", ["parties", "providers"]), ("node", ["nodes", "providers"])])
def test_what_is_not_there_yet_is_a_notice(city: Path, role: str, files: list[str]) -> None:
    for path in city.glob("*/*.toml"):
        path.unlink()
    edit(city, "ciconia.toml", 'role = "city"', f'role = "{role}"')
    report = examined(city)
    assert report.ok
    assert sorted(one.key for one in report.findings) == files


def test_examples_that_nobody_changed_are_notices(city: Path) -> None:
    edit(city, "ciconia.toml", 'country = "NL"', 'country = "XX"')
    assert only(examined(city)).key == "country"
    edit(city, "ciconia.toml", "login.storkhaven.test", "login.city.example")
    edit(city, "ciconia.toml", 'country = "XX"', 'country = "NL"')
    assert at(examined(city), "ciconia.toml", "issuer", "RFC 2606").severity is NOTICE


@pytest.mark.parametrize(
    ("file", "key", "inside"),
    [
        (PURPOSE, "title", "[title]"),
        (PURPOSE, "law", "[law]"),
        (PURPOSE, "controller.name", "[controller.name]"),
        (PURPOSE, "attributes.email.why", "[attributes.email.why]"),
        (PARTY, "title", "[title]"),
        ("providers/lv.toml", "title", "[title]"),
        ("providers/ee.toml", "title", "[title]"),
    ],
)
def test_a_text_that_lacks_a_language_is_a_notice_on_its_line(city: Path, file: str, key: str, inside: str) -> None:
    whole = f'{inside}\nen = "a"\net = "b"\nzh-Hans = "c"\n'
    line = edit(city, file, whole, f'{inside}\nen = "a"\n')
    found = only(examined(city))
    assert (found.severity, found.file, found.line, found.key) == (NOTICE, file, line, key)
    assert found.what == "it has no et, zh-Hans."


def test_a_citys_own_attribute_wants_its_languages_too(city: Path) -> None:
    write(city, "catalogue.toml", '[attributes.library_card]\ntitle.en = "Library card"\ntitle.et = "Kaart"\n')
    found = at(examined(city), "catalogue.toml", "attributes.library_card.title")
    assert found.what == "it has no zh-Hans."


def test_a_language_that_no_text_of_the_installation_has_is_not_missed(city: Path) -> None:
    for file in sorted((*city.glob("*/*.toml"), *city.glob("*.toml"))):
        kept = [line for line in file.read_text(encoding="utf-8").splitlines() if "zh-Hans" not in line]
        file.write_text("\n".join(kept) + "\n", encoding="utf-8")
    edit(city, PARTY, '[title]\nen = "a"\net = "b"\n', '[title]\nen = "a"\n')
    assert only(examined(city)).what == "it has no et."


def test_texts_that_lack_the_same_languages_are_one_line_for_a_person_and_places_for_a_program(city: Path) -> None:
    lines = {}
    for key in ("title", "law", "controller.name", "attributes.birthdate.why"):
        whole = f'[{key}]\nen = "a"\net = "b"\nzh-Hans = "c"\n'
        lines[key] = edit(city, PURPOSE, whole, f'[{key}]\nen = "a"\n')
    edit(
        city,
        PURPOSE,
        '[attributes.email.why]\nen = "a"\net = "b"\nzh-Hans = "c"\n',
        '[attributes.email.why]\nen = "a"\net = "b"\n',
    )
    several, alone = [one for one in examined(city).findings if one.file == PURPOSE]
    assert (several.severity, several.line, several.key) == (NOTICE, lines.pop("title"), "title")
    assert several.what == "4 texts have no et, zh-Hans: title, law, controller.name, attributes.birthdate.why."
    assert several.fix == 'Write et = "..." into each.'
    assert several.as_json()["also"] == tuple({"line": line, "key": key} for key, line in lines.items())
    assert (alone.key, alone.what) == ("attributes.email.why", "it has no zh-Hans.")
    assert "also" not in alone.as_json()


def test_a_deviation_that_a_registration_switches_on_is_a_notice(city: Path) -> None:
    path = "providers/ee.toml"
    write(city, path, 'deviations = ["registered_country"]\n' + (city / path).read_text(encoding="utf-8"))
    found = only(examined(city))
    assert (found.severity, found.file, found.key) == (NOTICE, path, "deviations")
    assert "registered_country" in found.what
    assert "Another NodeCountry is refused." in found.why


def test_a_page_whose_foot_lacks_a_link_is_a_notice(city: Path) -> None:
    edit(city, "ciconia.toml", 'accessibility_url = "https://storkhaven.test/accessibility"\n', "")
    found = only(examined(city))
    assert (found.severity, found.key) == (NOTICE, "organization")
    assert "no link for accessibility_url" in found.what


def test_a_peer_that_may_sign_with_sha_1_is_a_warning_until_it_may_not(city: Path) -> None:
    path = "providers/kh.toml"
    write(
        city,
        path,
        'id = "kh"\nprotocol = "stork"\ncountry = "KH"\nnamespace = "stork/KH"\nentity_id = "https://peps.kh.example"\n'
        'url = "https://peps.kh.example/PEPS"\ncertificates = "metadata/ee.pem"\ndeviations = ["sha1_signature"]\n'
        '[title]\nen = "Khotar"\n',
    )
    found = [one for one in examined(city).findings if one.file == path and one.key == "deviations"]
    assert [(one.severity, "sha1_signature" in one.what) for one in found] == [(WARNING, True)]
