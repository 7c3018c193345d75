"""A decision in words."""

from idp.pages.languages import LANGUAGES
from idp.pages.render import Pages
from idp.pages.views import Text
from idp.pages.wording import text_in
from policies import forms
from policies.attributes import Address, Attribute, AttributeName, Form, Value
from policies.catalogue import STANDARD, AttributeType
from policies.forms import AttributeKind
from policies.release import Reason
from tests.e2e.gallery import BLOCKED, DECISION, PURPOSE, ruling
from tests.policies.parts import sample


def test_a_text_is_said_in_the_best_language_there_is() -> None:
    for translated, language, text in [
        ({"en": "a", "et": "b"}, "et", Text("b", "et")),
        ({"en": "a"}, "et", Text("a", "en")),
        ({"en": "a", "et": ""}, "et", Text("a", "en")),
        ({"fi": "c", "de": "d"}, "et", Text("d", "de")),
        ({}, "et", Text("", "et")),
    ]:
        assert text_in(translated, language) == text


def test_a_value_is_said_as_readers_say_it(pages: Pages) -> None:
    said: list[tuple[str, str, Value, tuple[str, ...]]] = [
        ("birthdate", "exact", "1990-07-22", ("22. juuli 1990",)),
        ("birthdate", "birth_year", "1990", ("1990",)),
        ("birthdate", "age_over", True, ("Jah",)),
        ("birthdate", "age_over", False, ("Ei",)),
        (
            "address",
            "exact",
            Address("Kase 1", "10143", "Tallinn", "Harjumaa", "EE"),
            ("Kase 1", "10143 Tallinn", "Harjumaa", "Eesti"),
        ),
        ("address", "exact", Address(locality="Tallinn"), ("Tallinn",)),
        ("address", "exact", Address(), ()),
        ("address", "country", "DE", ("Saksamaa",)),
        ("nationality", "exact", "FI", ("Soome",)),
        ("nationality", "exact", "stateless", ("stateless",)),
        ("nationality", "exact", ("FI", "EL"), ("Soome", "Kreeka")),
        ("birthdate", "year_month", "1990-07", ("juuli 1990",)),
        ("address", "municipality", Address(locality="Tallinn", country="EE"), ("Tallinn", "Eesti")),
        ("gender", "exact", "female", ("Naine",)),
        ("gender", "exact", "male", ("Mees",)),
        ("gender", "exact", "Unspecified", ("Unspecified",)),
        ("given_name", "initials", "M. L.", ("M. L.",)),
        # only what the catalogue calls a date is read as one
        ("given_name", "exact", "1990-07-22", ("1990-07-22",)),
        ("library_card", "exact", "EE", ("EE",)),
    ]
    for name, form, value, lines in said:
        attribute = Attribute(AttributeName(name), Form(form, "18" if form == "age_over" else ""), value)
        assert pages.wording("et").value(attribute, STANDARD) == lines


def test_a_weaker_form_says_what_it_tells(pages: Pages) -> None:
    forms: list[tuple[str, Form, Value, tuple[str, str]]] = [
        (
            "birthdate",
            Form("age_over", "18"),
            True,
            ("Are you 18 or older?", "Only yes or no is sent."),
        ),
        (
            "birthdate",
            Form("birth_year"),
            "1990",
            ("Year of birth", "The service learns the year only, not the day or the month."),
        ),
        (
            "address",
            Form("resident_of", "Tartu"),
            True,
            ("Do you live in Tartu?", "Only yes or no is sent."),
        ),
        (
            "address",
            Form("resident_of", "EE"),
            True,
            ("Do you live in EE?", "Only yes or no is sent."),
        ),
        ("address", Form("country"), "EE", ("Address: country only", "The service learns the country only.")),
        ("given_name", Form("initials"), "M.", ("Given name: initials only", "The service learns the first letters only.")),
        (
            "birthdate",
            Form("age_in", "18,25"),
            True,
            ("Are you 18\u201325 years old?", "Only yes or no is sent."),
        ),
        (
            "nationality",
            Form("nationality_in", "EE,LV"),
            True,
            ("Are you a citizen of one of these: Estonia, Latvia?", "Only yes or no is sent."),
        ),
        (
            "nationality",
            Form("only", "EE,LV"),
            ("EE",),
            ("Nationality: only Estonia, Latvia", "The service learns only which of these you have: Estonia, Latvia."),
        ),
        (
            "given_name",
            Form("soundex", "4"),
            "M600",
            ("Given name (soundex(4))", "The service learns less than the whole of it."),
        ),
    ]
    for name, form, value, said in forms:
        item = pages.wording("en").item(ruling(name, value, form=form), PURPOSE, STANDARD)
        assert (item.title.text, item.only) == said
        assert item.stays == Text(STANDARD.attributes[AttributeName(name)].title["en"], "en")


