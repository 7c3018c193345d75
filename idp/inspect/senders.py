"""Senders of requests and of logout: by hand, or another country's node of a configuration.

By hand the sender's metadata is pinned, as in a registration: it needs no signature, and has no end.
"""

from collections.abc import Iterable
from contextlib import ExitStack

from connectors.deviations import tolerance
from connectors.formats.eidas.metadata import Expected, PeerFacts, read_pinned_peer
from connectors.formats.metadata import read_participant
from connectors.formats.service_provider import read_service_provider
from connectors.profiles import EIDAS, SAML2INT, STORK, STORK_SHA1, Profile
from connectors.request_checks import Asking
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from connectors.wire.names import POST
from idp.application.load import load_all
from idp.inspect.message_files import read_certificate, read_side_file
from idp.inspect.message_judges import (
    MessageJudge,
    Sender,
    authn_request_judge,
    logout_request_judge,
    logout_response_judge,
    node_request_judge,
    stork_request_judge,
)
from idp.inspect.options import PROFILES, MessageKind, Options, could_not, given
from idp.inspect.response_judges import held_peers
from idp.protocols.eidas.proxy_service import proxy_here
from idp.protocols.eidas.receiving_node import known_peers
from idp.system.addresses import stork_sso_url
from policies.catalogue import STANDARD, Catalogue
from policies.deviations import SHA1_SIGNATURE
from policies.errors import AssertionRejected
from policies.parties import EntityId, NodeId, Source, StorkPeer


def judge_of(options: Options, stack: ExitStack) -> MessageJudge:
    """The judge of one kind of message. Raises `BrokerError`; `stack` closes what was opened."""
    if options.kind is MessageKind.AUTHN_REQUEST:
        if options.party is not None:
            return _configured(options, stack)
        if options.profile == STORK.name:
            return _stork_by_hand(options)
        return _asking(read_side_file(given(options.sp_metadata), "the metadata"), options)
    metadata = read_side_file(given(options.metadata), "the metadata")
    request, response = _of_logout(metadata, options)
    return request if options.kind is MessageKind.LOGOUT_REQUEST else response


def judges_of_queries(options: Options, stack: ExitStack) -> tuple[MessageJudge, ...]:
    """The judges of all messages that a sender may send by Redirect: logout, and requests of a service provider."""
    if options.party is not None:
        return (_configured(options, stack),)
    metadata = read_side_file(given(options.metadata), "the metadata")
    if options.profile == EIDAS.name:
        # Nodes have no single logout: a node sends one kind of message by Redirect
        return (_asking(metadata, options),)
    judges = _of_logout(metadata, options)
    try:
        read_service_provider(metadata)
    except ValueError:
        return judges
    return (_asking(metadata, options), *judges)


def _of_logout(metadata: bytes, options: Options) -> tuple[MessageJudge, MessageJudge]:
    profile = PROFILES[options.profile or SAML2INT.name]
    try:
        participant = read_participant(metadata)
    except ValueError as error:
        raise _unusable(error) from None
    sender = Sender(participant.entity_id, _keys(participant.certificates, profile, options.now), profile)
    destination = given(options.destination)
    return logout_request_judge(sender, destination), logout_response_judge(sender, destination, options.request_id)


def _asking(metadata: bytes, options: Options) -> MessageJudge:
    """The judge for a service provider, or for another country's receiving node, by its pinned metadata."""
    destination = given(options.destination)
    try:
        if options.profile == EIDAS.name:
            facts = read_pinned_peer(metadata, "connector", Expected(tolerance=tolerance(EIDAS)))
            sender = Sender(facts.entity_id, _keys(facts.signing, EIDAS, options.now), EIDAS)
            return node_request_judge(sender, _node(facts), destination, ("end of the metadata",))
        party = read_service_provider(metadata)
        sender = Sender(party.entity_id, _keys(party.certificates, SAML2INT, options.now), SAML2INT)
        return authn_request_judge(sender, party, destination)
    except (ValueError, AssertionRejected) as error:
        raise _unusable(error) from None


def _configured(options: Options, stack: ExitStack) -> MessageJudge:
    """The judge for a configuration's node that may ask, by its metadata as the server holds it."""
    settings, configuration, keys = load_all(given(options.config))
    node = configuration.nodes.get(NodeId(options.party or ""))
    if node is None:
        known = ", ".join(configuration.nodes) or "none at all"
        raise could_not(f"the configuration has no node {options.party!r} that asks: {known}.")
    if isinstance(node.peer, StorkPeer):
        if options.kind is MessageKind.REDIRECT or options.profile not in (None, STORK.name):
            raise could_not(f"{node.node_id} speaks STORK, by POST: judge its messages by --as authn-request.")
        catalogue = configuration.catalogue
        return _over_stork(node.peer, stork_sso_url(settings.issuer), settings.country, catalogue, options.now)
    if options.profile not in (None, EIDAS.name):
        raise could_not(f"{node.node_id} asks in the profile {EIDAS.name}.")
    peers = held_peers(settings, known_peers(configuration), keys.ledger, stack, role="connector")
    peer = peers.current(node.peer.entity_id, options.now)
    sender = Sender(node.peer.entity_id, peer.signing_keys(options.now), EIDAS)
    return node_request_judge(sender, _node(peer.facts), proxy_here(settings.issuer).sso_url, ())


def _stork_by_hand(options: Options) -> MessageJudge:
    """The judge for a country that speaks STORK, by its pinned key. `acs` is where its answers go, `country` is ours."""
    pinned = (read_certificate(given(options.trust)),)
    peer = StorkPeer(EntityId(given(options.issuer)), "", given(options.acs), pinned, Source("--trust", 1))
    return _over_stork(peer, given(options.destination), given(options.country), STANDARD, options.now)


def _over_stork(peer: StorkPeer, destination: str, country: str, catalogue: Catalogue, now: int) -> MessageJudge:
    older = (STORK_SHA1,) if SHA1_SIGNATURE in peer.deviations else ()
    sender = Sender(peer.entity_id, _keys(peer.certificates, STORK, now), STORK, older)
    return stork_request_judge(sender, peer, destination, country, catalogue)


def _node(facts: PeerFacts) -> Asking:
    acs_url = next((url for binding, url in facts.endpoints if binding == POST), "")
    return Asking(facts.entity_id, acs_url, facts.sp_type, facts.name_id_formats)


def _keys(certificates: Iterable[bytes], profile: Profile, now: int) -> tuple[PinnedKey, ...]:
    """The keys that may sign now: a key that the profile does not take is an error, not one key less."""
    try:
        keys = [key_of_certificate(certificate, profile, tolerance(profile)) for certificate in certificates]
    except ValueError as error:
        raise _unusable(error) from None
    if not (found := tuple(key for key in keys if key.in_force(now))):
        raise could_not("no certificate of the sender is within its dates.")
    return found


def _unusable(error: Exception) -> Exception:
    return could_not(f"the metadata cannot be used: {error}")
