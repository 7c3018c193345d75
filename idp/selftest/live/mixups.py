"""Mix-ups: one identity provider answers a question that went to another. Each signs with a key that the broker knows."""

from collections.abc import Callable, Iterable

from connectors.attacks.case import Kind
from idp.selftest.live.played import Attack, LiveCase, refused
from idp.selftest.live.stage import FIRST, SECOND
from idp.selftest.live.visitor import Visitor

FAMILY = "live: mix-up"


def answered_by_another(asked: str) -> Callable[[Visitor], Attack]:
    """The question went to one provider and is answered by another, to the letter: all but the issuer fits."""

    def prepare(visitor: Visitor) -> Attack:
        question = visitor.asked(visitor.login(), asked)
        other = visitor.stage.second.base if asked == FIRST else visitor.stage.country_base
        fields = visitor.answered(question, at=other)
        return lambda: visitor.returns(fields)

    return prepare


def asked_another_since(first: str, second: str) -> Callable[[Visitor], Attack]:
    """One login: the answer of the first provider comes when the second has been asked."""

    def prepare(visitor: Visitor) -> Attack:
        login = visitor.login()
        fields = visitor.response(login, first)
        visitor.asked(login, second)
        return lambda: visitor.returns(fields)

    return prepare


def into_a_login_at_another(first: str, second: str) -> Callable[[Visitor], Attack]:
    """Two logins, one at each: the answer to one goes to the other."""

    def prepare(visitor: Visitor) -> Attack:
        fields = visitor.response(provider=first)
        other = visitor.login()
        visitor.asked(other, second)
        return lambda: visitor.returns({**fields, "RelayState": other})

    return prepare


def stolen_for_a_login_at_another(first: str, second: str) -> Callable[[Visitor], Attack]:
    """The same, where the other login is in another browser."""

    def prepare(visitor: Visitor) -> Attack:
        fields = visitor.response(provider=first)
        visitor.jar.clear()
        other = visitor.login()
        visitor.asked(other, second)
        return lambda: visitor.returns({**fields, "RelayState": other})

    return prepare


def cases() -> Iterable[LiveCase]:
    """Each both ways."""
    ways = ((FIRST, SECOND), (SECOND, FIRST))
    return refused(
        FAMILY,
        Kind.RESPONSE,
        {
            **{f"{one} was asked, {other} answers": ("403 signature", answered_by_another(one)) for one, other in ways},
            **{
                f"{one} answers, {other} was asked since": ("403 signature", asked_another_since(one, other))
                for one, other in ways
            },
            **{
                f"{one} answers into a login at {other}": ("403 signature", into_a_login_at_another(one, other))
                for one, other in ways
            },
            **{
                f"{one} answers into another browser's login at {other}": (
                    "403 signature",
                    stolen_for_a_login_at_another(one, other),
                )
                for one, other in ways
            },
        },
    )
