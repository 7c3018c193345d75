"""A country's faulty answer reaches the citizen as a page, the service by a link, and the log by the check's name.

The checks themselves are proven one by one beside the connector; here it is proven that each refusal comes out well.
"""

from collections.abc import Callable

import pytest

from connectors.checks import ALL_CHECKS
from idp.demo.citizens import CITIZENS
from idp.protocols.oidc.provider import BAD_ANSWER
from tests.idp.staging import Lines
from tests.idp.web.forgery import Forgery, doubled, dropped, spliced, swapped, wrapped
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

NOT_ACCEPTED = "Your country's answer was not accepted"
STRONGER = "A stronger sign-in is needed"
NOT_SIGNED_IN = "You were not signed in"
HIGH = "http://eidas.europa.eu/LoA/high"


def _inserted(octets: bytes) -> Callable[[bytes], bytes]:
    """Something more at the end of the response, after it was signed."""
    return spliced(b"</samlp:Response>", octets + b"</samlp:Response>")


def _in_front(octets: bytes) -> Callable[[bytes], bytes]:
    return lambda message: octets + message


FORGERIES: dict[str, tuple[Forgery, set[str]]] = {
    "nobody signed it": (Forgery(signed=()), {"signature_missing"}),
    "altered": (Forgery(octets=spliced(b">Maasikas<", b">Maasikat<")), {"digest"}),
    "wrapped": (Forgery(octets=wrapped), {"signature_place", "signature_count", "structure", "one_assertion"}),
    "two signatures": (Forgery(octets=doubled), {"signature_count", "signature_place"}),
    "signed by another configured provider": (Forgery(by_latvia=True), {"signature"}),
    "SHA-1": (
        Forgery(octets=spliced(b"2001/04/xmldsig-more#rsa-sha256", b"2000/09/xmldsig#rsa-sha1")),
        {"signature_algorithm"},
    ),
    "DOCTYPE": (Forgery(octets=_in_front(b"<!DOCTYPE r>")), {"doctype"}),
    "a comment": (Forgery(octets=spliced(b"Maasikas", b"Maas<!---->ikas")), {"comment"}),
    "no XML": (Forgery(octets=lambda _: b"Maasikas"), {"not_well_formed"}),
    "300 kB": (Forgery(octets=_inserted(b"<a>" + b"x" * 280_000 + b"</a>")), {"size"}),
    "another Destination": (Forgery(text=swapped('Destination="http', 'Destination="https')), {"destination"}),
    "another Audience": (Forgery(text=swapped("/metadata</saml:Audience>", "/</saml:Audience>")), {"audience"}),
    "another InResponseTo": (Forgery(text=swapped('InResponseTo="_', 'InResponseTo="_0')), {"in_response_to"}),
    "expired": (Forgery(ahead=-240, life=1), {"subject_confirmation_expired", "conditions_expired"}),
    "another issuer": (Forgery(text=swapped("estonia.localhost", "latvia.localhost")), {"issuer"}),
    "a failure with an assertion": (
        Forgery(text=swapped("status:Success", "status:Responder")),
        {"status_with_assertion"},
    ),
    "no assertion": (Forgery(text=dropped("<saml:Assertion ", "</saml:Assertion>")), {"one_assertion"}),
    "no identifier": (Forgery(text=dropped("<saml:AttributeStatement>", "</saml:AttributeStatement>")), {"name_id"}),
}


def _page(answer: Answer, status: int, heading: str, stage: Stage, error: str) -> None:
    """A page with a reference, and one way back: the verified address, with state and iss."""
    assert (answer.status, answer.heading) == (status, heading)
    (link,) = answer.found("//main//a[@class='button']/@href")
    assert link.startswith(f"{stage.city_base}/parking/callback?")
    assert (answer.back["error"], answer.back["state"], answer.back["iss"]) == (error, "a-state", stage.issuer)
    assert "http-equiv" not in answer.text, "nobody is taken away from a page that says what went wrong"
    assert "set-cookie" not in answer.headers


def _line(visitor: Visitor, logs: Lines, answer: Answer, checks: set[str]) -> None:
    """One line of the log: the check's name, the reference of the page, and no value of anybody."""
    (line,) = logs
    assert line["check"] in checks
    assert line["check"] in ALL_CHECKS
    assert line["reference"] == answer.reference
    assert line["path"] == "/saml/acs"
    assert line["peer"] == "demo-ee"
    values = {value for one in CITIZENS for value in one.attributes.values()}
    # The page seals itself for another language; what is sealed is read as that page has it
    (sealed,) = answer.found("//form[@id='languages']/input[@name='page']/@value")
    other = visitor.go("POST", "/language", fields={"language": "et", "page": sealed})
    assert (other.found("//html/@lang"), other.reference) == (["et"], answer.reference)
    (again,) = other.found("//form[@id='languages']/input[@name='page']/@value")
    said = repr(line) + answer.text.replace(sealed, "") + other.text.replace(again, "")
    # Links have the login's id, and chance may spell a country in it
    said = said.replace(visitor.newest, "")
    assert not [value for value in values if value in said]


