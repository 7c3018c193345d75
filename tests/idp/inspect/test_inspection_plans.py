"""The plans for people hold every check once, so a page never ticks off what was not looked at."""

import pytest

from connectors.checks import (
    ALL_CHECKS,
    AUTHN_REQUEST_CHECKS,
    CLIENT_ASSERTION_CHECKS,
    EIDAS_CHECKS,
    ID_TOKEN_CHECKS,
    LOGOUT_CHECKS,
    OPINION_CHECKS,
    REQUEST_CHECKS,
    SAML_CHECKS,
    STORK_CHECKS,
    STORK_REQUEST_CHECKS,
    X509_CHECKS,
)
from connectors.profiles import SAML2INT
from idp.inspect.message_judges import Sender, logout_response_judge
from idp.inspect.metadata import BY_HAND
from idp.inspect.options import MessageKind
from idp.inspect.plan import OPINION, PLANS, page
from idp.inspect.response_judges import OPEN_ENDS as OF_RESPONSE
from idp.inspect.result import ALWAYS_UNCHECKED, Accepted, FileResult, MessageRefusal, MessageStatement
from idp.inspect.tokens import OPEN_ENDS as OF_ID_TOKEN
from policies.errors import AssertionRejected, AssuranceTooLow, AuthenticationFailed, SignatureInvalid
from tests.errors_page import page_texts

# Nobody's fault and no step's: nothing is ticked. The others are of questions, of signed queries and of our own answers.
IN_NO_STEP = {"unforeseen", "assurance_unreachable", "deflate", "required_attribute"}
OF_METADATA = {
    "metadata_key",
    "metadata_entity",
    "metadata_country",
    "metadata_address",
    "metadata_expired",
    "metadata_far",
    "metadata",
    *X509_CHECKS,
}
# Of a Response's own structure, grammar and meaning: metadata has other rules
_BEFORE_MEANING = list(SAML_CHECKS)[list(SAML_CHECKS).index("size") : list(SAML_CHECKS).index("text")]
NOT_OF_METADATA = {"base64", "one_assertion"}
_OF_MESSAGES = {*_BEFORE_MEANING, "binding", "parameters"} - {"one_assertion"}
_GRAMMAR = set(list(SAML_CHECKS)[list(SAML_CHECKS).index("text") : list(SAML_CHECKS).index("status_detail")])
_OF_REQUESTS = {*AUTHN_REQUEST_CHECKS, *REQUEST_CHECKS, "name_format"}
# A query is signed beside the XML: no checks of XML signature, and no binding to get wrong
_XML_SIGNATURE = {
    *("structure", "signature_count", "signature_shape", "key_info", "signed_info", "canonicalisation_method"),
    *("reference", "transforms", "digest_algorithm", "digest_value", "digest", "binding"),
}


def refused(check: str, *not_checked: str, unsigned: bool = False) -> FileResult:
    failure = MessageRefusal("assertion_rejected", check, "A sentence for everybody.", "a detail")
    return FileResult("file", None, failure, not_checked, unsigned=unsigned)


def checks_of(kind: MessageKind) -> list[str]:
    return [check for step in PLANS[kind] for check in step.checks.split()]


def test_no_check_stands_in_two_steps() -> None:
    for kind in list(PLANS):
        found = checks_of(kind)
        assert len(found) == len(set(found))


