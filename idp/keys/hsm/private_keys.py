"""Private keys that stay in their token, in the forms that pyca's keys have: whoever signs need not know where a key is.

Only mechanisms that every token has are used: digests are made here, so that a document of any size takes one short call.
Each session proves a key before it counts: what it signs must verify under the public half that others know.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NoReturn, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

from idp.keys.hsm.address import KeyAddress
from idp.keys.hsm.module import Session, use_token
from policies.errors import BrokerError, KeysUnavailable

with suppress(ImportError):  # the extra `hsm`, without which `loading` refuses
    import pkcs11
    from pkcs11 import MGF, Attribute, KeyType, Mechanism
    from pkcs11.util.ec import encode_ec_public_key

# DigestInfo up to the digest (RFC 8017 §9.2, note 1)
_DIGEST_INFO = {
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
# No checkpoint, receipt, token or XML signature begins like this
_CHALLENGE = b"Ciconia asks a token whether it has this key\0"
_PROBE = b"Ciconia asks a token whether it has this secret\0"
MAC_BYTES = 32
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
_NOT_EXPORTED = "a key of a token stays in it"


class _OfToken:
    """The part that all of them share."""

    def __init__(self, address: KeyAddress, public_key: PublicKey) -> None:
        self.address, self._public_key = address, public_key

    def ready(self) -> None:
        """Raise `KeysUnavailable` if the token is away."""
        use_token(self.address.token, lambda session: self._found(session) and session.session.token.slot.get_token())

    def kept(self) -> bool:
        """Whether the token keeps it: it is sensitive, and nobody can take it out. Raises `KeysUnavailable`."""

        def act(session: Session) -> bool:
            found = self._found(session)
            return bool(found[Attribute.SENSITIVE]) and not found[Attribute.EXTRACTABLE]

        return use_token(self.address.token, act)

    def _signed(self, data: bytes, mechanism: str, parameter: object = None) -> bytes:
        return use_token(self.address.token, lambda session: _sign(self._found(session), data, mechanism, parameter))

    def _found(self, session: Session) -> "pkcs11.Key":
        """The key in a session, proved once in each. Raises `KeysUnavailable` for another one under the same name."""
        found = session.found.get(self)
        if found is None:
            found = _one(session, "PRIVATE_KEY", self.address)
            challenge = _CHALLENGE + secrets.token_bytes(32)
            try:
                self._prove(found, challenge)
            except InvalidSignature:
                raise _another(self.address) from None
            session.found[self] = found
        return found

    def _prove(self, found: "pkcs11.Key", challenge: bytes) -> None:
        raise NotImplementedError

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return self

    def __repr__(self) -> str:
        return f"<{self.address}>"

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise BrokerError(_NOT_EXPORTED)


class TokenRsaKey(_OfToken, rsa.RSAPrivateKey):
    """RSA: signs with PKCS#1 v1.5 and PSS, and decrypts nothing."""

    def sign(self, data: bytes, padding: AsymmetricPadding, algorithm: HashAlgorithm) -> bytes:  # type: ignore[override]
        """Sign as pyca's does: over SHA-2, and PSS with a salt as long as the digest."""
        digest = hashlib.new(algorithm.name, data).digest()
        if isinstance(padding, PKCS1v15):
            return self._signed(_DIGEST_INFO[algorithm.name] + digest, "RSA_PKCS")
        if not isinstance(padding, PSS):
            raise BrokerError("no padding of a signature")
        return self._signed(digest, "RSA_PKCS_PSS", algorithm)

    def _prove(self, found: "pkcs11.Key", challenge: bytes) -> None:
        signature = _sign(found, _DIGEST_INFO["sha256"] + hashlib.sha256(challenge).digest(), "RSA_PKCS", None)
        self.public_key().verify(signature, challenge, PKCS1v15(), SHA256())

    def public_key(self) -> rsa.RSAPublicKey:
        """The public half."""
        return self._public_key  # type: ignore[return-value]  # `token_key` chose the class by it

    @property
    def key_size(self) -> int:
        """The bits of its modulus."""
        return self.public_key().key_size

    decrypt = private_numbers = private_bytes = _OfToken._refuse  # noqa: SLF001 # its own base


class TokenCurveKey(_OfToken, ec.EllipticCurvePrivateKey):
    """A key on a curve: signs with ECDSA, and agrees on nothing."""

    def sign(  # type: ignore[override]  # our callers sign bytes
        self, data: bytes, signature_algorithm: ec.EllipticCurveSignatureAlgorithm
    ) -> bytes:
        """Sign as pyca's does: DER."""
        algorithm = signature_algorithm.algorithm
        if not isinstance(algorithm, HashAlgorithm):
            raise BrokerError("no digest")
        return _der(self._signed(hashlib.new(algorithm.name, data).digest(), "ECDSA"))

    def _prove(self, found: "pkcs11.Key", challenge: bytes) -> None:
        signature = _der(_sign(found, hashlib.sha256(challenge).digest(), "ECDSA", None))
        self.public_key().verify(signature, challenge, ec.ECDSA(SHA256()))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self._public_key  # type: ignore[return-value]  # as above

    @property
    def curve(self) -> ec.EllipticCurve:
        """Its curve."""
        return self.public_key().curve

    @property
    def key_size(self) -> int:
        """The bits of its curve."""
        return self.curve.key_size

    exchange = private_numbers = private_bytes = _OfToken._refuse  # noqa: SLF001 # its own base


