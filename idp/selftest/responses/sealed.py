"""Encrypted assertions: anybody can encrypt to our public key, so who did is said by the signature around it alone.

Unless a case says otherwise, the genuine party signed the Response around what is wrong.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.hashes import SHA1, SHA256, SHA384

from connectors.formats.names import SAML
from connectors.profiles import AES128_GCM, AES256_GCM, MGF1_SHA1, RSA_OAEP_MGF1P
from connectors.profiles import SHA1 as SHA1_URI
from connectors.signatures.profile import DS
from idp.selftest.case import Case
from idp.selftest.responses.encrypting import RSA_1_5, XENC, XENC11, Encryption
from idp.selftest.responses.making import PSS_SHA256, Row, Setting, World, refused
from idp.selftest.responses.signing import MORE, Edit, OctetEdit, sign, swap, swap_octets
from idp.selftest.responses.wrapping import another

FAMILY = "encryption"
_DATA_END, _KEY_END = "</xenc:EncryptedData>", "</xenc:EncryptedKey>"


def encryption(world: World) -> Iterator[Case]:
    """Every case with RSA; those with curves are in `agreements.py`."""
    settings = (world.encrypted, world.eidas)
    yield from refused(FAMILY, world.ciphered, *_UNSIGNED)
    yield from refused(FAMILY, settings, *_failures(world))
    yield from refused(FAMILY, settings, *_FORMS, *_METHODS, *_PLACES)
    yield from refused(FAMILY, (world.eidas,), *_EIDAS_METHODS)
    yield from refused(FAMILY, settings, *_PLAINTEXTS)
    yield from refused(FAMILY, (world.both_encrypted, world.eidas_both), *_inner(world))
    yield from refused(FAMILY, (world.encrypted,), ("plain-beside-the-encrypted", "one_assertion", _beside))
    yield from refused(FAMILY, (world.eidas,), ("plain-beside-the-encrypted", "plain_assertion", _beside))
    yield from refused(FAMILY, (world.eidas,), ("plain-alone", "plain_assertion", _plain))
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


def sealed_so(change: Callable[[Encryption], Encryption]) -> Callable[[Setting], bytes]:
    """A good answer that is encrypted in another way."""
    return lambda setting: setting.sent(encryption=change(setting.encryption_here))


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


# -- the closed form -------------------------------------------------------------------------------------------------------


def edited(edit: Edit) -> Callable[[Setting], bytes]:
    """A good answer whose EncryptedAssertion was edited before the Response was signed."""
    return sealed_so(lambda made: replace(made, edit=edit))


def _last(old: str, new: str) -> Edit:
    """Edit where `old` stands last."""

    def edit(text: str) -> str:
        if old not in text:
            raise ValueError(f"nothing to swap: {old}")
        head, _, tail = text.rpartition(old)
        return head + new + tail

    return edit


def part(name: str, number: int = 0) -> Callable[[str], str]:
    """One element of a text, by its name."""

    def found(text: str) -> str:
        begin = -1
        for _ in range(number + 1):
            begin = text.index(f"<{name}", begin + 1)
        end = f"</{name}>"
        return text[begin : text.index(end, begin) + len(end)]

    return found


def _without(name: str) -> Edit:
    return lambda text: text.replace(part(name)(text), "", 1)


def _moved_key(text: str) -> str:
    """The EncryptedKey stands beside the EncryptedData, which does not say so."""
    key = part("xenc:EncryptedKey")(text)
    return text.replace(key, "").replace("</saml:EncryptedAssertion>", f"{key}</saml:EncryptedAssertion>")


def _two_keys(text: str) -> str:
    key = part("xenc:EncryptedKey")(text)
    second = key.replace(' Id="_k', ' Id="_l')
    return text.replace(key, key + second)


def _referenced(number: int) -> Edit:
    reference = '<xenc:CipherReference URI="http://169.254.169.254/latest/"/>'
    return lambda text: text.replace(part("xenc:CipherValue", number)(text), reference, 1)


def _ciphered(number: int, value: str) -> Edit:
    """One CipherValue says something else: the first is the key's, the second that of the content."""
    return lambda text: text.replace(
        part("xenc:CipherValue", number)(text), f"<xenc:CipherValue>{value}</xenc:CipherValue>", 1
    )


