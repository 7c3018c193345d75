"""The one form of SignedInfo: each way in which signers write it passes, and each deviation fails its own check."""

import base64
import hashlib

import pytest
from lxml import etree

from connectors.profiles import SAML2INT
from connectors.signatures.parse import Element, canonical, parse_canonical
from connectors.signatures.profile import DS, ENVELOPED, EXC_C14N, read_signed_info

RSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
DIGEST = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def inclusive(prefixes: str, prefix: str = "ec") -> str:
    return f'<{prefix}:InclusiveNamespaces xmlns:{prefix}="{EXC_C14N}" PrefixList="{prefixes}"/>'


def signed_info(
    *, prefix: str = "ds", space: str = "", method: str = RSA, uri: str = "#_r", first: str = "", second: str = ""
) -> str:
    p, declared = (f"{prefix}:", f"xmlns:{prefix}") if prefix else ("", "xmlns")
    return (
        f'<{p}SignedInfo {declared}="{DS}">{space}'
        f'<{p}CanonicalizationMethod Algorithm="{EXC_C14N}">{first}</{p}CanonicalizationMethod>{space}'
        f'<{p}SignatureMethod Algorithm="{method}"/>{space}'
        f'<{p}Reference URI="{uri}">{space}<{p}Transforms>{space}<{p}Transform Algorithm="{ENVELOPED}"/>{space}'
        f'<{p}Transform Algorithm="{EXC_C14N}">{second}</{p}Transform>{space}</{p}Transforms>{space}'
        f'<{p}DigestMethod Algorithm="{SHA256}"/>{space}<{p}DigestValue>{space}{DIGEST}</{p}DigestValue>{space}'
        f"</{p}Reference>{space}</{p}SignedInfo>"
    )


def parsed(text: str) -> Element:
    """The tree of its canonical octets, as the verification reads it."""
    return parse_canonical(canonical(etree.fromstring(text)))


@pytest.mark.parametrize(
    ("text", "referenced", "prefixes", "reference_prefixes"),
    [
        (signed_info(), "_r", (), ()),
        (signed_info(prefix=""), "_r", (), ()),
        (signed_info(prefix="dsig", space="\n  "), "_r", (), ()),
        (signed_info(second=inclusive("xs saml")), "_r", (), ("xs", "saml")),
        (signed_info(first=inclusive("#default", "a"), second=inclusive("", "a")), "_r", ("#default",), ()),
        (signed_info(uri=""), "", (), ()),
    ],
)
def test_each_way_in_which_signers_write_it_says_the_same(
    text: str, referenced: str, prefixes: tuple[str, ...], reference_prefixes: tuple[str, ...]
) -> None:
    found = read_signed_info(parsed(text), SAML2INT)
    assert (found.referenced_id, found.prefixes, found.reference_prefixes) == (referenced, prefixes, reference_prefixes)
    assert found.algorithm.uri == RSA
    assert found.digest(b"").digest() == found.digest_value == hashlib.sha256(b"").digest() == base64.b64decode(DIGEST)
