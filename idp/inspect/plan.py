"""The numbered plans for people: the checks of each kind in their order, ticked off up to the one that failed.

The order is the code's (`connectors/signatures/xmldsig.py`, `redirect.py` there, and the judges of `connectors`). A
decrypted assertion goes through the first steps again; a check that fails there is shown at its first step, so that no step
is ticked that did not hold.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from connectors.formats.grammar import written
from idp.inspect.options import MessageKind
from idp.inspect.result import FileResult
from idp.pages.languages import ENGLISH, Language, load_languages
from idp.pages.wording import known_code


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of a plan: a sentence that is true when it is ticked, and the names of its checks.

    `unless` is the word in `not_checked` by which it was skipped. A step of `signature` does not count in an unsigned file.
    """

    sentence: str
    checks: str
    unless: str = ""
    signature: bool = False


_BYTES = (
    CheckStep(
        "It is one message, of a size that the server takes, in one spelling.",
        "provider binding parameters size base64 node_country",
    ),
    CheckStep("It is UTF-8, without a byte order mark.", "encoding"),
    CheckStep(
        "It has no DOCTYPE, entity, comment, CDATA section or processing instruction.",
        "doctype comment cdata processing_instruction entity namespace",
    ),
    CheckStep("It is well-formed XML, shallow and small.", "not_well_formed depth elements attributes"),
)
_SIGNATURES = (
    CheckStep(
        "Its signatures have the one form that is taken, and cover what they stand in.",
        "signature_shape key_info canonicalisation_method canonicalisation signed_info signature_algorithm reference"
        " transforms digest_algorithm digest_value",
        signature=True,
    ),
    CheckStep("A key of whom we ask made them.", "signature_value signature", signature=True),
    CheckStep("What is signed is what stands there.", "digest", signature=True),
)
_RESPONSE = (
    *_BYTES,
    CheckStep(
        "It is a Response with one assertion in its place, each ID once, signed where a signature belongs.",
        "root plain_assertion encrypted_assertion structure one_assertion duplicate_id signature_place signature_count"
        " signature_missing",
        signature=True,
    ),
    *_SIGNATURES,
    CheckStep(
        "It says what the grammar knows, and nothing else.",
        "text missing_attribute unknown_attribute missing_element unknown_element id time version issuer_format extensions"
        " status_detail advice encrypted_id encrypted_attribute proxy_restriction",
    ),
    CheckStep("It was sent here, now, by whom we ask.", "destination response_issued issuer"),
    CheckStep("It answers the request.", "in_response_to", "request id"),
    CheckStep("It says that the citizen was signed in.", "status_with_assertion status"),
    CheckStep(
        "Where the assertion is encrypted, it is so in the form that is taken, and to our key.",
        "encrypted_data encrypted_key cipher_reference retrieval_method content_encryption key_transport oaep_digest"
        " oaep_mgf key_agreement key_derivation key_wrap originator_key cipher_value decryption",
    ),
    CheckStep(
        "It has one authentication, one subject and attributes, in the form and of the types of the profile.",
        "authn_statement name_id name_id_format boolean name_format attribute_statement duplicate_attribute attribute_type"
        " attribute_value latin_script minimum_data_set representative_minimum representation",
    ),
    CheckStep(
        "The assertion is for us, and holds now.",
        "assertion_issued subject_confirmation_missing recipient subject_confirmation_in_response_to"
        " subject_confirmation_not_before subject_confirmation_expired conditions_not_before conditions_expired audience",
    ),
    CheckStep(
        "The citizen was authenticated once, in the past, at a level that we know.",
        "authn_instant_future authn_instant_stale session_expired authn_context_unknown",
    ),
    CheckStep("The level is high enough.", "authn_context_too_low", "minimum level"),
    CheckStep(
        "Who says so may: the level is published, the identifier is of the right country, and nobody else's.",
        "authn_context_unpublished name_qualifier identifier identifier_country identifier_recipient",
    ),
)
_METADATA = (
    CheckStep("The certificate that signs it is within its dates, where the profile looks at them.", "metadata_key"),
    CheckStep("It is of a size that the server takes.", "size"),
    *_BYTES[1:],
    CheckStep(
        "It describes one entity, each ID once, and is signed as its first child.",
        "root structure duplicate_id signature_place signature_count signature_missing",
    ),
    *_SIGNATURES,
    CheckStep("It says of the entity what is needed, once each.", "metadata time"),
    CheckStep("It is of the entity that is registered.", "metadata_entity", "entity id"),
    CheckStep("It is of the country that is registered.", "metadata_country", "country"),
    CheckStep("Its addresses are https, and such that a browser may be sent to.", "metadata_address"),
    CheckStep(
        "Where the registration names anchors, each certificate in it chains to one and is not revoked.",
        "x509_revocation_stale x509_key_usage x509_dates x509_algorithm x509_path_length x509_chain x509_revoked"
        " x509_revocation_missing",
        "entity id",
    ),
    CheckStep("Its end is ahead, and near.", "metadata_expired metadata_far"),
)
_REQUEST_BYTES = (
    CheckStep("It is one message, of a size that the server takes, in one spelling.", "binding parameters size base64"),
    *_BYTES[1:],
)
_WHOLE = CheckStep(
    "It is a message of this kind, each ID once, signed as a whole where a signature belongs.",
    "root structure duplicate_id signature_place signature_count signature_missing",
    signature=True,
)
_GRAMMAR = (
    "text missing_attribute unknown_attribute missing_element unknown_element id time version issuer_format extensions"
)
_SAYS = "It says what the grammar knows, and nothing else."
_SENT = "It was sent here, now, by whom it says."
_LOGOUT_REQUEST = (
    *_REQUEST_BYTES,
    _WHOLE,
    *_SIGNATURES,
    CheckStep(_SAYS, f"{_GRAMMAR} encrypted_id base_id"),
    CheckStep(_SENT, "issuer destination logout_issued consent"),
    CheckStep("Its end has not come, where it has one.", "logout_expired"),
    CheckStep(
        "It says whom and which sessions it means, and why in a form of SAML's.", "logout_reason name_id session_index"
    ),
)
_LOGOUT_RESPONSE = (
    *_REQUEST_BYTES,
    _WHOLE,
    *_SIGNATURES,
    CheckStep(_SAYS, f"{_GRAMMAR} status_detail"),
    CheckStep(_SENT, "issuer destination logout_issued consent"),
    CheckStep("It answers the request.", "in_response_to", "request id"),
    CheckStep("It says whether all sessions have ended.", "logout_status"),
)
_ANSWERED = "protocol_binding acs_url acs_index"
_ASKED = (
    "force_authn is_passive consent provider_name name_id_policy authn_context_comparison authn_context_refs"
    " authn_context_level authn_context_minimum authn_context_exact sp_type requester_id attribute_index requested_twice"
    " representative_requested unknown_required is_required minimum_data_set"
)
_REFUSED_IN_REQUESTS = (
    "boolean name_format subject conditions authn_context_declaration proxy_count idp_list requested_attribute"
)
_AUTHN_REQUEST = (
    *_REQUEST_BYTES,
    _WHOLE,
    *_SIGNATURES,
    CheckStep(_SAYS, f"{_GRAMMAR} {_REFUSED_IN_REQUESTS}"),
    CheckStep(_SENT, "issuer destination request_issued"),
    CheckStep("The answer goes to an address that the sender's metadata has.", _ANSWERED),
    CheckStep(
        "It asks in a form that is taken: how the citizen is to be authenticated and named, and for which data.", _ASKED
    ),
)
_REDIRECT = (
    CheckStep("It is one query of known parameters, each once, in a spelling that an encoding gives.", "size parameters"),
    CheckStep(
        "It is signed, in a form and by an algorithm that are taken.", "signature_missing deflate signature_algorithm"
    ),
    CheckStep("A key of the sender signed the text as it came.", "signature_value signature relay_state"),
    CheckStep("The message is base64 in one spelling, DEFLATE in one piece, and no larger than a message.", "base64"),
    *_BYTES[1:],
    CheckStep(
        "It is a message that the sender may send so, each ID once, and no Signature stands inside of it.",
        "root duplicate_id signature_place canonicalisation",
    ),
    CheckStep(_SAYS, f"{_GRAMMAR} status_detail encrypted_id base_id {_REFUSED_IN_REQUESTS}"),
    CheckStep(_SENT, "issuer destination request_issued logout_issued"),
    CheckStep("It answers the request, where it is an answer.", "in_response_to", "request id"),
    CheckStep(
        "What it asks, or tells, is in a form that is taken.",
        f"{_ANSWERED} {_ASKED} logout_expired logout_reason name_id session_index logout_status",
    ),
)
_TOKEN = (
    CheckStep("It is one compact token, of at most 64 KiB.", "jws_keys jws_size jws_form"),
    CheckStep(
        "Its header has the one algorithm, a type that fits, and nothing that we do not take.", "jws_header jws_alg jws_typ"
    ),
)
_CLIENT_ASSERTION = (
    *_TOKEN,
    CheckStep("Its key is one of the client's.", "jws_kid"),
    CheckStep("That key signed it, and its claims are strict JSON.", "jws_signature jws_claims"),
    CheckStep("The client says it, and of itself.", "claim_iss assertion_issuer claim_sub assertion_subject"),
    CheckStep("It is for our issuer, and for nobody else.", "claim_aud assertion_audience"),
    CheckStep(
        "It holds now, and for no more than five minutes.",
        "claim_exp assertion_expired assertion_life claim_iat assertion_issued claim_nbf assertion_not_before",
    ),
    CheckStep("It has an identifier, by which it is used once.", "claim_jti assertion_jti"),
)
_ID_TOKEN = (
    *_TOKEN,
    CheckStep("Its key is one of the issuer's.", "jws_kid"),
    CheckStep("That key signed it, and its claims are strict JSON.", "jws_signature jws_claims"),
    CheckStep("The issuer is whom we ask, and it names a subject.", "claim_iss token_issuer claim_sub token_subject"),
    CheckStep("It is for us, and for nobody else.", "claim_aud token_audience claim_azp token_authorized_party"),
    CheckStep(
        "It holds now, and for no more than a day.",
        "claim_iat claim_exp token_expired token_issued claim_nbf token_not_before token_life",
    ),
    CheckStep("It answers the request.", "claim_nonce token_nonce", "nonce"),
    CheckStep("The citizen was authenticated in the past.", "claim_auth_time authentication_future"),
    CheckStep("They were authenticated lately enough.", "authentication_time authentication_stale", "authentication age"),
    CheckStep(
        "They were authenticated at a level that is high enough.", "claim_acr acr_unknown acr_too_low", "minimum level"
    ),
    CheckStep("It belongs to the access token.", "claim_at_hash token_access_token", "access token"),
    CheckStep("It names the provider's session by a text, where it does.", "claim_sid"),
)
PLANS: Mapping[MessageKind, tuple[CheckStep, ...]] = {
    MessageKind.RESPONSE: _RESPONSE,
    MessageKind.METADATA: _METADATA,
    MessageKind.ID_TOKEN: _ID_TOKEN,
    MessageKind.AUTHN_REQUEST: _AUTHN_REQUEST,
    MessageKind.LOGOUT_REQUEST: _LOGOUT_REQUEST,
    MessageKind.LOGOUT_RESPONSE: _LOGOUT_RESPONSE,
    MessageKind.REDIRECT: _REDIRECT,
    MessageKind.CLIENT_ASSERTION: _CLIENT_ASSERTION,
}
# Where it is asked for, after everything else
OPINION = CheckStep(
    "A second implementation, and a second reading of what was signed, agree.", "second_opinion second_reading"
)
# A failure here stops a citizen's login
_OF_CITIZENS = (MessageKind.RESPONSE, MessageKind.ID_TOKEN)


