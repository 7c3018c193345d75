"""Each finding of `policy lint`, on its line; what is sound has none; a comment accepts one, and says why."""

import pytest

from policies.identifiers import EMBEDDING
from policies.lint import lint
from policies.lint.finding import WHY, Finding
from policies.load import load
from tests.docs.pages import DOCS
from tests.policies.load.files import FILES
from tests.policies.load.test_load_registers import ADDRESS, POPULATION, REGISTER

PURPOSE, PARTY = "purposes/parking.toml", "parties/parking.toml"
ID, FARES = 'id = "resident-parking"', "purposes/fares.toml"
# The purpose of the other tests, with what it leaves out
SOUND = {
    PURPOSE: FILES[PURPOSE].replace(f"{ID}\n", f'{ID}\nretention = "P1Y"\n'),
    PARTY: FILES[PARTY].replace('"exact"', '"age_over(18)"', 1).replace('"exact"', '"resident_of(Storkhaven)"'),
}
# file, text, the text in its place
Edit = tuple[str, str, str]
ANONYMOUS = "https://refeds.org/category/anonymous"
AGE, LAW, BASIS = 'form = "age_over(18)"\nwhy', "law.en = ", 'basis = "public_task"'
IN_FULL = 'form = "exact"\nwhy'
ONE_MORE = '\n[attributes.{0}]\nform = "{1}"\nwhy.en = "To know it."\n\n[[examples]]'
OTHER = SOUND[PURPOSE].replace(ID, 'id = "fares"').partition("[[examples]]")[0]
NO_EXAMPLE = SOUND[PURPOSE][SOUND[PURPOSE].index("[[examples]]") :]


def linted(*edits: Edit, files: dict[str, str] | None = None, **options: object) -> tuple[Finding, ...]:
    made = {**SOUND, **(files or {})}
    for file, old, new in edits:
        assert old in made[file], (file, old)
        made[file] = made[file].replace(old, new, 1)
    octets = {file: text.encode() for file, text in made.items()}
    return lint(load(octets), octets, **options)  # type: ignore[arg-type]


def need(name: str, form: str) -> tuple[Edit, Edit]:
    """One more attribute of the purpose, and its registration."""
    return (PURPOSE, "\n[[examples]]", ONE_MORE.format(name, form)), (
        PARTY,
        "[attributes]",
        f'[attributes]\n{name} = "{form}"',
    )


def test_what_is_sound_has_no_finding() -> None:
    assert linted(languages=("en",)) == ()


FOUND: list[tuple[str, list[Edit], tuple[str, str], str]] = [
    (
        "registered_unneeded",
        [(PARTY, "[attributes]", '[attributes]\nemail = "exact"')],
        (PARTY, "email = "),
        "none of its",
    ),
    ("registered_wider", [(PARTY, '"age_over(18)"', '"exact"')], (PARTY, "birthdate ="), '"age_over(18)"'),
    (
        "outside_categories",
        [(PARTY, "sector", f'entity_categories = ["{ANONYMOUS}"]\nsector')],
        (PARTY, "birthdate ="),
        "always withheld",
    ),
    ("unused_attribute", [need("email", "exact")[0]], (PURPOSE, '"exact"\nwhy.en = "To know'), "registered for email"),
    ("embedding_identifier", [*need("person_identifier", "exact")], (PURPOSE, IN_FULL), "sex of citizens of"),
    ("embedding_identifier", [*need("person_identifier", "last4")], (PURPOSE, 'form = "last4"'), "SE (personnummer)"),
    (
        "identifying_combination",
        [*need("place_of_birth", "exact"), *need("given_name", "exact")],
        (PURPOSE, ID),
        "single out one of 100000",
    ),
    (
        "predicate_would_do",
        [(PURPOSE, AGE, IN_FULL), (PARTY, '"age_over(18)"', '"exact"'), (PURPOSE, NO_EXAMPLE, "")],
        (PURPOSE, IN_FULL),
        "speaks of `adults`",
    ),
    (
        "predicate_would_do",
        [(PURPOSE, AGE, IN_FULL), (PURPOSE, NO_EXAMPLE, "")],
        (PURPOSE, IN_FULL),
        "no service is registered for more than age_over(18)",
    ),
    (
        "predicate_would_do",
        [
            (PURPOSE, AGE, IN_FULL),
            (PURPOSE, 'asked = { birthdate = "exact"', 'asked = { birthdate = "age_over(18)"'),
            (PARTY, '"age_over(18)"', '"exact"'),
        ],
        (PURPOSE, IN_FULL),
        "its examples release age_over(18) alone",
    ),
    ("missing_retention", [(PURPOSE, 'retention = "P1Y"\n', "")], (PURPOSE, LAW), "how long"),
    ("consent_for_public_task", [(PURPOSE, BASIS, 'basis = "consent"')], (PURPOSE, "basis ="), "(`by-law`)"),
    ("allow_without_reason", [(PURPOSE, BASIS, f"{BASIS}  # ciconia: allow")], (PURPOSE, BASIS), "no reason"),
]


