"""Encrypted assertions: anybody can encrypt to our public key, so who did is said by the signature around it alone.

Unless a case says otherwise, the genuine party signed the Response around what is wrong.
"""

from collections.abc import Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from connectors.attacks.case import Case
from connectors.attacks.responses.answer import attribute
from connectors.attacks.responses.encrypting import RSA_1_5, XENC, XENC11
from connectors.attacks.responses.making import Make, Makes, Setting, Table, World, refused
from connectors.attacks.responses.sealed_forms import EIDAS_METHODS, FORMS, METHODS
from connectors.attacks.responses.ways import holding, late, sealed, sent, signed
from connectors.attacks.responses.wrapping import another
from connectors.attacks.signing import OctetEdit, part, sign, swap, swap_octets
from connectors.profiles import AES128_GCM
from connectors.signatures.algorithms import RSA_PSS_SHA256
from connectors.signatures.profile import DS
from connectors.wire.names import SAML

FAMILY = "encryption"


def encryption(world: World) -> Iterator[Case]:
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


def _beside_signed(world: World) -> Make:
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


def _inner(world: World) -> Table:
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
