"""Certification paths by pyhanko-certvalidator (the extra `pki`): the general part of RFC 5280 §6.1.

pyca's own validation refuses brainpool, and certificates that name no host. This library is asynchronous because it could
fetch. We give it nothing to fetch with, so no step needs an event loop. A closed list of algorithms verifies signatures.
"""

from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from asn1crypto.algos import SignedDigestAlgorithm
from asn1crypto.keys import PublicKeyInfo
from asn1crypto.x509 import Certificate
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from pyhanko_certvalidator import PKIXValidationParams, ValidationContext
from pyhanko_certvalidator.authority import CertTrustAnchor, TrustQualifiers, derive_quals_from_cert
from pyhanko_certvalidator.errors import DisallowedAlgorithmError, PathError, ValidationError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy, RevocationCheckingRule
from pyhanko_certvalidator.sig_validate import (
    DEFAULT_VALIDATION_CONTEXT,
    DefaultSignatureValidator,
    SignatureValidationContext,
)
from pyhanko_certvalidator.util import CancelableAsyncIterator
from pyhanko_certvalidator.validate import async_validate_path

from connectors.signatures.x509_lists import STRONG_HASHES
from policies.errors import AssertionRejected

T = TypeVar("T")
# Cross-certificates make several; whoever writes hundreds into metadata buys time of ours
MAX_PATHS = 8
_KINDS = frozenset({"rsassa_pkcs1v15", "rsassa_pss", "ecdsa"})
# Revocation is judged by pinned lists alone (`x509_lists.py`)
_UNASKED = CertRevTrustPolicy(RevocationCheckingPolicy(RevocationCheckingRule.NO_CHECK, RevocationCheckingRule.NO_CHECK))
# asn1crypto reads late, and may raise these for hostile ASN.1 besides the library's own errors
_UNREADABLE = (
    InvalidSignature,
    UnsupportedAlgorithm,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class Path:
    """A candidate, by names and key identifiers alone: DER, from the certificate itself to an anchor."""

    certificates: tuple[bytes, ...]
    _context: ValidationContext = field(repr=False)
    _path: ValidationPath = field(repr=False)
    _signatures: "_ClosedList" = field(repr=False)

    def validate(self) -> None:
        """RFC 5280 §6.1, without revocation. Raises `AssertionRejected`: `x509_chain`, or `x509_algorithm`."""
        try:
            # With parameters the library adds the anchor's names to "all"; without, it would refuse every kind not named
            _at_once(async_validate_path(self._context, self._path, PKIXValidationParams()))
        except (ValidationError, PathError, *_UNREADABLE) as error:
            if self._signatures.weak or isinstance(error, DisallowedAlgorithmError):
                raise AssertionRejected("x509_algorithm", "a chain with a signature that is not of SHA-2") from error
            raise AssertionRejected("x509_chain", "a chain that is none by RFC 5280") from error


def paths(certificate: bytes, others: Sequence[bytes], anchors: Sequence[bytes], now: int) -> Iterator[Path]:
    """Candidates from `certificate` through `others` to one of `anchors`, to be valid at `now`; none, or a few."""
    signatures = _ClosedList()
    try:
        context = ValidationContext(
            trust_roots=[_anchor(anchor) for anchor in anchors],
            other_certs=[Certificate.load(other) for other in others],
            moment=datetime.fromtimestamp(now, UTC),
            allow_fetching=False,
            revinfo_policy=_UNASKED,
            time_tolerance=timedelta(0),
            signature_validator=signatures,
        )
        found = context.path_builder.async_build_paths_lazy(Certificate.load(certificate))
        for _ in range(MAX_PATHS):
            path = _at_once(_next(found))
            yield Path(_octets(path), context, path, signatures)
    except (StopAsyncIteration, ValidationError, PathError, *_UNREADABLE):
        return


def _anchor(der: bytes) -> CertTrustAnchor:
    """An anchor with its name constraints, which hold as if it stood in the path (RFC 5280 §6.1.1 b, c); no policies."""
    certificate = Certificate.load(der)
    derived = derive_quals_from_cert(certificate).standard_parameters or PKIXValidationParams()
    names = PKIXValidationParams(
        initial_permitted_subtrees=derived.initial_permitted_subtrees,
        initial_excluded_subtrees=derived.initial_excluded_subtrees,
    )
    return CertTrustAnchor(certificate, TrustQualifiers(standard_parameters=names))


class _ClosedList(DefaultSignatureValidator):
    """RSA and ECDSA with SHA-2, PSS with one hash for both of its parts; nothing else is computed at all."""

    def __init__(self) -> None:
        self.weak = False

    def validate_signature(
        self,
        signature: bytes,
        signed_data: bytes,
        public_key_info: PublicKeyInfo,
        signature_algorithm: SignedDigestAlgorithm,
        context: SignatureValidationContext = DEFAULT_VALIDATION_CONTEXT,
    ) -> None:
        """Implements the library's method."""
        # RFC 4055 §3.3. The library asserts it, which `python -O` leaves out
        bound = public_key_info.algorithm == "rsassa_pss" and signature_algorithm.signature_algo != "rsassa_pss"
        if bound or not _strong(signature_algorithm):
            self.weak = True
            raise InvalidSignature
        super().validate_signature(signature, signed_data, public_key_info, signature_algorithm, context)


def _strong(algorithm: SignedDigestAlgorithm) -> bool:
    kind, digest = algorithm.signature_algo, algorithm.hash_algo
    if kind == "rsassa_pss":
        mask = algorithm["parameters"]["mask_gen_algorithm"]["parameters"]["algorithm"].native
        return digest in STRONG_HASHES and mask == digest
    return kind in _KINDS and digest in STRONG_HASHES


async def _next(found: CancelableAsyncIterator[ValidationPath]) -> ValidationPath:
    return await anext(found)


def _octets(path: ValidationPath) -> tuple[bytes, ...]:
    """DER of a path, the anchor last. A path of an anchor alone has one."""
    certificates = [path.first, *(path[number] for number in range(1, path.pkix_len + 1))]
    return tuple(bytes(one.dump()) for one in reversed(certificates))


def _at_once(step: Coroutine[Any, Any, T]) -> T:  # Any: what a coroutine yields to a loop that does not exist
    """Run a step that has nothing to wait for. ValueError for one that would wait."""
    try:
        step.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    step.close()
    raise ValueError("a step that waits for something, where nothing is fetched")
