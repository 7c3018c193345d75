"""Endings, errors, and the pages that lead to somebody else."""

import inspect

import pytest

from idp.pages.headers import SUBMIT_SCRIPT
from idp.pages.render import Pages
from idp.pages.views import Ending, ErrorView, LeavingView, PageKind, PostView, RefusedView, Text, Towards, WithheldItem
from idp.pages.wording import MOVES, known_code
from policies import errors
from policies.errors import AssertionRejected, SignatureInvalid
from tests.idp.pages.reading import Read

SERVICE = Text("Parking", "en")
TARGET = "https://city.example/cb?error=access_denied&state=1"
FIELDS = (("error", "access_denied"), ("state", "1"))


@pytest.mark.spec("decisions.md 7")
def test_after_an_approval_the_page_goes_on_and_has_a_link(pages: Pages) -> None:
    view = LeavingView("en", SERVICE, TARGET)
    page = Read(pages.leaving(view))
    assert page.one("//meta[@http-equiv='refresh']").get("content") == f"0; url={TARGET}"
    assert page.one("//main//a").get("href") == TARGET
    assert view.kind is PageKind.PLAIN


@pytest.mark.parametrize("ending", [Ending.REFUSED, Ending.CANCELLED])
def test_who_chose_the_end_goes_on_at_once(pages: Pages, ending: Ending) -> None:
    page = Read(pages.refused(RefusedView("en", ending, SERVICE, TARGET)))
    assert page.find("//meta[@http-equiv='refresh']")
    assert page.words("//main//a") == "Back to Parking"
    assert "Parking was given nothing about you." in page.words()


@pytest.mark.spec("decisions.md 29")
def test_who_was_stopped_reads_what_is_missing_first(pages: Pages) -> None:
    missing = (WithheldItem(Text("Date of birth", "en"), "It was not sent."),)
    page = Read(pages.refused(RefusedView("en", Ending.BLOCKED, SERVICE, TARGET, (), missing)))
    assert not page.find("//meta[@http-equiv='refresh'] | //script")
    assert page.words("//ul[@class='kept']") == "Date of birth It was not sent."
    assert page.one("//main//a").get("href") == TARGET


def test_a_stopped_login_ends_by_a_post_to_us(pages: Pages) -> None:
    view = RefusedView("en", Ending.BLOCKED, SERVICE, fields=(("choice", "refuse"),), action="/login/L1/decision")
    page = Read(pages.refused(view))
    assert page.one("//form").get("action") == "/login/L1/decision"
    assert page.one("//form/input").get("value") == "refuse"
    assert not page.find("//script")
    assert view.kind is PageKind.FORM


def test_an_answer_by_form_post_is_posted(pages: Pages) -> None:
    for ending, scripts in [(Ending.REFUSED, 1), (Ending.CANCELLED, 1), (Ending.BLOCKED, 0)]:
        view = RefusedView("en", ending, SERVICE, TARGET, FIELDS)
        page = Read(pages.refused(view))
        assert tuple((each.get("name"), each.get("value")) for each in page.find("//form/input")) == FIELDS
        assert page.words("//form/button") == "Back to Parking"
        assert len(page.find("//script")) == scripts
        assert not page.find("//meta[@http-equiv='refresh']")
        assert view.kind is PageKind.POST


def test_without_a_verified_address_there_is_no_way_on(pages: Pages) -> None:
    view = RefusedView("en", Ending.REFUSED, SERVICE)
    page = Read(pages.refused(view))
    assert not page.find("//main//a | //form | //meta[@http-equiv] | //script")
    assert view.kind is PageKind.PLAIN


def test_a_posted_message_has_a_button_and_the_one_script(pages: Pages) -> None:
    for towards in Towards:
        page = Read(pages.post(PostView("en", towards, Text("ID Austria", "de"), "https://idp.example/sso", FIELDS)))
        assert page.one("//form").get("action") == "https://idp.example/sso"
        assert page.words("//form/button")
        assert page.one("//script").text == SUBMIT_SCRIPT
        assert "ID Austria" in page.words("//main")


def _codes() -> set[str]:
    kinds = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.BrokerError)]
    return {kind.code for kind in kinds}


