"""The deviation `aes_cbc`: what a provider with it may send, and beside it every way to ask its padding a question.

The genuine party signed the Response around what is wrong, unless a case says otherwise: so nothing but the checks of the
encryption stands between a case and an oracle.
"""

import os
from collections.abc import Iterator

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses.assertion_sealing import RSA_1_5, XENC, RsaSealing
from connectors.attacks.responses.encryption import by_anybody, exchanged, flipped_at
from connectors.attacks.responses.encryption_forms import FORMS, parameter
from connectors.attacks.responses.recipes import edited, holding, said, sealed, sent, signed
from connectors.attacks.responses.settings import Make, Makes, ResponseWorld, Setting, Table, accepted, refused
from connectors.attacks.xml_signer import OctetEdit, swap, swap_octets
from connectors.profiles import AES128_CBC, AES128_GCM, AES192_CBC, AES256_CBC, AES256_GCM, RSA_OAEP_MGF1P

FAMILY, VALID = "encryption in cbc mode", "valid encryption in cbc mode"
_BLOCK = 16


def aes_cbc(world: ResponseWorld) -> Iterator[AttackCase]:
    """The deviation with one thing more, and every failure to open it."""
    settings, at = (world.cbc, world.both_cbc), world.entrances
    others: Makes = {
        "to-somebody-else": sealed(recipient=world.keys.stranger),
        "to-the-key-of-others": sealed(recipient=world.keys.ours),
    }
    yield from refused(FAMILY, settings, _UNSIGNED, FORMS, _METHODS, {"decryption": {**_FAILURES, **others}})
    by_stranger = {"signed-in-it-by-a-stranger": signed(holder=world.keys.stranger)}
    yield from refused(FAMILY, (world.both_cbc,), {"decryption": by_stranger})
    off: Table = {"content_encryption": {"where-it-is-switched-off": sent()}}
    yield from refused(FAMILY, settings, off, entrance=at["aes-cbc off"])
    for_others: Table = {"content_encryption": {"where-it-is-switched-off-for-others": sent()}}
    yield from refused(FAMILY, settings, for_others, entrance=at["own key"])
    to_common = sent(encryption=RsaSealing(world.keys.ours, content=AES128_CBC))
    common: Table = {"content_encryption": {"to-the-key-of-everybody": to_common}}
    yield from refused(FAMILY, settings, common, entrance=at["encrypted"])
    # What is wrong with an assertion that was opened is said as ever
    late = said(audiences=lambda _, answer: answer.audiences.replace("/saml/metadata", "/"))
    yield from refused(FAMILY, settings, {"audience": {"for-another-audience": late}})


def valid_aes_cbc(world: ResponseWorld) -> Iterator[AttackCase]:
    """Each size of key, each spelling of a padding, and AES-GCM all the same."""
    contents = (AES128_CBC, AES192_CBC, AES256_CBC, AES128_GCM, AES256_GCM)
    valid: Makes = {
        **{content.rpartition("#")[2]: sealed(content=content) for content in contents},
        **{f"padding-of-{octets}": sealed(pad=_long(octets)) for octets in (1, 2, _BLOCK - 1, _BLOCK)},
        "padding-of-arbitrary-octets": sealed(pad=_arbitrary),
        "oaep-of-the-first-edition": sealed(transport=RSA_OAEP_MGF1P, digest=None, mgf=None),
    }
    yield from accepted(VALID, (world.cbc, world.both_cbc), valid)
    yield from accepted(VALID, world.plain, {"in-the-clear": sent()}, entrance=world.cbc.entrance)


def _block_exchanged(setting: Setting) -> bytes:
    """A question to the padding: the last block but one of the party's ciphertext was changed after it had signed."""
    begin, end = b"<xenc:CipherValue>", b"</xenc:CipherValue>"
    head, _, tail = setting.sent().rpartition(begin)
    value, _, rest = tail.partition(end)
    # 40 signs of base64 are 30 octets: of the block before the last one at least some
    place = len(value) - 40
    other = b"A" if value[place : place + 1] != b"A" else b"B"
    return head + begin + value[:place] + other + value[place + 1 :] + end + rest