@pytest.mark.spec("issue 2: what bad input gets")
@pytest.mark.parametrize("name", FORGERIES)
def test_a_response_with_one_thing_wrong_gives_a_page_a_link_and_a_line(
    visitor: Visitor, stage: Stage, logs: Lines, name: str
) -> None:
    forgery, checks = FORGERIES[name]
    answer = visitor.returns(forgery.made(stage, visitor.asked(visitor.login())))
    _page(answer, 403, NOT_ACCEPTED, stage, "access_denied")
    assert answer.back["error_description"] == BAD_ANSWER
    _line(visitor, logs, answer, checks)


def test_the_same_response_with_nothing_wrong_is_accepted(visitor: Visitor, stage: Stage) -> None:
    """The control: only what a forgery changes can be the reason of its refusal."""
    for signed in (("assertion",), ("response",), ("assertion", "response")):
        answer = visitor.returns(Forgery(signed=signed).made(stage, visitor.asked(visitor.login())))
        assert (answer.status, answer.heading) == (200, "Share this with Resident parking?")


@pytest.mark.spec("Unmet Authentication Requirements §2")
def test_assurance_that_is_too_low_is_told_to_the_service_by_its_own_code(visitor: Visitor, stage: Stage) -> None:
    answer = visitor.returns(visitor.signs_in(visitor.asked(visitor.login()), "toomas"))
    _page(answer, 403, STRONGER, stage, "unmet_authentication_requirements")
    login = visitor.newest
    assert answer.found("//main//dl[1]//dd/text()") == ["Low", "Substantial"]
    # Latvia's own "high" counts as substantial here
    assert answer.found("//main//nav//span[@class='country']/text()") == ["Estonia", "Latvia"]
    links = answer.found("//main//nav//a/@href")
    assert links == [f"/login/{login}/at/demo-ee?again=yes", f"/login/{login}/at/demo-lv"]


def test_a_level_that_nobody_registered_is_refused(visitor: Visitor, stage: Stage, logs: Lines) -> None:
    made = Forgery(text=swapped(HIGH, "urn:oasis:names:tc:SAML:2.0:ac:classes:Password")).made
    answer = visitor.returns(made(stage, visitor.asked(visitor.login())))
    assert (answer.status, answer.heading) == (403, STRONGER)
    assert answer.found("//main//dl[1]//dd/text()") == ["Substantial"], "no level is guessed"
    _line(visitor, logs, answer, {"authn_context_unknown"})


def test_who_does_not_sign_in_is_told_so_and_the_service_too(visitor: Visitor, stage: Stage, logs: Lines) -> None:
    answer = visitor.returns(visitor.signs_in(visitor.asked(visitor.login()), ""))
    _page(answer, 403, NOT_SIGNED_IN, stage, "access_denied")
    _line(visitor, logs, answer, {"status"})


def test_the_page_speaks_the_language_that_the_service_passed_on(visitor: Visitor) -> None:
    answer = visitor.returns(visitor.signs_in(visitor.asked(visitor.login(ui_locales="et")), ""))
    assert (answer.status, answer.found("/html/@lang")) == (403, ["et"])
    assert "Elanike parkimine" in answer.text


def test_a_refused_response_does_not_end_the_login(visitor: Visitor, stage: Stage) -> None:
    question = visitor.asked(visitor.login())
    assert visitor.returns(Forgery(signed=()).made(stage, question)).status == 403
    assert visitor.returns(visitor.signs_in(question, "")).status == 403
    assert visitor.returns(visitor.signs_in(question)).status == 200


def test_the_way_back_is_posted_where_the_service_asked_so(visitor: Visitor, stage: Stage) -> None:
    login = visitor.login(response_mode="form_post")
    answer = visitor.returns(visitor.signs_in(visitor.asked(login), ""))
    assert (answer.status, answer.heading) == (403, NOT_SIGNED_IN)
    assert answer.found("//main//form/@action") == [f"{stage.city_base}/parking/callback"]
    assert (answer.fields["error"], answer.fields["state"], answer.fields["iss"]) == (
        "access_denied",
        "a-state",
        stage.issuer,
    )
    assert "form-action" not in answer.headers["content-security-policy"]
    assert "<script" not in answer.text
