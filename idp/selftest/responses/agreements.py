"""Assertions that are encrypted to a key on a curve: what may not be agreed on, derived or wrapped."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.profiles import AES128_GCM, AES256_GCM, KW_AES256
from connectors.signatures.profile import DS
from idp.selftest.case import Case
from idp.selftest.responses.agreeing import CONCAT_KDF, CURVE_URNS, DSIG11, PARAMETERS, Agreeing
from idp.selftest.responses.encrypting import XENC, XENC11, Encryption
from idp.selftest.responses.making import Row, Setting, World, refused
from idp.selftest.responses.party_keys import CURVES
from idp.selftest.responses.signing import Edit, OctetEdit, swap

FAMILY = "key agreement"
_P256 = CURVE_URNS["secp256r1"]


def agreements(world: World) -> Iterator[Case]:
    """Every case of the family: at our keys on P-256 and brainpoolP256r1, and where none is agreed on."""
    on = {name: on_curve(world, name) for name in ("p-256", "brainpool-p256r1")}
    yield from refused(FAMILY, on.values(), *_FAILURES, *_METHODS, *_DERIVATIONS, *_WRAPS, *_POINTS)
    yield from refused(FAMILY, (on["p-256"],), *_OTHER_CURVES, *_KEYS)
    own = world.keys.ours_on
    yield from refused(
        FAMILY,
        (on["p-256"],),
        ("to-somebody-else", "decryption", _agreed(lambda made: replace(made, recipient=world.keys.on["p-256"]))),
        ("to-another-curve-of-ours", "decryption", _agreed(lambda made: replace(made, recipient=own["p-384"]))),
        ("transported-to-a-key-on-a-curve", "decryption", _sent(Encryption(world.keys.our_node))),
    )
    to_rsa: Row = ("agreed-with-a-key-of-rsa", "decryption", _sent(Agreeing(own["p-256"])))
    yield from refused(FAMILY, (world.eidas,), to_rsa)
    unknown: Row = ("agreement-in-saml2int", "key_agreement", _sent(Agreeing(own["p-256"])))
    yield from refused(FAMILY, (world.encrypted,), unknown)


def on_curve(world: World, name: str) -> Setting:
    """The node, where our key for decryption is on this curve."""
    sealing = Agreeing(world.keys.ours_on[name])
    return replace(world.eidas, where=f"eidas/{name}", entrance=world.entrances.eidas_on[name], encryption=sealing)


def _sent(sealing: Agreeing | Encryption) -> Callable[[Setting], bytes]:
    return lambda setting: setting.sent(encryption=sealing)


def _agreed(change: Callable[[Agreeing], Agreeing]) -> Callable[[Setting], bytes]:
    def make(setting: Setting) -> bytes:
        if not isinstance(setting.encryption, Agreeing):
            raise TypeError(f"{setting.where} agrees on nothing")
        return setting.sent(encryption=change(setting.encryption))

    return make


def _edited(edit: Edit) -> Callable[[Setting], bytes]:
    return _agreed(lambda made: replace(made, edit=edit))


def _parameters(**said: str) -> Callable[[Setting], bytes]:
    """Parameters of ConcatKDF as they are written; what is derived from is one zero octet each."""
    return _agreed(lambda made: replace(made, parameters={**PARAMETERS, **said}, other_info=bytes(3)))


def _flipped(octets: bytes) -> bytes:
    return octets[:-1] + bytes([octets[-1] ^ 1])


_FAILURES: tuple[Row, ...] = (
    (
        "tag-of-12-octets-cve-2026-32313",
        "decryption",
        _agreed(lambda made: replace(made, value=lambda octets: octets[:-4])),
    ),
    ("tag-changed", "decryption", _agreed(lambda made: replace(made, value=_flipped))),
    ("wrapped-key-changed", "decryption", _agreed(lambda made: replace(made, wrapped=_flipped))),
    ("another-key", "decryption", _agreed(lambda made: replace(made, key=os.urandom(32)))),
    ("derived-from-something-else", "decryption", _agreed(lambda made: replace(made, other_info=b"victim"))),
    ("wrapped-key-of-zeros", "decryption", _agreed(lambda made: replace(made, wrapped=lambda octets: bytes(len(octets))))),
)
_METHODS: tuple[Row, ...] = (
    ("finite-field", "key_agreement", _agreed(lambda made: replace(made, agreement=f"{XENC}dh"))),
    ("agreement-unknown", "key_agreement", _agreed(lambda made: replace(made, agreement="urn:selftest:none"))),
    ("agreement-without-name", "key_agreement", _edited(swap(f' Algorithm="{XENC11}ECDH-ES"', ""))),
    (
        "nonce",
        "key_agreement",
        _edited(swap("<xenc11:KeyDerivationMethod", "<xenc:KA-Nonce>AAAA</xenc:KA-Nonce><xenc11:KeyDerivationMethod")),
    ),
    (
        "two-agreements",
        "key_agreement",
        _edited(swap("</xenc:AgreementMethod>", "</xenc:AgreementMethod><xenc:AgreementMethod/>")),
    ),
    ("no-originator", "key_agreement", _edited(lambda text: _cut(text, "xenc:OriginatorKeyInfo"))),
    ("no-derivation", "key_agreement", _edited(lambda text: _cut(text, "xenc11:KeyDerivationMethod"))),
    (
        "recipient-that-is-fetched",
        "retrieval_method",
        _edited(swap("<xenc:RecipientKeyInfo>", '<xenc:RecipientKeyInfo><ds:RetrievalMethod URI="#x"/>')),
    ),
    ("recipient-with-data", "key_info", _edited(swap("<xenc:RecipientKeyInfo>", "<xenc:RecipientKeyInfo><ds:MgmtData/>"))),
)


def _cut(text: str, name: str) -> str:
    begin, end = text.index(f"<{name}"), f"</{name}>"
    return text[:begin] + text[text.index(end) + len(end) :]


_HASH = '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
_DERIVATIONS: tuple[Row, ...] = (
    ("pbkdf2", "key_derivation", _agreed(lambda made: replace(made, derivation=f"{XENC11}pbkdf2"))),
    ("derivation-unknown", "key_derivation", _agreed(lambda made: replace(made, derivation=CONCAT_KDF.lower()))),
    ("derivation-with-sha1", "key_derivation", _agreed(lambda made: replace(made, digest=f"{DS}sha1"))),
    ("hash-with-a-parameter", "key_derivation", _edited(swap(_HASH, _HASH[:-2] + "><ds:X/></ds:DigestMethod>"))),
    ("derivation-without-hash", "key_derivation", _edited(swap(_HASH, ""))),
    ("parameter-that-is-not-hex", "key_derivation", _parameters(AlgorithmID="00zz")),
    ("parameter-of-half-an-octet", "key_derivation", _parameters(AlgorithmID="000")),
    ("parameter-of-four-bits", "key_derivation", _parameters(PartyUInfo="0400")),
    ("parameter-of-2000-octets", "key_derivation", _parameters(PartyVInfo="00" * 2001)),
    ("parameter-unknown", "key_derivation", _parameters(Other="0000")),
)


_WRAP = f'<xenc:EncryptionMethod Algorithm="{KW_AES256}"/>'
_WRAPS: tuple[Row, ...] = (
    ("wrap-by-aes-192", "key_wrap", _agreed(lambda made: replace(made, wrap=f"{XENC}kw-aes192"))),
    (
        "wrap-with-a-parameter",
        "key_wrap",
        _edited(swap(_WRAP, _WRAP[:-2] + "><xenc:KeySize>256</xenc:KeySize></xenc:EncryptionMethod>")),
    ),
    ("wrap-by-triple-des", "key_wrap", _agreed(lambda made: replace(made, wrap=f"{XENC}kw-tripledes"))),
    ("wrap-with-padding", "key_wrap", _agreed(lambda made: replace(made, wrap=f"{XENC11}kw-aes256-pad"))),
    ("transport-instead-of-wrap", "key_wrap", _agreed(lambda made: replace(made, wrap=f"{XENC11}rsa-oaep"))),
    ("wrapped-key-of-16-octets", "key_wrap", _agreed(lambda made: replace(made, key=os.urandom(16)))),
    ("wrapped-key-of-64-octets", "key_wrap", _agreed(lambda made: replace(made, key=os.urandom(64)))),
    (
        "key-of-another-content",
        "key_wrap",
        _agreed(lambda made: replace(made, edit=swap(AES256_GCM, AES128_GCM))),
    ),
)


def _pointed(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return _agreed(lambda made: replace(made, point=edit))


def _compressed(octets: bytes) -> bytes:
    size = len(octets) // 2
    return bytes([2 + octets[-1] % 2]) + octets[1 : 1 + size]


_POINTS: tuple[Row, ...] = (
    ("point-off-the-curve", "originator_key", _pointed(_flipped)),
    ("point-of-zeros", "originator_key", _pointed(lambda octets: b"\4" + bytes(len(octets) - 1))),
    ("point-at-infinity", "originator_key", _pointed(lambda _: b"\0")),
    ("point-that-is-compressed", "originator_key", _pointed(_compressed)),
    ("point-that-is-hybrid", "originator_key", _pointed(lambda octets: bytes([6 + octets[-1] % 2]) + octets[1:])),
    ("point-of-an-octet-more", "originator_key", _pointed(lambda octets: octets + b"\0")),
    ("point-without-octets", "originator_key", _pointed(lambda _: b"")),
)
_OTHER_CURVES: tuple[Row, ...] = (
    ("originator-on-another-curve", "decryption", _agreed(lambda made: replace(made, originator=CURVES["p-384"]))),
    (
        "originator-of-another-prime",
        "decryption",
        _agreed(lambda made: replace(made, originator=CURVES["brainpool-p256r1"])),
    ),
    ("originator-on-bitcoins-curve", "originator_key", _agreed(lambda made: replace(made, originator=ec.SECP256K1()))),
    ("curve-unknown", "originator_key", _edited(swap(_P256, "urn:oid:1.2.3"))),
    ("curve-of-another-name", "originator_key", _edited(swap(_P256, CURVE_URNS["brainpoolP256r1"]))),
    (
        "curve-of-its-own-cve-2020-0601",
        "originator_key",
        _edited(swap(f'<dsig11:NamedCurve URI="{_P256}"/>', "<dsig11:ECParameters/>")),
    ),
)
_SECOND = f'<dsig11:DEREncodedKeyValue xmlns:dsig11="{DSIG11}">AAAA</dsig11:DEREncodedKeyValue>'


def _der(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return _agreed(lambda made: replace(made, der=True, point=edit))


def _compressed_in_der(octets: bytes) -> bytes:
    """A SubjectPublicKeyInfo on P-256, its point in the other spelling: 32 octets shorter."""
    algorithm, point = octets[2:-66], octets[-65:]
    bits = b"\x03\x22\0" + _compressed(point)
    return bytes([0x30, len(algorithm) - 2 + len(bits)]) + algorithm[:-2] + bits


def _on_bitcoins_curve(_: bytes) -> bytes:
    key = ec.generate_private_key(ec.SECP256K1()).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


_KEYS: tuple[Row, ...] = (
    (
        "two-originators",
        "originator_key",
        _edited(swap("</xenc:OriginatorKeyInfo>", f"{_SECOND}</xenc:OriginatorKeyInfo>")),
    ),
    ("key-with-something-behind", "originator_key", _der(lambda octets: octets + b"\0")),
    ("key-that-is-none", "originator_key", _der(lambda octets: octets[:-1])),
    ("key-on-bitcoins-curve", "originator_key", _der(_on_bitcoins_curve)),
    ("key-with-a-compressed-point", "originator_key", _der(_compressed_in_der)),
    ("key-of-300-octets", "originator_key", _der(lambda octets: octets + bytes(300))),
)
