"""The numbered plans, for people: what is looked at, in which order, ticked off up to the check that failed.

The order is the code's (`connectors/signatures/xmldsig.py`, `connectors/eidas.py`, `connectors/id_token.py`). What is
decrypted goes through the first steps again; a check that fails there is shown at its first step, so that nothing is ticked
that did not hold.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from idp.inspection.options import Kind
from idp.inspection.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a plan: a sentence that is true when it is ticked, and the names of its checks.

    `unless` is what `not_checked` calls it where it was not looked at; a step of `signature` is none where nobody signed.
    """

    sentence: str
    checks: str
    unless: str = ""
    signature: bool = False


_BYTES = (
    Step(
        "It is one message, of a size that the server takes, in one spelling.",
        "provider binding parameters size base64 node_country",
    ),
    Step("It is UTF-8, without a byte order mark.", "encoding"),
    Step(
        "It has no DOCTYPE, entity, comment, CDATA section or processing instruction.",
        "doctype comment cdata processing_instruction entity namespace",
    ),
    Step("It is well-formed XML, shallow and small.", "not_well_formed depth elements attributes"),
)
_SIGNATURES = (
    Step(
        "Its signatures have the one form that is taken, and cover what they stand in.",
        "signature_shape key_info canonicalisation_method canonicalisation signed_info signature_algorithm reference"
        " transforms digest_algorithm digest_value",
        signature=True,
    ),
    Step("A key of whom we ask made them.", "signature_value signature", signature=True),
    Step("What is signed is what stands there.", "digest", signature=True),
)
_RESPONSE = (
    *_BYTES,
    Step(
        "It is a Response with one assertion in its place, each ID once, signed where a signature belongs.",
        "root plain_assertion encrypted_assertion structure one_assertion duplicate_id signature_place signature_count"
        " signature_missing",
        signature=True,
    ),
    *_SIGNATURES,
    Step(
        "It says what the grammar knows, and nothing else.",
        "text missing_attribute unknown_attribute missing_element unknown_element id time version issuer_format extensions"
        " status_detail advice encrypted_id encrypted_attribute proxy_restriction",
    ),
    Step("It was sent here, now, by whom we ask.", "destination response_issued issuer"),
    Step("It answers the request.", "in_response_to", "request id"),
    Step("It says that the citizen was signed in.", "status_with_assertion status"),
    Step(
        "Where the assertion is encrypted, it is so in the form that is taken, and to our key.",
        "encrypted_data encrypted_key cipher_reference retrieval_method content_encryption key_transport oaep_digest"
        " oaep_mgf cipher_value decryption",
    ),
    Step(
        "It has one authentication, one subject and attributes, in the form and of the types of the profile.",
        "authn_statement name_id name_id_format boolean name_format attribute_statement duplicate_attribute attribute_type"
        " attribute_value latin_script minimum_data_set representative_minimum representation",
    ),
    Step(
        "The assertion is for us, and holds now.",
        "assertion_issued subject_confirmation_missing recipient subject_confirmation_in_response_to"
        " subject_confirmation_not_before subject_confirmation_expired conditions_not_before conditions_expired audience",
    ),
    Step(
        "The citizen was authenticated once, in the past, at a level that we know.",
        "authn_instant_future authn_instant_stale session_expired authn_context_unknown",
    ),
    Step("The level is high enough.", "authn_context_too_low", "minimum level"),
    Step(
        "Who says so may: the level is published, the identifier is of the right country, and nobody else's.",
        "authn_context_unpublished name_qualifier identifier identifier_country identifier_recipient",
    ),
)
_METADATA = (
    Step("The certificate that signs it is within its dates, where the profile looks at them.", "metadata_key"),
    Step("It is of a size that the server takes.", "size"),
    *_BYTES[1:],
    Step(
        "It describes one entity, each ID once, and is signed as its first child.",
        "root structure duplicate_id signature_place signature_count signature_missing",
    ),
    *_SIGNATURES,
    Step("It says of the entity what is needed, once each.", "metadata time"),
    Step("It is of the entity that is registered.", "metadata_entity", "entity id"),
    Step("It is of the country that is registered.", "metadata_country", "country"),
    Step("Its addresses are https, and such that a browser may be sent to.", "metadata_address"),
    Step("Its end is ahead, and near.", "metadata_expired metadata_far"),
)
_ID_TOKEN = (
    Step("It is one compact token, of at most 64 KiB.", "jws_keys jws_size jws_form"),
    Step(
        "Its header has the one algorithm, a type that fits, and nothing that we do not take.", "jws_header jws_alg jws_typ"
    ),
    Step("Its key is one of the issuer's.", "jws_kid"),
    Step("That key signed it, and its claims are strict JSON.", "jws_signature jws_claims"),
    Step("The issuer is whom we ask, and it names a subject.", "claim_iss token_issuer claim_sub token_subject"),
    Step("It is for us, and for nobody else.", "claim_aud token_audience claim_azp token_authorized_party"),
    Step(
        "It holds now, and for no more than a day.",
        "claim_iat claim_exp token_expired token_issued claim_nbf token_not_before token_life",
    ),
    Step("It answers the request.", "claim_nonce token_nonce", "nonce"),
    Step("The citizen was authenticated in the past.", "claim_auth_time authentication_future"),
    Step("They were authenticated lately enough.", "authentication_time authentication_stale", "authentication age"),
    Step("They were authenticated at a level that is high enough.", "claim_acr acr_unknown acr_too_low", "minimum level"),
    Step("It belongs to the access token.", "claim_at_hash token_access_token", "access token"),
)
PLANS = {Kind.RESPONSE: _RESPONSE, Kind.METADATA: _METADATA, Kind.ID_TOKEN: _ID_TOKEN}


