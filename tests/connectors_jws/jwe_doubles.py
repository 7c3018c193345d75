"""Encrypted tokens as anybody makes them, by hand: pyca alone, without joserfc and without the wrapper's rules."""

import json
import struct
from collections.abc import Mapping
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from connectors.signatures.jwk import public_jwk
from connectors.wire.claims import Json
from tests.connectors_jws.jws_doubles import SoftwareAgreement, b64, private_key

BITS = {"A128GCM": 128, "A256GCM": 256}
IV = b"twelve bytes"


@cache
def our_key(number: int = 0) -> SoftwareAgreement:
    key = private_key("ES256", 100 + number)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return SoftwareAgreement(key)


def good_header(enc: str = "A128GCM", /, *, ephemeral: ec.EllipticCurvePrivateKey, **changes: Json) -> dict[str, Json]:
    """A header that is accepted, but for `changes`; a member that is the text `LEFT OUT` is left out."""
    epk: dict[str, Json] = {**public_jwk(ephemeral.public_key())}
    header: dict[str, Json] = {"alg": "ECDH-ES", "enc": enc, "epk": epk, "cty": "JWT", **changes}
    return {name: value for name, value in header.items() if value != "LEFT OUT"}


def content_key(z: bytes, enc: str, apu: bytes = b"", apv: bytes = b"") -> bytes:
    """The content's key from a shared secret (RFC 7518 §4.6.2)."""
    named = [struct.pack(">I", len(part)) + part for part in (enc.encode(), apu, apv)]
    information = b"".join(named) + struct.pack(">I", BITS[enc])
    return ConcatKDFHash(SHA256(), BITS[enc] // 8, information).derive(z)


def sealed(header: Mapping[str, Json] | str, octets: bytes, key: bytes, *, wrapped: bytes = b"", iv: bytes = IV) -> str:
    """A JWE under a content key, whatever its header says: JSON text as it is."""
    protected = b64(header if isinstance(header, str) else json.dumps(header))
    both = AESGCM(key).encrypt(iv, octets, protected.encode())
    return ".".join([protected, b64(wrapped), b64(iv), b64(both[:-16]), b64(both[-16:])])


def encrypted(octets: bytes | str, to: SoftwareAgreement | None = None, enc: str = "A128GCM", /, **changes: Json) -> str:
    """A JWE to a key of ours, with members of its header changed."""
    receiver = to or our_key()
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    secret = ephemeral.exchange(ec.ECDH(), receiver.public_key)
    plain = octets.encode() if isinstance(octets, str) else octets
    return sealed(good_header(enc, ephemeral=ephemeral, **changes), plain, content_key(secret, enc))
