"""Every phrase is there in every language, and none is idle."""

import re
from dataclasses import fields, replace
from importlib import resources
from io import BytesIO

import pytest
from babel.messages.pofile import read_po

from idp.citizen.own_page import TITLE
from idp.ledger.person_records import APPROVAL_OFF, OF_LINKS, OWN_ACTS
from idp.pages.compiled_pages import compiled
from idp.pages.device_view import DeviceStep
from idp.pages.languages import LANGUAGES, load_languages, locale_of, spoken
from idp.pages.palette import contrast
from idp.pages.phrases import catalogue, read_translations
from idp.pages.render import Pages
from idp.pages.static import STYLE_FILE
from idp.pages.views import Ending, SpType, Towards
from idp.pages.wording import FORMS, GENDERS, MOVES, Move, Wording
from idp.protocols.oidc.logouts import Outcome
from idp.web.routes.citizen_copy import KEPT, RIGHTS
from policies.assurance import LevelOfAssurance
from policies.attributes import Form
from policies.catalogue import STANDARD
from policies.forms import form_title
from policies.persons import PersonKind
from policies.purposes import Basis, Rights
from policies.release import Reason
from policies.signed_in import SIGNED_IN
from tests.catalogues import in_step
from tests.e2e.gallery import gallery
from tests.idp.pages.reading import Read

SPOKEN = load_languages()
PACKAGE = resources.files("idp.pages")
# Phrases that the code finds by a name that it puts together, and all names that can occur
BUILT = {
    *(f"basis.{basis}" for basis in Basis),
    *(f"reason.{reason}" for reason in Reason),
    *(f"loa.{level.label}" for level in LevelOfAssurance),
    *(f"countries.{kind}" for kind in PersonKind),
    *(f"refused.{ending}.{part}" for ending in Ending for part in ("title", "text", "text_node")),
    *(f"post.{towards}.{part}" for towards in Towards for part in ("title", "text")),
    *(f"form.{form}.{part}" for form in (*FORMS, "other") for part in ("title", "only")),
    *(f"form.{form}.said" for form in FORMS),
    *(f"attribute.{name}" for name in STANDARD.attributes),
    *(f"ours.{name}" for name in ("signed_in", "signed_in_law", "signed_in_controller", "own_page")),
    *(f"error.{code}.{part}" for code in MOVES for part in ("title", "text")),
    *(f"inform.kind.{kind}" for kind in SpType),
    *(f"error.mover.{move}" for move in Move),
    *(f"value.{gender}" for gender in GENDERS),
    *(f"approval.{field.name}" for field in fields(Rights)),
    *(f"approval.{key}{end}" for key in ("tells", "tells_more") for end in ("", "_apart")),
    *(f"logout.{outcome}" for outcome in Outcome),
    *(f"device.{step}.title" for step in DeviceStep),
    *(f"device.{step}.text" for step in DeviceStep),
    *(f"me.kept.{name}{end}" for name in KEPT for end in ("", "_time")),
    *(f"me.right.{name}" for name in RIGHTS),
    *(f"me.act.{kind}" for kind in OWN_ACTS),
    *(f"me.{part}.{kind}" for kind in OWN_ACTS if kind not in (APPROVAL_OFF, *OF_LINKS) for part in ("do", "effect")),
    *(f"me.match.{side}" for side in ("earlier", "new", "waits", "claims")),
    *(f"me.grant.{state}" for state in ("waiting", "open", "ended")),
    *(f"duration.{unit}" for unit in ("year", "month", "week", "day")),
}

