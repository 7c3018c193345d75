"""The deviation `aes_cbc`: what a provider with it may send, and beside it every way to ask its padding a question.

The genuine party signed the Response around what is wrong, unless a case says otherwise: so nothing but the checks of the
encryption stands between a case and an oracle.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from connectors.profiles import AES128_CBC, AES128_GCM, AES192_CBC, AES256_CBC, AES256_GCM, RSA_OAEP_MGF1P
from idp.selftest.case import Case
from idp.selftest.responses.encrypting import RSA_1_5, XENC, Encryption
from idp.selftest.responses.making import Make, Row, Setting, World, accepted, refused
from idp.selftest.responses.sealed_forms import FORMS, edited, sealed_so
from idp.selftest.responses.signing import OctetEdit, swap, swap_octets
from idp.selftest.responses.wrapping import another

FAMILY, VALID = "encryption in cbc mode", "valid encryption in cbc mode"
_BLOCK = 16
_METHOD = f'<xenc:EncryptionMethod Algorithm="{AES128_CBC}"'


def aes_cbc(world: World) -> Iterator[Case]:
    """What one thing more makes of it, and every failure to open it."""
    settings = (world.cbc, world.both_cbc)
    yield from refused(FAMILY, settings, *_UNSIGNED)
    yield from refused(FAMILY, settings, *FORMS, *_METHODS)
    yield from refused(FAMILY, settings, *_failures(world))
    yield from refused(FAMILY, (world.both_cbc,), ("signed-in-it-by-a-stranger", "decryption", _by_stranger(world)))
    good: Row = ("where-it-is-switched-off", "content_encryption", lambda setting: setting.sent())
    yield from refused(FAMILY, settings, good, entrance=world.entrances.aes_cbc_off)
    yield from refused(FAMILY, settings, (f"{good[0]}-for-others", *good[1:]), entrance=world.entrances.own_key)
    to_common: Row = (
        "to-the-key-of-everybody",
        "content_encryption",
        lambda setting: setting.sent(encryption=Encryption(world.keys.ours, content=AES128_CBC)),
    )
    yield from refused(FAMILY, settings, to_common, entrance=world.entrances.encrypted)
    late: Row = ("for-another-audience", "audience", _late)
    yield from refused(FAMILY, settings, late)


def valid_aes_cbc(world: World) -> Iterator[Case]:
    """Each size of key, each spelling of a padding, and AES-GCM all the same."""
    settings = (world.cbc, world.both_cbc)
    for content in (AES128_CBC, AES192_CBC, AES256_CBC, AES128_GCM, AES256_GCM):
        yield from accepted(VALID, settings, (content.rpartition("#")[2], _content(content)))
    for octets in (1, 2, _BLOCK - 1, _BLOCK):
        yield from accepted(VALID, settings, (f"padding-of-{octets}", _long(octets)))
    yield from accepted(VALID, settings, ("padding-of-arbitrary-octets", _padded(_arbitrary)))
    first: Make = sealed_so(lambda made: replace(made, transport=RSA_OAEP_MGF1P, digest=None, mgf=None))
    yield from accepted(VALID, settings, ("oaep-of-the-first-edition", first))
    yield from accepted(VALID, world.plain, ("in-the-clear", lambda setting: setting.sent()), entrance=world.cbc.entrance)


def _content(uri: str) -> Callable[[Setting], bytes]:
    return sealed_so(lambda made: replace(made, content=uri))


def _padded(pad: OctetEdit) -> Callable[[Setting], bytes]:
    return sealed_so(lambda made: replace(made, pad=pad))


def _value(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return sealed_so(lambda made: replace(made, value=edit))


# -- who encrypted it ------------------------------------------------------------------------------------------------------


def _by_anybody(setting: Setting) -> bytes:
    """Anybody can encrypt what the party signed, and ask as often as they like."""
    return setting.good.response(setting.encryption_here.xml(setting.plaintext())).encode()


def _block_exchanged(setting: Setting) -> bytes:
    """A question to the padding: the last block but one of the party's ciphertext was changed after it had signed."""
    begin, end = b"<xenc:CipherValue>", b"</xenc:CipherValue>"
    head, _, tail = setting.sent().rpartition(begin)
    value, _, rest = tail.partition(end)
    # 40 signs of base64 are 30 octets: of the block before the last one at least some
    place = len(value) - 40
    other = b"A" if value[place : place + 1] != b"A" else b"B"
    return head + begin + value[:place] + other + value[place + 1 :] + end + rest


