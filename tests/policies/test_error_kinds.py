import inspect
from itertools import product

import pytest

from policies import errors
from policies.errors import (
    AssertionRejected,
    BrokerError,
    Conflict,
    Misconfigured,
    Problem,
    RequestRefused,
    SignatureInvalid,
    about,
)

# What only we tell from its kind: to everybody else it is one of that kind
SAME = {errors.Closed}
KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, BrokerError)]


def test_every_kind_has_a_code_and_a_sentence_of_its_own_which_does_not_speak_of_the_inside() -> None:
    for kind in KINDS:
        assert kind.code.replace("_", "").isalpha()
        assert kind.public.endswith(".")
        assert sum(other.code == kind.code for other in KINDS if other not in SAME) == 1
        inside = {"SAML", "OAuth", "XML", "signature", "None", "exception"}
        assert not inside & set(kind.public.replace(".", "").split()), kind


def test_a_detail_is_for_the_log_and_not_for_the_person() -> None:
    error = RequestRefused("client unknown", oauth="invalid_client", status=401)
    assert (error.detail, error.oauth, error.status) == ("client unknown", "invalid_client", 401)
    assert "client unknown" not in error.public


def test_a_code_and_a_sentence_may_be_narrower_than_the_kind() -> None:
    error = BrokerError("x", code="narrow", public="Narrow.")
    assert (error.code, error.public) == ("narrow", "Narrow.")
    assert (BrokerError.code, BrokerError("x").code) == ("internal", "internal")


def test_a_rejection_names_its_check() -> None:
    assert AssertionRejected("audience").detail == "audience"
    assert SignatureInvalid("digest", "reference 1").check == "digest"
    assert Conflict("login").kind == "login"


def test_every_problem_of_a_configuration_is_in_the_detail() -> None:
    problems = (
        Problem("a.toml", 3, "basis", "is missing.", "write it."),
        Problem("b.toml", 1, "id", "is odd.", "mend it."),
    )
    assert Misconfigured(problems).detail.splitlines() == [
        "a.toml:3: basis: is missing. Fix: write it.",
        "b.toml:1: id: is odd. Fix: mend it.",
    ]


def _peer_of(error: BrokerError, *scopes: about) -> str:
    """The peer of an error that was raised in these scopes, the outermost first."""
    for scope in reversed(scopes):
        scope.__exit__(type(error), error, None)
    return error.peer


def test_an_error_is_about_the_source_where_it_is_of_its_kinds_and_else_about_who_asked() -> None:
    assert _peer_of(SignatureInvalid("digest"), about("party", "source", AssertionRejected)) == "source"
    assert _peer_of(RequestRefused(), about("party", "source", AssertionRejected)) == "party"
    assert _peer_of(RequestRefused(), about("party")) == "party"
    assert _peer_of(RequestRefused(), about("party"), about("nearer")) == "nearer"


@pytest.mark.parametrize("kind", [SignatureInvalid, RequestRefused, Conflict])
def test_one_scope_of_two_says_what_two_of_one_do(kind: type[BrokerError]) -> None:
    for known, peer, source in product(("", "known"), ("", "party"), ("", "source")):
        one, two = kind("x"), kind("x")
        one.peer = two.peer = known
        inner = [about(source)] if isinstance(two, AssertionRejected | RequestRefused) else []
        assert _peer_of(one, about(peer, source, AssertionRejected, RequestRefused)) == _peer_of(two, about(peer), *inner)
