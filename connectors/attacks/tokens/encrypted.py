"""Encrypted tokens: where none is expected, where the encryption is not the registered one, or hides what nobody signed.

Anybody can encrypt to us. So whatever is wrong with the token inside is wrong all the same.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key

from connectors.attacks.case import Case
from connectors.attacks.responses.signing import flipped
from connectors.attacks.tokens.bench import ABSENT, Bench, Change
from connectors.attacks.tokens.benches import World
from connectors.attacks.tokens.encrypting import DecryptionKey, Encrypted, decryption_key, encrypted, under
from connectors.attacks.tokens.making import base64url, public_jwk, written
from connectors.signatures.jwe import TokenEncryption
from connectors.wire.claims import Json

ENCRYPTION = "token: encryption"
VALID = "valid encrypted id_tokens"
_ENC, _OTHER_ENC = "A256GCM", "A128GCM"
_LARGE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Sealed:
    """A registration whose id_tokens are encrypted, to one of two keys of ours."""

    bench: Bench
    keys: tuple[DecryptionKey, DecryptionKey] = field(repr=False)

    def jwe(self, inside: bytes | None = None, header: Mapping[str, Change] | None = None) -> Encrypted:
        """A good token, encrypted; something else inside, and a header that says something else."""
        key = self.keys[0]
        token = self.bench.token() if inside is None else inside
        return encrypted(token, key.private.public_key(), {"kid": key.key_id, **(header or {})}, _ENC)


def encryption_cases(world: World) -> Iterator[Case]:
    """Refused and accepted ones. Inspection cannot be told of a registration's encryption."""
    sealed = _sealed(world)
    for plain in (world.id_token("ES256"), world.client_assertion("ES256"), world.logout_token("ES256")):
        inside = encrypted(plain.token(), sealed.keys[0].private.public_key(), {}, _ENC)
        yield plain.refused(ENCRYPTION, "a token in a jwe, where none is expected", inside.octets, "jws_form")
    bench = sealed.bench
    yield bench.refused(ENCRYPTION, "no jwe, where one is expected", bench.token(), "jwe_form")
    yield from bench.all_refused(
        ENCRYPTION, "jwe_header", {what: sealed.jwe(header=header).octets for what, header in _headers().items()}
    )
    yield from bench.all_refused(
        ENCRYPTION, "jwe_alg", {what: sealed.jwe(header=header).octets for what, header in _algorithms().items()}
    )
    yield from _forms(sealed)
    yield from _keys(sealed)
    yield from _contents(sealed)
    yield from _broken(sealed)
    yield from _valid(sealed)


def _sealed(world: World) -> Sealed:
    """Our two keys in a rollover, and the judge that holds them."""
    keys = (decryption_key(), decryption_key())
    return Sealed(world.id_token_expecting("encrypted id_token", encrypted=TokenEncryption(keys, _ENC)), keys)


def _headers() -> dict[str, Mapping[str, Change]]:
    """Members that are not taken, and ephemeral keys that are none of the curve."""
    stranger: dict[str, Json] = {**public_jwk(generate_private_key(SECP384R1()))}
    good: dict[str, Json] = {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}
    return {
        "zip, cve-2024-33664": {"zip": "DEF"},
        "crit": {"crit": ["exp"]},
        "jwk": {"jwk": {"kty": "oct", "k": "AAAA"}},
        "jku": {"jku": "https://attacker.example/keys"},
        "x5u": {"x5u": "https://attacker.example/keys.pem"},
        "no ephemeral key": {"epk": ABSENT},
        "an ephemeral key that is a text": {"epk": "A" * 43},
        "an ephemeral key on p-384": {"epk": stranger},
        "an ephemeral key of another kind": {"epk": {**good, "kty": "OKP"}},
        "an ephemeral key with its private half": {"epk": {**good, "d": "A" * 43}},
        "an ephemeral key with a short x": {"epk": {**good, "x": "AAAA"}},
        "apu that is no base64url": {"apu": "A+=="},
        "apv that is a number": {"apv": 7},
    }


def _algorithms() -> dict[str, Mapping[str, Change]]:
    """Another key agreement, or another content encryption."""
    agreements = ("dir", "RSA1_5", "RSA-OAEP", "RSA-OAEP-256", "ECDH-ES+A128KW", "A256KW", "PBES2-HS256+A128KW", "none")
    contents = (_OTHER_ENC, "A128CBC-HS256", "A256CBC-HS512", "none", "a256gcm")
    return {
        **{f"agreement {alg}": {"alg": alg} for alg in (*agreements, "ecdh-es", "ES256")},
        **{f"content {enc}": {"enc": enc} for enc in contents},
        "no agreement": {"alg": ABSENT},
        "no content encryption": {"enc": ABSENT},
        "agreements in a list": {"alg": ["ECDH-ES"]},
    }


