"""What the advisories of 2025 taught about signed queries: what is verified and what is read must be one and the same text.

CVE-2025-27773 (SimpleSAMLphp's saml2, GHSA-46r4-f8gj-xg56): of a query with both messages the last was verified, and the
SAMLRequest was read. CVE-2025-31335 (OpenSAML C++, Shibboleth's advisory of 2025-03-13): manipulated parameters led to the
signature being verified over another text than that of the message, for every binding whose signature is not in the XML.
"""

from collections.abc import Callable
from itertools import permutations
from urllib.parse import quote

import pytest

from connectors.connector import Inbound
from connectors.formats.logout import read_logout_response
from connectors.logout_checks import ExpectedLogout, receive_logout_request, receive_logout_response
from connectors.profiles import SAML2INT
from connectors.signatures.keys import key_of_certificate
from connectors.signatures.redirect import MAX_INFLATED, MESSAGES, verify_query
from connectors.signatures.signed import Signed
from policies.errors import AssertionRejected
from tests.connectors import forge
from tests.connectors.forge import NOW, SigningParty
from tests.connectors.sent import (
    HERE,
    LOGOUT_REQUEST,
    LOGOUT_RESPONSE,
    PEER,
    RSA_SHA256,
    deflated,
    posted,
    query,
    signature,
    spelled,
)

FORGED = spelled(deflated(LOGOUT_REQUEST.xml().encode()))
FORGED_RESPONSE = spelled(deflated(forge.Reply().xml()))


def verified(raw: str, parameter: str, idp: SigningParty) -> tuple[Signed, str]:
    return verify_query(raw, parameter, [key_of_certificate(idp.certificate, SAML2INT)], SAML2INT)


def check_of(raw: str, parameter: str, idp: SigningParty) -> str:
    with pytest.raises(AssertionRejected) as refusal:
        verified(raw, parameter, idp)
    return refusal.value.check


@pytest.fixture(scope="module")
def genuine(idp: SigningParty) -> str:
    """What an attacker has: a LogoutResponse that the identity provider signed for them."""
    raw = query(LOGOUT_RESPONSE.xml(), idp, "SAMLResponse", "r")
    assert read_logout_response(verified(raw, "SAMLResponse", idp)[0]).in_response_to == "_asked"
    return raw


@pytest.mark.spec("CVE-2025-27773")
@pytest.mark.parametrize("forged", [FORGED, FORGED_RESPONSE, ""], ids=["request", "response", "empty"])
def test_a_forged_request_beside_a_signed_response_is_refused_in_every_order(
    idp: SigningParty, genuine: str, forged: str
) -> None:
    pieces = [*genuine.split("&"), f"SAMLRequest={forged}"]
    for order in permutations(pieces):
        for parameter in MESSAGES:
            assert check_of("&".join(order), parameter, idp) == "parameters"


@pytest.mark.spec("CVE-2025-27773")
def test_of_two_messages_of_one_name_neither_is_read(idp: SigningParty, genuine: str) -> None:
    mine = genuine.split("&", 1)[0]
    for more in (f"SAMLResponse={FORGED_RESPONSE}", mine, "SAMLResponse="):
        for raw in (f"{more}&{genuine}", f"{genuine}&{more}", genuine.replace("&", f"&{more}&", 1)):
            assert check_of(raw, "SAMLResponse", idp) == "parameters"


@pytest.mark.spec("CVE-2025-27773")
def test_a_response_is_no_request_whatever_its_parameter_is_called(idp: SigningParty, genuine: str) -> None:
    # The name is signed, so that the one cannot be renamed into the other
    renamed = genuine.replace("SAMLResponse=", "SAMLRequest=", 1)
    assert check_of(renamed, "SAMLRequest", idp) == "signature"
    # And what the sender itself puts under the other name is of the wrong kind
    for xml in (LOGOUT_RESPONSE.xml(), forge.Reply().xml().decode()):
        raw = query(xml, idp, "SAMLRequest")
        with pytest.raises(AssertionRejected) as refusal:
            receive_logout_request(
                Inbound("redirect", {}, raw),
                [key_of_certificate(idp.certificate, SAML2INT)],
                ExpectedLogout(PEER, HERE),
                NOW,
                SAML2INT,
            )
        assert refusal.value.check == "root"


