"""Questions for the message of an artifact (SAML Bindings 2.0 §3.6.5): who asks has to prove it, by a signature or by TLS.

The plan.
 1. One SOAP envelope with an ArtifactResolve.
 2. Its Issuer is a service that we know, and one of its keys signed the question; or the TLS certificate of whoever
    asks has one of these keys.
 3. It was issued now, and to us. It may be without Destination, as Shibboleth's is: no binding of SOAP asks for one, and
    the handle in its artifact is a secret of ours.
"""

from collections.abc import Mapping, Sequence

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.formats.artifact import ArtifactResolve, read_artifact_resolve, read_signed_resolve
from connectors.profiles import SAML2INT
from connectors.response_checks import check_issued
from connectors.signatures.certificates import certificate_of
from connectors.signatures.pinned_keys import PinnedKey
from connectors.signatures.shapes import ARTIFACT_RESOLVE
from connectors.signed_messages import foreseen, signed_root
from policies.errors import AssertionRejected
from policies.parties import EntityId


@foreseen
def judged_resolve(
    octets: bytes, keys: Mapping[EntityId, Sequence[PinnedKey]], certificate: bytes, here: str, now: int
) -> ArtifactResolve:
    """The question, and who asks it. `certificate` is the DER of their TLS certificate, b"" without one.

    Raises `AssertionRejected`.
    """
    # 1.
    found = read_artifact_resolve(octets)
    # 2. With somebody's keys for a stranger, who is refused as a forger is: so nobody learns who is registered
    asker = EntityId(found.issuer)
    held = keys.get(asker) or next(iter(keys.values()), ())
    if found.signed and held:
        found = read_signed_resolve(signed_root(found.octets, held, ARTIFACT_RESOLVE, SAML2INT))
        if asker not in keys or found.issuer != asker:
            raise AssertionRejected("issuer", "an ArtifactResolve of another service than whose key signed it")
    elif asker not in keys or not certificate or not any(_spki(key) == _spki_of(certificate) for key in held):
        raise AssertionRejected("signature_missing", "an ArtifactResolve that is neither signed nor by its service's TLS")
    # 3.
    if found.destination not in ("", here):
        raise AssertionRejected("destination", "an ArtifactResolve to another address")
    check_issued(found.issue_instant, now, "request_issued", SAML2INT)
    return found


def _spki(key: PinnedKey) -> bytes:
    return key.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _spki_of(certificate: bytes) -> bytes:
    return certificate_of(certificate).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
