"""Keys that a message brings along, and algorithms that it would like to be judged by.

Keys come from whom we asked, algorithms from the profile. What a message says of either may be a hint, and never more.
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connectors.signatures.algorithms import RSA_SHA256
from connectors.signatures.profile import DS
from idp.selftest.case import Case
from idp.selftest.keys import Holder
from idp.selftest.responses.making import PSS_SHA256, Row, Setting, World, refused
from idp.selftest.responses.signing import HMAC_SHA256, MORE, NEWER, RSA_MD5, RSA_SHA1, How, OctetEdit, swap

KEYS, CONFUSION = "key in the message", "algorithm confusion"
ECDSA_SHA256 = f"{MORE}ecdsa-sha256"
_DSIG11 = "http://www.w3.org/2009/xmldsig11#"
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def keys_in_messages(world: World) -> Iterator[Case]:
    """A stranger signs, and the message says by which key to verify that."""
    stranger, idp = world.keys.stranger, world.keys.idp
    told = {
        "own-certificate-cve-2018-7644": certificates(stranger),
        "own-key-value-cve-2021-21239": f"<ds:KeyValue>{key_value(stranger)}</ds:KeyValue>",
        "pinned-certificate": certificates(idp),
        "pinned-certificate-before-own": certificates(idp, stranger),
        "own-certificate-before-pinned-cve-2019-18633": certificates(stranger, idp),
        "pinned-certificate-with-own-key-value": f"{certificates(idp)}<ds:KeyValue>{key_value(stranger)}</ds:KeyValue>",
        "name-of-the-pinned-key": "<ds:KeyName>idp.selftest.example</ds:KeyName>",
        "nothing-said": "",
    }
    for what, key_info in told.items():
        made = _by_stranger(stranger, key_info)
        yield from refused(KEYS, (*world.plain, world.encrypted, world.eidas), (what, "signature", made))
    curve_ball = '<dsig11:ECParameters xmlns:dsig11="http://www.w3.org/2009/xmldsig11#"/>'
    fetched = {
        "retrieval-method": '<ds:RetrievalMethod URI="https://evil.selftest.example/key"/>',
        "retrieval-method-in-the-message": '<ds:RetrievalMethod URI="#key"/>',
        "key-info-reference": f'<dsig11:KeyInfoReference xmlns:dsig11="{_DSIG11}" URI="#key"/>',
        "der-encoded-key": f'<d:DEREncodedKeyValue xmlns:d="{_DSIG11}">{_der(stranger)}</d:DEREncodedKeyValue>',
        "own-curve-cve-2020-0601": f"<ds:KeyValue>{curve_ball}</ds:KeyValue>",
        "pgp-data": "<ds:PGPData/>",
        "spki-data": "<ds:SPKIData/>",
        "encrypted-key": '<xenc:EncryptedKey xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"/>',
    }
    for what, key_info in fetched.items():
        row: Row = (what, "key_info", _telling(key_info))
        yield from refused(KEYS, world.each, row)


def confusion(world: World) -> Iterator[Case]:
    """What is said to have been computed, or was, by an algorithm that the profile does not take."""
    for name, secret in world.keys.public.items():
        mac = How(method=HMAC_SHA256, secret=secret)
        row: Row = (f"hmac-with-the-public-key-as-{name}", "signature_algorithm", _outermost(mac))
        yield from refused(CONFUSION, (world.response, world.assertion), row)
        # For whoever believes what the key is used for: a MAC under the name of a signature
        row = (
            f"hmac-under-another-name-with-{name}",
            "signature",
            _outermost(replace(mac, method=RSA_SHA256, made_with=HMAC_SHA256)),
        )
        yield from refused(CONFUSION, (world.response, world.assertion), row)
    length = '<ds:SignatureMethod Algorithm="{}"><ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>'
    for uri, what in ((HMAC_SHA256, "hmac-of-no-length-cve-2009-0217"), (RSA_SHA256, "output-length-of-rsa")):
        edit = swap(f'<ds:SignatureMethod Algorithm="{uri}"/>', length.format(uri))
        how = How(method=uri, info=edit, secret=world.keys.public["pem"])
        yield from refused(CONFUSION, (world.response, world.assertion), (what, "signature_algorithm", _outermost(how)))
    for what, uri in _NOT_TAKEN.items():
        yield from refused(CONFUSION, world.each, (what, "signature_algorithm", _named(uri)))
    for what, uri in _WEAK.items():
        yield from refused(
            CONFUSION, (world.response, world.assertion, world.eidas), (what, "signature_algorithm", _named(uri))
        )
    yield from refused(CONFUSION, world.plain, ("pss-for-saml2int", "signature_algorithm", _named(PSS_SHA256)))
    yield from refused(CONFUSION, (world.eidas,), ("pkcs1-for-eidas", "signature_algorithm", _named(RSA_SHA256)))
    yield from _misnamed(world)
    yield from _values(world)


def _misnamed(world: World) -> Iterator[Case]:
    """An algorithm that the profile takes, and another that was used."""
    sha512 = f"{MORE}rsa-sha512"
    yield from refused(
        CONFUSION,
        world.plain,
        ("sha256-under-the-name-of-sha512", "signature", _made(sha512, RSA_SHA256)),
        ("sha1-under-the-name-of-sha256", "signature", _made(RSA_SHA256, RSA_SHA1)),
        ("pss-under-the-name-of-pkcs1", "signature", _made(RSA_SHA256, PSS_SHA256)),
        ("rsa-under-the-name-of-ecdsa", "signature", _made(ECDSA_SHA256, RSA_SHA256)),
    )
    yield from refused(
        CONFUSION,
        (world.eidas, world.eidas_both),
        ("pkcs1-under-the-name-of-pss", "signature", _made(PSS_SHA256, RSA_SHA256)),
        ("pss-without-salt", "signature", lambda setting: setting.sent(how=replace(setting.how, salt=0))),
        ("pss-with-a-salt-of-20", "signature", lambda setting: setting.sent(how=replace(setting.how, salt=20))),
        ("pss-of-another-hash", "signature", _made(f"{NEWER}sha512-rsa-MGF1", PSS_SHA256)),
        ("rsa-under-the-name-of-ecdsa", "signature", _made(ECDSA_SHA256, PSS_SHA256)),
    )


def _values(world: World) -> Iterator[Case]:
    """Values of signatures that some verifiers took: r||s of the right length only, no zeros, no DER."""
    on = world.keys.on["p-256"]
    for what, edit in _CURVE_VALUES.items():
        how = How(method=ECDSA_SHA256, holder=on, value=edit)
        yield from refused(CONFUSION, (world.response, world.assertion, world.eidas), (what, "signature", _outermost(how)))
    for what, edit in _RSA_VALUES.items():
        row: Row = (what, "signature", _valued(edit))
        yield from refused(CONFUSION, (world.response, world.eidas), row)
    ended = How(method=ECDSA_SHA256, holder=world.keys.ended)
    for setting in (world.eidas, world.eidas_both):
        yield from refused(CONFUSION, (setting,), ("key-whose-certificate-ended", "signature", _inner(ended)))


def _outermost(how: How) -> Callable[[Setting], bytes]:
    return lambda setting: setting.outermost(how)


def _inner(how: How) -> Callable[[Setting], bytes]:
    return lambda setting: setting.sent(how=how)


def _valued(edit: OctetEdit) -> Callable[[Setting], bytes]:
    return lambda setting: setting.outermost(replace(setting.how, value=edit))


def _named(uri: str) -> Callable[[Setting], bytes]:
    """Said, and done where the signer knows how."""
    return lambda setting: setting.sent(how=replace(setting.how, method=uri))


def _made(said: str, done: str) -> Callable[[Setting], bytes]:
    return lambda setting: setting.sent(how=replace(setting.how, method=said, made_with=done))


def _by_stranger(stranger: Holder, key_info: str) -> Callable[[Setting], bytes]:
    told = f"<ds:KeyInfo>{key_info}</ds:KeyInfo>" if key_info else ""

    def make(setting: Setting) -> bytes:
        how = replace(setting.how, holder=stranger, key_info=told)
        return setting.sent(how=how, response_how=how)

    return make


def _telling(key_info: str) -> Callable[[Setting], bytes]:
    """Signed by the genuine key: KeyInfo alone is wrong."""
    return lambda setting: setting.outermost(replace(setting.how, key_info=f"<ds:KeyInfo>{key_info}</ds:KeyInfo>"))


def certificates(*holders: Holder) -> str:
    """X509Data of these, in this order."""
    inner = "".join(f"<ds:X509Certificate>{_b64(each.certificate)}</ds:X509Certificate>" for each in holders)
    return f"<ds:X509Data>{inner}</ds:X509Data>"


def key_value(holder: Holder) -> str:
    """RSAKeyValue of a key."""
    key = holder.key
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("a key value of a key that is not RSA")
    numbers = key.public_key().public_numbers()
    modulus = _b64(numbers.n.to_bytes(key.key_size // 8))
    return f"<ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue>"


def _der(holder: Holder) -> str:
    return _b64(holder.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


_NOT_TAKEN = {
    "no-algorithm": "",
    "none": "none",
    "hmac-sha1": f"{DS}hmac-sha1",
    "dsa-sha1": f"{DS}dsa-sha1",
    "eddsa": "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
    "pss-with-parameters": f"{NEWER}rsa-pss",
    "algorithm-in-capitals": RSA_SHA256.upper(),
    "algorithm-with-a-blank": f"{RSA_SHA256} ",
    "algorithm-without-its-namespace": "rsa-sha256",
    "algorithm-of-tokens": "RS256",
    "a-digest-for-an-algorithm": "http://www.w3.org/2001/04/xmlenc#sha256",
}
_WEAK = {
    "rsa-sha1": RSA_SHA1,
    "rsa-md5": RSA_MD5,
    "rsa-sha224": f"{MORE}rsa-sha224",
    "rsa-ripemd160": f"{MORE}rsa-ripemd160",
    "ecdsa-sha1": f"{MORE}ecdsa-sha1",
    "pss-sha1": f"{NEWER}sha1-rsa-MGF1",
}


def _as_der(value: bytes) -> bytes:
    half = len(value) // 2
    return encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))


def _beyond_the_order(value: bytes) -> bytes:
    """S + n is congruent to s, and another spelling of the same signature where it fits."""
    half = len(value) // 2
    s = int.from_bytes(value[half:])
    return value[:half] + (s + _P256_ORDER if s + _P256_ORDER < 1 << 256 else _P256_ORDER).to_bytes(half)


_CURVE_VALUES: dict[str, OctetEdit] = {
    "psychic-signature-cve-2022-21449": lambda value: bytes(len(value)),
    "r-is-zero": lambda value: bytes(len(value) // 2) + value[len(value) // 2 :],
    "s-is-zero": lambda value: value[: len(value) // 2] + bytes(len(value) // 2),
    "s-is-beyond-the-order": _beyond_the_order,
    "r-and-s-in-der": _as_der,
    "r-and-s-with-leading-zeros": lambda value: b"\0" + value[: len(value) // 2] + b"\0" + value[len(value) // 2 :],
    "one-octet-too-many": lambda value: value + b"\0",
    "one-octet-too-few": lambda value: value[:-1],
    "r-alone": lambda value: value[: len(value) // 2],
}
_RSA_VALUES: dict[str, OctetEdit] = {
    "zero": lambda value: bytes(len(value)),
    "one": lambda value: bytes(len(value) - 1) + b"\1",
    "all-ones": lambda value: b"\xff" * len(value),
    "leading-zero": lambda value: b"\0" + value,
    "octet-behind-the-value": lambda value: value + b"\0",
    "flipped-bit": lambda value: value[:-1] + bytes([value[-1] ^ 1]),
    "octet-cut-off": lambda value: value[:-1],
}
