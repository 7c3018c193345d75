"""Dates of certificates, our own, pinned and in metadata, and of pinned lists of revoked ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.deviations import tolerance
from connectors.formats.grammar import written
from connectors.formats.metadata import read_identity_provider
from connectors.profiles import EIDAS
from connectors.signatures.certificates import dates_of
from connectors.signatures.x509_lists import RevocationList, read_list
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, WARNING, DoctorFinding, Severity
from idp.keys import kinds
from idp.protocols.eidas.receiving_node import known_peers
from idp.system.files import read_whole
from policies.load.peers import CERTIFICATES, der_of_pem, ders_of_pem
from policies.parties import Peer

SOON = 30 * 24 * 3600
# Authorities make lists anew each day or week
LIST_SOON = 2 * 24 * 3600
_OWN = (kinds.SAML, kinds.SAML_ENCRYPTION, kinds.NODE, kinds.NODE_METADATA, kinds.NODE_ENCRYPTION)


@dataclass(frozen=True, slots=True)
class Dated:
    """A certificate (DER), its file, its use, and how bad its end would be."""

    file: str
    key: str
    what: str
    der: bytes
    ended: Severity
    why: str
    fix: str


def certificates(case: Examination) -> Iterator[DoctorFinding]:
    """Finds each certificate that has ended, has not begun, or ends within 30 days; each list, within two."""
    for dated in (*_own(case), *_pinned(case), *_anchors(case), *_of_providers(case)):
        yield from dates(dated, case.now)
    for peer in known_peers(case.configuration).values():
        yield from _lists(peer, case.now)


def dates(dated: Dated, now: int) -> Iterator[DoctorFinding]:
    """Finds faults in the dates of one certificate; another check names one that cannot be read."""
    try:
        found = dates_of(dated.der, tolerance(EIDAS))
    except ValueError:
        return
    begin, end = (datetime.fromtimestamp(seconds, UTC) for seconds in (found.not_before, found.not_after))
    if now > end.timestamp():
        severity, what = dated.ended, f"{dated.what} ended on {end:%Y-%m-%d}."
    elif now < begin.timestamp():
        severity, what = dated.ended, f"{dated.what} begins on {begin:%Y-%m-%d} only."
    elif end.timestamp() - now < SOON:
        severity, what = WARNING, f"{dated.what} ends on {end:%Y-%m-%d}, in less than 30 days."
    else:
        return
    yield severity(dated.file, dated.key, what, dated.why, dated.fix)


def _own(case: Examination) -> Iterator[Dated]:
    # A node's certificate that has ended was named when the keys were loaded
    named = {case.name(problem.file) for problem in case.keys_problems if "its certificate holds from" in problem.what}
    folder = case.settings.key_folder
    own = (*_OWN, *kinds.own_encryptions(folder).values())
    for name in (name for kind in own for name in (kind.files(folder) or (kind.file,))):
        path = folder / name
        file = case.name(path)
        if file in named:
            continue
        for der in _in_pem(path):
            why = "Whoever looks at the dates of certificates in our metadata refuses us from then on."
            fix = "Put a new certificate of this key behind it, and give it to the peers in time."
            yield Dated(file, name, "its certificate", der, ERROR, why, fix)


def _in_pem(path: Path) -> Iterator[bytes]:
    try:
        found = x509.load_pem_x509_certificates(read_whole(path))
    except (OSError, ValueError, UnsupportedAlgorithm):
        return
    for certificate in found:
        yield certificate.public_bytes(Encoding.DER)


def _pinned(case: Examination) -> Iterator[Dated]:
    """The certificates that sign the metadata of other countries' nodes."""
    why = "Metadata that it signed counts for nothing outside its dates: that country is cut off."
    fix = "Ask the node's operator for the next one, on another way than their metadata's, and pin it."
    anchors = {der for peer in known_peers(case.configuration).values() for der in peer.anchors}
    for file, content in sorted(case.files.items()):
        if file.endswith(".pem") and (der := der_of_pem(content)[0]) and der not in anchors:
            yield Dated(file, "certificate", "the pinned certificate", der, ERROR, why, fix)


def _anchors(case: Examination) -> Iterator[Dated]:
    """The authorities to which a node's certificates must chain."""
    why = "No certificate of the node chains to an authority that has ended: that country is cut off."
    fix = "Ask the authority for its next certificate, and put it beside this one in the file of anchors."
    for peer in known_peers(case.configuration).values():
        for der in peer.anchors:
            holding = (name for name, content in case.files.items() if der in ders_of_pem(content, CERTIFICATES)[0])
            file = next(holding, peer.source.file)
            yield Dated(file, "anchors", "an anchor", der, ERROR, why, fix)


def _lists(peer: Peer, now: int) -> Iterator[DoctorFinding]:
    """Finds pinned lists of revoked certificates that have ended, have not begun, or end soon."""
    why = "Where a list is not of today nobody knows what is revoked, and every certificate of the node is refused."
    fix = "Get the authority's newest list, put it in the place of this file, and start the server again."
    for file, der in peer.revocation:
        try:
            found = read_list(file, der)
        except ValueError:
            continue  # the check of metadata names it
        severity, what = _of_list(found, now)
        if severity is not None:
            yield severity(file, "nextUpdate", what, why, fix)


def _of_list(found: RevocationList, now: int) -> tuple[Severity | None, str]:
    if now > found.ends:
        return ERROR, f"the list of revoked certificates ended at {written(found.ends)}."
    if now < found.begins:
        return ERROR, f"the list of revoked certificates begins at {written(found.begins)} only."
    if found.ends - now < LIST_SOON:
        return WARNING, f"the list of revoked certificates ends at {written(found.ends)}."
    return None, ""


def _of_providers(case: Examination) -> Iterator[Dated]:
    """The certificates in pinned metadata: their end does not count, but tells that the operator will change the key."""
    why = "The key is pinned, so it still counts; but its operator will sign with a new one, and then every login fails."
    fix = "Ask the provider's operator for their new metadata, and pin that file beside their change."
    for provider in case.configuration.providers.values():
        if provider.openid is not None:
            continue  # it has none
        try:
            read = read_identity_provider(provider.metadata, provider.entity_id)
        except ValueError:
            continue  # the check of metadata names it
        for der in read.certificates:
            yield Dated(pinned_file(case, provider.metadata), "X509Certificate", "a certificate", der, WARNING, why, fix)


def pinned_file(case: Examination, content: bytes) -> str:
    """The file in metadata/ with this content."""
    return next((name for name, octets in case.files.items() if octets == content and name.startswith("metadata/")), "")
