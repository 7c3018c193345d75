"""JSON Web Encryption to us (RFC 7516), compact serialisation, ECDH-ES in direct agreement: by joserfc.

    base64url({"alg":"ECDH-ES","enc":"A128GCM","epk":{...}}) . . base64url(iv) . base64url(ciphertext) . base64url(tag)

Anybody can encrypt to our public key: what comes out is nobody's word until the ordinary judge has verified the JWS inside.
Key agreement and content encryption are those of the registration. Nothing is unpacked (`zip`), no password is stretched
(`p2c`), no RSA is there to ask questions of. After the header was judged, every failure is one and the same refusal.
python-jose's JWE is used nowhere: it tells a bad padding from a bad tag, which is an oracle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, EllipticCurvePublicNumbers
from joserfc.errors import JoseError
from joserfc.jwe import JWERegistry, decrypt_compact
from joserfc.jwk import ECKey

from connectors.signatures.jws import from_base64url
from connectors.signatures.signer import Agreement
from connectors.wire.claims import Json, read_object
from policies.errors import AssertionRejected

AGREEMENTS = frozenset({"ECDH-ES"})
CONTENTS = frozenset({"A128GCM", "A256GCM"})
# The same limit for every JWT
MAX_TOKEN = 64 * 1024
# joserfc's own, said here: an ephemeral key, and a kid of an address' length
MAX_HEADER = 1024
# RFC 7518 §5.3
IV, TAG = 12, 16
# A closed grammar. `zip` unpacks what nobody vouched for, `p2c` and `p2s` stretch passwords, `crit` changes the rules, and
# `jwk`, `jku`, `x5u` and `x5c` bring keys.
REPLICATED = ("iss", "sub", "aud")
HEADER_MEMBERS = frozenset({"alg", "enc", "epk", "kid", "apu", "apv", "cty", "typ", *REPLICATED})
EPK_MEMBERS = frozenset({"kty", "crv", "x", "y"})
# RFC 7519 §5.2 wants `cty` to say JWT; a provider that leaves it out has sent an id_token all the same
KINDS = ("", "JWT")
_COORDINATE = 32


@dataclass(frozen=True, slots=True)
class TokenEncryption:
    """How a provider is registered to encrypt to us, and our keys on P-256, several in a rollover."""

    keys: tuple[Agreement, ...] = field(repr=False)
    enc: str
    alg: str = "ECDH-ES"


def opened(token: str, encryption: TokenEncryption) -> str:
    """The token inside a compact JWE, which is nobody's word. Raises `AssertionRejected` with a check `jwe_…`."""
    octets = _decrypted(token, encryption.keys, encryption.alg, encryption.enc)
    # Octets outside ASCII are no token: the judge of the signature refuses them
    return octets.decode("ascii", "replace")


def check_replicated(token: str, claims: Mapping[str, Json]) -> None:
    """Claims that a header repeats are those of the token inside (RFC 7519 §5.3). Raises `AssertionRejected`."""
    header = _header(token)
    if any(name in header and header[name] != claims.get(name) for name in REPLICATED):
        raise AssertionRejected("jwe_replicated", "the header repeats a claim that the token inside does not have")


# The plan. Each block below has its number.
#  1. Keys and algorithms are ours, and there are some.
#  2. The size, then five parts in their one spelling: no encrypted key, since it is agreed on; an IV and a tag of GCM.
#  3. The header: a closed list of members, each once, each of the expected value.
#  4. The key: kid only chooses among ours.
#  5. Key agreement and decryption: one refusal, whatever fails.
def _decrypted(token: str, keys: Sequence[Agreement], alg: str, enc: str) -> bytes:
    # 1.
    on_curve = all(key.curve == SECP256R1.name for key in keys)
    if alg not in AGREEMENTS or enc not in CONTENTS or not keys or not on_curve:
        raise AssertionRejected("jwe_keys", f"no key for {alg!r} and {enc!r}")
    # 2.
    header = _header(token)
    # 3.
    epk = _judged_header(header, alg, enc)
    # 4.
    key = _chosen(header, keys)
    # 5.
    try:
        ephemeral = _point(epk)
        held = _HeldKey(ephemeral, ephemeral)
        held.agreement = key
        found = decrypt_compact(token, held, registry=_registry(alg, enc)).plaintext
    except (JoseError, ValueError):
        found = None
    if found is None:
        raise AssertionRejected("jwe_decryption", "it is not encrypted to our key, or not whole")
    return found


