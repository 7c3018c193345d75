"""Pinned metadata of identity providers and held metadata of other countries' nodes: can it be used, and how long."""

from collections.abc import Iterator

from sqlalchemy import Engine

from connectors.addresses import FetchError, judged_url
from connectors.deviations import tolerance
from connectors.fetch import Fetcher
from connectors.formats.eidas.metadata import Role
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.formats.grammar import instant, written
from connectors.metadata.chains import pki_of
from connectors.metadata.peers import Held, PeerCopies, PeerInUse, Peers
from connectors.metadata.pinned_provider import pinned_provider
from connectors.metadata.signers import metadata_keys
from connectors.oidc.metadata import pinned_metadata
from connectors.profiles import EIDAS
from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.certificates import certificate_of
from connectors.signatures.parse import attributes, parse_metadata
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.signer import NoSigner
from idp.doctor.certificates import SOON, Dated, dates, pinned_file
from idp.doctor.database import read_only
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding, Severity
from idp.keys.kinds import DAY
from idp.protocols.eidas.node_list import node_list_of
from idp.protocols.eidas.receiving_node import crossing_problems, known_peers
from idp.store.peer_copies import StoredCopies
from idp.system.addresses import acs_url, entity_id
from policies.errors import AssertionRejected, BrokerError, Misconfigured, PeerUnavailable
from policies.load.roles import problems_of_role
from policies.parties import EntityId, IdentityProvider, Peer

_LOGIN_FAILS = "Citizens of that country cannot sign in."
_ASK = "Ask its operator, on another way than their metadata's."
# Nodes publish for a day, and anew when half of it is over; a copy is fetched every half minute
ENDS_SOON = 6 * 3600


def roles(case: Examination) -> Iterator[DoctorFinding]:
    """Finds faults that keep this configuration from its role, and from taking part between countries."""
    if not case.knows("role", "country", "organization"):
        return
    settings, why = case.settings, "A broker of this role does not start with it."
    if case.keys is not None:
        found = crossing_problems(settings, case.configuration, case.keys)
    else:
        known = settings.organization is not None
        found = [*problems_of_role(case.configuration, settings.role, settings.country, organization=known)]
    told = {(case.name(problem.file), problem.key) for problem in case.settings_problems}
    for problem in found:
        finding = case.of_problem(problem, why)
        if (finding.file, finding.key) not in told:
            yield finding


def pinned(case: Examination) -> Iterator[DoctorFinding]:
    """Checks each identity provider's pinned metadata, as the server reads it, and the certificates of nodes' metadata."""
    for provider in case.configuration.providers.values():
        if provider.protocol == "saml" and provider.metadata:
            yield from _provider(case, provider)
        elif provider.openid is not None and provider.metadata:
            try:
                pinned_metadata(provider, demo=case.settings.demo or not case.knows("demo"))
            except Misconfigured as error:
                yield from (case.of_problem(problem, _LOGIN_FAILS) for problem in error.problems)
    for peer in known_peers(case.configuration).values():
        if peer.certificate:
            try:
                metadata_keys(peer, EIDAS)
            except ValueError as error:
                what = f"the certificate of its metadata cannot be used: {error}."
                fix = f"{_ASK} Pin the certificate whose key signs its metadata."
                yield _of(peer, ERROR, "metadata_certificate", what, fix)
        try:
            pki_of(peer, EIDAS)
        except Misconfigured as error:
            yield from (case.of_problem(problem, _LOGIN_FAILS) for problem in error.problems)


def _provider(case: Examination, provider: IdentityProvider) -> Iterator[DoctorFinding]:
    issuer, file = case.settings.issuer, pinned_file(case, provider.metadata)
    try:
        SamlConnector(provider=provider, entity_id=entity_id(issuer), acs_url=acs_url(issuer), signer=NoSigner())
    except Misconfigured as error:
        # That one is told below, with its file
        others = [problem for problem in error.problems if problem.key != "SingleSignOnService"]
        for problem in others:
            finding = case.of_problem(problem, _LOGIN_FAILS)
            named = f"{finding.what.rstrip('.')} ({file})."
            yield DoctorFinding(ERROR, finding.file, finding.line, finding.key, named, finding.why, finding.fix)
        if others:
            return
    read = pinned_provider(provider.metadata, provider.entity_id, provider.source).metadata
    asked = [("SingleSignOnService", url) for url in (read.redirect_url, read.post_url) if url]
    if provider.saml.fetched:
        asked += [("ArtifactResolutionService", url) for url in read.resolvers.values()]
    for service, url in asked:
        try:
            judged_url(url, demo=case.settings.demo or not case.knows("demo"))
        except FetchError as error:
            why = "Citizens, and our questions about them, would go there in the open, or nowhere."
            what = f"its {service} is {error.detail}"
            yield ERROR(file, service, what, why, f"{_ASK} Pin their metadata of today.")
    yield from overdue(file, provider.metadata, case.now)


def overdue(file: str, pinned: bytes, now: int) -> Iterator[DoctorFinding]:
    """Finds pinned metadata whose end has come."""
    ends = attributes(parse_metadata(pinned)).get("validUntil", "")
    if ends and (seconds := _instant(ends)) is not None and seconds <= now:
        what = f"its validUntil was {written(seconds)}."
        why = "It is pinned, so it counts on; but its operator said that it would be true until then."
        yield WARNING(file, "validUntil", what, why, f"{_ASK} Pin their metadata of today.")


def _instant(text: str) -> int | None:
    try:
        return instant(text, "the metadata")
    except AssertionRejected:
        return None


