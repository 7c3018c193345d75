"""Keys that a message brings along, and algorithms that it would like to be judged by.

Keys come from whom we asked, algorithms from the profile. What a message says of either may be a hint, and never more.
"""

from collections.abc import Iterator, Mapping

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.responses.assertion_sealing import b64
from connectors.attacks.responses.recipes import each, outermost, signed, throughout
from connectors.attacks.responses.settings import Make, ResponseWorld, refused
from connectors.attacks.xml_signer import ECDSA_SHA256, HMAC_SHA256, MORE, RSA_MD5, RSA_SHA1, OctetEdit, flipped, swap
from connectors.signatures.algorithms import RSA_PSS_SHA256, RSA_SHA256

KEYS, CONFUSION = "key in the message", "algorithm confusion"
_DSIG11 = "http://www.w3.org/2009/xmldsig11#"
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def keys_in_messages(world: ResponseWorld) -> Iterator[AttackCase]:
    """A stranger signs, and the message says by which key to verify that."""
    stranger, idp = world.keys.stranger, world.keys.idp
    told = {
        "own-certificate-cve-2018-7644": certificates(stranger),
        "own-key-value-cve-2021-21239": f"<ds:KeyValue>{key_value(stranger)}</ds:KeyValue>",
        "pinned-certificate": certificates(idp),
        "own-certificate-before-pinned-cve-2019-18633": certificates(stranger, idp),
    }
    by_stranger = {what: throughout(holder=stranger, key_info=_key_info(inside)) for what, inside in told.items()}
    by_stranger["nothing-said"] = throughout(holder=stranger)
    yield from refused(KEYS, (*world.plain, world.encrypted, world.eidas), {"signature": by_stranger})
    fetched = {
        "retrieval-method": '<ds:RetrievalMethod URI="https://evil.selftest.example/key"/>',
        "key-info-reference": f'<dsig11:KeyInfoReference xmlns:dsig11="{_DSIG11}" URI="#key"/>',
        "own-curve-cve-2020-0601": f'<ds:KeyValue><d:ECParameters xmlns:d="{_DSIG11}"/></ds:KeyValue>',
        "encrypted-key": '<xenc:EncryptedKey xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"/>',
    }
    # The genuine key signs: KeyInfo alone is wrong
    genuine = each(lambda inside: outermost(key_info=_key_info(inside)), fetched)
    yield from refused(KEYS, world.each, {"key_info": genuine})


def confusion(world: ResponseWorld) -> Iterator[AttackCase]:
    """Signatures that say, or are made by, an algorithm that the profile does not take."""
    two, three = (world.response, world.assertion), (world.response, world.assertion, world.eidas)
    for name, secret in world.keys.public.items():
        mac = outermost(method=HMAC_SHA256, secret=secret)
        yield from refused(CONFUSION, two, {"signature_algorithm": {f"hmac-with-the-public-key-as-{name}": mac}})
        # For whoever believes what the key is used for: a MAC under the name of a signature
        mac = outermost(method=RSA_SHA256, made_with=HMAC_SHA256, secret=secret)
        yield from refused(CONFUSION, two, {"signature": {f"hmac-under-another-name-with-{name}": mac}})
    pem = world.keys.public["pem"]
    without_length = {
        "hmac-of-no-length-cve-2009-0217": _without_length(HMAC_SHA256, pem),
        "output-length-of-rsa": _without_length(RSA_SHA256, pem),
    }
    yield from refused(CONFUSION, two, {"signature_algorithm": without_length})
    # Said, and done where the signer knows how
    yield from refused(CONFUSION, world.each, {"signature_algorithm": each(_named, _NOT_TAKEN)})
    yield from refused(CONFUSION, three, {"signature_algorithm": each(_named, _WEAK)})
    yield from refused(CONFUSION, world.plain, {"signature_algorithm": {"pss-for-saml2int": _named(RSA_PSS_SHA256)}})
    yield from refused(CONFUSION, (world.eidas,), {"signature_algorithm": {"pkcs1-for-eidas": _named(RSA_SHA256)}})
    yield from refused(CONFUSION, world.plain, {"signature": _MISNAMED})
    yield from refused(CONFUSION, world.nodes, {"signature": _MISNAMED_BY_NODES})
    on, ended = world.keys.on["p-256"], world.keys.ended
    values = each(lambda edit: outermost(method=ECDSA_SHA256, holder=on, value=edit), _CURVE_VALUES)
    yield from refused(CONFUSION, three, {"signature": values})
    yield from refused(
        CONFUSION, (world.response, world.eidas), {"signature": each(lambda edit: outermost(value=edit), _RSA_VALUES)}
    )
    by_ended = {"key-whose-certificate-ended": signed(method=ECDSA_SHA256, holder=ended)}
    yield from refused(CONFUSION, world.nodes, {"signature": by_ended})