# Phrases that are parts and signs alone
WITHOUT_A_WORD = {"form.other.title", "receipt.sent", "receipt.moment"}
# Phrases that are the same word in these languages
SAME_WORD = {
    "approval.service": {"fr"},
    "duration.week.0": {"nl"},
    "error.code": {"de", "fr", "nl"},
    "error.register": {"da", "de", "nl", "sk", "sl", "sv"},
    "front.operator": {"pl"},
    "me.pages": {"fr"},
    "value.no": {"es", "it"},
}
_CHINESE, _HALF = r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]", r"[,.:;?!()\"']"
HALF_WIDTH = rf"{_CHINESE}\s?{_HALF}|{_HALF}\s?{_CHINESE}"


def _said() -> set[str]:
    """The keys that stand whole in a template or a module."""
    sources = [
        each.read_text("utf-8")
        for folder in (PACKAGE, PACKAGE / "templates")
        for each in folder.iterdir()
        if each.name.endswith((".py", ".html"))
    ]
    return {key for text in sources for key in re.findall(r"\"([a-z_]+(?:\.[a-z_]+)*)\"", text)}


def test_no_phrase_is_missing_and_none_is_idle() -> None:
    assert spoken().left_out == {}
    for tag in LANGUAGES:
        keys = {re.sub(r"\.\d$", "", key) for key in SPOKEN[tag].phrases}
        assert keys >= BUILT
        assert keys - BUILT - _said() == set()


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ('msgctxt "a"\nmsgid "Go to {name}"\nmsgstr ""', "a is not translated"),
        ('#, fuzzy\nmsgctxt "a"\nmsgid "Go to {name}"\nmsgstr "Mine: {name}"', "a is not translated"),
        # vouched for, as a draft of another phrase
        (
            f'# machine draft {"0" * 8}\n#, fuzzy\nmsgctxt "a"\nmsgid "Go to {{name}}"\nmsgstr "M: {{name}}"',
            "a is not translated",
        ),
        ('msgctxt "a"\nmsgid "Go to {name}"\nmsgstr "Mine: {nimi}"', "a has other parts in braces"),
        ('msgctxt "a"\nmsgid "Go"\nmsgstr "Mine"', "a translates another English text"),
        ('msgctxt "b"\nmsgid "Go to {name}"\nmsgstr "Mine: {name}"', "a is missing"),
        ('msgid "Go to {name}"\nmsgstr "Mine: {name}"', "has no key"),
        ('msgctxt "a"\nmsgid "Go"\nmsgid_plural "Go"\nmsgstr[0] "M"\nmsgstr[1] "M"', "a translates another English text"),
    ],
)
def test_a_catalogue_that_is_not_whole_is_refused(message: str, problem: str) -> None:
    good = (
        'msgctxt "a"\nmsgid "Go to {name}"\nmsgstr "Mine: {name}"\n\n#~ msgctxt "old"\n#~ msgid "Old"\n#~ msgstr "Vana"\n'
    )
    assert read_translations(good.encode(), "et", {"a": "Go to {name}"}).texts == {"a": "Mine: {name}"}
    with pytest.raises(ValueError, match=problem):
        read_translations(message.encode(), "et", {"a": "Go to {name}"})


def test_titles_of_ours_are_the_texts_by_which_the_policies_know_them() -> None:
    """A change in `policies` changes the English phrase, and so every translation."""
    for text in (
        *(one.title for one in STANDARD.attributes.values()),
        *(SIGNED_IN.title, SIGNED_IN.law, SIGNED_IN.controller.name, TITLE),
    ):
        for tag, language in SPOKEN.items():
            assert Wording(language).text(text).language == tag
            assert text["en"] in language.ours
    for name in FORMS:
        assert SPOKEN["en"].say(f"form.{name}.said", parameter="X") == form_title(Form(name, "X"))


def test_every_phrase_tells_translators_where_it_stands_and_what_is_put_in() -> None:
    for each in read_po(BytesIO(catalogue("en"))):
        if each.id:
            told = " ".join(each.auto_comments)
            texts = [each.id] if isinstance(each.id, str) else each.id
            assert each.auto_comments, each.context
            assert {f"{name}:" for name in re.findall(r"{\w+}", " ".join(texts))} <= set(told.split()), each.context


def test_the_catalogues_are_in_step_and_a_new_phrase_is_one_to_translate() -> None:
    english = catalogue("en")
    for tag in LANGUAGES:
        own = catalogue(locale_of(tag))
        assert in_step(own, english).encode() == own, "run python -m tests.catalogues"
    new = english + b'\n#. Here.\nmsgctxt "new"\nmsgid "New"\nmsgstr ""\n'
    with pytest.raises(ValueError, match="new is not translated"):
        read_translations(in_step(catalogue("et"), new).encode(), "et", {**SPOKEN["en"].phrases, "new": "New"})


def test_what_counts_has_the_forms_of_its_language() -> None:
    for tag, *said in (
        ("en", "1 year", "2 years and 6 months", "5 years"),
        ("et", "1 aasta", "2 aastat ja 6 kuud", "5 aastat"),
        ("pl", "1 rok", "2 lata i 6 miesięcy", "5 lat"),
        ("sl", "1 leto", "2 leti in 6 mesecev", "5 let"),
        ("zh-Hans", "1 年", "2 年和6 个月", "5 年"),
    ):
        assert [SPOKEN[tag].duration(each).replace("\xa0", " ") for each in ("P1Y", "P2Y6M", "P5Y")] == said