_UNSIGNED: Table = {
    "signature_missing": {"unsigned-around-it": by_anybody},
    "digest": {"block-changed-afterwards": _block_exchanged, "ciphertext-exchanged-afterwards": exchanged},
}


def _blocks(plaintext: bytes) -> bytes:
    """Whole blocks of an assertion alone: the last octet, `>`, counts no padding."""
    return _spaced(plaintext, -len(plaintext) % _BLOCK)


def _spaced(plaintext: bytes, spaces: int) -> bytes:
    return plaintext.replace(b"<saml:Assertion ", b"<saml:Assertion " + b" " * spaces, 1)


def _arbitrary(plaintext: bytes) -> bytes:
    missing = _BLOCK - len(plaintext) % _BLOCK
    return plaintext + os.urandom(missing - 1) + bytes([missing])


def _ends(octet: int) -> OctetEdit:
    """The last octet says so, whatever there is to count."""
    return lambda plaintext: plaintext + b" " * (-(len(plaintext) + 1) % _BLOCK) + bytes([octet])


def _long(octets: int) -> OctetEdit:
    """An assertion so long that its padding has so many octets."""
    return lambda plaintext: _spaced(plaintext, (-len(plaintext) - octets) % _BLOCK) + bytes(octets - 1) + bytes([octets])


def _holding(edit: OctetEdit) -> Make:
    """The plaintext is something else, and its padding right."""
    return holding(lambda setting: edit(setting.plaintext()))


_METHODS: Table = {
    "content_encryption": {
        "triple-des": edited(swap(AES128_CBC, f"{XENC}tripledes-cbc")),
        "key-size": parameter(AES128_CBC, "<xenc:KeySize>128</xenc:KeySize>"),
    },
    "key_transport": {"rsa-1-5-bleichenbacher": sealed(transport=RSA_1_5, digest=None, mgf=None)},
    "cipher_value": {
        "iv-alone": sealed(value=lambda octets: octets[:_BLOCK]),
        "half-a-block": sealed(value=lambda octets: octets[:-8]),
        "gcm-under-the-name-of-cbc": sealed(made_with=AES128_GCM, pad=_blocks),
    },
}
_ENCRYPTED = f'<xenc:EncryptedData xmlns:xenc="{XENC}"/>'
# Wrong keys, wrong paddings and wrong plaintexts: whoever tells them apart asks an oracle
_FAILURES: Makes = {
    "padding-of-no-octet": sealed(pad=_ends(0)),
    "padding-of-17": sealed(pad=_ends(17)),
    "no-padding": sealed(pad=_blocks),
    "padding-that-counts-too-many": sealed(pad=lambda octets: _arbitrary(octets[:-1])),
    "block-before-the-last-changed": sealed(value=flipped_at(-_BLOCK - 1, 0x80)),
    "last-block-changed": sealed(value=flipped_at(-1, 0x80)),
    "one-block-alone": sealed(value=lambda octets: octets[: 2 * _BLOCK]),
    "another-key": sealed(key=bytes(16)),
    "wrapped-key-changed": sealed(wrapped=flipped_at(-1, 0x80)),
    # Jager, Paterson and Somorovsky 2013: an oracle of one mode opens what another closed
    "blocks-of-gcm": sealed(made_with=AES128_GCM, value=lambda octets: octets[: len(octets) // _BLOCK * _BLOCK]),
    "no-xml-in-it": _holding(lambda _: b"victim-of-the-selftest"),
    "doctype-in-it": _holding(lambda octets: b"<!DOCTYPE x>" + octets),
    "a-response-in-it": holding(lambda setting: setting.good.response(setting.plaintext().decode()).encode()),
    "something-encrypted-in-it": _holding(swap_octets("</saml:Assertion>", f"{_ENCRYPTED}</saml:Assertion>")),
}
