"""The certificates of a node's metadata, where its registration names anchors: each must chain to one of them, too.

A chain narrows and vouches for nothing: the signer of metadata stays pinned, and additions wait for an operator. Only this
module looks at certificates of authorities beside a node's own, which are hints.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from connectors.addresses import PEER, REGISTRATION, FetchError
from connectors.formats.eidas.metadata import PeerFacts, certificate_in
from connectors.metadata.pinned_provider import misconfigured
from connectors.profiles import Profile
from connectors.signatures.parse import parse_canonical
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.profile import DS
from connectors.signatures.verification_result import Signed
from connectors.signatures.x509 import Chain, Pki, Use
from connectors.wire.names import md
from policies.errors import AssertionRejected
from policies.parties import Peer

# DER of a certificate -> its chain
Chains = Mapping[bytes, Chain]
# A node's facts, the chains at that time, and the id of the key that signed
Reading = tuple[PeerFacts, Chains | None, str]

# Mended in the registration, or there too
_OURS = frozenset({"x509_revocation_stale", "x509_revocation_missing", "x509_chain"})


def pki_of(peer: Peer, profile: Profile) -> Pki | None:
    """The anchors and lists of a registration; None where it names no anchors. Raises `Misconfigured`."""
    if not peer.anchors:
        return None
    try:
        return Pki(peer.anchors, peer.revocation, profile)
    except ValueError as error:
        what = f"The certificates of the node cannot be held against its anchors: {error}."
        fix = "Ask the authority that issues the node's certificates for its own certificate and its list of revoked ones."
        raise misconfigured(peer.source, "anchors", what, fix) from error


def chains_of(pki: Pki, signed: Signed, facts: PeerFacts, now: int) -> Chains:
    """The chain of each certificate of signed metadata. Raises `FetchError` for the first that has none at `now`."""
    hints, chains = _hints(signed), {}
    for certificate in sorted(facts.signing | facts.encryption):
        uses: list[Use] = ["signing"] if certificate in facts.signing else []
        uses += ["encryption"] if certificate in facts.encryption else []
        try:
            chains[certificate] = pki.judge(certificate, uses, hints, now)
        except AssertionRejected as error:
            detail = f"a certificate in its metadata is refused ({error.check}): {error.detail}."
            raise FetchError(error.check, detail, REGISTRATION if error.check in _OURS else PEER) from error
    return chains


def narrowed(key: PinnedKey, chain: Chain) -> PinnedKey:
    """The key, in force until its chain ends at the latest."""
    last = chain.ends if key.not_after is None else min(chain.ends, key.not_after)
    return replace(key, not_after=last)


def _hints(signed: Signed) -> list[bytes]:
    """Every certificate in a KeyDescriptor, the node's own among them, which lead nowhere."""
    found: list[bytes] = []
    for element in parse_canonical(signed.octets).iterfind(f".//{md('KeyDescriptor')}//{{{DS}}}X509Certificate"):
        with suppress(ValueError):  # the reader of the facts refuses one that is a key
            found.append(certificate_in(element))
    return found