class TokenEdwardsKey(_OfToken, ed25519.Ed25519PrivateKey):
    """Ed25519, as the log signs."""

    def sign(self, data: bytes) -> bytes:  # type: ignore[override]
        """Sign as pyca's does: 64 bytes."""
        return self._signed(data, "EDDSA")

    def _prove(self, found: "pkcs11.Key", challenge: bytes) -> None:
        self.public_key().verify(_sign(found, challenge, "EDDSA", None), challenge)

    def public_key(self) -> ed25519.Ed25519PublicKey:
        """The public half."""
        return self._public_key  # type: ignore[return-value]  # as above

    private_bytes = private_bytes_raw = _OfToken._refuse  # noqa: SLF001 # its own base


TokenKey = TokenRsaKey | TokenCurveKey | TokenEdwardsKey


@dataclass(frozen=True, slots=True)
class TokenMac:
    """A secret of a token, of which HMAC-SHA256 is asked (`policies.pseudonyms.PairwiseKey`)."""

    address: KeyAddress
    # What it made of the probe at the start, when it was compared with the database's fingerprint
    proof: bytes = field(default=b"", repr=False)

    def proved(self) -> Self:
        """The secret, which each new session has to prove. Raises `KeysUnavailable`."""
        return replace(self, proof=self(_PROBE))

    def __call__(self, message: bytes) -> bytes:
        """The 32 bytes of the code. Raises `KeysUnavailable`."""

        def act(session: Session) -> bytes:
            found = session.found.get(self)
            if found is None:
                found = _one(session, "SECRET_KEY", self.address)
                if self.proof and not hmac.compare_digest(_sign(found, _PROBE, "SHA256_HMAC", None), self.proof):
                    raise _another(self.address)
                session.found[self] = found
            return _sign(found, message, "SHA256_HMAC", None)

        code = use_token(self.address.token, act)
        if len(code) != MAC_BYTES:
            raise KeysUnavailable(f"{self.address} makes codes of {len(code)} bytes")
        return code


def token_key(address: KeyAddress) -> TokenKey:
    """The private key at an address, proved. Raises `KeysUnavailable`, ValueError for a kind without use here."""
    public = use_token(address.token, lambda session: _public(_one(session, "PUBLIC_KEY", address)))
    makers: dict[type, Callable[[], TokenKey]] = {
        rsa.RSAPublicKey: lambda: TokenRsaKey(address, public),
        ec.EllipticCurvePublicKey: lambda: TokenCurveKey(address, public),
        ed25519.Ed25519PublicKey: lambda: TokenEdwardsKey(address, public),
    }
    key = next(make for kind, make in makers.items() if isinstance(public, kind))()
    key.ready()
    return key


def _another(address: KeyAddress) -> KeysUnavailable:
    return KeysUnavailable(f"{address} is another key than the one that others know: bring that token back")


def _one(session: Session, kind: str, address: KeyAddress) -> "pkcs11.Key":
    try:
        return session.session.get_key(
            object_class=pkcs11.ObjectClass[kind], label=address.label or None, id=address.identifier or None
        )
    except (pkcs11.NoSuchKey, pkcs11.MultipleObjectsReturned) as error:
        many = "several objects" if isinstance(error, pkcs11.MultipleObjectsReturned) else "no object"
        raise KeysUnavailable(f"{many} of the class {kind} at {address}") from None


def _sign(key: "pkcs11.Key", data: bytes, mechanism: str, parameter: object) -> bytes:
    given = None
    if isinstance(parameter, HashAlgorithm):
        digest = parameter.name.removeprefix("sha")
        given = Mechanism[f"SHA{digest}"], MGF[f"SHA{digest}"], parameter.digest_size
    signed: bytes = key.sign(data, mechanism=Mechanism[mechanism], mechanism_param=given)
    return signed


def _public(found: "pkcs11.Key") -> PublicKey:
    """A public object of a token as pyca has it. ValueError for another kind of key."""
    kind = found.key_type
    if kind is KeyType.RSA:
        modulus, exponent = (int.from_bytes(found[name]) for name in (Attribute.MODULUS, Attribute.PUBLIC_EXPONENT))
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    if kind is KeyType.EC_EDWARDS:
        # Some tokens wrap the 32 bytes in an OCTET STRING
        return ed25519.Ed25519PublicKey.from_public_bytes(found[Attribute.EC_POINT][-32:])
    if kind is KeyType.EC:
        public = load_der_public_key(encode_ec_public_key(found))
        if isinstance(public, ec.EllipticCurvePublicKey):
            return public
    raise ValueError("the token's key is neither RSA nor on a curve that is used here.")


def _der(raw: bytes) -> bytes:
    size = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:size]), int.from_bytes(raw[size:]))