def _key_info(inside: str) -> str:
    return f"<ds:KeyInfo>{inside}</ds:KeyInfo>"


def _named(uri: str) -> Make:
    return signed(method=uri)


def _without_length(uri: str, secret: bytes) -> Make:
    method = f'<ds:SignatureMethod Algorithm="{uri}"'
    length = "<ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>"
    return outermost(method=uri, secret=secret, info=swap(f"{method}/>", f"{method}>{length}"))


def certificates(*holders: KeyHolder) -> str:
    """X509Data of these, in this order."""
    inner = "".join(f"<ds:X509Certificate>{b64(each.certificate)}</ds:X509Certificate>" for each in holders)
    return f"<ds:X509Data>{inner}</ds:X509Data>"


def key_value(holder: KeyHolder) -> str:
    """RSAKeyValue of a key."""
    key = holder.key
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("a key value of a key that is not RSA")
    numbers = key.public_key().public_numbers()
    modulus = b64(numbers.n.to_bytes(key.key_size // 8))
    return f"<ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue>"


_NOT_TAKEN = {"no-algorithm": "", "none": "none", "algorithm-in-capitals": RSA_SHA256.upper()}
_WEAK = {"rsa-sha1": RSA_SHA1, "rsa-md5": RSA_MD5, "ecdsa-sha1": f"{MORE}ecdsa-sha1"}
# An algorithm that the profile takes, and another that was used
_MISNAMED: Mapping[str, Make] = {
    "sha1-under-the-name-of-sha256": signed(method=RSA_SHA256, made_with=RSA_SHA1),
    "pss-under-the-name-of-pkcs1": signed(method=RSA_SHA256, made_with=RSA_PSS_SHA256),
    "rsa-under-the-name-of-ecdsa": signed(method=ECDSA_SHA256, made_with=RSA_SHA256),
}
_MISNAMED_BY_NODES: Mapping[str, Make] = {
    "pkcs1-under-the-name-of-pss": signed(method=RSA_PSS_SHA256, made_with=RSA_SHA256),
    "pss-without-salt": signed(salt=0),
    "rsa-under-the-name-of-ecdsa": signed(method=ECDSA_SHA256, made_with=RSA_PSS_SHA256),
}


def as_der(value: bytes) -> bytes:
    """The two numbers of a signature on a curve, in DER."""
    half = len(value) // 2
    return encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))


def _beyond_the_order(value: bytes) -> bytes:
    """S + n is congruent to s, and another spelling of the same signature where it fits."""
    half = len(value) // 2
    s = int.from_bytes(value[half:])
    return value[:half] + (s + _P256_ORDER if s + _P256_ORDER < 1 << 256 else _P256_ORDER).to_bytes(half)


# Values of signatures that some verifiers took: r||s of the right length only, no zeros, no DER
_CURVE_VALUES: dict[str, OctetEdit] = {
    "psychic-signature-cve-2022-21449": lambda value: bytes(len(value)),
    "s-is-beyond-the-order": _beyond_the_order,
    "r-and-s-in-der": as_der,
    "a-zero-between-r-and-s": lambda value: value[: len(value) // 2] + b"\0" + value[len(value) // 2 :],
    "one-octet-too-many": lambda value: value + b"\0",
}
_RSA_VALUES: dict[str, OctetEdit] = {
    "zero": lambda value: bytes(len(value)),
    "leading-zero": lambda value: b"\0" + value,
    "flipped-bit": flipped,
    "octet-cut-off": lambda value: value[:-1],
}
