"""The other opinion of what our own code accepted: it has one of every algorithm, and each disagreement refuses."""

import base64
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
import xmlsec
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from connectors.checks import OPINION_CHECKS
from connectors.profiles import EIDAS, SAML2INT, Profile
from connectors.signatures import second_opinion as module
from connectors.signatures.algorithms import ALGORITHMS
from connectors.signatures.pinned_keys import PinnedKey, key_of_certificate, prepared
from connectors.signatures.profile import EXC_C14N, MAX_PREFIXES
from connectors.signatures.second_opinion import WORTH, another_verdict, second_opinion
from connectors.signatures.shapes import RESPONSE
from connectors.signatures.verification_result import Signed, SignedMessage
from connectors.signatures.xmldsig import Shape, verify
from policies.errors import AssertionRejected, SignatureInvalid
from tests.connectors import forge
from tests.connectors.enveloped import CURVES, Key, curve_key, rsa_key, signed
from tests.connectors.metadata import node

XML = b'<a xmlns="urn:a" xmlns:unused="urn:u" ID="_a" x="1">\n<b y=" 2&#10;">text &amp; more</b>\n</a>'
SHAPE = Shape(root="{urn:a}a", whole=True)
BOTH = replace(EIDAS, name="both", signature_algorithms=EIDAS.signature_algorithms | SAML2INT.signature_algorithms)
# A deviation alone takes SHA-1, and no profile
TAKEN = {uri: one for uri, one in ALGORITHMS.items() if not uri.endswith("sha1")}
EVERY = [(uri, "secp256r1") for uri, one in TAKEN.items() if one.scheme == "ecdsa"]
EVERY += [(uri, "RSA") for uri, one in TAKEN.items() if one.scheme != "ecdsa"]
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
EVERY += [(ECDSA_SHA256, curve.name) for curve in CURVES if curve.name != "secp256r1"]
P256 = ALGORITHMS[ECDSA_SHA256]


def key_of(name: str) -> Key:
    return rsa_key() if name == "RSA" else curve_key(name)


def pinned(key: Key, profile: Profile = BOTH) -> PinnedKey:
    return prepared(key.public_key(), profile)


def accepted(octets: bytes, keys: list[PinnedKey], shape: Shape = SHAPE, profile: Profile = BOTH) -> Signed:
    message = verify(octets, keys, shape, profile)
    assert isinstance(message, SignedMessage)
    return message.signed


def made(octets: bytes = XML, **how: str) -> tuple[bytes, Signed, list[PinnedKey]]:
    """A message, what our own code made of it, and the key."""
    key = curve_key("secp256r1")
    octets = signed(octets, key, P256, **how)  # type: ignore[arg-type] # texts alone
    keys = [pinned(key)]
    return octets, accepted(octets, keys), keys


def refused(octets: bytes, said: Signed, keys: list[PinnedKey], shape: Shape = SHAPE) -> AssertionRejected:
    with pytest.raises(AssertionRejected) as refusal:
        second_opinion(octets, said, keys, shape, BOTH)
    return refusal.value


@pytest.mark.spec("eidas.md §7 signature algorithms")
@pytest.mark.spec("eidas.md §7 brainpool")
@pytest.mark.parametrize(("uri", "name"), EVERY, ids=[f"{uri.rpartition('#')[2]} {name}" for uri, name in EVERY])
def test_libxmlsec_has_an_opinion_of_every_algorithm_and_curve(uri: str, name: str) -> None:
    key = key_of(name)
    octets, keys = signed(XML, key, ALGORITHMS[uri]), [pinned(key)]
    said = accepted(octets, keys)
    second_opinion(octets, said, keys, SHAPE, BOTH)
    # Where our own code is wrong, it is the other that says so
    assert refused(octets.replace(b"; more<", b"; less<"), said, keys).check == "second_opinion"


