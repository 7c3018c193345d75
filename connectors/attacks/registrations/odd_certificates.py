"""Certificates that pyca does not write: with faults that deployed nodes have, and of keys for RSASSA-PSS alone.

Each begins as one that pyca wrote. Its octets are changed, and the issuer signs them anew: nothing but the fault is wrong.
"""

from collections.abc import Callable, Mapping

from asn1crypto import parser
from asn1crypto.algos import RSASSAPSSParams
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

# Changes the content of a TBSCertificate
Edit = Callable[[bytes], bytes]

# ecdsa-with-SHA256 without and with NULL (RFC 5758 §3.2 has none), and with another parameter
ECDSA = bytes.fromhex("300a06082a8648ce3d040302")
ECDSA_NULL = bytes.fromhex("300c06082a8648ce3d0403020500")
ECDSA_OTHER = bytes.fromhex("300c06082a8648ce3d0403020400")
_RSA, _PSS = bytes.fromhex("06092a864886f70d0101010500"), bytes.fromhex("06092a864886f70d01010a")
_UTF8, _PRINTABLE = b"\x0c", b"\x13"


def changed(certificate: bytes, issuer: ec.EllipticCurvePrivateKey, edit: Edit) -> bytes:
    """A certificate (DER) whose content is edited and signed anew with SHA-256, as it then says by which algorithm."""
    tbs, _, _ = _inside(certificate)
    content = edit(parser.parse(tbs)[4])
    algorithm = ECDSA_NULL if ECDSA_NULL in content else ECDSA_OTHER if ECDSA_OTHER in content else ECDSA
    inside = parser.emit(0, 1, 16, content)
    signature = parser.emit(0, 0, 3, b"\x00" + issuer.sign(inside, ec.ECDSA(SHA256())))
    return bytes(parser.emit(0, 1, 16, inside + algorithm + signature))


def printable(name: str) -> Edit:
    """The name, which is in UTF8String, in PrintableString: that has no underscore and no @."""
    text = bytes([len(name)]) + name.encode()
    return lambda content: _swapped(content, _UTF8 + text, _PRINTABLE + text)


def algorithm(spelled: bytes) -> Edit:
    """Another spelling of ecdsa-with-SHA256."""
    return lambda content: _swapped(content, ECDSA, spelled)


def bad_name(content: bytes) -> bytes:
    """The name of these certificates, in issuer and subject, in PrintableString and with an underscore."""
    return _swapped(printable("ee.selftest.example")(content), b"ee.selftest", b"ee_selftest")


def both(first: Edit, second: Edit) -> Edit:
    """One after the other."""
    return lambda content: second(first(content))


def version_10(content: bytes) -> bytes:
    """RFC 5280 §4.1.2.1 has versions 1 to 3, which are 0 to 2."""
    return _swapped(content, b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x09")


def more(content: bytes) -> bytes:
    """A NULL at the end."""
    return content + b"\x05\x00"


def untyped(content: bytes) -> bytes:
    """A name in PrintableString whose type is no object identifier."""
    return _swapped(bad_name(content), b"\x06\x03\x55\x04\x03", b"\x04\x03\x55\x04\x03")


def pss_only(parameters: bytes) -> Edit:
    """The key of RSA as one for RSASSA-PSS alone (RFC 4055 §3.1), with these parameters, or without any."""

    def edit(content: bytes) -> bytes:
        for piece in _pieces(content):
            if _RSA in piece and piece[:1] == b"\x30":
                _, key = _inside(piece)
                spki = parser.emit(0, 1, 16, parser.emit(0, 1, 16, _PSS + parameters) + key)
                return _swapped(content, piece, spki)
        raise ValueError("no key of RSA")

    return edit


def pss_parameters(digest: str, salt: int, mask: str = "", trailer: int = 1) -> bytes:
    """DER of RSASSA-PSS-params; the mask's hash is `digest` where it has no other."""
    mgf = {"algorithm": "mgf1", "parameters": {"algorithm": mask or digest}}
    said = {"hash_algorithm": {"algorithm": digest}, "mask_gen_algorithm": mgf, "salt_length": salt}
    return bytes(RSASSAPSSParams({**said, "trailer_field": trailer}).dump())


def _swapped(content: bytes, old: bytes, new: bytes) -> bytes:
    if old not in content:
        raise ValueError("nothing to change")
    return content.replace(old, new)


def _inside(tlv: bytes) -> list[bytes]:
    return _pieces(parser.parse(tlv)[4])


def _pieces(content: bytes) -> list[bytes]:
    found = []
    while content:
        end = parser.peek(content)
        found.append(content[:end])
        content = content[end:]
    return found


# What a deployed node has that pyca refuses (Portugal 2023, Poland 2026), and what nobody here looks at
FAULTS: Mapping[str, Edit] = {
    "a bad PrintableString": bad_name,
    "NULL beside ecdsa": algorithm(ECDSA_NULL),
    "a bad PrintableString and NULL beside ecdsa": both(bad_name, algorithm(ECDSA_NULL)),
}
# Parameters of a key for RSASSA-PSS alone: those that let it sign as the profile eidas has it, and those that do not
PSS_TAKEN: Mapping[str, bytes] = {
    "without parameters": b"",
    "of SHA-256": pss_parameters("sha256", 32),
    "of SHA-512 and a shorter salt": pss_parameters("sha512", 20),
}
PSS_REFUSED: Mapping[str, bytes] = {
    "of SHA-1, by default": b"\x30\x00",
    "of another mask": pss_parameters("sha256", 32, "sha512"),
    "of a longer salt": pss_parameters("sha256", 33),
    "of another trailer": pss_parameters("sha256", 32, trailer=2),
    "whose parameters are NULL": b"\x05\x00",
}