def _forms(sealed: Sealed) -> Iterator[Case]:
    bench, jwe = sealed.bench, sealed.jwe()
    forms = {
        # A tag of four octets is guessed soon (NIST SP 800-38D appendix C)
        "a tag of 4 octets": replace(jwe, tag=jwe.tag[:4]).octets,
        "a tag of 12 octets": replace(jwe, tag=jwe.tag[:12]).octets,
        "an iv of 16 octets": replace(jwe, iv=jwe.iv + bytes(4)).octets,
        "an encrypted key": replace(jwe, key=bytes(40)).octets,
        "four parts": jwe.octets.rpartition(b".")[0],
        "padding": jwe.octets + b"==",
    }
    yield from bench.all_refused(ENCRYPTION, "jwe_form", forms)
    large = sealed.jwe(bench.token(claims={"filler": "x" * _LARGE}))
    yield bench.refused(ENCRYPTION, "larger than 64 kib", large.octets, "jwe_size")
    long = sealed.jwe(header={"apu": "AAAA" * 1024})
    yield bench.refused(ENCRYPTION, "a header larger than 1 kib", long.octets, "jwe_size")
    # Without dots it is one part alone, and no header is so long
    flattened = json.dumps(_flattened(jwe)).encode()
    yield bench.refused(ENCRYPTION, "flattened json", flattened, "jwe_size")
    twice = replace(jwe, header=jwe.header[:-1] + b',"alg":"dir"}')
    yield bench.refused(ENCRYPTION, "a member of the header twice", twice.octets, "jwe_header")
    for what, members in (("cty json", {"cty": "application/json"}), ("typ of a logout", {"typ": "logout+jwt"})):
        yield bench.refused(ENCRYPTION, what, sealed.jwe(header=members).octets, "jwe_typ")


def _keys(sealed: Sealed) -> Iterator[Case]:
    bench, ours = sealed.bench, sealed.keys[0]
    kids: dict[str, Change] = {"of nobody": "nobody", "a number": 7, "null": None, "absent, of two": ABSENT}
    yield from bench.all_refused(
        ENCRYPTION, "jwe_kid", {f"kid {what}": sealed.jwe(header={"kid": kid}).octets for what, kid in kids.items()}
    )
    other = sealed.jwe(header={"kid": sealed.keys[1].key_id})
    yield bench.refused(ENCRYPTION, "to one key, called the other", other.octets, "jwe_decryption")
    stranger = encrypted(bench.token(), decryption_key().private.public_key(), {"kid": ours.key_id}, _ENC)
    yield bench.refused(ENCRYPTION, "to a stranger's key", stranger.octets, "jwe_decryption")
    # An invalid curve asks for our key, remainder by remainder: the point is of y^2 = x^3 - 3x + another b
    header: dict[str, Json] = {"alg": "ECDH-ES", "enc": _ENC, "cty": "JWT", "kid": ours.key_id}
    points = {"not on the curve": (1, 1)}
    for what, point in points.items():
        x, y = (base64url(number.to_bytes(32)).decode() for number in point)
        epk: Json = {"kty": "EC", "crv": "P-256", "x": x, "y": y}
        octets = under(bytes(32), bench.token(), written({**header, "epk": epk})).octets
        yield bench.refused(ENCRYPTION, f"an ephemeral point {what}", octets, "jwe_decryption")


def _contents(sealed: Sealed) -> Iterator[Case]:
    """The token inside is judged as if it had come alone."""
    bench = sealed.bench
    unsigned = bench.signed(bench.header(alg="none"), bench.claims(), lambda _: b"")
    inside = {
        "an unsigned token inside": (unsigned, "jws_alg"),
        "a stranger's token inside": (bench.signed(bench.header(), bench.claims(), bench.strange.sign), "jws_signature"),
        "an expired token inside": (bench.token(claims={"exp": bench.now - 60, "iat": bench.now - 90}), "token_expired"),
        "a token to another request inside": (bench.token(claims={"nonce": "another"}), "token_nonce"),
        "a packed token inside, cve-2024-33664": (zlib.compress(bench.token(), wbits=-15), "jws_form"),
    }
    for what, (octets, check) in inside.items():
        yield bench.refused(ENCRYPTION, what, sealed.jwe(octets).octets, check)


def _broken(sealed: Sealed) -> Iterator[Case]:
    """One bit, anywhere: all of it is authenticated, and every failure looks the same."""
    bench, jwe = sealed.bench, sealed.jwe(header={"apu": "AAAA"})
    parts = {
        "header": replace(jwe, header=jwe.header.replace(b'"AAAA"', b'"BAAA"')),
        "iv": replace(jwe, iv=flipped(jwe.iv)),
        "ciphertext": replace(jwe, ciphertext=flipped(jwe.ciphertext)),
        "tag": replace(jwe, tag=flipped(jwe.tag)),
    }
    yield from bench.all_refused(
        ENCRYPTION, "jwe_decryption", {f"changed {what}": broken.octets for what, broken in parts.items()}
    )


def _valid(sealed: Sealed) -> Iterator[Case]:
    bench, (_, second) = sealed.bench, sealed.keys
    variants: dict[str, Mapping[str, Change]] = {
        "plain": {},
        "without cty": {"cty": ABSENT},
        "with parties": {"apu": "QWxp", "apv": "Qm9i"},
    }
    yield from bench.all_accepted(VALID, {what: sealed.jwe(header=header).octets for what, header in variants.items()})
    rolled = encrypted(bench.token(), second.private.public_key(), {"kid": second.key_id}, _ENC)
    yield bench.accepted(VALID, "to the other key of a rollover", rolled.octets)


def _flattened(jwe: Encrypted) -> dict[str, str]:
    """RFC 7516 §7.2.2."""
    parts = {"protected": jwe.header, "iv": jwe.iv, "ciphertext": jwe.ciphertext, "tag": jwe.tag}
    return {name: base64url(part).decode() for name, part in parts.items()}