def page(result: FileResult, kind: MessageKind, *, second_opinion: bool = False) -> str:
    """The result in plain sentences. It holds no value, and nothing that a terminal would obey."""
    steps = (*PLANS[kind], OPINION) if second_opinion else PLANS[kind]
    lines = _lines(result, kind, steps)
    return "\n".join("".join(mark if mark.isprintable() else "?" for mark in line) for line in lines)


def _lines(result: FileResult, kind: MessageKind, steps: Sequence[CheckStep]) -> Iterator[str]:
    name, failure, accepted = result.file, result.refusal, result.accepted
    if accepted is not None:
        yield f"{name}: accepted."
    elif failure is not None and failure.check is None:
        yield f"{name}: nothing can be said of it ({failure.code}): {failure.detail}"
        return
    elif failure is not None:
        yield f"{name}: refused by the check `{failure.check}` ({failure.code})."
        yield f"  {failure.detail[:1].upper()}{failure.detail[1:].removesuffix('.')}."
        read = f"What a citizen would read: {_of_page(failure.code)}"
        yield f"  {read if kind in _OF_CITIZENS else f'In short: {failure.public}'}"
    if failure is not None and failure.untimely:
        yield f"  {_as_of(failure.issued)}"
    yield from _plan(result, steps)
    if accepted is not None and accepted.statement is not None:
        said = accepted.statement
        yield f"  Issuer {said.issuer}; level {said.loa or 'none that we know'}; subject in the form {said.subject_format}."
        counts = (f"{attribute} ({len(values)})" for attribute, values in sorted(said.attributes.items()))
        yield f"  Attributes, and how many values each has: {', '.join(counts) or 'none'}."
    elif accepted is not None:
        yield from (f"  {name}: {fact}" for name, fact in accepted.message.items() if name != "kind")
    yield f"  Not checked: {', '.join(result.not_checked)}."


