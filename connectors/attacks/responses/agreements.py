"""Assertions that are encrypted to a key on a curve: what may not be agreed on, derived or wrapped."""

from collections.abc import Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.attacks.case import Case
from connectors.attacks.responses.agreeing import CURVE_URNS, DSIG11, PARAMETERS, Agreeing
from connectors.attacks.responses.encrypting import XENC, XENC11, Encryption
from connectors.attacks.responses.making import Make, Setting, Table, World, refused
from connectors.attacks.responses.party_keys import CURVES
from connectors.attacks.responses.ways import edited, sealed, sent
from connectors.attacks.signing import OctetEdit, after, before, flipped, swap, without
from connectors.profiles import AES128_GCM, AES256_GCM, KW_AES256
from connectors.signatures.profile import DS

FAMILY = "key agreement"
_P256 = CURVE_URNS["secp256r1"]


def agreements(world: World) -> Iterator[Case]:
    """Every case of the family: at our keys on P-256 and brainpoolP256r1, and where none is agreed on."""
    on, own = on_curve(world, "p-256"), world.keys.ours_on
    yield from refused(FAMILY, (on, on_curve(world, "brainpool-p256r1")), _ON_BOTH)
    yield from refused(FAMILY, (on,), _ON_ONE)
    to_others: Table = {
        "decryption": {
            "to-somebody-else": sealed(recipient=world.keys.on["p-256"]),
            "to-another-curve-of-ours": sealed(recipient=own["p-384"]),
            "transported-to-a-key-on-a-curve": sent(encryption=Encryption(world.keys.our_node)),
        }
    }
    yield from refused(FAMILY, (on,), to_others)
    agreed = sent(encryption=Agreeing(own["p-256"]))
    yield from refused(FAMILY, (world.eidas,), {"decryption": {"agreed-with-a-key-of-rsa": agreed}})
    yield from refused(FAMILY, (world.encrypted,), {"key_agreement": {"agreement-in-saml2int": agreed}})


def on_curve(world: World, name: str) -> Setting:
    """The node, where our key for decryption is on this curve."""
    sealing = Agreeing(world.keys.ours_on[name])
    return replace(world.eidas, where=f"eidas/{name}", entrance=world.entrances[name], encryption=sealing)


def _parameters(**said: str) -> Make:
    """Parameters of ConcatKDF as they are written; what is derived from is one zero octet each."""
    return sealed(parameters={**PARAMETERS, **said}, other_info=bytes(3))


def _compressed(octets: bytes) -> bytes:
    return bytes([2 + octets[-1] % 2]) + octets[1 : 1 + len(octets) // 2]


def _der(edit: OctetEdit) -> Make:
    return sealed(der=True, point=edit)


def _compressed_in_der(octets: bytes) -> bytes:
    """A SubjectPublicKeyInfo on P-256, its point in the other spelling: 32 octets shorter."""
    algorithm, point = octets[2:-66], octets[-65:]
    bits = b"\x03\x22\0" + _compressed(point)
    return bytes([0x30, len(algorithm) - 2 + len(bits)]) + algorithm[:-2] + bits


def _on_bitcoins_curve(_: bytes) -> bytes:
    key = ec.generate_private_key(ec.SECP256K1()).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


_HASH = '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
_WRAP = f'<xenc:EncryptionMethod Algorithm="{KW_AES256}"/>'
_RECIPIENT = "<xenc:RecipientKeyInfo>"
_SECOND = f'<dsig11:DEREncodedKeyValue xmlns:dsig11="{DSIG11}">AAAA</dsig11:DEREncodedKeyValue>'
_ON_BOTH: Table = {
    "decryption": {
        "tag-of-12-octets-cve-2026-32313": sealed(value=lambda octets: octets[:-4]),
        "wrapped-key-changed": sealed(wrapped=flipped),
        "another-key": sealed(key=bytes(32)),
        "derived-from-something-else": sealed(other_info=b"victim"),
    },
    "key_agreement": {
        "finite-field": sealed(agreement=f"{XENC}dh"),
        "agreement-without-name": edited(swap(f' Algorithm="{XENC11}ECDH-ES"', "")),
        "nonce": edited(before("<xenc11:KeyDerivationMethod", "<xenc:KA-Nonce>AAAA</xenc:KA-Nonce>")),
        "two-agreements": edited(after("</xenc:AgreementMethod>", "<xenc:AgreementMethod/>")),
        "no-originator": edited(without("xenc:OriginatorKeyInfo")),
        "no-derivation": edited(without("xenc11:KeyDerivationMethod")),
    },
    "retrieval_method": {"recipient-that-is-fetched": edited(after(_RECIPIENT, '<ds:RetrievalMethod URI="#x"/>'))},
    "key_info": {"recipient-with-data": edited(after(_RECIPIENT, "<ds:MgmtData/>"))},
    "key_derivation": {
        "pbkdf2": sealed(derivation=f"{XENC11}pbkdf2"),
        "derivation-with-sha1": sealed(digest=f"{DS}sha1"),
        "hash-with-a-parameter": edited(swap(_HASH, _HASH[:-2] + "><ds:X/></ds:DigestMethod>")),
        "derivation-without-hash": edited(swap(_HASH, "")),
        "parameter-that-is-not-hex": _parameters(AlgorithmID="00zz"),
        "parameter-of-half-an-octet": _parameters(AlgorithmID="000"),
        "parameter-of-four-bits": _parameters(PartyUInfo="0400"),
        "parameter-of-2000-octets": _parameters(PartyVInfo="00" * 2001),
        "parameter-unknown": _parameters(Other="0000"),
    },
    "key_wrap": {
        "wrap-by-aes-192": sealed(wrap=f"{XENC}kw-aes192"),
        "wrap-with-a-parameter": edited(
            swap(_WRAP, _WRAP[:-2] + "><xenc:KeySize>256</xenc:KeySize></xenc:EncryptionMethod>")
        ),
        "wrap-by-triple-des": sealed(wrap=f"{XENC}kw-tripledes"),
        "wrapped-key-of-16-octets": sealed(key=bytes(16)),
        "key-of-another-content": edited(swap(AES256_GCM, AES128_GCM)),
    },
    "originator_key": {
        "point-off-the-curve": sealed(point=flipped),
        "point-at-infinity": sealed(point=lambda _: b"\0"),
        "point-that-is-compressed": sealed(point=_compressed),
    },
}
_ON_ONE: Table = {
    "decryption": {"originator-on-another-curve": sealed(originator=CURVES["p-384"])},
    "originator_key": {
        "originator-on-bitcoins-curve": sealed(originator=ec.SECP256K1()),
        "curve-unknown": edited(swap(_P256, "urn:oid:1.2.3")),
        "curve-of-another-name": edited(swap(_P256, CURVE_URNS["brainpoolP256r1"])),
        "curve-of-its-own-cve-2020-0601": edited(swap(f'<dsig11:NamedCurve URI="{_P256}"/>', "<dsig11:ECParameters/>")),
        "two-originators": edited(before("</xenc:OriginatorKeyInfo>", _SECOND)),
        "key-with-something-behind": _der(lambda octets: octets + b"\0"),
        "key-that-is-none": _der(lambda octets: octets[:-1]),
        "key-on-bitcoins-curve": _der(_on_bitcoins_curve),
        "key-with-a-compressed-point": _der(_compressed_in_der),
        "key-of-300-octets": _der(lambda octets: octets + bytes(300)),
    },
}