@pytest.mark.parametrize("tag", LANGUAGES)
def test_no_phrase_is_so_long_that_it_would_break_a_page(tag: str) -> None:
    """The pages are measured in English alone, on each width of a screen."""
    for key, phrase in SPOKEN[tag].phrases.items():
        assert 0 < len(phrase.strip()) <= 1.7 * len(_english(key)) + 20, key


@pytest.mark.parametrize("tag", [tag for tag in LANGUAGES if tag != "en"])
def test_nothing_is_left_in_english(tag: str) -> None:
    same = {key for key, phrase in SPOKEN[tag].phrases.items() if phrase == _english(key)}
    assert same <= WITHOUT_A_WORD | {key for key, tags in SAME_WORD.items() if tag in tags}


def _english(key: str) -> str:
    """The English text; a language may have more forms of what counts."""
    name, _, form = key.rpartition(".")
    return SPOKEN["en"].phrases[f"{name}.1" if form.isdigit() and int(form) > 1 else key]


@pytest.mark.parametrize("tag", ["zh-Hans", "zh-Hant"])
def test_every_chinese_phrase_is_in_chinese(tag: str) -> None:
    for key, phrase in SPOKEN[tag].phrases.items():
        assert re.search(r"[\u4e00-\u9fff]", phrase) or key in WITHOUT_A_WORD


def test_chinese_is_written_with_its_own_punctuation() -> None:
    """Full-width beside its own signs; half-width stays within numbers, times, addresses and Latin words."""
    texts = dict(SPOKEN["zh-Hans"].phrases)
    for file in (resources.files("idp.demo").joinpath("receiving", "purposes")).iterdir():
        texts |= {
            f"{file.name} {line}": line.partition("=")[2].strip(' "') for line in file.read_text("utf-8").splitlines()
        }
    for page in gallery(Pages()):
        if page.language == "zh-Hans":
            texts |= {f"{page.name} {text}": text for text in Read(page.html).tree.itertext() if isinstance(text, str)}
    assert [where for where, text in texts.items() if re.search(HALF_WIDTH, text)] == []
    assert all(
        re.search(HALF_WIDTH, bad) for bad in ("\u4eba,\u4e0d", "\u6761(a)", "\u671f: \u662f", "a)\u4eba", "\u65e5, 16:00")
    )
    assert not re.search(HALF_WIDTH, "Kantara 1.1\uff0c\u7b2c 6 \u6761\uff08a.b, c\uff09\u3002")


def test_no_phrase_has_markup_or_stray_space() -> None:
    for language in SPOKEN.values():
        for key, phrase in language.phrases.items():
            assert not re.search(r"[<>&]|^\s|\s$|\s{2}", phrase), key


def test_the_digest_covers_every_template_and_phrase(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Pages().template_digest
    assert re.fullmatch(r"[0-9a-f]{64}", plain)
    assert Pages().template_digest == plain
    changed = {
        **SPOKEN,
        "et": replace(SPOKEN["et"], phrases={**SPOKEN["et"].phrases, "approval.refuse": "x"}),
    }
    monkeypatch.setattr("idp.pages.compiled_pages.load_languages", lambda: changed)
    assert Pages().template_digest == plain  # compiled once
    compiled.cache_clear()
    try:
        assert Pages().template_digest != plain
    finally:
        compiled.cache_clear()


@pytest.mark.spec("design §7: contrast AA")
@pytest.mark.parametrize("theme", [0, 1])
def test_every_pair_of_ink_and_paper_has_contrast_enough(theme: int) -> None:
    colours = re.findall(r":root \{(.*?)\}", STYLE_FILE.content.decode())
    named = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", colours[theme] + colours[theme + 2]))
    for ink, paper, least in (
        ("ink", "paper", 7.0),
        ("soft", "paper", 7.0),
        ("soft", "page", 7.0),
        ("link", "paper", 7.0),
        ("act-ink", "act", 7.0),
        ("act-ink", "act-over", 7.0),
        ("good-ink", "good", 7.0),
        ("edge", "paper", 3.0),
        ("focus", "paper", 3.0),
    ):
        assert contrast(named[ink], named[paper]) >= least, (ink, paper)
