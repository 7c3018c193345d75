"""The advisories of 2025 about signed queries: the text that is verified must be the text that is read.

CVE-2025-27773 (SimpleSAMLphp's saml2, GHSA-46r4-f8gj-xg56): of a query with both messages the last was verified, and the
SAMLRequest was read. CVE-2025-31335 (OpenSAML C++, Shibboleth's advisory of 2025-03-13): manipulated parameters led to the
signature being verified over another text than that of the message, for every binding whose signature is not in the XML.
"""

from urllib.parse import quote

import pytest

from connectors.connector import Inbound
from connectors.formats.logout import read_logout_response
from connectors.logout_checks import ExpectedLogout, receive_logout_response
from connectors.profiles import SAML2INT
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.redirect import MAX_INFLATED, verify_query
from connectors.signatures.verification_result import Signed
from policies.errors import AssertionRejected
from tests.connectors.forge import NOW, SigningParty
from tests.connectors.sent import (
    HERE,
    LOGOUT_RESPONSE,
    PEER,
    RSA_SHA256,
    deflated,
    posted,
    query,
    signature,
    spelled,
)


def verified(raw: str, parameter: str, idp: SigningParty) -> tuple[Signed, str]:
    return verify_query(raw, parameter, [key_of_certificate(idp.certificate, SAML2INT)], SAML2INT)


def check_of(raw: str, parameter: str, idp: SigningParty) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        verified(raw, parameter, idp)
    return refusal.value.check


@pytest.fixture(scope="module")
def genuine(idp: SigningParty) -> str:
    """An attacker's loot: a LogoutResponse that the identity provider signed for them."""
    raw = query(LOGOUT_RESPONSE.xml(), idp, "SAMLResponse", "r")
    assert read_logout_response(verified(raw, "SAMLResponse", idp)[0]).in_response_to == "_asked"
    return raw


@pytest.mark.spec("CVE-2025-31335")
def test_by_post_no_signature_beside_the_message_counts(idp: SigningParty, genuine: str) -> None:
    signed_beside = dict(piece.split("=", 1) for piece in genuine.split("&"))
    unsigned = posted(LOGOUT_RESPONSE.xml(), None, "SAMLResponse").parameters
    keys = [key_of_certificate(idp.certificate, SAML2INT)]
    for parameters, check in (
        ({**unsigned, "SigAlg": RSA_SHA256, "Signature": signed_beside["Signature"]}, "parameters"),
        (unsigned, "signature_missing"),
    ):
        with pytest.raises(AssertionRejected) as refusal:
            receive_logout_response(
                Inbound("post", parameters, genuine), keys, ExpectedLogout(PEER, HERE, "_asked"), NOW, SAML2INT
            )
        assert refusal.value.check == check


@pytest.mark.spec("CVE-2025-25293")
def test_what_comes_out_of_deflate_has_a_named_end(idp: SigningParty) -> None:
    def sent(octets: bytes) -> str:
        text = f"SAMLResponse={spelled(deflated(octets))}&SigAlg={quote(RSA_SHA256, safe='')}"
        return f"{text}&Signature={signature(text, idp)}"

    whole = b"<a>" + b" " * (MAX_INFLATED - 7) + b"</a>"
    assert len(verified(sent(whole), "SAMLResponse", idp)[0].octets) == MAX_INFLATED
    assert check_of(sent(whole + b" "), "SAMLResponse", idp) == "size"
    assert check_of(sent(b"<a>" + b"A" * 100_000_000), "SAMLResponse", idp) == "size"
    # A message that ends where the bound is, with more behind it, is no message that ends there
    assert check_of(sent(b"<a></a>" + b" " * MAX_INFLATED + b"<b/>"), "SAMLResponse", idp) == "size"