def test_every_check_stands_in_the_plan_of_its_kind() -> None:
    assert set(checks_of(MessageKind.RESPONSE)) == {*ALL_CHECKS, *EIDAS_CHECKS, *STORK_CHECKS} - IN_NO_STEP
    assert set(checks_of(MessageKind.ID_TOKEN)) == set(ID_TOKEN_CHECKS)
    assert set(checks_of(MessageKind.METADATA)) == ({*_BEFORE_MEANING} - NOT_OF_METADATA) | OF_METADATA | {"time"}
    assert set(checks_of(MessageKind.CLIENT_ASSERTION)) == set(CLIENT_ASSERTION_CHECKS)
    of_both = {"in_response_to", "logout_status", "status_detail"}
    of_request = {"logout_expired", "logout_reason", "name_id", "base_id", "session_index", "encrypted_id"}
    of_logout = _OF_MESSAGES | _GRAMMAR | {*LOGOUT_CHECKS, "status_detail", "encrypted_id"}
    assert set(checks_of(MessageKind.LOGOUT_REQUEST)) == of_logout - of_both
    assert set(checks_of(MessageKind.LOGOUT_RESPONSE)) == of_logout - of_request
    assert set(checks_of(MessageKind.AUTHN_REQUEST)) == _OF_MESSAGES | _GRAMMAR | _OF_REQUESTS | {*STORK_REQUEST_CHECKS}
    of_queries = (of_logout | _OF_REQUESTS | {"deflate", "relay_state"}) - _XML_SIGNATURE
    assert set(checks_of(MessageKind.REDIRECT)) == of_queries
    assert set(OPINION.checks.split()) == set(OPINION_CHECKS)


def test_what_comes_after_the_check_that_failed_is_never_ticked() -> None:
    for kind in list(PLANS):
        for name in checks_of(kind):
            lines = page(refused(name), kind).splitlines()
            marks = [line[2:5] for line in lines if line.startswith("  [")]
            number = next(n for n, step in enumerate(PLANS[kind]) if name in step.checks.split())
            assert marks == ["[x]"] * number + ["[!]"] + ["[ ]"] * (len(PLANS[kind]) - number - 1), name


def test_signatures_of_what_nobody_signed_are_not_ticked() -> None:
    lines = page(refused("status", unsigned=True), MessageKind.RESPONSE).splitlines()
    assert sum("Nobody signed it." in line for line in lines) == sum(step.signature for step in PLANS[MessageKind.RESPONSE])


def test_what_a_citizen_would_read_is_what_stands_on_the_page() -> None:
    shown_as: dict[type[AssertionRejected], str] = {
        AssertionRejected: "assertion_rejected",
        SignatureInvalid: "assertion_rejected",
        AssuranceTooLow: "assurance_too_low",
        AuthenticationFailed: "authentication_failed",
    }
    for kind in [MessageKind.RESPONSE, MessageKind.ID_TOKEN]:
        for error, shown in shown_as.items():
            failure = MessageRefusal(error.code, "issuer", error.public, "a detail")
            lines = page(FileResult("file", None, failure, ()), kind).splitlines()
            texts = page_texts()[shown]
            assert f"  What a citizen would read: {texts['title']}. {texts['text']}" in lines
            assert error.public not in "".join(lines)


def test_each_word_by_which_a_step_is_skipped_is_one_that_an_inspector_says() -> None:
    request_id = logout_response_judge(Sender("https://sp.example", (), SAML2INT), "https://here.example", None).not_checked
    for kind in list(PLANS):
        words = {*OF_RESPONSE, *OF_ID_TOKEN, *BY_HAND, *request_id, *ALWAYS_UNCHECKED}
        for step in PLANS[kind]:
            if step.unless:
                assert step.unless in words
                lines = page(FileResult("f", Accepted(None, {}), None, (step.unless,)), kind).splitlines()
                assert [line for line in lines if line.endswith("Not checked.")]


@pytest.mark.spec("decisions.md 15")
def test_no_page_and_no_repr_has_a_value() -> None:
    said = MessageStatement("https://op.example", "sub", "a-subject", "high", {"family_name": ("Maasikas",)})
    result = FileResult("file", Accepted(said, {}), None, ())
    text = page(result, MessageKind.ID_TOKEN)
    assert "family_name (1)" in text
    assert not [value for value in ("a-subject", "Maasikas") if value in text + repr(result)]
    assert "Maasikas" not in str(result.as_json(show_values=False))
    assert "Maasikas" in str(result.as_json(show_values=True))
