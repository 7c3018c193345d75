"""Certificates that must chain to anchors (RFC 5280 §6.1). It only ever narrows: who verifies is still a pinned key alone.

The extra `pki` has the general part, paths and their validation (`x509_paths.py`). The rest is judged
here by names of our own: dates, usage, path length, sizes and curves, and revocation by pinned lists (`x509_lists.py`).

A chain is judged when metadata is taken, at `now`. A login looks at `Chain.ends` alone, and nothing is ever fetched.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from connectors.profiles import Profile
from connectors.signatures.certificates import certificate_of
from connectors.signatures.pinned_keys import prepared
from connectors.signatures.x509_lists import UNREADABLE, extension_of, is_authority, read_list
from policies.errors import EXTRAS, AssertionRejected

try:
    from connectors.signatures.x509_paths import paths
except ImportError:
    paths = None  # type: ignore[assignment] # without the extra `pki`: `Pki` says so

Use = Literal["signing", "encryption"]

# Certificates that may stand beside a node's own as hints: chains have one or two intermediates, three in rollover
MAX_HINTS = 4
# Extensions of an anchor that each path judges; policies alone demand nothing (RFC 5280 §6.1.5 g)
_JUDGED_OF_ANCHORS = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.NAME_CONSTRAINTS,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
_POLICY_RULES = frozenset({ExtensionOID.POLICY_CONSTRAINTS, ExtensionOID.INHIBIT_ANY_POLICY})


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain that held, in seconds since the epoch. It holds until `ends`: the first end of its certificates and lists."""

    ends: int
    issued_until: int  # the first end of its certificates: lists are made anew all the time


class Pki:
    """The anchors and pinned lists of one registration. Usable by several threads.

    `anchors` are DER, `lists` file names with DER. ValueError, with words for an operator, for what cannot be used, and
    where the extra `pki` is not installed.
    """

    def __init__(self, anchors: Sequence[bytes], lists: Sequence[tuple[str, bytes]], profile: Profile) -> None:
        if paths is None:
            raise ValueError(f"the extra `pki` is not installed: {EXTRAS}")
        if not anchors:
            raise ValueError("no anchor, and nothing chains to nothing")
        self._anchors, self._profile = tuple(anchors), profile
        for anchor in anchors:
            _check_anchor(certificate_of(anchor), profile)
        self._lists = tuple(read_list(file, octets) for file, octets in lists)

    @property
    def begins(self) -> int:
        """When the last of the lists began: nothing can be judged as of an earlier time. 0 without lists."""
        return max((one.begins for one in self._lists), default=0)

    def judge(self, certificate: bytes, uses: Collection[Use], hints: Sequence[bytes], now: int) -> Chain:
        """Whether a certificate (DER) chains to an anchor at `now`, through any of `hints` or none, and may be used so.

        Where there are several chains, the one that ends last counts. Raises `AssertionRejected` with a check of
        `X509_CHECKS`: the first chain's where all fail.
        """
        # 1. The lists, whatever they say.
        for one in self._lists:
            if not one.begins <= now <= one.ends:
                raise AssertionRejected("x509_revocation_stale", f"{one.file} is of {_day(one.begins)} to {_day(one.ends)}")
        # 2. The certificate itself.
        leaf = _loaded(certificate)
        if is_authority(leaf):
            raise AssertionRejected("x509_key_usage", "a certificate that is a certification authority's")
        for use in uses:
            purpose = _purpose(leaf, use)
            if not _usage(leaf, purpose):
                raise AssertionRejected("x509_key_usage", f"a certificate whose keyUsage does not say {purpose}")
        # 3. Candidates: the message's own certificates are hints, and anchors are ours.
        failure: AssertionRejected | None = None
        ends: list[int] = []
        for path in paths(certificate, _readable(hints), self._in_force(now), now):
            try:
                # 4. Ours by their names, and then all of RFC 5280.
                chain = [_loaded(der) for der in path.certificates]
                self._judge(chain, now)
                path.validate()
                # Only now: to look for a fault of a key takes a second of a processor, and anybody may make one up
                self._judge_keys(chain)
                # 5. Revocation, when every signature of the chain has held.
                self._not_revoked(chain)
            except AssertionRejected as error:
                failure = failure or error
                continue
            ends.append(min(_end(one) for one in chain))
        if ends:
            return Chain(min([max(ends), *(one.ends for one in self._lists)]), max(ends))
        raise failure or AssertionRejected(
            "x509_chain", "a certificate that does not chain to an anchor of the registration"
        )

    def _in_force(self, now: int) -> Sequence[bytes]:
        """The anchors within their dates; all of them, where none is: then the chain's dates refuse."""
        held = {der: certificate_of(der) for der in self._anchors}
        return [der for der, one in held.items() if _holds(one, now)] or self._anchors

    def _judge(self, chain: Sequence[x509.Certificate], now: int) -> None:
        """Dates, issuers and their path lengths: the anchor too, which RFC 5280 takes as it is."""
        if len(chain) < 2:  # noqa: PLR2004 - the certificate and its issuer
            raise AssertionRejected("x509_chain", "a certificate that is an anchor itself")
        for number, certificate in enumerate(chain):
            place = f"certificate {number} of the chain"
            if not _holds(certificate, now):
                begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
                raise AssertionRejected("x509_dates", f"{place} is of {begin:%Y-%m-%d} to {end:%Y-%m-%d}")
            if number < len(chain) - 1 and _for_others_alone(certificate):
                raise AssertionRejected(
                    "x509_key_usage", f"{place} is for other purposes alone (critical extendedKeyUsage)"
                )
            if number and not (is_authority(certificate) and _usage(certificate, "key_cert_sign")):
                raise AssertionRejected("x509_key_usage", f"{place} is no certification authority's (CA:TRUE, keyCertSign)")
            below = sum(one.subject != one.issuer for one in chain[1:number])
            if number and below > _path_length(certificate, below):
                raise AssertionRejected("x509_path_length", f"{place} has {below} issuers below it")

    def _judge_keys(self, chain: Sequence[x509.Certificate]) -> None:
        for number, certificate in enumerate(chain):
            try:
                _ = prepared(_public_key(certificate), self._profile)
            except ValueError as error:
                raise AssertionRejected("x509_algorithm", f"certificate {number} of the chain has {error}") from error

    def _not_revoked(self, chain: Sequence[x509.Certificate]) -> None:
        """Every certificate but the anchor has a list of its issuer, and is not on it. Without lists nothing is asked."""
        if not self._lists:
            return
        for number, (certificate, issuer) in enumerate(pairwise(chain)):
            if any(one.names(certificate, issuer) for one in self._lists):
                raise AssertionRejected("x509_revoked", f"certificate {number} of the chain is revoked")
            if not (_usage(issuer, "crl_sign") and any(one.covers(certificate, issuer) for one in self._lists)):
                what = f"no pinned list is of the issuer of certificate {number} of the chain, and signed by it"
                raise AssertionRejected("x509_revocation_missing", what)


