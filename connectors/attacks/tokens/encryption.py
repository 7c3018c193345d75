"""Encrypted tokens: where none is expected, where the encryption is not the registered one, or hides what nobody signed.

Anybody can encrypt to us. So whatever is wrong with the token inside is wrong all the same.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.tokens.jwe_text import JweKey, JweParts, encrypted, under
from connectors.attacks.tokens.jws_text import ABSENT, Change, base64url, written
from connectors.attacks.tokens.token_benches import TokenWorld
from connectors.attacks.xml_signer import flipped
from connectors.signatures.jwe import TokenEncryption
from connectors.wire.claims import Json

ENCRYPTION = "token: encryption"
VALID = "valid encrypted id_tokens"
_ENC, _OTHER_ENC = "A256GCM", "A128GCM"
_LARGE = 64 * 1024
_EPK: dict[str, Json] = {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}
Headers = Mapping[str, Mapping[str, Change]]
# Members that are not taken, and ephemeral keys that are none of the curve
_HEADERS: Headers = {
    "zip, cve-2024-33664": {"zip": "DEF"},
    "crit": {"crit": ["exp"]},
    "jku": {"jku": "https://attacker.example/keys"},
    "no ephemeral key": {"epk": ABSENT},
    "an ephemeral key that is a text": {"epk": "A" * 43},
    "an ephemeral key on p-384": {"epk": {**_EPK, "crv": "P-384", "x": "A" * 64, "y": "A" * 64}},
    "an ephemeral key of another kind": {"epk": {**_EPK, "kty": "OKP"}},
    "an ephemeral key with its private half": {"epk": {**_EPK, "d": "A" * 43}},
    "an ephemeral key with a short x": {"epk": {**_EPK, "x": "AAAA"}},
    "apu that is no base64url": {"apu": "A+=="},
    "apv that is a number": {"apv": 7},
}
_ALGORITHMS: Headers = {
    **{f"agreement {alg}": {"alg": alg} for alg in ("dir", "RSA1_5", "ECDH-ES+A128KW", "PBES2-HS256+A128KW", "none")},
    **{f"content {enc}": {"enc": enc} for enc in (_OTHER_ENC, "A128CBC-HS256", "none", "a256gcm")},
    "no agreement": {"alg": ABSENT},
    "no content encryption": {"enc": ABSENT},
    "agreements in a list": {"alg": ["ECDH-ES"]},
}
_KIDS: Headers = {"kid of nobody": {"kid": "nobody"}, "kid null": {"kid": None}, "kid absent, of two": {"kid": ABSENT}}
_TYPES: Headers = {"cty json": {"cty": "application/json"}, "typ of a logout": {"typ": "logout+jwt"}}


def encryption_cases(world: TokenWorld) -> Iterator[AttackCase]:
    """Refused and accepted ones. Inspection cannot be told of a registration's encryption."""
    ours, second = JweKey(), JweKey()
    for plain in (world.id_token("ES256"), world.client_assertion("ES256"), world.logout_token("ES256")):
        inside = encrypted(plain.token(), ours.public, {}, _ENC)
        yield plain.refused(ENCRYPTION, "a token in a jwe, where none is expected", inside.octets, "jws_form")
    bench = world.id_token_expecting("encrypted id_token", encrypted=TokenEncryption((ours.ours, second.ours), _ENC))

    def jwe(header: Mapping[str, Change] | None = None, inside: bytes | None = None) -> JweParts:
        token = bench.token() if inside is None else inside
        return encrypted(token, ours.public, {"kid": ours.key_id, **(header or {})}, _ENC)

    for check, table in (("header", _HEADERS), ("alg", _ALGORITHMS), ("kid", _KIDS), ("typ", _TYPES)):
        for what, header in table.items():
            yield bench.refused(ENCRYPTION, what, jwe(header).octets, f"jwe_{check}")
    good = jwe({"apu": "AAAA"})
    forms: dict[str, tuple[str, bytes]] = {
        "no jwe, where one is expected": ("jwe_form", bench.token()),
        # A tag of four octets is guessed soon (NIST SP 800-38D appendix C)
        "a tag of 4 octets": ("jwe_form", replace(good, tag=good.tag[:4]).octets),
        "an iv of 16 octets": ("jwe_form", replace(good, iv=good.iv + bytes(4)).octets),
        "an encrypted key": ("jwe_form", replace(good, key=bytes(40)).octets),
        "four parts": ("jwe_form", good.octets.rpartition(b".")[0]),
        "padding": ("jwe_form", good.octets + b"=="),
        "larger than 64 kib": ("jwe_size", jwe(inside=bench.token(claims={"filler": "x" * _LARGE})).octets),
        "a header larger than 1 kib": ("jwe_size", jwe({"apu": "AAAA" * 1024}).octets),
        # Without dots it is one part alone, and no header is so long
        "flattened json": ("jwe_size", _flattened(good)),
        "a member of the header twice": ("jwe_header", replace(good, header=good.header[:-1] + b',"alg":"dir"}').octets),
    }
    for name in ("iss", "sub", "aud"):
        # RFC 7519 §5.3: what the header repeats is what was signed inside
        replicated = jwe({name: "https://attacker.example"}).octets
        yield bench.refused(ENCRYPTION, f"a header that repeats another {name}", replicated, "jwe_replicated")
    for what, (check, octets) in forms.items():
        yield bench.refused(ENCRYPTION, what, octets, check)
    # One bit, anywhere: all of it is authenticated, and every failure looks the same
    stranger = JweKey(key_id=ours.key_id)
    broken = {
        "changed header": replace(good, header=good.header.replace(b'"AAAA"', b'"BAAA"')),
        "changed iv": replace(good, iv=flipped(good.iv)),
        "changed ciphertext": replace(good, ciphertext=flipped(good.ciphertext)),
        "changed tag": replace(good, tag=flipped(good.tag)),
        "to one key, called the other": jwe({"kid": second.key_id}),
        "to a stranger's key": encrypted(bench.token(), stranger.public, {"kid": ours.key_id}, _ENC),
        "an ephemeral point not on the curve": _off_the_curve(ours, bench.token()),
    }
    yield from bench.all_refused(ENCRYPTION, "jwe_decryption", {what: parts.octets for what, parts in broken.items()})
    # The token inside is judged as if it had come alone
    inside_of: dict[str, tuple[str, bytes]] = {
        "an unsigned token inside": ("jws_alg", bench.forged(lambda _: b"", alg="none")),
        "a stranger's token inside": ("jws_signature", bench.forged(bench.strange.sign)),
        "an expired token inside": ("token_expired", bench.token(claims={"exp": bench.now - 60, "iat": bench.now - 90})),
        "a token to another request inside": ("token_nonce", bench.token(claims={"nonce": "another"})),
        "a packed token inside, cve-2024-33664": ("jws_form", zlib.compress(bench.token(), wbits=-15)),
    }
    for what, (check, octets) in inside_of.items():
        yield bench.refused(ENCRYPTION, what, jwe(inside=octets).octets, check)
    variants: Headers = {"plain": {}, "without cty": {"cty": ABSENT}, "with parties": {"apu": "QWxp", "apv": "Qm9i"}}
    yield from bench.all_accepted(VALID, {what: jwe(header).octets for what, header in variants.items()})
    rolled = encrypted(bench.token(), second.public, {"kid": second.key_id}, _ENC)
    yield bench.accepted(VALID, "to the other key of a rollover", rolled.octets)


def _off_the_curve(ours: JweKey, token: bytes) -> JweParts:
    """An invalid curve asks for our key, remainder by remainder: the point is of y^2 = x^3 - 3x + another b."""
    one = base64url((1).to_bytes(32)).decode()
    header = {"alg": "ECDH-ES", "enc": _ENC, "cty": "JWT", "kid": ours.key_id, "epk": {**_EPK, "x": one, "y": one}}
    return under(bytes(32), token, written(header))


def _flattened(jwe: JweParts) -> bytes:
    """RFC 7516 §7.2.2."""
    parts = {"protected": jwe.header, "iv": jwe.iv, "ciphertext": jwe.ciphertext, "tag": jwe.tag}
    return json.dumps({name: base64url(part).decode() for name, part in parts.items()}).encode()
