"""Endings, errors, and the pages that lead to somebody else."""

import inspect
from dataclasses import replace

import pytest

from idp.pages.headers import SUBMIT_SCRIPT
from idp.pages.last_view import LastView
from idp.pages.render import Pages
from idp.pages.views import BlockedView, Ending, ErrorView, LeavingView, PageKind, PostView, Text, Towards, WithheldItem
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


@pytest.mark.spec("issue 32 item 3")
@pytest.mark.parametrize("ending", [Ending.REFUSED, Ending.CANCELLED])
def test_who_chose_the_end_reads_that_nothing_was_shared(pages: Pages, ending: Ending) -> None:
    page = Read(pages.last(LastView("en", SERVICE, Towards.SERVICE, "/login/L1/onward", "/login/L1/stay", ending)))
    assert page.words("//main//a[@class='button']") == "Back to Parking"
    assert "ended, and nothing about you." in page.words()
    assert "goes on by itself in 10 seconds" in page.words()
    assert "eceipt" not in page.words()


@pytest.mark.spec("issue 32 item 3")
@pytest.mark.parametrize("stay", ["/login/L1/stay", ""])
def test_the_last_page_names_what_goes_and_leads_to_paths_of_ours_alone(pages: Pages, stay: str) -> None:
    went = (Text("Date of birth: whether 18 or older", "en"),)
    view = LastView("en", SERVICE, Towards.SERVICE, "/login/L1/onward", stay, None, went, "", "/receipt", "/receipt.json")
    page = Read(pages.last(view))
    assert page.words("//main//li") == "Date of birth: whether 18 or older"
    assert "nothing has been sent yet" in page.words()
    links = {*(each.get("href") for each in page.find("//main//a"))}
    assert links == {"/login/L1/onward", "/receipt", "/receipt.json"} | ({stay} if stay else set())
    assert not page.find("//main//form | //script | //meta[@http-equiv]")
    for path in ("https://evil.example", "//evil.example", "javascript:alert(1)"):
        with pytest.raises(ValueError, match="path of ours"):
            pages.last(replace(view, onward=path))


@pytest.mark.spec("decisions.md 29")
def test_who_was_stopped_reads_what_is_missing_first(pages: Pages) -> None:
    missing = (WithheldItem(Text("Date of birth", "en"), "It was not sent."),)
    page = Read(pages.blocked(BlockedView("en", SERVICE, TARGET, (), missing)))
    assert not page.find("//meta[@http-equiv='refresh'] | //script")
    assert page.words("//ul[@class='kept']") == "Date of birth It was not sent."
    assert page.one("//main//a").get("href") == TARGET


def test_a_stopped_login_ends_by_a_post_to_us(pages: Pages) -> None:
    view = BlockedView("en", SERVICE, fields=(("choice", "refuse"),), action="/login/L1/decision")
    page = Read(pages.blocked(view))
    assert page.one("//form").get("action") == "/login/L1/decision"
    assert page.one("//form/input").get("value") == "refuse"
    assert not page.find("//script")
    assert view.kind is PageKind.FORM


def test_an_answer_by_form_post_is_posted(pages: Pages) -> None:
    view = BlockedView("en", SERVICE, TARGET, FIELDS)
    page = Read(pages.blocked(view))
    assert tuple((each.get("name"), each.get("value")) for each in page.find("//form/input")) == FIELDS
    assert page.words("//form/button") == "Back to Parking"
    assert not page.find("//script")
    assert not page.find("//meta[@http-equiv='refresh']")
    assert view.kind is PageKind.POST


def test_without_a_verified_address_there_is_no_way_on(pages: Pages) -> None:
    view = BlockedView("en", SERVICE)
    page = Read(pages.blocked(view))
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
    assert (view.kind, ErrorView("en", "internal", "R").kind) == (PageKind.POST, PageKind.FORM)


@pytest.mark.spec("issue 3 item 6")
def test_towards_another_node_a_login_ends_by_posting_its_answer_there(pages: Pages) -> None:
    fields = (("SAMLResponse", "PD94"), ("RelayState", "r"))
    view = BlockedView("en", Text("Finland", "en"), "https://fi.example/eidas/acs", fields, towards=Towards.NODE)
    page = Read(pages.blocked(view))
    assert page.one("//form").get("action") == "https://fi.example/eidas/acs"
    assert tuple((each.get("name"), each.get("value")) for each in page.find("//form/input")) == fields
    assert page.words("//form/button") == "Back to the service (Finland)"
    assert "Finland" in page.words("//p[@class='lead']")
    assert "was given nothing" not in page.words("//main"), "that is said of services"
    assert view.kind is PageKind.POST
    for ending in (Ending.REFUSED, Ending.CANCELLED):
        last = LastView("en", Text("Finland", "en"), Towards.NODE, "/login/L1/onward", "", ending)
        said = Read(pages.last(last)).words("//main")
        assert "nothing about you was sent" in said
        assert "Finland" in said
        assert "was given nothing" not in said


def test_an_error_leads_back_to_another_node(pages: Pages) -> None:
    view = ErrorView("en", "assurance_too_low", "R", TARGET, Text("Finland", "en"), FIELDS, Towards.NODE)
    page = Read(pages.error(view))
    assert page.words("//form/button") == "Back to the service (Finland)"
    assert view.kind is PageKind.POST


def test_an_error_leads_to_the_other_countries_while_the_login_lives(pages: Pages) -> None:
    page = Read(pages.error(ErrorView("en", "country_unavailable", "R", again="/login/L1/countries")))
    assert page.one("//main//a").get("href") == "/login/L1/countries"
    assert page.words("//main//a") == "Choose another country"
