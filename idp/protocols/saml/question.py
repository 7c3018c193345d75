"""A service's AuthnRequest in our words: what it asks for, and how surely the citizen has to be who they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.formats.authn_request import AuthnRequestMessage
from connectors.metadata.members import known_as
from connectors.saml_idp.attribute_names import AttributeNames
from connectors.saml_sp.proxying import judge_scoping
from connectors.wire.names import EMAIL, PERSISTENT, TRANSIENT, UNSPECIFIED
from idp.login.eligible import is_listed
from idp.login.state_codec import NEVER_DEFLATED, Codec
from idp.protocols.saml.services import KnownService
from policies.assurance import LevelOfAssurance, level_named
from policies.assurance.ladders import Reached, Vocabulary, asked_level, at, said_name
from policies.authentication import AskedAttribute, Origin, Scoping, ServiceRequest, SharedSignIn
from policies.catalogue import Catalogue, may_ask
from policies.errors import AssertionRejected
from policies.parties import IdentityProvider, ProviderId, ServiceId
from policies.purposes import Purpose
from policies.registrations.saml_service import SubjectKind

# This protocol's name in the table of frontends
NAME = "saml"
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
    relay_state: str = field(default="", repr=False)
    # the classes that were asked for exactly, one of which the answer has to name
    contexts: tuple[str, ...] = ()
    # Whether `acs_url` takes an artifact
    by_artifact: bool = False
    # Whether it takes answers that a program brings
    by_program: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """The rest that a request is held against, beside its service. `entity_id` is ours among identity providers."""

    entity_id: str
    providers: Mapping[ProviderId, IdentityProvider]
    catalogue: Catalogue
    names: AttributeNames


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
    request: AuthnRequestMessage, origin: Origin, service: KnownService, purpose: Purpose, parts: Parts
) -> ServiceRequest:
    """The request, judged. Raises `AssertionRejected` with a check of `connectors.checks`, and `RequestRefused`."""
    group = service.party.openid.logout.session_group
    if request.is_passive and not group:
        # No session is kept for it: whoever comes has to be asked
        raise AssertionRejected("is_passive", "a request that wants nobody to be asked, and nobody is signed in here")
    judge_scoping(request.scoping, parts.entity_id)
    if request.scoping.providers and not _knows_any(request.scoping, parts.providers):
        raise AssertionRejected("idp_list_unknown", "an IDPList of which nobody here knows any")
    lowest, highest = _levels(request, service)
    minimum = max(lowest, purpose.minimum_assurance)
    if minimum > highest:
        raise AssertionRejected("authn_context_unmet", "an authentication context below the one that the purpose needs")
    asked, unknown = _asked(request, service, purpose, parts.names)
    return ServiceRequest(
        origin=origin,
        purpose_id=purpose.purpose_id,
        asked=parts.catalogue.each_once(asked),
        unknown=unknown,
        minimum_assurance=minimum,
        force_authentication=request.force_authentication,
        contexts=_contexts(request, service.party.vocabulary),
        at_most=highest,
        scoping=request.scoping,
        shared=SharedSignIn(group, passive=request.is_passive) if group else None,
        # An approval that is remembered says what goes, and not who signs the citizen in
        ask_anew=service.choices.tells_authorities,
    )


def _knows_any(scoping: Scoping, providers: Mapping[ProviderId, IdentityProvider]) -> bool:
    proxies = any(is_listed(one, scoping) for one in providers.values())
    return proxies or any(known_as(providers, entity_id) for entity_id in scoping.providers)


def level_of(context: str, service: KnownService) -> LevelOfAssurance | None:
    """The level that a class of authentication is for this service; None where it is none."""
    return service.choices.assurance.get(context) or asked_level(context, service.party.vocabulary)


def _levels(request: AuthnRequestMessage, service: KnownService) -> tuple[LevelOfAssurance, LevelOfAssurance]:
    """The lowest and the highest level that may be answered (SAML Core 2.0 §3.3.2.2.1)."""
    known = [level for name in request.contexts if (level := level_of(name, service)) is not None]
    if not request.comparison:
        return LevelOfAssurance.LOW, LevelOfAssurance.HIGH
    if not known or (request.comparison == "better" and max(known) is LevelOfAssurance.HIGH):
        raise AssertionRejected("authn_context_unmet", "authentication contexts that nobody here can give")
    match request.comparison:
        case "exact":
            return min(known), max(known)
        case "minimum":
            return min(known), LevelOfAssurance.HIGH
        case "better":
            return LevelOfAssurance(max(known) + 1), LevelOfAssurance.HIGH
        case _:
            return LevelOfAssurance.LOW, max(known)


def _contexts(request: AuthnRequestMessage, known: Vocabulary) -> tuple[str, ...]:
    """The names, one of which the answer has to have, if it asks on a ladder of its own; of the eIDAS levels each will do.

    Raises `AssertionRejected` where no level of the ladders is what it asks for.
    """
    ladders: dict[str, list[int]] = {}
    for name in request.contexts:
        level = level_named(name)
        if level is not None:
            ladders.setdefault("", []).append(level)
        elif name in known:
            ladders.setdefault(known[name].ladder, []).append(known[name].rank)
    if not request.comparison or ladders.keys() <= {""}:
        return ()
    if request.comparison == "exact":
        return tuple(name for name in request.contexts if asked_level(name, known) is not None)
    rungs = [(rung.ladder, rung.rank, name) for name, rung in known.items() if name == rung.names[0]]
    rungs += [("", level, level.uri) for level in LevelOfAssurance]
    names = tuple(
        name for ladder, rank, name in rungs if ladder in ladders and _fits(request.comparison, rank, ladders[ladder])
    )
    if not names:
        raise AssertionRejected("authn_context_unmet", "a level above the highest of its ladder")
    return names


def _fits(comparison: str, rank: int, asked: list[int]) -> bool:
    match comparison:
        case "minimum":
            return rank >= min(asked)
        case "better":
            return rank > max(asked)
        case _:
            return rank <= max(asked)


def context_of(question: SamlQuestion, service: KnownService, reached: LevelOfAssurance) -> str:
    """The class that an answer names: of those that were asked for exactly the highest that was reached."""
    words = service.party.vocabulary
    if words and (on_ladder := said_name(question.contexts, words, Reached(at(reached)))):
        return on_ladder
    known = [(level, name) for name in question.contexts if (level := level_of(name, service)) and level <= reached]
    return max(known)[1] if known else reached.uri


def _asked(
    request: AuthnRequestMessage, service: KnownService, purpose: Purpose, names: AttributeNames
) -> tuple[list[AskedAttribute], tuple[str, ...]]:
    """The attributes that the request asks for, and the names that mean nothing here.

    It asks by itself, and names a set of its metadata, or means the first one. Without any of these it asks for what is
    registered and needed.
    """
    party, wanted = service.party, service.pinned.facts.wanted
    index = request.attribute_index
    if index is None and not request.attributes:
        index = next(iter(wanted), None)
    listed = [*request.attributes, *(wanted[index] if index is not None else ())]
    registered = [AskedAttribute(name, rule.form) for name, rule in party.attributes.items()]
    if not listed:
        return [one for one in registered if one.name in purpose.needs], ()
    named = {*registered, *(AskedAttribute(name, need.form) for name, need in purpose.needs.items())}
    asked: list[AskedAttribute] = []
    unknown: set[str] = set()
    for one in listed:
        found = names.asked(one.name)
        if found is not None and may_ask(found, named, any_age=not party.sphere):
            asked.append(found)
        else:
            unknown.add(one.name)
    kept = sorted(unknown)
    more = len(kept) - MAX_UNKNOWN
    return asked, (*kept[:MAX_UNKNOWN], *((f"+{more}",) if more > 0 else ()))