def _exchanged(setting: Setting) -> bytes:
    genuine, evil = setting.sent().decode(), setting.encryption_here.xml(another(setting).assertion().encode())
    begin, end = genuine.index("<saml:EncryptedAssertion"), "</saml:EncryptedAssertion>"
    return (genuine[:begin] + evil + genuine[genuine.index(end) + len(end) :]).encode()


_UNSIGNED: tuple[Row, ...] = (
    ("unsigned-around-it", "signature_missing", _by_anybody),
    ("block-changed-afterwards", "digest", _block_exchanged),
    ("ciphertext-exchanged-afterwards", "digest", _exchanged),
)

# -- one thing more --------------------------------------------------------------------------------------------------------


def _parameter(xml: str) -> Callable[[Setting], bytes]:
    return edited(swap(f"{_METHOD}/>", f"{_METHOD}>{xml}</xenc:EncryptionMethod>"))


_METHODS: tuple[Row, ...] = (
    ("triple-des", "content_encryption", edited(swap(AES128_CBC, f"{XENC}tripledes-cbc"))),
    ("key-size", "content_encryption", _parameter("<xenc:KeySize>128</xenc:KeySize>")),
    ("hash-of-the-content-method", "content_encryption", _parameter(f'<ds:DigestMethod Algorithm="{XENC}sha256"/>')),
    ("content-method-of-two-names", "content_encryption", edited(swap(_METHOD, f'{_METHOD} Other="x"'))),
    ("content-method-with-a-text", "content_encryption", _parameter("x")),
    ("content-method-in-capitals", "content_encryption", edited(swap(AES128_CBC, AES128_CBC.upper()))),
    (
        "rsa-1-5-bleichenbacher",
        "key_transport",
        sealed_so(lambda made: replace(made, transport=RSA_1_5, digest=None, mgf=None)),
    ),
    # Whoever has no key can see these: a name of their own tells nothing
    ("iv-alone", "cipher_value", _value(lambda octets: octets[:_BLOCK])),
    ("half-a-block", "cipher_value", _value(lambda octets: octets[:-8])),
    ("gcm-under-the-name-of-cbc", "cipher_value", sealed_so(lambda made: replace(made, made_with=AES128_GCM, pad=_blocks))),
)


def _late(setting: Setting) -> bytes:
    """What is wrong with an assertion that was opened is said as ever."""
    good = setting.good
    return setting.sent(replace(good, audiences=good.audiences.replace("/saml/metadata", "/")))


# -- one answer for every failure ------------------------------------------------------------------------------------------


def _blocks(plaintext: bytes) -> bytes:
    """Whole blocks of an assertion alone: the last octet, `>`, counts no padding."""
    return plaintext.replace(b"<saml:Assertion ", b"<saml:Assertion " + b" " * (-len(plaintext) % _BLOCK), 1)


def _arbitrary(plaintext: bytes) -> bytes:
    missing = _BLOCK - len(plaintext) % _BLOCK
    return plaintext + os.urandom(missing - 1) + bytes([missing])


def _ends(octet: int) -> OctetEdit:
    """The last octet says so, whatever there is to count."""
    return lambda plaintext: plaintext + b" " * (-(len(plaintext) + 1) % _BLOCK) + bytes([octet])


def _long(octets: int) -> Callable[[Setting], bytes]:
    """An assertion so long that its padding has so many octets."""

    def pad(plaintext: bytes) -> bytes:
        spaces = (-len(plaintext) - octets) % _BLOCK
        made = plaintext.replace(b"<saml:Assertion ", b"<saml:Assertion " + b" " * spaces, 1)
        return made + bytes(octets - 1) + bytes([octets])

    return _padded(pad)