class _HeldKey(ECKey):
    """An `Agreement` in the shape that joserfc decrypts with. The private key itself never comes here."""

    agreement: Agreement

    def exchange_derive_key(self, key: ECKey) -> bytes:
        return self.agreement.agree(key.public_key)


def _registry(alg: str, enc: str) -> JWERegistry:
    # The header was judged: joserfc knows no claims in one
    return JWERegistry(algorithms=[alg, enc], strict_check_header=False)


def _header(token: str) -> Mapping[str, Json]:
    """The header of a token whose form holds."""
    if len(token) > MAX_TOKEN:
        raise AssertionRejected("jwe_size", f"an encrypted token of {len(token)} characters")
    parts = token.split(".", 5)
    if len(parts[0]) > MAX_HEADER:
        raise AssertionRejected("jwe_size", f"a header of {len(parts[0])} characters")
    try:
        header, wrapped, iv, _, tag = (from_base64url(part) for part in parts)
    except ValueError:
        raise AssertionRejected("jwe_form", f"no compact JWE: {len(parts)} parts, or not canonical") from None
    if wrapped or len(iv) != IV or len(tag) != TAG:
        raise AssertionRejected("jwe_form", "a key where one is agreed on, or no IV and tag of GCM")
    try:
        return read_object(header)
    except AssertionRejected as error:
        raise AssertionRejected("jwe_header", error.detail) from None


def _judged_header(header: Mapping[str, Json], alg: str, enc: str) -> Mapping[str, Json]:
    """The sender's key, as the header says it."""
    if not HEADER_MEMBERS.issuperset(header):
        raise AssertionRejected("jwe_header", "the header has a member that we do not accept")
    if header.get("alg") != alg or header.get("enc") != enc:
        raise AssertionRejected("jwe_alg", f"the header's algorithms are not {alg} and {enc}")
    if header.get("cty", "") not in KINDS or header.get("typ", "") not in KINDS:
        raise AssertionRejected("jwe_typ", "cty or typ is not JWT")
    epk = header.get("epk")
    if not isinstance(epk, dict) or set(epk) != EPK_MEMBERS or (epk["kty"], epk["crv"]) != ("EC", "P-256"):
        raise AssertionRejected("jwe_header", "epk is no public key on P-256")
    for name in ("apu", "apv"):
        _octets(header.get(name, ""), name)
    for name in ("x", "y"):
        if len(_octets(epk[name], f"{name} of epk")) != _COORDINATE:
            raise AssertionRejected("jwe_header", f"{name} of epk is no coordinate")
    return epk


def _octets(value: Json, name: str) -> bytes:
    try:
        return from_base64url(value if isinstance(value, str) else "=")
    except ValueError:
        raise AssertionRejected("jwe_header", f"{name} is no canonical base64url") from None


def _chosen(header: Mapping[str, Json], keys: Sequence[Agreement]) -> Agreement:
    if "kid" not in header and len(keys) == 1:
        return keys[0]
    named = [key for key in keys if key.key_id == header.get("kid")]
    if len(named) != 1:
        raise AssertionRejected("jwe_kid", "the header names no key of ours, or there are several and it names none")
    return named[0]


def _point(epk: Mapping[str, Json]) -> EllipticCurvePublicKey:
    """The ephemeral key. ValueError where it is no point of the curve: an invalid one would ask for our key bit by bit."""
    x, y = (int.from_bytes(_octets(epk[name], name)) for name in ("x", "y"))
    return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
