"""An encrypted assertion of a pinned identity provider: opened where we have a key, in a signed Response."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from lxml import etree

from connectors.connector import Inbound
from connectors.saml_sp.connector import SamlConnector
from connectors.signatures.parse import Element
from idp.keys.file import FileSigner
from policies.errors import AssertionRejected, AuthenticationFailed
from tests.connectors import crossing, forge
from tests.connectors.crossing import XENC, Encryption, assertion
from tests.connectors.forge import NOW, Reply


def connector(idp: forge.SigningParty, signer: FileSigner, *ours: str) -> SamlConnector:
    return SamlConnector(
        provider=forge.provider(forge.metadata(idp)),
        entity_id=forge.SP,
        acs_url=forge.ACS,
        signer=signer,
        unwrappers=[crossing.unwrapper(crossing.node(name)) for name in ours],
    )


def response(
    idp: forge.SigningParty | None, *held: Element, edit: Callable[[Element], None] = lambda _: None, **changes: object
) -> Inbound:
    """A Response around what is given, signed by the identity provider; unsigned without one."""
    reply = replace(Reply(assertions=False), **changes)  # type: ignore[arg-type] # a test names fields of Reply
    root = etree.fromstring(reply.xml())
    root.extend(held)
    edit(root)
    if idp is not None:
        forge.sign_element(root, Reply().response_id, idp, forge.How())
    return forge.post(etree.tostring(root))


def refusal(made: SamlConnector, inbound: Inbound) -> str:
    with pytest.raises(AssertionRejected) as refused:
        made.receive(inbound, forge.expectation(), NOW)
    assert refused.value.__cause__ is None
    return refused.value.check


@pytest.mark.spec("saml.md §2")
@pytest.mark.parametrize(
    "encryption",
    [
        Encryption(),
        Encryption(transport=f"{XENC}rsa-oaep-mgf1p", mgf=None, hashes=(256, 1)),
        Encryption(transport=f"{XENC}rsa-oaep-mgf1p", mgf=None, digest=None, hashes=(1, 1)),
    ],
    ids=["sha256", "mgf1p with sha256", "mgf1p with sha1"],
)
def test_an_assertion_that_is_encrypted_to_us_is_read_as_any_other(
    idp: forge.SigningParty, signer: FileSigner, encryption: Encryption
) -> None:
    made = connector(idp, signer, "ours")
    found = made.receive(response(idp, encryption.element()), forge.expectation(), NOW)
    plain = made.receive(forge.post(forge.signed_reply(Reply(), idp)), forge.expectation(), NOW)
    assert found == plain


def test_an_assertion_with_a_signature_of_its_own_in_the_encryption_is_held_to_it(
    idp: forge.SigningParty, stranger: forge.SigningParty, signer: FileSigner
) -> None:
    made = connector(idp, signer, "ours")
    signed = forge.signed(assertion(), [Reply().assertion_id], idp)
    inbound = response(idp, Encryption(plaintext=signed).element())
    assert made.receive(inbound, forge.expectation(), NOW).subject == "subject-0001"
    forged = forge.signed(assertion(), [Reply().assertion_id], stranger)
    assert refusal(made, response(idp, Encryption(plaintext=forged).element())) == "signature"


def test_with_a_key_everything_else_is_judged_as_without(idp: forge.SigningParty, signer: FileSigner) -> None:
    made = connector(idp, signer, "ours", "older")
    for which in ("response", "assertion", "both"):
        inbound = forge.post(forge.signed_reply(Reply(), idp, which))
        assert made.receive(inbound, forge.expectation(), NOW).subject == "subject-0001"
    with pytest.raises(AuthenticationFailed):
        made.receive(response(None, status=forge.FAILED), forge.expectation(), NOW)


def test_what_the_message_said_is_there_for_inspection_in_its_own_names(
    idp: forge.SigningParty, signer: FileSigner
) -> None:
    made = connector(idp, signer, "ours")
    found = made.examine(response(idp, Encryption().element()), forge.expectation(), NOW)
    assert (found.subject_format, found.subject) == (forge.PERSISTENT, "subject-0001")
    assert found.attributes["urn:oid:0.0.0"] == ("not asked for",)
    assert not [value for value in ("subject-0001", "Pikk 1", "not asked for") if value in repr(found)]