def _flipped(place: int) -> OctetEdit:
    def edit(octets: bytes) -> bytes:
        changed = bytearray(octets)
        changed[place] ^= 0x80
        return bytes(changed)

    return edit


def _swapped(octets: bytes) -> bytes:
    """Two blocks change places."""
    return octets[:32] + octets[48:64] + octets[32:48] + octets[64:]


def _holding(edit: OctetEdit) -> Callable[[Setting], bytes]:
    """The plaintext is something else, and its padding right."""
    return lambda setting: setting.around(setting.encryption_here.xml(edit(setting.plaintext())))


def _failures(world: World) -> tuple[Row, ...]:
    """Wrong keys, wrong paddings and wrong plaintexts: whoever tells them apart asks an oracle."""
    made: dict[str, Make] = {
        "padding-of-no-octet": _padded(_ends(0)),
        "padding-of-17": _padded(_ends(17)),
        "padding-of-32": _padded(_ends(32)),
        "padding-of-255": _padded(_ends(255)),
        "no-padding": _padded(_blocks),
        "padding-that-counts-too-many": _padded(lambda octets: _arbitrary(octets[:-1])),
        "padding-that-counts-too-few": _padded(lambda octets: _arbitrary(octets + b"\0")),
        "iv-changed": _value(_flipped(0)),
        "first-block-changed": _value(_flipped(_BLOCK)),
        "block-before-the-last-changed": _value(_flipped(-_BLOCK - 1)),
        "last-block-changed": _value(_flipped(-1)),
        "last-block-cut-off": _value(lambda octets: octets[:-_BLOCK]),
        "first-block-cut-off": _value(lambda octets: octets[_BLOCK:]),
        "one-block-alone": _value(lambda octets: octets[: 2 * _BLOCK]),
        "blocks-swapped": _value(_swapped),
        "blocks-of-zeros": _value(lambda octets: bytes(len(octets))),
        "to-somebody-else": sealed_so(lambda made: replace(made, recipient=world.keys.stranger)),
        "to-the-key-of-others": sealed_so(lambda made: replace(made, recipient=world.keys.ours)),
        "another-key": sealed_so(lambda made: replace(made, key=os.urandom(16))),
        "key-of-32-octets": sealed_so(lambda made: replace(made, key=os.urandom(32))),
        "empty-key": sealed_so(lambda made: replace(made, key=b"")),
        "wrapped-key-changed": sealed_so(lambda made: replace(made, wrapped=_flipped(-1))),
        # Jager, Paterson and Somorovsky 2013: an oracle of one mode opens what another closed
        "blocks-of-gcm": sealed_so(
            lambda made: replace(made, made_with=AES128_GCM, value=lambda octets: octets[: len(octets) // _BLOCK * _BLOCK])
        ),
        "no-xml-in-it": _holding(lambda _: b"victim-of-the-selftest"),
        "nothing-in-it": _holding(lambda _: b""),
        "no-utf-8-in-it": _holding(lambda octets: octets.decode().encode("utf-16")),
        "doctype-in-it": _holding(lambda octets: b"<!DOCTYPE x>" + octets),
        "comment-in-it": _holding(swap_octets("</saml:Assertion>", "<!--x--></saml:Assertion>")),
        "a-response-in-it": _holding(lambda octets: world.cbc.good.response(octets.decode()).encode()),
        "something-encrypted-in-it": _holding(
            swap_octets("</saml:Assertion>", f'<xenc:EncryptedData xmlns:xenc="{XENC}"/></saml:Assertion>')
        ),
    }
    return tuple((what, "decryption", make) for what, make in made.items())


def _by_stranger(world: World) -> Callable[[Setting], bytes]:
    return lambda setting: setting.sent(how=replace(setting.how, holder=world.keys.stranger))
