"""Encrypted assertions: anybody can encrypt to our public key, so who did is said by the signature around it alone.

Unless a case says otherwise, the genuine party signed the Response around what is wrong.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from connectors.formats.names import SAML
from connectors.profiles import AES128_GCM
from connectors.signatures.profile import DS
from idp.selftest.case import Case
from idp.selftest.responses.answer import attribute
from idp.selftest.responses.encrypting import RSA_1_5, XENC, XENC11
from idp.selftest.responses.making import PSS_SHA256, Row, Setting, World, refused
from idp.selftest.responses.sealed_forms import EIDAS_METHODS, FORMS, METHODS, part, sealed_so
from idp.selftest.responses.signing import OctetEdit, sign, swap, swap_octets
from idp.selftest.responses.wrapping import another

FAMILY = "encryption"


def encryption(world: World) -> Iterator[Case]:
    """Every case with RSA; those with curves are in `agreements.py`."""
    settings = (world.encrypted, world.eidas)
    yield from refused(FAMILY, world.ciphered, *_UNSIGNED)
    yield from refused(FAMILY, settings, *_failures(world))
    yield from refused(FAMILY, settings, *FORMS, *METHODS, *_PLACES)
    yield from refused(FAMILY, (world.eidas,), *EIDAS_METHODS)
    yield from refused(FAMILY, settings, *_PLAINTEXTS)
    yield from refused(FAMILY, (world.both_encrypted, world.eidas_both), *_inner(world))
    yield from refused(FAMILY, (world.encrypted,), ("plain-beside-the-encrypted", "one_assertion", _beside))
    yield from refused(FAMILY, (world.eidas,), ("plain-beside-the-encrypted", "plain_assertion", _beside))
    yield from refused(FAMILY, (world.eidas,), ("plain-alone", "plain_assertion", _plain))
    beside: Row = ("encrypted-beside-a-signed-assertion", "encrypted_assertion", _beside_signed(world))
    yield from refused(FAMILY, (world.assertion,), beside, entrance=world.entrances.encrypted)
    without_key = world.entrances.saml2int
    for setting in (world.encrypted, world.both_encrypted):
        row: Row = ("where-we-have-no-key", "encrypted_assertion", lambda setting: setting.sent())
        yield from refused(FAMILY, (setting,), row, entrance=without_key)


# -- who encrypted it ------------------------------------------------------------------------------------------------------


def _by_anybody(setting: Setting) -> bytes:
    """A Response that nobody signed, around what is encrypted, and perhaps signed in there by the genuine key."""
    answer = setting.good
    return answer.response(setting.encryption_here.xml(setting.plaintext(answer))).encode()


def _exchanged(setting: Setting) -> bytes:
    """The ciphertext was exchanged after the party signed."""
    answer = setting.good
    genuine, evil = setting.sent(answer).decode(), setting.encryption_here.xml(another(setting).assertion().encode())
    begin, end = genuine.index("<saml:EncryptedAssertion"), "</saml:EncryptedAssertion>"
    return (genuine[:begin] + evil + genuine[genuine.index(end) + len(end) :]).encode()


_UNSIGNED: tuple[Row, ...] = (
    ("unsigned-around-it-cve-2026-2092", "signature_missing", _by_anybody),
    ("ciphertext-exchanged-afterwards", "digest", _exchanged),
)

# -- one answer for every failure ------------------------------------------------------------------------------------------


def _value(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return sealed_so(lambda made: replace(made, value=edit))


def _wrapped(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return sealed_so(lambda made: replace(made, wrapped=edit))


def _flipped(place: int) -> OctetEdit:
    def edit(octets: bytes) -> bytes:
        changed = bytearray(octets)
        changed[place] ^= 1
        return bytes(changed)

    return edit


def _failures(world: World) -> tuple[Row, ...]:
    """What our key does not decrypt. Each is the same refusal, or a difference would be an oracle."""
    stranger = world.keys.stranger
    made: dict[str, Callable[[Setting], bytes]] = {
        "tag-of-15-octets-cve-2026-32313": _value(lambda octets: octets[:-1]),
        "tag-of-12-octets-cve-2026-32313": _value(lambda octets: octets[:-4]),
        "tag-of-4-octets-cve-2026-32313": _value(lambda octets: octets[:-12]),
        "no-tag": _value(lambda octets: octets[:-16]),
        "tag-changed": _value(_flipped(-1)),
        "ciphertext-changed": _value(_flipped(40)),
        "iv-changed": _value(_flipped(0)),
        "iv-of-16-octets": _value(lambda octets: octets[:12] + bytes(4) + octets[12:]),
        "to-somebody-else": sealed_so(lambda made: replace(made, recipient=stranger)),
        "key-of-16-octets": sealed_so(lambda made: replace(made, key=os.urandom(16))),
        "key-of-64-octets": sealed_so(lambda made: replace(made, key=os.urandom(64))),
        "empty-key": sealed_so(lambda made: replace(made, key=b"")),
        "another-key": sealed_so(lambda made: replace(made, key=os.urandom(32))),
        "wrapped-key-changed": _wrapped(_flipped(-1)),
        "wrapped-key-cut-off": _wrapped(lambda octets: octets[:-1]),
        "wrapped-key-of-one-octet": _wrapped(lambda octets: octets[:1]),
        "wrapped-key-beyond-the-modulus": _wrapped(lambda octets: b"\xff" * len(octets)),
        "wrapped-key-of-zeros": _wrapped(lambda octets: bytes(len(octets))),
        "another-hash-than-said": sealed_so(lambda made: replace(made, hashes=(SHA384(), SHA256()))),
        "another-mask-than-said": sealed_so(lambda made: replace(made, hashes=(SHA256(), SHA384()))),
        "a-label-that-is-not-said": sealed_so(lambda made: replace(made, label=b"label")),
        "another-content-than-said": sealed_so(lambda made: replace(made, made_with=AES128_GCM)),
        "bleichenbacher-under-the-name-of-oaep": _pkcs1_as_oaep,
    }
    return tuple((what, "decryption", make) for what, make in made.items())


def _pkcs1_as_oaep(setting: Setting) -> bytes:
    oaep = setting.encryption_here
    return setting.sent(encryption=replace(oaep, transport=RSA_1_5, edit=swap(RSA_1_5, oaep.transport)))


# -- where it stands -------------------------------------------------------------------------------------------------------


def _twice(setting: Setting) -> bytes:
    """Two of them, each with identifiers of its own."""
    made = setting.encryption_here
    bodies = [made.xml(setting.plaintext()) for _ in range(2)]
    return setting.around("".join(bodies))


def _nested(setting: Setting) -> bytes:
    body = setting.encryption_here.xml(setting.plaintext())
    return setting.around("", replace(setting.good, status_after=f"<samlp:StatusDetail>{body}</samlp:StatusDetail>"))


def _bare_data(setting: Setting) -> bytes:
    """EncryptedData without the element that SAML has around it."""
    body = setting.encryption_here.xml(setting.plaintext())
    data = part("xenc:EncryptedData")(body)
    spaces = f' xmlns:ds="{DS}" xmlns:xenc="{XENC}" xmlns:xenc11="{XENC11}"'
    return setting.around(data.replace("<xenc:EncryptedData", f"<xenc:EncryptedData{spaces}", 1))


_PLACES: tuple[Row, ...] = (
    ("two-encrypted-assertions", "one_assertion", _twice),
    ("no-assertion-at-all", "one_assertion", lambda setting: setting.around("")),
    ("in-status-detail", "structure", _nested),
    ("data-without-its-assertion", "signature_place", _bare_data),
)


def _beside(setting: Setting) -> bytes:
    evil = another(setting).assertion()
    return setting.around(evil + setting.encryption_here.xml(setting.plaintext()))


def _beside_signed(world: World) -> Callable[[Setting], bytes]:
    """Nobody signed the Response, in which an encrypted assertion stands beside the signed one."""

    def make(setting: Setting) -> bytes:
        evil = world.encrypted.encryption_here.xml(another(setting).assertion().encode())
        return setting.sent(replace(setting.good, response_end=evil))

    return make


def _plain(setting: Setting) -> bytes:
    return setting.around(setting.good.assertion())


# -- what is in it ---------------------------------------------------------------------------------------------------------


def _holding(plaintext: Callable[[Setting], bytes]) -> Callable[[Setting], bytes]:
    return lambda setting: setting.around(setting.encryption_here.xml(plaintext(setting)))


def _late(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return lambda setting: setting.sent(late=edit)


_STATEMENT_END = "</saml:AttributeStatement>"
_TYPED = "".join(attribute("urn:selftest:x", "x", typed=f' xsi:type="p{n}:x"') for n in range(17))
_DATA = f'<x:EncryptedData xmlns:x="{XENC}"/>'
_PLAINTEXTS: tuple[Row, ...] = (
    ("no-xml-in-it", "not_well_formed", _holding(lambda _: b"victim-of-the-selftest")),
    ("a-response-in-it", "root", _holding(lambda setting: setting.good.response(setting.good.assertion()).encode())),
    ("encrypted-once-more", "root", _holding(lambda setting: setting.encryption_here.xml(setting.plaintext()).encode())),
    ("assertion-of-another-namespace-in-it", "root", _late(swap_octets(f'"{SAML}"', '"urn:selftest:evil"'))),
    ("two-assertions-in-it", "not_well_formed", _holding(lambda setting: setting.plaintext() * 2)),
    ("namespaces-of-the-response", "not_well_formed", _late(swap_octets(f' xmlns:saml="{SAML}"', ""))),
    ("utf-16-in-it", "encoding", _late(lambda octets: octets.decode().encode("utf-16"))),
    ("mark-in-it", "encoding", _late(lambda octets: b"\xef\xbb\xbf" + octets)),
    ("types-of-17-prefixes-in-it", "canonicalisation", _late(swap_octets(_STATEMENT_END, f"{_TYPED}{_STATEMENT_END}"))),
    ("something-encrypted-in-it", "encrypted_data", _late(swap_octets("</saml:Assertion>", f"{_DATA}</saml:Assertion>"))),
    (
        "key-info-in-the-subject",
        "signature_place",
        _late(swap_octets("</saml:Subject>", f'<ds:KeyInfo xmlns:ds="{DS}"/></saml:Subject>')),
    ),
)


def _inner(world: World) -> tuple[Row, ...]:
    """The Signature within holds as every other, or nothing does."""
    stranger = world.keys.stranger

    def by_stranger(setting: Setting) -> bytes:
        return setting.sent(how=replace(setting.how, holder=stranger))

    def of_another_profile(setting: Setting) -> bytes:
        other = world.response.how.method if setting.eidas else PSS_SHA256
        return setting.sent(how=replace(setting.how, method=other))

    def changed(setting: Setting) -> bytes:
        answer = setting.good
        return setting.sent(answer, late=swap_octets(answer.name_id, "victim-of-the-selftest"))

    def twice(setting: Setting) -> bytes:
        answer = setting.good
        once = setting.plaintext(answer)
        return setting.around(setting.encryption_here.xml(sign(once, answer.assertion_id, setting.key, setting.how)))

    return (
        ("signed-in-it-by-a-stranger", "signature", by_stranger),
        ("signed-in-it-as-another-profile-has-it", "signature_algorithm", of_another_profile),
        ("changed-after-it-was-signed-in-it", "digest", changed),
        ("signed-in-it-twice", "signature_count", twice),
    )