def _check_anchor(anchor: x509.Certificate, profile: Profile) -> None:
    """ValueError for an anchor that is no authority's, has a key that the profile refuses, or wants what nobody judges."""
    if not (is_authority(anchor) and _usage(anchor, "key_cert_sign")):
        raise ValueError("an anchor that is no certification authority's (CA:TRUE, keyCertSign)")
    for one in anchor.extensions:
        if one.oid in _POLICY_RULES or (one.critical and one.oid not in _JUDGED_OF_ANCHORS):
            raise ValueError(f"an anchor with an extension that is not judged here ({one.oid.dotted_string})")
    _ = prepared(_public_key(anchor), profile)


def _loaded(der: bytes) -> x509.Certificate:
    try:
        certificate = certificate_of(der)
        # pyca reads names when they are asked for
        _ = (certificate.subject, certificate.issuer)
    except UNREADABLE as error:
        raise AssertionRejected("x509_chain", "a certificate that cannot be read") from error
    return certificate


def _readable(hints: Sequence[bytes]) -> list[bytes]:
    """Certificates of authorities alone, a few, each once: a hint that is none is no reason to refuse."""
    found = []
    for der in dict.fromkeys(hints):
        try:
            if is_authority(certificate := certificate_of(der)):
                found.append(certificate.public_bytes(Encoding.DER))
        except ValueError:
            continue
    if len(found) > MAX_HINTS:
        raise AssertionRejected("x509_chain", f"more than {MAX_HINTS} certificates of authorities beside a node's own")
    return found


def _public_key(certificate: x509.Certificate) -> object:
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("a key of a kind that nobody here knows") from None


def _usage(certificate: x509.Certificate, purpose: str) -> bool:
    """Whether keyUsage is there and says so (RFC 5280 §4.2.1.3). One that says nothing would be for everything."""
    usage = extension_of(certificate, x509.KeyUsage)
    return usage is not None and bool(getattr(usage, purpose))


def _purpose(certificate: x509.Certificate, use: Use) -> str:
    """The keyUsage that must be set, in pyca's words: an RSA key enciphers keys, one on a curve agrees on them."""
    if use == "signing":
        return "digital_signature"
    try:
        public_key = _public_key(certificate)
    except ValueError as error:
        raise AssertionRejected("x509_algorithm", f"a certificate that has {error}") from error
    return "key_encipherment" if isinstance(public_key, RSAPublicKey) else "key_agreement"


def _for_others_alone(certificate: x509.Certificate) -> bool:
    """Whether a critical extendedKeyUsage keeps a certificate for purposes that are not ours (RFC 5280 §4.2.1.12).

    No purpose is registered for a node's messages: only anyExtendedKeyUsage can mean them. One that is not critical passes,
    since authorities write TLS into it by habit.
    """
    try:
        return any(
            one.critical and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in one.value
            for one in certificate.extensions
            if isinstance(one.value, x509.ExtendedKeyUsage)
        )
    except UNREADABLE:
        return True


def _path_length(certificate: x509.Certificate, unbounded: int) -> int:
    constraints = extension_of(certificate, x509.BasicConstraints)
    return unbounded if constraints is None or constraints.path_length is None else constraints.path_length


def _holds(certificate: x509.Certificate, now: int) -> bool:
    """Both of its seconds count (RFC 5280 §4.1.2.5)."""
    return certificate.not_valid_before_utc.timestamp() <= now <= _end(certificate)


def _end(certificate: x509.Certificate) -> int:
    return int(certificate.not_valid_after_utc.timestamp())


def _day(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"
