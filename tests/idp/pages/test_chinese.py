"""The rules of docs/translate.md for pages in simplified Chinese."""

from datetime import date
from io import BytesIO

from babel.messages.pofile import read_po

from idp.pages.cldr import writing
from idp.pages.phrases import catalogue
from idp.pages.render import Pages
from policies.attributes import EXACT, Attribute, AttributeName
from policies.catalogue import STANDARD

TEXTS = [str(each.string) for each in read_po(BytesIO(catalogue("zh_Hans"))) if each.id]


def test_the_reader_is_addressed_formally() -> None:
    assert TEXTS
    assert not [text for text in TEXTS if "\N{CJK UNIFIED IDEOGRAPH-4F60}" in text]


def test_dates_have_year_month_and_day_in_this_order() -> None:
    assert writing("zh_Hans").date(date(2026, 12, 1), whole=True) == "2026\u5e7412\u67081\u65e5"


def test_a_name_stands_in_both_scripts(pages: Pages) -> None:
    words = pages.wording("zh-Hans")
    both = Attribute(AttributeName("family_name"), EXACT, "\u738b", "Wang")
    assert words.value(both, STANDARD) == ("\u738b", "Wang")
    assert words.value(Attribute(AttributeName("family_name"), EXACT, "Maasikas"), STANDARD) == ("Maasikas",)