def _of_page(code: str) -> str:
    """Title and text of the error page, in English."""
    say, shown = _english().say, known_code(code)
    return f"{say(f'error.{shown}.title')}. {say(f'error.{shown}.text')}"


@lru_cache(maxsize=1)
def _english() -> Language:
    return load_languages()[ENGLISH]


def _as_of(issued: int | None) -> str:
    """Advice about a check of the time that an old file fails."""
    if issued is None:
        return "It was judged as of now: `--at TIME` judges it as of then."
    then = written(issued)
    return f"It was judged as of now, and says that it was issued at {then}: `--at {then}` judges it as of then."


def _plan(result: FileResult, steps: Sequence[CheckStep]) -> Iterator[str]:
    failed = result.refusal.check if result.refusal is not None else None
    # A check that stands in no step ticks nothing
    end = next((n for n, step in enumerate(steps) if failed in step.checks.split()), -1 if failed else len(steps))
    for number, step in enumerate(steps):
        if number == end:
            mark, note = "[!]", ""
        elif number > end:
            mark, note = "[ ]", ""
        elif step.signature and result.unsigned:
            mark, note = "[-]", " Nobody signed it."
        elif step.unless and step.unless in result.not_checked:
            mark, note = "[-]", " Not checked."
        else:
            mark, note = "[x]", ""
        yield f"  {mark} {number + 1:>2}. {step.sentence}{note}"