def page(outcome: Outcome, kind: Kind) -> str:
    """One file, in plain sentences. It holds no value, and nothing that a terminal would obey."""
    return "\n".join("".join(mark if mark.isprintable() else "?" for mark in line) for line in _lines(outcome, kind))


def _lines(outcome: Outcome, kind: Kind) -> Iterator[str]:
    name, failure, verdict = outcome.file, outcome.failure, outcome.verdict
    if verdict is not None:
        yield f"{name}: accepted."
    elif failure is not None and failure.check is None:
        yield f"{name}: nothing can be said of it ({failure.code}): {failure.detail}"
        return
    elif failure is not None:
        yield f"{name}: refused by the check `{failure.check}` ({failure.code})."
        yield f"  {failure.detail[:1].upper()}{failure.detail[1:].removesuffix('.')}."
        yield f"  What a citizen would read: {failure.public}"
    yield from _plan(outcome, kind)
    if verdict is not None and verdict.said is not None:
        said = verdict.said
        yield f"  Issuer {said.issuer}; level {said.loa or 'none that we know'}; subject in the form {said.subject_format}."
        counts = (f"{attribute} ({len(values)})" for attribute, values in sorted(said.attributes.items()))
        yield f"  Attributes, and how many values each has: {', '.join(counts) or 'none'}."
    if verdict is not None and verdict.said is None:
        yield from (f"  {name}: {told}" for name, told in verdict.message.items() if name != "kind")
    yield f"  Not checked: {', '.join(outcome.not_checked)}."


def _plan(outcome: Outcome, kind: Kind) -> Iterator[str]:
    failed = outcome.failure.check if outcome.failure is not None else None
    steps = PLANS[kind]
    # A check that stands in no step ticks nothing
    end = next((n for n, step in enumerate(steps) if failed in step.checks.split()), -1 if failed else len(steps))
    for number, step in enumerate(steps):
        if number == end:
            mark, note = "[!]", ""
        elif number > end:
            mark, note = "[ ]", ""
        elif step.signature and outcome.unsigned:
            mark, note = "[-]", " Nobody signed it."
        elif step.unless and step.unless in outcome.not_checked:
            mark, note = "[-]", " Not checked."
        else:
            mark, note = "[x]", ""
        yield f"  {mark} {number + 1:>2}. {step.sentence}{note}"
