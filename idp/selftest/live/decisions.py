"""Decisions that are made again, differently, late, by somebody else, or on a page that is no longer the newest."""

from collections.abc import Iterable, Mapping
from functools import partial
from urllib.parse import urlencode

from connectors.attacks.attack_case import CaseKind
from idp.selftest.live.live_case import Attack, LiveCase, named, refused
from idp.selftest.live.responses import CHOICES
from idp.selftest.live.visitor import AstrayError, BrokerAnswer, Visitor
from idp.web.login_cookies import STRICT

FAMILY = "live: decisions"
HONEST = "live: honest logins"
# decisions 0000.2 and 0000.8: how long a question lives, and how long its answer may come again
QUESTION_LIFE, ANSWER_LIFE = 5 * 60, 60
_TWICE = ("approve", "approve")


def otherwise(first: str, second: str, visitor: Visitor, *, ahead: int = 0, more: str = "") -> Attack:
    """Decided once, unless `first` is empty, and then so many seconds later on the same page, perhaps with one box more."""
    question = visitor.question()
    if first:
        visitor.decides(question, first).expect(f"to {first}")
    visitor.stage.clock.ahead = ahead
    return lambda: visitor.decides(question, second, **({more: "yes"} if more else {}))


def older_page(visitor: Visitor) -> Attack:
    """A newer response has asked since: the earlier page is dead."""
    fields = visitor.response()
    first = visitor.returns(fields).expect("the response")
    visitor.returns(fields).expect("the response again")
    return lambda: visitor.decides(first)


def of_another_login(visitor: Visitor) -> Attack:
    """The sealed question of one login in the form of another."""
    first, second = visitor.question(), visitor.question()
    return lambda: visitor.decides(second, decided=first.fields["decided"])


def another_login_than_the_address(visitor: Visitor) -> Attack:
    """The form of one login at the address of another."""
    first, second = visitor.question(), visitor.question()
    fields = {**first.fields, "choice": "approve"}
    return lambda: visitor.go("POST", f"/login/{second.fields['login']}/decision", fields=fields)


def elsewhere(visitor: Visitor) -> Attack:
    """Somebody else's page, without the cookie that it is bound to."""
    question = visitor.question()
    visitor.jar.clear()
    return lambda: visitor.decides(question)


def with_another_secret(visitor: Visitor) -> Attack:
    """Somebody else's page, with a Strict cookie that was made up."""
    question = visitor.question()
    visitor.jar[STRICT + question.fields["login"]] = "A" * 43
    return lambda: visitor.decides(question)


def altered(visitor: Visitor) -> Attack:
    """One character of the sealed question is another."""
    question = visitor.question()
    sealed = question.fields["decided"]
    changed = sealed[:-8] + ("A" if sealed[-8] != "A" else "B") + sealed[-7:]
    return lambda: visitor.decides(question, decided=changed)


def sent(headers: Mapping[str, str | None], visitor: Visitor) -> Attack:
    """The form of our page, posted from elsewhere."""
    question = visitor.question()
    fields = {**question.fields, "choice": "approve"}
    return lambda: visitor.go("POST", f"/login/{fields['login']}/decision", fields=fields, headers=headers)


def by_get(visitor: Visitor) -> Attack:
    """A link that approves."""
    fields = {**visitor.question().fields, "choice": "approve"}
    return lambda: visitor.go("GET", f"/login/{fields['login']}/decision?{urlencode(fields)}")


def twice_in_one_form(visitor: Visitor) -> Attack:
    """Refused and approved in one form."""
    fields = visitor.question().fields
    body = urlencode([*fields.items(), ("choice", "refuse"), ("choice", "approve")]).encode()
    return lambda: visitor.go("POST", f"/login/{fields['login']}/decision", body=body)


def alike(visitor: Visitor) -> Attack:
    """Honest: the same choice within a minute gets the same answer, and nothing more is written."""
    question = visitor.question()
    code = visitor.decides(question).back["code"]

    def again() -> BrokerAnswer:
        answer = visitor.decides(question)
        if answer.back.get("code") != code:
            raise AstrayError("the same choice got another answer")
        return answer

    return again


def reloaded(visitor: Visitor) -> Attack:
    """Honest: a response may come again until somebody has decided."""
    fields = visitor.response()
    visitor.returns(fields).expect("the response")
    return lambda: visitor.returns(fields)


def signed_in(visitor: Visitor) -> Attack:
    """Honest: a whole login, to the answer of userinfo."""

    def login() -> BrokerAnswer:
        answer = visitor.userinfo(visitor.token())
        if not answer.json.get("sub"):
            raise AstrayError("userinfo names nobody")
        return answer

    return login


def honest(number: int) -> LiveCase:
    """A whole login after so many cases: the broker serves as before."""
    return LiveCase(named(HONEST, f"after {number} cases"), HONEST, CaseKind.VALID, None, signed_in, releases=True)


def cases() -> Iterable[LiveCase]:
    """All of them, and two honest repetitions."""
    pairs = [(first, second) for first in CHOICES for second in CHOICES if first != second]
    yield from refused(
        FAMILY,
        CaseKind.RESPONSE,
        {
            **{f"{first}, then {second}": ("409 decided", partial(otherwise, first, second)) for first, second in pairs},
            "approve, then more of it": ("409 decided", partial(otherwise, *_TWICE, more="share.email")),
            "on a page before the newest": ("409 sealed_login", older_page),
            "sealed for another login": ("409 sealed_login", of_another_login),
            "at another login's address": ("409 login_id", another_login_than_the_address),
            "in another browser": ("409 strict_cookie", elsewhere),
            "with another secret": ("409 sealed_login", with_another_secret),
            "altered": ("409 sealed_login", altered),
            "after five minutes": ("409 login_ended", partial(otherwise, "", "approve", ahead=QUESTION_LIFE)),
            "again after a minute": ("409 decided", partial(otherwise, *_TWICE, ahead=ANSWER_LIFE + 1)),
            "from another site": ("403 other_site", partial(sent, {"sec-fetch-site": "cross-site"})),
            "from nowhere": ("403 other_site", partial(sent, {"sec-fetch-site": None, "origin": "null"})),
            "by get": ("405 request_refused", by_get),
            "two choices": ("400 request_refused", twice_in_one_form),
        },
    )
    yield LiveCase(named(HONEST, "approved again alike"), HONEST, CaseKind.VALID, None, alike)
    yield LiveCase(named(HONEST, "response again before the decision"), HONEST, CaseKind.VALID, None, reloaded)
