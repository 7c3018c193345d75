"""The checks of an answer's meaning (SAML Profiles 2.0 §4.1.4.3, saml2int and eIDAS), each under its own name.

Times are seconds since the epoch; how far clocks may differ and how old a message may be is the profile's. Nothing here
reads bytes, keys or a clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.connector import Expectation, Inbound
from connectors.deviations import NOTHING, Tolerance
from connectors.formats.eidas.response import EidasAssertionMessage, EidasResponse
from connectors.formats.saml_message import (
    AssertionMessage,
    Authentication,
    Conditions,
    NameIdentifier,
    ResponseMessage,
    SubjectConfirmation,
)
from connectors.mapping import name_identifiers, single_value
from connectors.profiles import Profile
from connectors.wire.names import BEARER, PERSISTENT, SUCCESS, UNSPECIFIED
from connectors.wire.text import is_plain
from policies.assurance import LevelOfAssurance
from policies.deviations import CONFIRMATION_NOT_BEFORE
from policies.errors import AssertionRejected, AssuranceTooLow, AuthenticationFailed
from policies.parties import IdentityProvider, ProviderId


@dataclass(frozen=True, slots=True)
class Recipient:
    """The recipient that an answer must name: our entity id, and the address that received it."""

    entity_id: str
    acs_url: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """The outside of a Response: whether it is signed itself, and whether an assertion came in it."""

    signed: bool
    has_assertion: bool


# Every profile has these parts of it
SamlResponse = ResponseMessage | EidasResponse


def posted_response(inbound: Inbound, provider_id: ProviderId, expectation: Expectation) -> str:
    """The Response as it was posted: it came for the registration that was asked, by POST, and no request beside it."""
    if expectation.provider_id != provider_id:
        raise AssertionRejected("provider", "an answer from another identity provider than was asked")
    if inbound.binding != "post":
        raise AssertionRejected("binding", "a Response by another binding than POST")
    if "SAMLResponse" not in inbound.parameters or "SAMLRequest" in inbound.parameters:
        raise AssertionRejected("parameters", "not exactly a SAMLResponse")
    return inbound.parameters["SAMLResponse"]


def check_response(
    response: SamlResponse,
    issuer: str,
    here: Recipient,
    expectation: Expectation,
    now: int,
    *,
    envelope: Envelope,
    profile: Profile,
) -> None:
    """§2.3 to §2.6: destination, time, issuer, request, and that a failure comes alone.

    A Response that is not signed itself may lack Destination and Issuer.
    """
    if response.destination != here.acs_url and (response.destination or envelope.signed):
        raise AssertionRejected("destination", "a Response to another address")
    check_issued(response.issue_instant, now, "response_issued", profile)
    if response.issuer != issuer and (response.issuer or envelope.signed):
        raise AssertionRejected("issuer", "a Response of another issuer")
    if response.in_response_to != expectation.request_id:
        raise AssertionRejected("in_response_to", "a Response to another request, or to none")
    if response.status != SUCCESS and envelope.has_assertion:
        raise AssertionRejected("status_with_assertion", "a failure with an assertion")


def check_success(response: SamlResponse) -> None:
    """§2.6: the identity provider says that it signed the citizen in."""
    if response.status != SUCCESS:
        raise AuthenticationFailed("status", "the identity provider reports a failure")


def check_issued(instant: int, now: int, check: str, profile: Profile) -> None:
    """An IssueInstant within the profile's age of now, and skew."""
    if not now - profile.max_age - profile.skew <= instant <= now + profile.skew:
        raise AssertionRejected(check, "a message that was not issued now")


def check_confirmations(
    confirmations: tuple[SubjectConfirmation, ...],
    here: Recipient,
    request_id: str,
    now: int,
    profile: Profile,
    tolerance: Tolerance = NOTHING,
) -> int:
    """§2.10: one bearer confirmation holds. Its NotOnOrAfter. `tolerance` says which deviations of the sender pass."""
    refused: AssertionRejected | None = None
    for confirmation in confirmations:
        if confirmation.method != BEARER:
            continue
        try:
            return _bearer(confirmation, here, request_id, now, profile, tolerance)
        except AssertionRejected as error:
            refused = refused or error
    raise refused or AssertionRejected("subject_confirmation_missing", "an assertion without bearer confirmation")


def _bearer(
    confirmation: SubjectConfirmation, here: Recipient, request_id: str, now: int, profile: Profile, tolerance: Tolerance
) -> int:
    if confirmation.recipient != here.acs_url:
        raise AssertionRejected("recipient", "an assertion for another address")
    if confirmation.in_response_to != request_id:
        raise AssertionRejected("subject_confirmation_in_response_to", "an assertion for another request, or for none")
    begin, end = confirmation.not_before, confirmation.not_on_or_after
    if begin is not None and not (_begun(begin, end, now, profile) and tolerance.takes(CONFIRMATION_NOT_BEFORE)):
        raise AssertionRejected("subject_confirmation_not_before", "a bearer confirmation with NotBefore")
    if confirmation.not_on_or_after is None or now >= confirmation.not_on_or_after + profile.skew:
        raise AssertionRejected("subject_confirmation_expired", "a bearer confirmation that has ended, or has no end")
    return confirmation.not_on_or_after


def _begun(begin: int, end: int | None, now: int, profile: Profile) -> bool:
    """Whether a NotBefore takes nothing away now: it is not ahead of us, and not at or after the end."""
    return begin <= now + profile.skew and (end is None or begin < end)


