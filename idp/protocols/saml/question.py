"""A service's AuthnRequest in our words: what it asks for, and how surely the citizen has to be who they are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from connectors.formats.authn_request import AuthnRequestMessage
from connectors.saml_idp.attribute_names import AttributeNames
from connectors.wire.names import EMAIL, PERSISTENT, TRANSIENT, UNSPECIFIED
from idp.login.state_codec import NEVER_DEFLATED, Codec
from idp.protocols.saml.services import KnownService
from policies.assurance import LevelOfAssurance, level_named
from policies.authentication import AskedAttribute, Origin, ServiceRequest
from policies.catalogue import Catalogue, may_ask
from policies.errors import AssertionRejected
from policies.parties import ServiceId
from policies.purposes import Purpose
from policies.registrations.saml_service import SubjectKind

# This protocol's name in the table of frontends
NAME = "saml"
# SAML Bindings 2.0 §3.4.3 has 80 octets, and deployed services have more
MAX_RELAY_STATE = 1024
# Of names that we do not know so many are kept, and the rest by their number: they lie in the ledger
MAX_UNKNOWN = 8
# The format of the NameID by what a registration says
FORMATS: Mapping[SubjectKind, str] = {
    SubjectKind.PAIRWISE_ID: TRANSIENT,
    SubjectKind.SUBJECT_ID: TRANSIENT,
    SubjectKind.TRANSIENT: TRANSIENT,
    SubjectKind.PERSISTENT: PERSISTENT,
    SubjectKind.MAIL: EMAIL,
}


@dataclass(frozen=True, slots=True)
class SamlQuestion:
    """The part of a request that only this protocol reads (`Origin.protocol`): `acs_url` is one of the metadata."""

    acs_url: str
    relay_state: str = ""


SAML_QUESTION = Codec(SamlQuestion, plain=NEVER_DEFLATED)


def origin_of(service: KnownService, message_id: str, question: SamlQuestion) -> Origin:
    """Where a request came from, and its answer goes."""
    protocol = SAML_QUESTION.dump(question).decode()
    return Origin(NAME, ServiceId(service.party.client_id), service.choices.entity_id, message_id, protocol)


def read_question(origin: Origin) -> SamlQuestion:
    """Read what `origin_of` wrote."""
    return SAML_QUESTION.load(origin.protocol.encode())


def formats_of(service: KnownService) -> frozenset[str]:
    """The formats that a NameIDPolicy of this service may name; "" is one that it leaves out."""
    return frozenset(("", UNSPECIFIED, FORMATS[service.choices.subject]))


def in_our_words(
    request: AuthnRequestMessage,
    origin: Origin,
    service: KnownService,
    purpose: Purpose,
    names: AttributeNames,
    catalogue: Catalogue,
) -> ServiceRequest:
    """The request, judged. Raises `AssertionRejected` with a check of `connectors.checks`, and `RequestRefused`."""
    if request.is_passive:
        # No session is kept for it: whoever comes has to be asked
        raise AssertionRejected("is_passive", "a request that wants nobody to be asked, and nobody is signed in here")
    lowest, highest = _levels(request.comparison, request.contexts)
    asked, unknown = _asked(request, service, purpose, names)
    minimum = max(lowest, purpose.minimum_assurance)
    if minimum > highest:
        raise AssertionRejected("authn_context_unmet", "an authentication context below the one that the purpose needs")
    return ServiceRequest(
        origin=origin,
        purpose_id=purpose.purpose_id,
        asked=catalogue.each_once(asked),
        unknown=unknown,
        minimum_assurance=minimum,
        contexts=request.contexts if request.comparison == "exact" else (),
        force_authentication=request.force_authentication,
        at_most=highest,
    )


def _levels(comparison: str, contexts: Iterable[str]) -> tuple[LevelOfAssurance, LevelOfAssurance]:
    """The lowest and the highest level that may be answered (SAML Core 2.0 §3.3.2.2.1)."""
    known = [level for name in contexts if (level := level_named(name)) is not None]
    if not comparison:
        return LevelOfAssurance.LOW, LevelOfAssurance.HIGH
    if not known or (comparison == "better" and max(known) is LevelOfAssurance.HIGH):
        raise AssertionRejected("authn_context_unmet", "authentication contexts that nobody here can give")
    match comparison:
        case "exact":
            return min(known), max(known)
        case "minimum":
            return min(known), LevelOfAssurance.HIGH
        case "better":
            return LevelOfAssurance(max(known) + 1), LevelOfAssurance.HIGH
        case _:
            return LevelOfAssurance.LOW, max(known)


def _asked(
    request: AuthnRequestMessage, service: KnownService, purpose: Purpose, names: AttributeNames
) -> tuple[list[AskedAttribute], tuple[str, ...]]:
    """What the request asks for, and the names that mean nothing here.

    It names a set of its metadata, or means the first one. Without any it asks for what is registered and needed.
    """
    party, wanted = service.party, service.pinned.facts.wanted
    if not wanted:
        registered = [AskedAttribute(name, rule.form) for name, rule in party.attributes.items() if name in purpose.needs]
        return registered, ()
    index = next(iter(wanted)) if request.attribute_index is None else request.attribute_index
    named = {AskedAttribute(name, need.form) for name, need in purpose.needs.items()}
    named |= {AskedAttribute(name, rule.form) for name, rule in party.attributes.items()}
    asked: list[AskedAttribute] = []
    unknown: set[str] = set()
    for one in wanted[index]:
        found = names.asked(one.name)
        if found is not None and may_ask(found, named, any_age=not party.sphere):
            asked.append(found)
        else:
            unknown.add(one.name)
    kept = sorted(unknown)
    more = len(kept) - MAX_UNKNOWN
    return asked, (*kept[:MAX_UNKNOWN], *((f"+{more}",) if more > 0 else ()))
