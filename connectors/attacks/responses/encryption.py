"""Encrypted assertions: anybody can encrypt to our public key, so who did is said by the signature around it alone.

Unless a case says otherwise, the genuine party signed the Response around what is wrong.
"""

from collections.abc import Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.assertion_sealing import (
    CURVE_URNS,
    DSIG11,
    PARAMETERS,
    RSA_1_5,
    XENC,
    XENC11,
    CurveSealing,
    RsaSealing,
)
from connectors.attacks.responses.encryption_forms import EIDAS_METHODS, FORMS, METHODS
from connectors.attacks.responses.parties import CURVES
from connectors.attacks.responses.recipes import edited, holding, late, sealed, sent, signed
from connectors.attacks.responses.response_draft import attribute
from connectors.attacks.responses.settings import Make, Makes, ResponseWorld, Setting, Table, refused
from connectors.attacks.responses.wrapping import another
from connectors.attacks.xml_signer import OctetEdit, after, before, flipped, part, sign, swap, swap_octets, without
from connectors.profiles import AES128_GCM, AES256_GCM, KW_AES256
from connectors.signatures.algorithms import RSA_PSS_SHA256
from connectors.signatures.profile import DS
from connectors.wire.names import SAML

FAMILY = "encryption"


def encryption(world: ResponseWorld) -> Iterator[AttackCase]:
    """Every case with RSA; those with curves are in `agreements.py`."""
    settings = (world.encrypted, world.eidas)
    yield from refused(FAMILY, world.ciphered, UNSIGNED)
    # What our key does not decrypt. Each is the same refusal, or a difference would be an oracle
    failures = {**_FAILURES, "to-somebody-else": sealed(recipient=world.keys.stranger)}
    yield from refused(FAMILY, settings, {"decryption": failures}, FORMS, METHODS, _PLACES, _PLAINTEXTS)
    yield from refused(FAMILY, (world.eidas,), EIDAS_METHODS)
    yield from refused(FAMILY, (world.both_encrypted, world.eidas_both), _inner(world))
    beside: Makes = {"plain-beside-the-encrypted": _beside}
    yield from refused(FAMILY, (world.encrypted,), {"one_assertion": beside})
    plain: Makes = {"plain-alone": lambda setting: setting.around(setting.good.assertion())}
    yield from refused(FAMILY, (world.eidas,), {"plain_assertion": {**beside, **plain}})
    beside_signed: Table = {"encrypted_assertion": {"encrypted-beside-a-signed-assertion": _beside_signed(world)}}
    yield from refused(FAMILY, (world.assertion,), beside_signed, entrance=world.entrances["encrypted"])
    keyless: Table = {"encrypted_assertion": {"where-we-have-no-key": sent()}}
    yield from refused(FAMILY, (world.encrypted, world.both_encrypted), keyless, entrance=world.entrances["saml2int"])


def by_anybody(setting: Setting) -> bytes:
    """A Response that nobody signed, around what is encrypted, and perhaps signed in there by the genuine key."""
    answer = setting.good
    return answer.response(setting.encryption_here.xml(setting.plaintext(answer))).encode()


def exchanged(setting: Setting) -> bytes:
    """The ciphertext is exchanged after the party signed."""
    genuine, evil = setting.sent().decode(), setting.encryption_here.xml(another(setting).assertion().encode())
    return genuine.replace(part("saml:EncryptedAssertion")(genuine), evil).encode()


UNSIGNED: Table = {
    "signature_missing": {"unsigned-around-it-cve-2026-2092": by_anybody},
    "digest": {"ciphertext-exchanged-afterwards": exchanged},
}


def flipped_at(place: int, bits: int = 1) -> OctetEdit:
    """Octets of which one is another."""

    def edit(octets: bytes) -> bytes:
        changed = bytearray(octets)
        changed[place] ^= bits
        return bytes(changed)

    return edit


def _pkcs1_as_oaep(setting: Setting) -> bytes:
    oaep = setting.encryption_here
    return setting.sent(encryption=replace(oaep, transport=RSA_1_5, edit=swap(RSA_1_5, oaep.transport)))


_FAILURES: Makes = {
    "tag-of-15-octets-cve-2026-32313": sealed(value=lambda octets: octets[:-1]),
    "tag-of-12-octets-cve-2026-32313": sealed(value=lambda octets: octets[:-4]),
    "tag-of-4-octets-cve-2026-32313": sealed(value=lambda octets: octets[:-12]),
    "tag-changed": sealed(value=flipped_at(-1)),
    "iv-changed": sealed(value=flipped_at(0)),
    "key-of-16-octets": sealed(key=bytes(16)),
    "another-key": sealed(key=bytes(32)),
    "wrapped-key-changed": sealed(wrapped=flipped_at(-1)),
    "wrapped-key-beyond-the-modulus": sealed(wrapped=lambda octets: b"\xff" * len(octets)),
    "another-hash-than-said": sealed(hashes=(SHA384(), SHA256())),
    "a-label-that-is-not-said": sealed(label=b"label"),
    "another-content-than-said": sealed(made_with=AES128_GCM),
    "bleichenbacher-under-the-name-of-oaep": _pkcs1_as_oaep,
}


def _bare_data(setting: Setting) -> bytes:
    """EncryptedData without the element that SAML has around it."""
    data = part("xenc:EncryptedData")(setting.encryption_here.xml(setting.plaintext()))
    spaces = f' xmlns:ds="{DS}" xmlns:xenc="{XENC}" xmlns:xenc11="{XENC11}"'
    return setting.around(data.replace("<xenc:EncryptedData", f"<xenc:EncryptedData{spaces}", 1))