def check_conditions(conditions: Conditions, here: Recipient, now: int, profile: Profile) -> None:
    """§2.11: between its times, which are in order, and for us: every restriction names us, and there is one."""
    if conditions.not_before is not None and now < conditions.not_before - profile.skew:
        raise AssertionRejected("conditions_not_before", "an assertion from the future")
    if conditions.not_on_or_after is not None and now >= conditions.not_on_or_after + profile.skew:
        raise AssertionRejected("conditions_expired", "an assertion after its end")
    begin, end = conditions.not_before, conditions.not_on_or_after
    if begin is not None and end is not None and begin >= end:
        # Core 2.0 §2.5.1.2. Within the skew of both it would hold for a moment that never was
        raise AssertionRejected("conditions_not_before", "Conditions whose NotBefore is not before their NotOnOrAfter")
    if not conditions.audiences or not all(here.entity_id in audiences for audiences in conditions.audiences):
        raise AssertionRejected("audience", "an assertion for another audience, or for everybody")


def check_authentication(
    authentications: tuple[Authentication, ...],
    levels: Mapping[str, LevelOfAssurance],
    expectation: Expectation,
    now: int,
    profile: Profile,
) -> tuple[Authentication, LevelOfAssurance]:
    """§2.12: authenticated once, as lately and as surely as was asked. A level is never guessed, and never rounded up."""
    if len(authentications) != 1:
        raise AssertionRejected("authn_statement", f"{len(authentications)} AuthnStatements")
    authentication = authentications[0]
    if authentication.instant > now + profile.skew:
        raise AssertionRejected("authn_instant_future", "an authentication in the future")
    oldest = expectation.max_age
    if expectation.force_authentication:
        oldest = 0
    if oldest is not None and authentication.instant < expectation.issued_at - oldest - profile.skew:
        raise AssertionRejected("authn_instant_stale", "an authentication from before what was asked")
    end = authentication.session_not_on_or_after
    if end is not None and now >= end + profile.skew:
        raise AssertionRejected("session_expired", "a session that has ended")
    level = levels.get(authentication.context_class)
    if level is None:
        raise AssuranceTooLow("authn_context_unknown", "a context class that the registration does not name")
    if level < expectation.minimum_assurance:
        detail = f"{level.label} where {expectation.minimum_assurance.label} was asked"
        raise AssuranceTooLow("authn_context_too_low", detail, reached=level.label)
    return authentication, level


def check_assertion(
    assertion: AssertionMessage | EidasAssertionMessage,
    provider: IdentityProvider,
    issuer: str,
    here: Recipient,
    expectation: Expectation,
    now: int,
    *,
    profile: Profile,
    tolerance: Tolerance = NOTHING,
) -> tuple[Authentication, LevelOfAssurance, int]:
    """§2.8 to §2.12, in this order: time, issuer, subject confirmation, conditions, authentication.

    The authentication, its level, and when the assertion ends, without skew.
    """
    check_issued(assertion.issue_instant, now, "assertion_issued", profile)
    if assertion.issuer != issuer:
        raise AssertionRejected("issuer", "an assertion of another issuer")
    confirmed = check_confirmations(assertion.confirmations, here, expectation.request_id, now, profile, tolerance)
    check_conditions(assertion.conditions, here, now, profile)
    found, level = check_authentication(assertion.authentications, provider.assurance, expectation, now, profile)
    return found, level, usable_until(confirmed, assertion.issue_instant, assertion.conditions, profile)


def usable_until(confirmed_until: int, issued: int, conditions: Conditions, profile: Profile) -> int:
    """The end of an assertion, without skew: the first of its own ends and of the profile's age."""
    ends = [confirmed_until, issued + profile.max_age]
    if conditions.not_on_or_after is not None:
        ends.append(conditions.not_on_or_after)
    return min(ends)


def subject_identifier(assertion: AssertionMessage, provider: IdentityProvider, here: Recipient) -> str:
    """§2.14: the identifier by which the registration knows a subject, as received: an attribute, or the NameID.

    A NameID as the attribute's value (eduPersonTargetedID) is judged like the Subject's.
    """
    if provider.subject_attribute:
        value = single_value(assertion.attributes, provider.subject_attribute)
        if value is None:
            raise AssertionRejected("name_id", "an assertion without one plain value of the subject's attribute")
        for name_id in name_identifiers(assertion.attributes, provider.subject_attribute):
            _check_name(name_id, provider, here)
        return value
    name = assertion.subject
    if name is None:
        raise AssertionRejected("name_id", "an assertion without a NameID")
    _check_name(name, provider, here)
    return name.value


def check_asked_format(name: NameIdentifier | None, asked: str) -> None:
    """SAML Core 2.0 §3.4.1.1: the NameID that identifies has the format that was asked for; `unspecified` asks for none."""
    if asked != UNSPECIFIED and (name is None or name.name_format != asked):
        raise AssertionRejected("name_id_format", "a NameID of another format than was asked for")


def _check_name(name: NameIdentifier, provider: IdentityProvider, here: Recipient) -> None:
    """§2.14: a NameID that identifies for good, and that nobody else qualifies."""
    if name.name_format not in (PERSISTENT, UNSPECIFIED):
        raise AssertionRejected("name_id_format", "a NameID of a format that does not identify for good")
    if name.name_qualifier not in ("", provider.entity_id) or name.sp_name_qualifier not in ("", here.entity_id):
        raise AssertionRejected("name_qualifier", "a NameID that somebody else qualifies")
    if not is_plain(name.value):
        raise AssertionRejected("name_id", "a NameID that is empty, too long or has control characters")