def held(case: Examination) -> Iterator[DoctorFinding]:
    """Checks the held copy of each node's metadata: signature, country, address, end, keys, and its approval."""
    known = known_peers(case.configuration)
    if not known or case.ledger is None or not case.knows("issuer", "role", "database"):
        return
    with read_only(case) as engine:
        for peer in known.values():
            if engine is None:
                yield _never(peer)
            elif peer.certificate or peer.listed:
                yield from _copy(case, engine, peer)


class _NoCopies:
    """The copies of a look that takes nothing."""

    def held(self, _entity_id: EntityId) -> None:
        """Nothing is kept."""

    def _nothing(self, *_: object, **__: object) -> None:
        raise NotImplementedError("a look takes nothing")

    keep = approve = _nothing


def published_fault(case: Examination, peer: Peer, octets: bytes, now: int) -> FetchError | None:
    """Why metadata that a node publishes would be refused if it were its first, or None. Nothing is taken."""
    if not peer.certificate or not case.knows("role", "metadata_max_days"):
        return None
    try:
        return _peers(case, peer, _NoCopies()).fault_of(peer.entity_id, octets, now)
    except Misconfigured:
        return None  # `pinned` names its certificate or its anchors


def _peers(case: Examination, peer: Peer, copies: PeerCopies) -> Peers:
    role: Role = "proxy" if case.settings.role == "city" else "connector"
    return Peers(
        {peer.entity_id: peer},
        role=role,
        copies=copies,
        fetcher=Fetcher(demo=case.settings.demo),
        profile=EIDAS,
        ours=PROTOCOL_VERSIONS,
        max_validity=case.settings.metadata_max_days * DAY,
        node_list=node_list_of(case.settings, case.configuration, case.ledger) if case.ledger is not None else None,
    )


def _copy(case: Examination, engine: Engine, peer: Peer) -> Iterator[DoctorFinding]:
    if case.ledger is None:
        return
    copies = StoredCopies(engine=engine, tenant=case.settings.tenant, keys=case.ledger)
    try:
        peers = _peers(case, peer, copies)
        copy, fault = copies.held(peer.entity_id), peers.fault_of_held(peer.entity_id, case.now)
    except Misconfigured:
        return  # `pinned` names its certificate or its anchors
    except BrokerError as error:
        yield _of(peer, WARNING, "metadata", f"what is held of it cannot be read ({error.detail}).", "See the database.")
        return
    if copy is None or copy.forgotten:
        yield _never(peer)
    elif fault is not None:
        yield _of(peer, ERROR, "metadata", f"what is held of it is refused ({fault.check}): {fault.detail}", fault.mend)
    else:
        yield from _in_use(peers, peer, copy, case.now)


def _in_use(peers: Peers, peer: Peer, copy: Held, now: int) -> Iterator[DoctorFinding]:
    facts = copy.facts
    try:
        yield from _chains(peer, peers.current(peer.entity_id, now), now)
    except PeerUnavailable as error:
        yield _of(peer, ERROR, "metadata", error.detail.rstrip(".") + ".", "See `ciconia metadata show` and `pending`.")
    left = facts.valid_until - now
    if 0 < left < ENDS_SOON:
        what = f"the copy that is held of its metadata ends at {written(facts.valid_until)}."
        fix = "Run `ciconia metadata fetch` for it: it says why no newer copy came."
        yield _of(peer, WARNING, "validUntil", what, fix)
    if facts.encryption_methods and not set(facts.encryption_methods) & set(EIDAS.content_encryption):
        what = f"we have no algorithm of encryption in common with it: it takes {', '.join(facts.encryption_methods)}."
        yield _of(peer, WARNING, "EncryptionMethod", what, f"{_ASK} Nodes encrypt with AES-GCM.")
    for use, certificates in (("signing", facts.signing), ("encryption", facts.encryption)):
        usable = [der for der in certificates if _taken(der)]
        if certificates and not usable:
            what = f"none of its keys for {use} is of a kind and size that nodes use."
            yield _of(peer, ERROR, "KeyDescriptor", what, f"{_ASK} RSA has 3072 bits or more.")
        for der in usable:
            what = f"a certificate for {use} in its metadata"
            fix = "Ask its operator when the next one comes, and approve it then."
            yield from dates(Dated(peer.source.file, "certificate", what, der, WARNING, _LOGIN_FAILS, fix), now)
    for waiting in peers.pending(now, EntityId(peer.entity_id)):
        what = f"{len(waiting.additions)} new things in its metadata wait for an approval."
        fix = "See `ciconia metadata pending`, compare the digest with its operator, and approve it."
        yield _of(peer, NOTICE, "metadata", what, fix)


def _chains(peer: Peer, use: PeerInUse, now: int) -> Iterator[DoctorFinding]:
    """Finds chains that end soon, and before the certificate itself, which has a finding of its own."""
    for der, chain in (use.chains or {}).items():
        end = chain.issued_until
        if end - now < SOON and end < int(certificate_of(der).not_valid_after_utc.timestamp()):
            what = f"the chain of a certificate in its metadata ends at {written(end)}, in less than 30 days."
            fix = "Ask its operator for the next certificate of the authority in between; an anchor is named by itself."
            yield _of(peer, WARNING, "anchors", what, fix)


def _taken(der: bytes) -> bool:
    try:
        key_of_certificate(der, EIDAS, tolerance(EIDAS))
    except ValueError:
        return False
    return True


def _never(peer: Peer) -> DoctorFinding:
    what = "nothing is held of its metadata."
    return _of(peer, WARNING, "metadata", what, "Run `ciconia metadata fetch` for it, or start the server.")


def _of(peer: Peer, severity: Severity, key: str, what: str, fix: str) -> DoctorFinding:
    return DoctorFinding(severity, peer.source.file, peer.source.line, key, what, _LOGIN_FAILS, fix)
