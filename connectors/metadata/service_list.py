"""A list of all nodes, judged, pure: who signed it, whether it holds now, and which of its certificates can be pinned.

The signer of the list decides over the metadata of every node in it. So its certificate comes by another channel, and our
own code and libxmlsec must both accept the signature.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.addresses import PEER, FetchError
from connectors.deviations import NOTHING, tolerance
from connectors.formats.eidas.service_list import ListedNode, ServiceList, read_service_list
from connectors.formats.grammar import written
from connectors.metadata.judgement import DAY, signed_octets
from connectors.metadata.signers import ends_of
from connectors.profiles import EIDAS, SERVICE_LIST
from connectors.signatures import shapes
from connectors.signatures.certificates import dates_of
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate
from policies.errors import AssertionRejected

# The deployed lists say a week; one that says nothing, or years, must not be replayed for so long
MAX_AGE = 31 * DAY
TRUST = "Give the certificate of whoever publishes the list, from them, on another way than the list."


@dataclass(frozen=True, slots=True)
class ListedCertificate:
    """A certificate of a node, its last second, and why it cannot be pinned ("" where it can)."""

    der: bytes = field(repr=False)
    ends: int | None
    fault: str


def list_keys(certificates: Sequence[bytes], now: int) -> tuple[PinnedKey, ...]:
    """The keys of the certificates (DER) that were given for the list. Raises `FetchError` and ValueError."""
    keys = tuple(key_of_certificate(der, SERVICE_LIST) for der in certificates)
    held = tuple(key for key in keys if key.in_force(now))
    if not held:
        raise FetchError("list_key", "no certificate that was given for the list is within its dates.", TRUST)
    return held


def judged_list(octets: bytes, keys: Sequence[PinnedKey], now: int) -> ServiceList:
    """A list that one of `keys` signed, and that holds now. Raises `FetchError`."""
    signed = signed_octets(octets, keys, SERVICE_LIST, shapes.SERVICE_LIST)
    try:
        found = read_service_list(signed)
    except AssertionRejected as error:
        raise FetchError(error.check, f"the list is refused ({error.check}): {error.detail}.") from error
    except ValueError as error:
        raise FetchError("service_list", f"the list cannot be used: {error}") from error
    if found.issued > now + SERVICE_LIST.skew:
        raise FetchError("list_issued", f"the list was issued at {written(found.issued)}, which is yet to come.")
    if end_of(found) <= now:
        when = f"of {written(found.issued)} counts until {written(end_of(found))}"
        raise FetchError("list_ended", f"the list {when}: fetch it anew.", PEER)
    return found


def end_of(found: ServiceList) -> int:
    """The moment from which a list counts for nothing."""
    last = found.issued + MAX_AGE
    return min(found.next_update, last) if found.next_update else last


def listed_certificates(node: ListedNode, now: int) -> tuple[ListedCertificate, ...]:
    """Each certificate of a node, and whether its key may sign that node's metadata now.

    In a chain only the end may: an authority signs certificates, and would sign for every node to which it issued one.
    """
    ends = ends_of(node.certificates)
    alone = len(node.certificates) == 1
    return tuple(_judged(der, now, end=der in ends, alone=alone) for der in node.certificates)


def _judged(der: bytes, now: int, *, end: bool, alone: bool) -> ListedCertificate:
    # A registration reads a certificate leniently only where it stands alone
    allowed = tolerance(EIDAS) if alone else NOTHING
    try:
        dates = dates_of(der, allowed)
    except ValueError as error:
        return ListedCertificate(der, None, f"refused: {error}")
    if not end:
        return ListedCertificate(der, dates.not_after, "it issued another one of this node")
    try:
        key_of_certificate(der, EIDAS, allowed)
    except ValueError as error:
        return ListedCertificate(der, dates.not_after, f"refused: {error}")
    if now > dates.not_after:
        return ListedCertificate(der, dates.not_after, f"ended at {written(dates.not_after)}")
    if now < dates.not_before:
        return ListedCertificate(der, dates.not_after, f"begins at {written(dates.not_before)}")
    return ListedCertificate(der, dates.not_after, "")