_HINT_END = "</ds:X509Data></ds:KeyInfo>"
_FORMS: tuple[Row, ...] = (
    ("cipher-reference-to-the-content", "cipher_reference", edited(_referenced(1))),
    ("cipher-reference-to-the-key", "cipher_reference", edited(_referenced(0))),
    (
        "retrieval-method-for-the-key",
        "retrieval_method",
        edited(swap("<ds:KeyInfo>", '<ds:KeyInfo><ds:RetrievalMethod URI="#x"/>')),
    ),
    (
        "retrieval-method-of-a-file",
        "retrieval_method",
        edited(swap(_HINT_END, '</ds:X509Data><ds:RetrievalMethod URI="file:///etc/passwd"/></ds:KeyInfo>')),
    ),
    ("two-keys", "encrypted_key", edited(_two_keys)),
    ("no-key", "encrypted_key", edited(_without("xenc:EncryptedKey"))),
    (
        "key-with-a-name",
        "encrypted_key",
        edited(swap(_KEY_END, f"<xenc:CarriedKeyName>k</xenc:CarriedKeyName>{_KEY_END}")),
    ),
    (
        "key-for-a-list",
        "encrypted_key",
        edited(swap(_KEY_END, f'<xenc:ReferenceList><xenc:DataReference URI="#x"/></xenc:ReferenceList>{_KEY_END}')),
    ),
    ("key-beside-the-data", "encrypted_data", edited(_moved_key)),
    ("key-by-its-name", "encrypted_key", edited(swap("<ds:KeyInfo>", "<ds:KeyInfo><ds:KeyName>k</ds:KeyName>"))),
    (
        "key-with-a-type",
        "encrypted_key",
        edited(swap("<xenc:EncryptedKey ", f'<xenc:EncryptedKey Type="{XENC}EncryptedKey" ')),
    ),
    ("data-in-key-info", "key_info", edited(swap(_HINT_END, "</ds:X509Data><ds:MgmtData>x</ds:MgmtData></ds:KeyInfo>"))),
    ("content-instead-of-an-element", "encrypted_data", edited(swap(f"{XENC}Element", f"{XENC}Content"))),
    ("data-without-type", "encrypted_data", edited(swap(f' Type="{XENC}Element"', ""))),
    ("data-with-a-mime-type", "encrypted_data", edited(swap(" Type=", ' MimeType="text/xml" Type='))),
    ("data-with-an-encoding", "encrypted_data", edited(swap(" Type=", f' Encoding="{DS}base64" Type='))),
    ("data-with-properties", "encrypted_data", edited(swap(_DATA_END, f"<xenc:EncryptionProperties/>{_DATA_END}"))),
    ("no-data", "encrypted_data", edited(_without("xenc:EncryptedData"))),
    ("two-data", "encrypted_data", edited(swap(_DATA_END, f"{_DATA_END}<xenc:EncryptedData/>"))),
    ("text-beside-the-data", "encrypted_data", edited(swap(_DATA_END, f"{_DATA_END}victim"))),
    ("content-that-is-no-base64", "cipher_value", edited(_ciphered(1, "!!!!"))),
    ("content-that-is-empty", "cipher_value", edited(_ciphered(1, ""))),
    ("content-of-iv-and-tag", "cipher_value", _value(lambda octets: octets[:28])),
    ("key-that-is-empty", "cipher_value", edited(_ciphered(0, ""))),
    ("key-without-padding", "cipher_value", edited(_ciphered(0, "AAAAA"))),
    (
        "content-of-two-values",
        "cipher_value",
        edited(_last("</xenc:CipherData>", "<xenc:CipherValue>AAAA</xenc:CipherValue></xenc:CipherData>")),
    ),
    ("content-with-an-element", "cipher_value", edited(_last("</xenc:CipherValue>", "<x/></xenc:CipherValue>"))),
    ("signature-in-the-key", "signature_place", edited(swap(_KEY_END, f"<ds:Signature/>{_KEY_END}"))),
)

