"""The response between nodes: success, failure, and what is refused."""

import pytest
from lxml import etree

from connectors.formats.eidas.registry import (
    AUTHN_FAILED,
    FAILURES,
    LEVEL_NOT_REACHED,
    REQUEST_DENIED,
    REQUESTER,
    RESPONDER,
)
from connectors.formats.eidas.response import (
    EidasResponse,
    assertion_element,
    failure_element,
    read_response,
    response_element,
)
from connectors.formats.saml_response import ResponseHead
from connectors.signatures.parse import Element
from connectors.wire.names import ENTITY, SAML, SAMLP, SUCCESS
from tests.connectors.eidas import judge
from tests.connectors.eidas.made import (
    ACS,
    ASSERTION,
    NOW,
    PROXY,
    found,
    signed,
    signed_text,
)

HEAD = ResponseHead("_response0001", NOW, ACS, "_request0001", PROXY)


def encrypted() -> Element:
    """An EncryptedAssertion of the right shape, whose ciphertext is nobody's."""
    return etree.fromstring(
        f'<saml:EncryptedAssertion xmlns:saml="{SAML}" xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"><xenc:EncryptedData>'
        "<xenc:CipherData><xenc:CipherValue>eA==</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>"
        "</saml:EncryptedAssertion>"
    )


def success() -> Element:
    return response_element(HEAD, encrypted())


def failure(status: str = RESPONDER, sub_status: str = AUTHN_FAILED, message: str = "") -> Element:
    return failure_element(HEAD, status, sub_status, message)


@pytest.mark.spec("eidas.md §4 Response")
@pytest.mark.spec("eidas.md §4 one EncryptedAssertion")
def test_a_success_has_one_encrypted_assertion_and_no_other() -> None:
    root = success()
    judge.assert_valid(root)
    assert dict(root.items()) == {
        "ID": "_response0001",
        "Version": "2.0",
        "IssueInstant": "2026-09-21T14:13:20Z",
        "Destination": ACS,
        "InResponseTo": "_request0001",
    }
    tags = [etree.QName(child).localname for child in root]
    assert tags == ["Issuer", "Status", "EncryptedAssertion"]
    assert found(root, "samlp:Status/samlp:StatusCode").get("Value") == SUCCESS
    assert dict(found(root, "saml:Issuer").items()) == {"Format": ENTITY}
    assert read_response(signed(root)) == EidasResponse(
        response_id="_response0001",
        issue_instant=NOW,
        issuer=PROXY,
        destination=ACS,
        in_response_to="_request0001",
        status=SUCCESS,
        sub_status="",
        status_message="",
        encrypted=1,
    )


def test_an_assertion_in_the_clear_cannot_be_sent() -> None:
    with pytest.raises(ValueError, match="not encrypted"):
        response_element(HEAD, assertion_element(ASSERTION))


@pytest.mark.spec("eidas.md §4 failure without an assertion")
@pytest.mark.spec("eidas.md §4 status codes")
@pytest.mark.parametrize("status", sorted(FAILURES))
@pytest.mark.parametrize(("sub_status", "message"), [("", ""), (AUTHN_FAILED, LEVEL_NOT_REACHED), (REQUEST_DENIED, "")])
def test_a_failure_has_a_pair_of_codes_and_no_assertion(status: str, sub_status: str, message: str) -> None:
    root = failure(status, sub_status, message)
    judge.assert_valid(root)
    assert [etree.QName(child).localname for child in root] == ["Issuer", "Status"]
    response = read_response(signed(root))
    assert (response.status, response.sub_status, response.status_message) == (status, sub_status, message)
    assert response.encrypted == 0
    assert (response.in_response_to, response.destination, response.issuer) == ("_request0001", ACS, PROXY)


@pytest.mark.spec("eidas.md §4 status codes")
@pytest.mark.parametrize(
    ("status", "sub_status"),
    [(SUCCESS, ""), (AUTHN_FAILED, ""), (REQUESTER, RESPONDER), (RESPONDER, "urn:x")],
)
def test_a_code_that_the_profile_does_not_have_is_our_own_fault(status: str, sub_status: str) -> None:
    with pytest.raises(ValueError, match="status"):
        failure(status, sub_status)


STATUS = '<p:Status><p:StatusCode Value="{}"/></p:Status>'
ENCRYPTED = "<a:EncryptedAssertion><anything/></a:EncryptedAssertion>"


def response(
    *,
    attributes: str = f'Destination="{ACS}" InResponseTo="_request0001"',
    issuer: str = f"<a:Issuer>{PROXY}</a:Issuer>",
    status: str = STATUS.format(SUCCESS),
    inside: str = ENCRYPTED,
    version: str = "2.0",
) -> str:
    """A response with prefixes other than the usual."""
    return (
        f'<p:Response xmlns:p="{SAMLP}" xmlns:a="{SAML}" ID="_r1" Version="{version}" '
        f'IssueInstant="2026-09-21T14:13:20.1Z" {attributes}>{issuer}{status}{inside}</p:Response>'
    )


@pytest.mark.spec("eidas.md §4 one EncryptedAssertion")
@pytest.mark.spec("eidas.md §8 5")
@pytest.mark.parametrize(("inside", "count"), [("", 0), (ENCRYPTED, 1), (ENCRYPTED * 2, 2)])
def test_encrypted_assertions_are_counted_and_not_looked_into(inside: str, count: int) -> None:
    assert read_response(signed_text(response(inside=inside))).encrypted == count


def test_a_status_in_two_levels_with_message_and_detail_is_read() -> None:
    status = (
        f'<p:Status><p:StatusCode Value="{RESPONDER}"><p:StatusCode Value="{AUTHN_FAILED}"/></p:StatusCode>'
        "<p:StatusMessage>It failed.</p:StatusMessage><p:StatusDetail><o:X xmlns:o='urn:o'/></p:StatusDetail></p:Status>"
    )
    read = read_response(signed_text(response(status=status, inside="")))
    assert (read.status, read.sub_status, read.status_message) == (RESPONDER, AUTHN_FAILED, "It failed.")
    assert "It failed" not in repr(read)