def _nested(setting: Setting) -> bytes:
    body = setting.encryption_here.xml(setting.plaintext())
    return setting.around("", replace(setting.good, status_after=f"<samlp:StatusDetail>{body}</samlp:StatusDetail>"))


def _twice(setting: Setting) -> bytes:
    """Two of them, each with identifiers of its own."""
    return setting.around("".join(setting.encryption_here.xml(setting.plaintext()) for _ in range(2)))


_PLACES: Table = {
    "one_assertion": {"two-encrypted-assertions": _twice, "no-assertion-at-all": lambda setting: setting.around("")},
    "structure": {"in-status-detail": _nested},
    "signature_place": {"data-without-its-assertion": _bare_data},
}


def _beside(setting: Setting) -> bytes:
    return setting.around(another(setting).assertion() + setting.encryption_here.xml(setting.plaintext()))


def _beside_signed(world: ResponseWorld) -> Make:
    """Nobody signed the Response, in which an encrypted assertion stands beside the signed one."""

    def make(setting: Setting) -> bytes:
        evil = world.encrypted.encryption_here.xml(another(setting).assertion().encode())
        return setting.sent(replace(setting.good, response_end=evil))

    return make


_STATEMENT_END = "</saml:AttributeStatement>"
_TYPED = "".join(attribute("urn:selftest:x", "x", typed=f' xsi:type="p{n}:x"') for n in range(17))
_DATA = f'<x:EncryptedData xmlns:x="{XENC}"/>'
_PLAINTEXTS: Table = {
    "not_well_formed": {
        "no-xml-in-it": holding(lambda _: b"victim-of-the-selftest"),
        "two-assertions-in-it": holding(lambda setting: setting.plaintext() * 2),
        "namespaces-of-the-response": late(f' xmlns:saml="{SAML}"', ""),
    },
    "root": {
        "a-response-in-it": holding(lambda setting: setting.good.response(setting.good.assertion()).encode()),
        "encrypted-once-more": holding(lambda setting: setting.encryption_here.xml(setting.plaintext()).encode()),
        "assertion-of-another-namespace-in-it": late(f'"{SAML}"', '"urn:selftest:evil"'),
    },
    "encoding": {
        "utf-16-in-it": sent(late=lambda octets: octets.decode().encode("utf-16")),
        "mark-in-it": sent(late=lambda octets: b"\xef\xbb\xbf" + octets),
    },
    "canonicalisation": {"types-of-17-prefixes-in-it": late(_STATEMENT_END, f"{_TYPED}{_STATEMENT_END}")},
    "encrypted_data": {"something-encrypted-in-it": late("</saml:Assertion>", f"{_DATA}</saml:Assertion>")},
    "signature_place": {
        "key-info-in-the-subject": late("</saml:Subject>", f'<ds:KeyInfo xmlns:ds="{DS}"/></saml:Subject>')
    },
}


def _inner(world: ResponseWorld) -> Table:
    """The Signature within holds as every other, or nothing does."""

    def of_another_profile(setting: Setting) -> bytes:
        return signed(method=world.response.how.method if setting.eidas else RSA_PSS_SHA256)(setting)

    def changed(setting: Setting) -> bytes:
        answer = setting.good
        return setting.sent(answer, late=swap_octets(answer.name_id, "victim-of-the-selftest"))

    def twice(setting: Setting) -> bytes:
        answer = setting.good
        once = setting.plaintext(answer)
        return setting.around(setting.encryption_here.xml(sign(once, answer.assertion_id, setting.key, setting.how)))

    return {
        "signature": {"signed-in-it-by-a-stranger": signed(holder=world.keys.stranger)},
        "signature_algorithm": {"signed-in-it-as-another-profile-has-it": of_another_profile},
        "digest": {"changed-after-it-was-signed-in-it": changed},
        "signature_count": {"signed-in-it-twice": twice},
    }


AGREEMENT = "key agreement"
_P256 = CURVE_URNS["secp256r1"]


def agreements(world: ResponseWorld) -> Iterator[AttackCase]:
    """Every case of the family: at our keys on P-256 and brainpoolP256r1, and where none is agreed on."""
    on, own = on_curve(world, "p-256"), world.keys.ours_on
    yield from refused(AGREEMENT, (on, on_curve(world, "brainpool-p256r1")), _ON_BOTH)
    yield from refused(AGREEMENT, (on,), _ON_ONE)
    to_others: Table = {
        "decryption": {
            "to-somebody-else": sealed(recipient=world.keys.on["p-256"]),
            "to-another-curve-of-ours": sealed(recipient=own["p-384"]),
            "transported-to-a-key-on-a-curve": sent(encryption=RsaSealing(world.keys.our_node)),
        }
    }
    yield from refused(AGREEMENT, (on,), to_others)
    agreed = sent(encryption=CurveSealing(own["p-256"]))
    yield from refused(AGREEMENT, (world.eidas,), {"decryption": {"agreed-with-a-key-of-rsa": agreed}})
    yield from refused(AGREEMENT, (world.encrypted,), {"key_agreement": {"agreement-in-saml2int": agreed}})


def on_curve(world: ResponseWorld, name: str) -> Setting:
    """The node, where our key for decryption is on this curve."""
    sealing = CurveSealing(world.keys.ours_on[name])
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