@pytest.mark.parametrize("which", ["response", "assertion", "both"])
def test_a_response_has_one_opinion_for_each_of_its_signatures(idp: forge.SigningParty, which: str) -> None:
    octets = forge.signed_reply(forge.Reply(), idp, which)
    keys = [key_of_certificate(idp.certificate, SAML2INT)]
    said = accepted(octets, keys, RESPONSE, SAML2INT)
    second_opinion(octets, said, keys, RESPONSE, SAML2INT)
    altered = octets.replace(b"Tallinn", b"Tallin")
    with pytest.raises(AssertionRejected) as refusal:
        second_opinion(altered, said, keys, RESPONSE, SAML2INT)
    assert refusal.value.check == "second_opinion"


@pytest.mark.spec("security.md §2.0 rule 7")
def test_only_the_pinned_key_that_verified_is_asked_about_and_no_hint_counts() -> None:
    stranger = curve_key("secp384r1")
    certificate = base64.b64encode(node.signer_of(stranger).certificate).decode()
    hint = f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    octets, said, keys = made(key_info=hint)
    second_opinion(octets, said, [pinned(stranger), *keys], SHAPE, BOTH)
    assert refused(octets, said, [pinned(stranger)]).check == "second_opinion"
    assert (
        refused(octets, replace(said, key_id=pinned(stranger).key_id), [*keys, pinned(stranger)]).check == "second_opinion"
    )
    # The signer's own certificate in KeyInfo helps nobody
    forged = signed(XML, stranger, P256, key_info=hint)
    assert refused(forged, said, keys).check == "second_opinion"


