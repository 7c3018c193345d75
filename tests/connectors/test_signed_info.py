"""The usual SignedInfo by one expression against the reader that goes from child to child: the same, or nothing."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.profiles import EIDAS, SAML2INT, Profile
from connectors.signatures import profile as form
from connectors.signatures.parse import canonical, parse_canonical
from connectors.signatures.profile import DS, ENVELOPED, EXC_C14N, SignedInfo, judge_signed_info, read_signed_info
from policies.errors import AssertionRejected

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


def octets_of(text: str) -> bytes:
    return canonical(etree.fromstring(text))


def said(read: Callable[[], SignedInfo]) -> SignedInfo | str:
    """What it says, or which check it fails."""
    try:
        return read()
    except AssertionRejected as error:
        return error.check


def agree(octets: bytes, profile: Profile = SAML2INT) -> SignedInfo | str:
    found = said(lambda: judge_signed_info(octets, profile))
    assert found == said(lambda: read_signed_info(parse_canonical(octets), profile))
    return found


USUAL = [
    signed_info(),
    signed_info(prefix=""),
    signed_info(prefix="dsig", space="\n  "),
    signed_info(second=inclusive("xs saml")),
    signed_info(first=inclusive("#default", "a"), second=inclusive("", "a")),
    signed_info(uri=""),
]


@pytest.mark.parametrize("text", USUAL)
def test_what_signers_write_is_usual_and_says_the_same_to_both(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = agree(octets_of(text))
    assert isinstance(found, SignedInfo)
    assert found.digest(b"") == found.digest_value
    monkeypatch.setattr(form, "read_signed_info", lambda *_arguments: pytest.fail("it is not usual"))
    assert judge_signed_info(octets_of(text), SAML2INT) == found


@pytest.mark.parametrize(
    ("text", "check"),
    [
        (signed_info(method="http://www.w3.org/2000/09/xmldsig#hmac-sha1"), "signature_algorithm"),
        (signed_info(method=""), "signature_algorithm"),
        (signed_info(uri="http://x.example/"), "reference"),
        (signed_info(uri="#"), "reference"),
        (signed_info(second=inclusive("a b:c")), "transforms"),
        (signed_info(first=inclusive("1")), "canonicalisation_method"),
        (signed_info(second=inclusive(" ".join(["a"] * 33))), "transforms"),
        (signed_info(second="<x/>"), "transforms"),
        (signed_info(first=inclusive("a") * 2), "canonicalisation_method"),
        (signed_info().replace(SHA256, "http://www.w3.org/2000/09/xmldsig#sha1"), "digest_algorithm"),
        (signed_info().replace(DIGEST, DIGEST[:-2] + "V="), "digest_value"),
        (signed_info().replace(DIGEST, ""), "digest_value"),
        (signed_info().replace(DIGEST, f"<x/>{DIGEST}"), "digest_value"),
        (signed_info().replace(ENVELOPED, EXC_C14N), "transforms"),
        (signed_info().replace("URI=", "Id='a' URI="), "reference"),
        (signed_info().replace("<ds:Reference", "x<ds:Reference"), "signed_info"),
        (signed_info().replace(DS, f"{DS}x"), "signed_info"),
        # A dot is a dot
        (signed_info().replace("www.w3.org/2001/10", "www_w3.org/2001/10"), "canonicalisation_method"),
    ],
)
def test_what_is_not_of_the_profile_is_refused_by_its_own_check(text: str, check: str) -> None:
    assert agree(octets_of(text)) == check


def test_the_profile_decides_in_both() -> None:
    assert agree(octets_of(signed_info()), EIDAS) == "signature_algorithm"


def test_a_prefix_that_means_something_else_is_not_usual() -> None:
    octets = octets_of(signed_info()).replace(b"xmlns:ds=", b"xmlns:other=")
    with pytest.raises(AssertionRejected):
        judge_signed_info(octets, SAML2INT)


@given(st.sampled_from(USUAL), st.data())
def test_both_say_the_same_of_what_was_changed(text: str, data: st.DataObject) -> None:
    changed = octets_of(text).decode()
    for _ in range(data.draw(st.integers(1, 2))):
        begin = data.draw(st.integers(0, len(changed)))
        end = data.draw(st.integers(begin, min(len(changed), begin + 20)))
        piece = data.draw(
            st.sampled_from(["", " ", "\n", '"', "<", "x", "&amp;", "ds:", ' Id="x"', "<x/>", "#", "_", "\r"])
        )
        changed = changed[:begin] + piece + changed[end:]
    try:
        octets = canonical(parse_canonical(changed.encode()))
    except AssertionRejected:
        return
    agree(octets)


@pytest.mark.parametrize("mark", ["_", "x", " ", "0", '"'])
def test_no_character_can_be_another_and_go_unnoticed(mark: str) -> None:
    text = octets_of(signed_info(second=inclusive("xs"))).decode()
    for place in range(len(text)):
        octets = f"{text[:place]}{mark}{text[place + 1 :]}".encode()
        if form._COMMON.fullmatch(octets.decode()):
            agree(octets)
