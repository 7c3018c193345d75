"""`id_token_hint` over HTTP: the same person comes back, or the service is told that somebody else did."""

import pytest

from idp.protocols.oidc.provider import SENTENCES
from tests.idp.staging import Lines
from tests.idp.web.visitor import Visitor


def _id_token(visitor: Visitor, citizen: str = "mari") -> str:
    return str(visitor.redeem(visitor.code(citizen)).json["id_token"])


def test_the_person_of_the_hint_signs_in_again(visitor: Visitor) -> None:
    assert visitor.redeem(visitor.code(id_token_hint=_id_token(visitor))).status == 200


@pytest.mark.spec("OpenID Connect Core §3.1.2.2")
def test_somebody_else_is_asked_nothing_and_the_service_is_told_so(visitor: Visitor, logs: Lines) -> None:
    hint = _id_token(visitor, "juhan")
    page = visitor.returns(visitor.signs_in(visitor.asked(visitor.login(id_token_hint=hint))))
    assert (page.status, page.heading) == (403, "You are not the person whom the service asked for")
    assert (page.back["error"], page.back["error_description"]) == ("login_required", SENTENCES["login_required"])
    assert not page.found("//main//button | //main//form"), "nothing is shown to them, and nothing can be approved"
    assert {*page.found("//button/@name"), *page.found("//form/@id")} == {"language", "languages"}
    (line,) = [line for line in logs if line["event"] == "refused"]
    assert (line["code"], line["check"], line["reference"]) == ("other_person", "hinted_subject", page.reference)
    assert hint not in repr(line)


def test_a_hint_of_another_client_goes_nowhere(visitor: Visitor) -> None:
    hint = _id_token(visitor)
    answer = visitor.authorize(client_id="budget", scope="openid", id_token_hint=hint)
    assert "error=invalid_request" in answer.headers["location"]
    assert hint not in answer.headers["location"]


@pytest.mark.spec("OpenID Connect Core §5.5.1")
def test_a_sub_that_is_asked_for_lets_this_person_in_and_nobody_else(visitor: Visitor, logs: Lines) -> None:
    token = visitor.redeem(visitor.code()).json["access_token"]
    sub = visitor.userinfo(str(token)).json["sub"]
    claims = f'{{"id_token":{{"sub":{{"value":"{sub}"}}}}}}'
    assert visitor.redeem(visitor.code(claims=claims)).status == 200
    page = visitor.returns(visitor.signs_in(visitor.asked(visitor.login(claims=claims)), "juhan"))
    assert (page.status, page.back["error"]) == (403, "login_required")
    assert str(sub) not in repr(list(logs))
