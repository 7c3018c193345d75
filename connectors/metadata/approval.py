"""A node's metadata counts where it says so now and an operator approved it. Additions wait, removals act at once.

A thief of the key of a node's metadata could publish a key or an address of their own, and get every login. So nothing new
counts before a person has asked the node's operator by another channel.
"""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

from connectors.addresses import host_of
from connectors.deviations import tolerance
from connectors.formats.eidas.metadata import PeerFacts
from connectors.profiles import EIDAS
from connectors.signatures.certificates import dates_of
from connectors.wire.names import POST, REDIRECT
from policies.deviations import LENIENT_CERTIFICATE

_BINDINGS = {POST: "by POST", REDIRECT: "by Redirect"}


def approved_part(facts: PeerFacts, approved: PeerFacts | None) -> PeerFacts:
    """`facts` without what was not approved: the only facts that may be used, and what stays approved afterwards.

    An entry that disappears is approved no longer: if it comes back, it is new. The approved `sp_type` stays until another,
    or none, is approved; so do the NameID formats of a node that asks, where none is left, since none means every one.
    Encryption methods and the end (`valid_until`) need no approval.
    """
    if approved is None or _identity(approved) != _identity(facts):
        approved = _nothing(facts)
    formats = facts.name_id_formats & approved.name_id_formats
    if facts.role == "connector":
        formats = formats or approved.name_id_formats
    return replace(
        facts,
        signing=facts.signing & approved.signing,
        encryption=facts.encryption & approved.encryption,
        endpoints=facts.endpoints & approved.endpoints,
        attributes=facts.attributes & approved.attributes,
        versions=facts.versions & approved.versions,
        assurance=facts.assurance & approved.assurance,
        name_id_formats=formats,
        # It makes us tell the name of a service
        wants_requester_id=facts.wants_requester_id and approved.wants_requester_id,
        # A fixed type that is gone lets a request call a private service public: that is an addition, too
        sp_type=approved.sp_type,
    )


def additions(facts: PeerFacts, approved: PeerFacts | None, metadata_url: str) -> tuple[str, ...]:
    """The waiting parts of `facts`, one sentence each, for an operator to read out to the node's operator. Empty: none."""
    known = approved_part(facts, approved)
    home = host_of(metadata_url)
    words = [f"a certificate that signs: {certificate_words(der)}" for der in sorted(facts.signing - known.signing)]
    words += [
        f"a certificate to encrypt to: {certificate_words(der)}" for der in sorted(facts.encryption - known.encryption)
    ]
    for binding, url in sorted(facts.endpoints - known.endpoints):
        other = "" if host_of(url) == home else " (another host than its metadata's)"
        words.append(f"an address {_BINDINGS.get(binding, binding)}: {url}{other}")
    words += [f"an attribute: {name}" for name in sorted(facts.attributes - known.attributes)]
    words += [f"a level of assurance: {level}" for level in sorted(facts.assurance - known.assurance)]
    words += [f"a protocol version: {version}" for version in sorted(facts.versions - known.versions)]
    words += [f"a NameID format: {name}" for name in sorted(facts.name_id_formats - known.name_id_formats)]
    if known.name_id_formats and not facts.name_id_formats:
        words.append(
            f"it lists no NameID format any more ({', '.join(sorted(known.name_id_formats))}): any may be asked for"
        )
    if facts.wants_requester_id and not known.wants_requester_id:
        words.append("it asks to be told which service asks (RequesterID)")
    if facts.sp_type != known.sp_type:
        words.append(
            f"all its services are of one type: {facts.sp_type}"
            if facts.sp_type
            else f"its services are no longer all of one type ({known.sp_type}): each request says its own"
        )
    return tuple(words)


def _identity(facts: PeerFacts) -> tuple[str, str, str]:
    """Refuse a change that no approval covers: another country or entity is another registration."""
    return facts.role, facts.entity_id, facts.country


def _nothing(facts: PeerFacts) -> PeerFacts:
    empty: frozenset[str] = frozenset()
    return replace(
        facts,
        signing=frozenset(),
        encryption=frozenset(),
        endpoints=frozenset(),
        attributes=empty,
        versions=empty,
        assurance=empty,
        name_id_formats=empty,
        wants_requester_id=False,
        sp_type="",
    )


def certificate_words(der: bytes) -> str:
    """The SHA-256 fingerprint, as certificates are compared by telephone, and the dates."""
    try:
        dates = dates_of(der, tolerance(EIDAS))
    except ValueError:
        return "one that cannot be read"
    first, last = (datetime.fromtimestamp(end, UTC) for end in (dates.not_before, dates.not_after))
    lenient = f", read leniently ({LENIENT_CERTIFICATE})" if dates.lenient else ""
    return f"SHA-256 {sha256(der).digest().hex(':').upper()}, from {first:%Y-%m-%d} to {last:%Y-%m-%d}{lenient}"