# -- methods ---------------------------------------------------------------------------------------------------------------


def _content(uri: str) -> Callable[[Setting], bytes]:
    return sealed_so(lambda made: replace(made, content=uri, made_with=AES256_GCM))


def _parameter(xml: str) -> Callable[[Setting], bytes]:
    """A parameter of the content's encryption."""
    method = f'<xenc:EncryptionMethod Algorithm="{AES256_GCM}"'
    return edited(swap(f"{method}/>", f"{method}>{xml}</xenc:EncryptionMethod>"))


_OAEP_END = "</xenc:EncryptionMethod>"
_METHODS: tuple[Row, ...] = (
    (
        "aes-cbc-and-its-padding-oracle",
        "content_encryption",
        sealed_so(lambda made: replace(made, content=f"{XENC}aes128-cbc")),
    ),
    ("aes-256-cbc", "content_encryption", _content(f"{XENC}aes256-cbc")),
    ("triple-des", "content_encryption", _content(f"{XENC}tripledes-cbc")),
    ("content-method-unknown", "content_encryption", _content("urn:selftest:none")),
    ("content-method-empty", "content_encryption", _content("")),
    ("key-size", "content_encryption", _parameter("<xenc:KeySize>64</xenc:KeySize>")),
    ("tag-length", "content_encryption", _parameter("<xenc11:TagLength>32</xenc11:TagLength>")),
    (
        "rsa-1-5-bleichenbacher",
        "key_transport",
        sealed_so(lambda made: replace(made, transport=RSA_1_5, digest=None, mgf=None)),
    ),
    ("key-method-unknown", "key_transport", edited(swap("rsa-oaep", "rsa-none"))),
    ("label", "key_transport", edited(swap(_OAEP_END, f"<xenc:OAEPparams>eA==</xenc:OAEPparams>{_OAEP_END}"))),
    ("two-hashes", "key_transport", edited(swap(_OAEP_END, f'<ds:DigestMethod Algorithm="{MORE}md5"/>{_OAEP_END}'))),
    ("hash-of-md5", "oaep_digest", sealed_so(lambda made: replace(made, digest=f"{MORE}md5", hashes=(SHA256(), SHA256())))),
    (
        "mask-of-sha224",
        "oaep_mgf",
        sealed_so(lambda made: replace(made, mgf=f"{XENC11}mgf1sha224", hashes=(SHA256(), SHA256()))),
    ),
    (
        "two-masks",
        "key_transport",
        sealed_so(lambda made: replace(made, transport=RSA_OAEP_MGF1P, hashes=(SHA256(), SHA1()))),  # noqa: S303 # as named
    ),
)
_EIDAS_METHODS: tuple[Row, ...] = (
    ("oaep-with-sha1", "oaep_digest", sealed_so(lambda made: replace(made, digest=SHA1_URI))),
    ("oaep-that-says-no-hash", "oaep_digest", sealed_so(lambda made: replace(made, digest=None))),
    ("mask-with-sha1", "oaep_mgf", sealed_so(lambda made: replace(made, mgf=MGF1_SHA1))),
    ("oaep-that-says-no-mask", "oaep_mgf", sealed_so(lambda made: replace(made, mgf=None))),
    (
        "oaep-of-the-first-edition",
        "key_transport",
        sealed_so(lambda made: replace(made, transport=RSA_OAEP_MGF1P, mgf=None)),
    ),
)

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


def _plain(setting: Setting) -> bytes:
    return setting.around(setting.good.assertion())


# -- what is in it ---------------------------------------------------------------------------------------------------------


def _holding(plaintext: Callable[[Setting], bytes]) -> Callable[[Setting], bytes]:
    return lambda setting: setting.around(setting.encryption_here.xml(plaintext(setting)))


def _late(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return lambda setting: setting.sent(late=edit)


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