@pytest.mark.parametrize(("code", "edits", "place", "words"), FOUND)
def test_a_finding_stands_on_its_line(code: str, edits: list[Edit], place: tuple[str, str], words: str) -> None:
    (one,) = linted(*edits)
    text = dict(SOUND)
    for file, old, new in edits:
        text[file] = text[file].replace(old, new, 1)
    file, at = place
    assert (one.code, one.source.file, one.source.line) == (code, file, text[file][: text[file].rindex(at)].count("\n") + 1)
    assert words.lower() in one.what.lower()
    assert one.why
    assert one.fix.endswith(".")


@pytest.mark.parametrize(
    ("mine", "theirs", "close"),
    [
        ("age_over(18)", "age_over(19)", True),
        ("age_over(18)", "age_over(18)", False),
        ("age_over(18)", "age_over(21)", False),
        ("age_over(18)", "age_in(12,17)", False),
        ("age_over(18)", "age_in(12,18)", True),
    ],
)
def test_thresholds_of_one_sector_that_lie_a_year_apart(mine: str, theirs: str, *, close: bool) -> None:
    files = {
        FARES: OTHER.replace("age_over(18)", theirs),
        "parties/fares.toml": SOUND[PARTY]
        .replace("parking", "fares")
        .replace("resident-fares", "fares")
        .replace(mine, theirs),
    }
    assert [one.code for one in linted(files=files)] == ["close_thresholds"] * close
    elsewhere = {**files, "parties/fares.toml": files["parties/fares.toml"].replace('"traffic"', '"mobility"')}
    assert linted(files=elsewhere) == ()


def test_a_purpose_that_no_service_has() -> None:
    (one,) = linted(files={FARES: OTHER})
    assert (one.code, str(one.source)) == ("unused_purpose", f"{FARES}:1")


def test_a_number_that_embeds_nothing_is_no_finding_where_only_its_country_may_send_it() -> None:
    edits = need("person_identifier", "exact")
    assert "DE" not in EMBEDDING
    assert linted(*edits, (PURPOSE, ID, f'{ID}\ncountries = ["DE"]')) == ()
    (one,) = linted(*edits, (PURPOSE, ID, f'{ID}\ncountries = ["DE", "EE"]'))
    assert one.what == "exact tells birth date and sex of citizens of EE (isikukood)."


def test_a_city_of_more_people_is_singled_out_by_more() -> None:
    edits = [*need("place_of_birth", "exact"), *need("given_name", "exact")]
    assert linted(*edits, population=400_000_000) == ()


def test_a_text_without_a_language_of_the_pages_is_named_once_a_file() -> None:
    found = linted(languages=("en", "et"))
    assert [(one.code, one.source.file) for one in found] == [("missing_language", PARTY), ("missing_language", PURPOSE)]
    assert "law" in found[1].what
    assert "title" not in found[1].what


@pytest.mark.parametrize(
    ("comment", "accepted"),
    [
        ("# ciconia: allow The register keeps it for ever", "The register keeps it for ever"),
        ("# ciconia: allow missing_retention: The register keeps it", "The register keeps it"),
        ("# ciconia: allow missing_language: nobody reads it", ""),
    ],
)
def test_a_comment_accepts_the_finding_of_its_line(comment: str, accepted: str) -> None:
    law = next(line for line in SOUND[PURPOSE].splitlines() if line.startswith(LAW))
    (one,) = linted((PURPOSE, 'retention = "P1Y"\n', ""), (PURPOSE, law, f"{law}  {comment}"))
    assert one.accepted == accepted


def test_of_two_findings_on_one_line_a_comment_accepts_only_the_one_that_it_names() -> None:
    def accepted(comment: str) -> dict[str, str]:
        more = "".join(ONE_MORE.format(name, "exact") for name in ("given_name", "place_of_birth")).replace(
            "[[examples]]", ""
        )
        files = {FARES: OTHER.replace('id = "fares"', f'id = "fares"  {comment}') + more}
        return {one.code: one.accepted for one in linted(files=files)}

    assert accepted("# ciconia: allow so it is") == {"identifying_combination": "", "unused_purpose": ""}
    named = accepted("# ciconia: allow unused_purpose: from May on")
    assert named == {"identifying_combination": "", "unused_purpose": "from May on"}


def test_the_page_has_every_kind_and_the_whole_table_of_identifiers() -> None:
    text = (DOCS / "policy-lint.md").read_text(encoding="utf-8")
    assert [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")] == list(WHY)
    for country, one in EMBEDDING.items():
        told = f"{', '.join(one.tells)} | {', '.join(one.last4) or chr(0x2013)}"
        assert f"| {country} | {one.name} | {told} | {one.law} |\n" in text


def test_every_kind_is_tried_here() -> None:
    apart = {"close_thresholds", "unused_purpose", "unused_register", "missing_language"}
    assert {code for code, *_ in FOUND} | apart == WHY.keys()


def test_a_register_that_nobody_needs_is_found_and_what_it_gives_in_vain() -> None:
    idle = linted(files={REGISTER: POPULATION})
    assert [(one.code, one.what) for one in idle] == [("unused_register", "no purpose takes anything from it.")]
    more = POPULATION.replace("[attributes]\n", '[attributes]\nmail = "email"\n')
    takes = SOUND[PURPOSE].replace(ADDRESS, f'{ADDRESS}from = "population"\nhand_over = ["person_identifier"]\n')
    found = linted(files={REGISTER: more, PURPOSE: takes})
    assert [(one.code, one.key, one.what) for one in found] == [
        ("unused_register", "attributes", "no purpose takes email from this register.")
    ]