def test_every_code_of_an_error_has_a_page() -> None:
    assert {code for code in _codes() if known_code(code) == "internal"} <= {"internal"}


def test_a_page_does_not_tell_a_bad_signature_from_an_answer_that_did_not_fit() -> None:
    assert known_code(SignatureInvalid.code) == known_code(AssertionRejected.code) == AssertionRejected.code


def test_an_error_says_what_happened_whose_move_it_is_and_a_reference(pages: Pages) -> None:
    for code in MOVES:
        page = Read(pages.error(ErrorView("en", code, "7F3K-2QXM")))
        say = pages.wording("en").language.say
        assert page.words("//h1") == say(f"error.{code}.title")
        assert say(f"error.{code}.text") in page.words("//main")
        assert say(f"error.mover.{MOVES[code]}") in page.words("//main")
        assert page.words("//code") == f"7F3K-2QXM {code}"
        assert not page.find("//main//a | //form")


def test_an_error_leads_back_where_that_is_safe(pages: Pages) -> None:
    named = Read(pages.error(ErrorView("en", "replayed", "R", TARGET, SERVICE)))
    assert (named.one("//main//a").get("href"), named.words("//main//a")) == (TARGET, "Back to Parking")
    unnamed = Read(pages.error(ErrorView("en", "replayed", "R", TARGET)))
    assert unnamed.words("//main//a") == "Back to the service"


@pytest.mark.spec("issue 4 item 6")
def test_an_error_links_to_what_the_operator_published_of_its_code(pages: Pages) -> None:
    view = ErrorView("en", "<b>", "R", documentation="https://docs.city.example/errors/")
    link = Read(pages.error(view)).one("//main//a")
    assert (link.get("href"), link.get("rel")) == ("https://docs.city.example/errors/#internal", "noreferrer")
    with pytest.raises(ValueError, match="web addresses"):
        pages.error(ErrorView("en", "internal", "R", documentation="javascript:alert(1)//"))


def test_an_error_goes_back_by_hand_and_by_form_post_where_the_service_wants_that(pages: Pages) -> None:
    view = ErrorView("en", "assurance_too_low", "R", "https://city.example/cb", SERVICE, FIELDS)
    page = Read(pages.error(view))
    assert tuple((each.get("name"), each.get("value")) for each in page.find("//form/input")) == FIELDS
    assert page.words("//form/button") == "Back to Parking"
    assert not page.find("//script | //main//a")
    assert (view.kind, ErrorView("en", "internal", "R").kind) == (PageKind.POST, PageKind.PLAIN)


@pytest.mark.spec("issue 3 item 6")
def test_towards_another_node_a_login_ends_by_posting_its_answer_there(pages: Pages) -> None:
    for ending in Ending:
        fields = (("SAMLResponse", "PD94"), ("RelayState", "r"))
        view = RefusedView(
            "en", ending, Text("Finland", "en"), "https://fi.example/eidas/acs", fields, towards=Towards.NODE
        )
        page = Read(pages.refused(view))
        assert page.one("//form").get("action") == "https://fi.example/eidas/acs"
        assert tuple((each.get("name"), each.get("value")) for each in page.find("//form/input")) == fields
        assert page.words("//form/button") == "Back to the service (Finland)"
        assert "Finland" in page.words("//p[@class='lead']")
        assert "was given nothing" not in page.words("//main"), "that is said of services"
        assert view.kind is PageKind.POST


def test_an_error_leads_back_to_another_node(pages: Pages) -> None:
    view = ErrorView("en", "assurance_too_low", "R", TARGET, Text("Finland", "en"), FIELDS, Towards.NODE)
    page = Read(pages.error(view))
    assert page.words("//form/button") == "Back to the service (Finland)"
    assert view.kind is PageKind.POST


def test_an_error_leads_to_the_other_countries_while_the_login_lives(pages: Pages) -> None:
    page = Read(pages.error(ErrorView("en", "country_unavailable", "R", again="/login/L1/countries")))
    assert page.one("//main//a").get("href") == "/login/L1/countries"
    assert page.words("//main//a") == "Choose another country"