@pytest.mark.spec("CVE-2025-31335")
@pytest.mark.parametrize(
    "smuggle",
    [
        # Names that end in another: a search for "SAMLResponse=" finds them
        lambda raw: f"xSAMLResponse={FORGED_RESPONSE}&{raw}",
        lambda raw: raw.replace("SAMLResponse=", f"SAMLResponse={FORGED_RESPONSE}&xSAMLResponse=", 1),
        lambda raw: raw.replace("RelayState=", "xRelayState=", 1),
        lambda raw: raw.replace("SigAlg=", "xSigAlg=", 1),
        lambda raw: f"{raw}&xSignature=",
        # The signed text as a value of something else
        lambda raw: f"SAMLResponse={FORGED_RESPONSE}&RelayState={quote(raw, safe='')}",
        lambda raw: (
            f"SAMLResponse={FORGED_RESPONSE}&RelayState=?{raw.partition('&SigAlg=')[0]}&SigAlg={raw.partition('&SigAlg=')[2]}"
        ),
        # Parameters of one reader that are none, or others, of the next
        lambda raw: f"{raw}&SAMLart=AAQAAA",
        lambda raw: f"{raw}&SAMLResponse[]={FORGED_RESPONSE}",
        lambda raw: f"{raw}&SAMLResponse%00={FORGED_RESPONSE}",
        lambda raw: f"{raw}& SAMLResponse={FORGED_RESPONSE}",
        lambda raw: f"{raw};SAMLResponse={FORGED_RESPONSE}",
        lambda raw: f"{raw}#SAMLResponse={FORGED_RESPONSE}",
        lambda raw: f"?{raw}",
        lambda raw: f"&{raw}",
        lambda raw: raw.replace("&", "&&", 1),
        lambda raw: raw.replace("&", "&amp;", 1),
    ],
)
def test_a_parameter_that_hides_in_another_is_refused(
    idp: SigningParty, genuine: str, smuggle: Callable[[str], str]
) -> None:
    refused = {"parameters", "signature_missing", "signature_value"}
    assert check_of(smuggle(genuine), "SAMLResponse", idp) in refused


@pytest.mark.spec("CVE-2025-31335")
def test_the_border_between_two_values_does_not_move(idp: SigningParty, genuine: str) -> None:
    head, _, tail = genuine.partition("&RelayState=r")
    # A "&" that was decoded before the text was made would make these the same
    assert check_of(f"{head}%26RelayState%3Dr{tail}", "SAMLResponse", idp) == "signature"
    assert check_of(f"{head}&RelayState=r%26SigAlg%3Dx{tail}", "SAMLResponse", idp) == "signature"
    assert check_of(f"{head}{tail}", "SAMLResponse", idp) == "signature"
    assert check_of(f"{head}&RelayState={tail}", "SAMLResponse", idp) == "signature"


@pytest.mark.spec("CVE-2025-31335")
def test_a_signature_over_values_that_were_decoded_is_none(idp: SigningParty) -> None:
    # As HTTP-POST-SimpleSign makes it: without escapes a value can hold the next parameter
    value = deflated(LOGOUT_RESPONSE.xml().encode())
    plain = f"SAMLResponse={value!r}&RelayState=r&SigAlg={RSA_SHA256}"
    pairs = f"SAMLResponse={spelled(value)}&RelayState=r&SigAlg={quote(RSA_SHA256, safe='')}"
    assert check_of(f"{pairs}&Signature={signature(plain, idp)}", "SAMLResponse", idp) == "signature"


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


@pytest.mark.spec("security.md §2.1 C")
def test_there_is_no_way_back_to_a_signature_in_the_xml(idp: SigningParty) -> None:
    octets = forge.signed(LOGOUT_RESPONSE.xml().encode(), ["_message0001"], idp)
    inside = f"SAMLResponse={spelled(deflated(octets))}"
    alg = f"SigAlg={quote(RSA_SHA256, safe='')}"
    # Unsigned beside, signed inside: neither alone, nor with half a signature
    assert check_of(inside, "SAMLResponse", idp) == "signature_missing"
    assert check_of(f"{inside}&{alg}", "SAMLResponse", idp) == "signature_missing"
    assert check_of(f"{inside}&{alg}&Signature=", "SAMLResponse", idp) == "signature_value"
    # Signed in both places: a reader behind us could believe the other one
    assert check_of(query(octets.decode(), idp, "SAMLResponse"), "SAMLResponse", idp) == "signature_place"


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