@pytest.mark.spec("security.md §2.1 A")
@pytest.mark.parametrize(
    ("octets", "check"),
    [
        (signed(XML, curve_key("secp256r1"), P256, uri="https://evil.example/x"), "reference"),
        (signed(XML, curve_key("secp256r1"), P256, uri="#_other"), "reference"),
        (signed(XML, curve_key("secp256r1"), P256).replace(b"#enveloped-signature", b"#base64"), "transforms"),
        (signed(XML, curve_key("secp256r1"), P256).replace(b"#ecdsa-sha256", b"#hmac-sha256"), "signature_algorithm"),
        (b"<!DOCTYPE a>" + signed(XML, curve_key("secp256r1"), P256), "doctype"),
    ],
)
def test_libxmlsec_never_sees_what_our_own_code_would_refuse(
    octets: bytes, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, said, keys = made()
    asked: list[object] = []
    monkeypatch.setattr(module, "_verifies", asked.append)
    assert refused(octets, said, keys).check == check
    assert not asked


def test_silence_is_said_and_is_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build of libxmlsec without brainpool says neither yes nor no."""
    octets, said, keys = made()

    class Silent:
        key: object = None

        def enable_reference_transform(self, transform: object) -> None:
            raise xmlsec.Error(f"unknown {type(transform)}")

    stub = SimpleNamespace(
        SignatureContext=Silent,
        Key=xmlsec.Key,
        tree=xmlsec.tree,
        Error=xmlsec.Error,
        VerificationError=xmlsec.VerificationError,
    )
    monkeypatch.setattr(module, "xmlsec", stub)
    error = refused(octets, said, keys)
    assert (error.check, "no opinion on ecdsa-sha256" in error.detail) == ("second_opinion", True)
    assert not another_verdict(octets, keys, SHAPE, BOTH)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"text &amp; more", b"text &amp; less"),
        (b'x="1"', b'x="2"'),
        (b"</b>", b"</b><c></c>"),
    ],
)
def test_octets_that_are_not_what_the_message_says_are_refused_as_a_reading(old: bytes, new: bytes) -> None:
    """A fault of our own canonicalisation would give out something else than was signed."""
    octets, said, keys = made()
    other = said.octets.replace(old, new)
    assert other != said.octets
    error = refused(octets, replace(said, octets=other), keys)
    assert (error.check, "expat" in error.detail) == ("second_reading", True)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], min_codepoint=1), max_size=30))
def test_every_text_reads_alike(text: str) -> None:
    root = etree.Element("{urn:a}a", {"ID": "_a"})
    try:
        root.text, child = text, etree.SubElement(root, "{urn:a}b")
        child.set("v", text)
        child.tail = text
    except ValueError:
        return  # no character of XML
    octets, said, keys = made(etree.tostring(root))
    second_opinion(octets, said, keys, SHAPE, BOTH)


# -- what libxmlsec alone would say of what we refused ---------------------------------------------------------------------


def verdict(octets: bytes, shape: Shape = SHAPE, profile: Profile = BOTH, name: str = "secp256r1") -> bool | None:
    return another_verdict(octets, [pinned(key_of(name))], shape, profile)


def test_the_other_verdict_is_yes_for_the_whole_and_no_for_the_altered() -> None:
    octets, _, _ = made()
    assert verdict(octets) is True
    assert verdict(octets.replace(b"; more<", b"; less<")) is False
    assert verdict(octets, name="secp384r1") is False
    assert verdict(XML) is False


@pytest.mark.spec("security.md §2.1 A")
def test_a_wrapped_message_that_we_refuse_would_pass_by_its_signature_alone() -> None:
    octets, _, keys = made()
    wrapped = b'<a xmlns="urn:a" ID="_evil"><b>other</b>' + octets + b"</a>"
    with pytest.raises(SignatureInvalid):
        verify(wrapped, keys, SHAPE, BOTH)
    assert verdict(wrapped) is True


def reference(octets: bytes, uri: bytes) -> bytes:
    return octets.replace(b'URI="#_a"', b'URI="' + uri + b'"')


def inclusive(prefixes: int) -> bytes:
    listed = " ".join(f"p{number}" for number in range(prefixes))
    inner = f'<c:InclusiveNamespaces xmlns:c="{EXC_C14N}" PrefixList="{listed}"/>'
    return f'<ds:Transform Algorithm="{EXC_C14N}">{inner}</ds:Transform>'.encode()


ODD = made()[0]


def _never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this test fail where it asks libxmlsec. A server of other tests, in a thread of its own, may ask."""
    ours, asks = threading.get_ident(), module._verifies

    def asked(signature: etree._Element, key: PinnedKey, identified: etree._Element | None = None) -> bool | None:
        if threading.get_ident() == ours:
            pytest.fail("libxmlsec was asked")
        return asks(signature, key, identified)

    monkeypatch.setattr(module, "_verifies", asked)


@pytest.mark.spec("security.md §2.1 A")
@pytest.mark.parametrize(
    "octets",
    [
        b"<!DOCTYPE a>" + ODD,
        reference(ODD, b"file:///etc/passwd"),
        reference(ODD, b"#xpointer(/)"),
        ODD.replace(b' URI="#_a"', b""),
        ODD.replace(
            b"http://www.w3.org/2000/09/xmldsig#enveloped-signature", b"http://www.w3.org/TR/1999/REC-xslt-19991116"
        ),
        ODD.replace(b"#ecdsa-sha256", b"#hmac-sha256"),
        ODD.replace(b"<ds:SignedInfo>", b"<ds:SignedInfo/><ds:SignedInfo>"),
        ODD.replace(b"</ds:Reference>", b"</ds:Reference>" + b'<ds:Reference URI="#_a"/>' * 4),
        ODD.replace(b"<ds:Transform ", inclusive(MAX_PREFIXES + 1) + b"<ds:Transform ", 1),
    ],
    ids=range(9),
)
def test_what_would_have_to_be_tried_to_be_known_is_not_asked(octets: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    _never_asked(monkeypatch)
    assert verdict(octets) is None


@pytest.mark.parametrize("odd", ["a'=//*='b", 'a"b', "xpointer(/)"])
def test_no_id_becomes_an_expression_of_xpath(
    odd: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A signer chooses their IDs, and the server judges a node's metadata."""
    key, spelled = curve_key("secp256r1"), odd.replace('"', "&quot;")
    octets = signed(XML.replace(b"_a", spelled.encode()), key, P256, uri=f"#{spelled}")
    said = accepted(octets, [pinned(key)])
    _never_asked(monkeypatch)
    assert refused(octets, said, [pinned(key)]).detail.startswith("an ID that is no name")
    # libxml2 would print an expression that is none, as it came
    assert capfd.readouterr().err == ""


def test_the_claim_is_the_one_that_may_be_made() -> None:
    assert "same parser and cryptography" in WORTH
    assert "independent" not in WORTH
    assert set(OPINION_CHECKS) == {"second_opinion", "second_reading"}