def test_a_date_of_a_citys_own_is_not_said_to_be_the_persons(pages: Pages) -> None:
    child = AttributeName("child_born")
    catalogue = STANDARD.with_own([AttributeType(child, AttributeKind.DATE, {"en": "Birth of your child"}, "child_born")])
    given = ruling(child, value=True, form=Form("age_over", "18"))
    item = pages.wording("en").item(given, PURPOSE, catalogue)
    assert (item.title.text, item.claim) == ("Birth of your child (whether 18 or older)", "child_born_age_over_18")


def test_where_the_source_has_no_more_nothing_is_said_to_stay_behind(pages: Pages) -> None:
    given = ruling("address", "EE", form=Form("country"), reason=Reason.SOURCE_HAS_LESS)
    item = pages.wording("en").item(given, PURPOSE, STANDARD)
    assert (item.stays, item.only) == (None, "The service learns the country only.")


def test_a_program_can_read_what_goes_by_its_stable_names(pages: Pages) -> None:
    given = ruling("birthdate", value=True, form=Form("age_over", "18"), reason=Reason.LEAST_SUFFICIENT)
    item = pages.wording("zh-Hans").item(given, PURPOSE, STANDARD)
    assert (item.asked, item.form, item.claim, item.code) == ("exact", "age_over(18)", "age_over_18", "least_sufficient")
    (kept,) = pages.wording("zh-Hans").withheld([("gender", "not_needed")], STANDARD)
    assert (kept.name, kept.code) == ("gender", "not_needed")


def test_a_derived_form_that_was_asked_for_says_what_stays_too(pages: Pages) -> None:
    form = Form("age_over", "18")
    item = pages.wording("en").item(ruling("birthdate", value=True, form=form, asked=form), PURPOSE, STANDARD)
    assert item.stays == Text("Date of birth", "en")


def test_every_weaker_form_of_the_policies_has_phrases(pages: Pages) -> None:
    for language in LANGUAGES:
        for kind, table in forms.FORMS.items():
            for known in table.values():
                if known.name != "exact":
                    given = ruling("nationality" if kind == "nationality" else "gender", "x", form=sample(known))
                    assert pages.wording(language).item(given, PURPOSE, STANDARD).only.endswith((".", "。"))


def test_every_reason_is_a_sentence(pages: Pages) -> None:
    for language in LANGUAGES:
        for reason in Reason:
            (kept,) = pages.wording(language).withheld([("gender", reason.value)], STANDARD)
            assert kept.reason.endswith((".", "。"))


def test_a_decision_is_told_whole_and_in_its_order(pages: Pages) -> None:
    words = pages.wording("en")
    items, kept = words.items(DECISION, PURPOSE, STANDARD), words.kept(DECISION, STANDARD)
    assert [item.name for item in items] == ["address", "birthdate", "email", "family_name", "given_name", "nationality"]
    assert [item.required for item in items] == [False, True, False, True, True, True]
    assert [one.title.text for one in kept] == ["Gender", "Personal identifier", "Phone number"]
    assert len(items) + len(kept) == len(DECISION.rulings)


def test_what_is_missing_is_what_was_required_and_denied(pages: Pages) -> None:
    missing = pages.wording("en").missing(BLOCKED, BLOCKED.blocked, STANDARD)
    assert [one.title.text for one in missing] == ["Date of birth"]
    assert pages.wording("en").missing(DECISION, DECISION.blocked, STANDARD) == ()
