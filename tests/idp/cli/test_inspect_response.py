"""`ciconia inspect --as response` says of every answer what the connector says: the same check, the same code, no value."""

import json
from pathlib import Path

import pytest
from lxml import etree

from connectors.saml import SamlConnector
from idp.keys.file import FileSigner, create_saml_key, load_signer
from policies.assurance import LevelOfAssurance
from tests.connectors import crossing, forge
from tests.connectors.eidas import node as eidas
from tests.connectors.eidas.node import SendingNode, expectation
from tests.connectors.eidas.test_eidas_connector_refuses import CASES as EIDAS_CASES
from tests.connectors.forge import Reply
from tests.connectors.metadata.node import rsa_signer
from tests.idp.cli.inspecting import answers, inspect, of_a_node, only, private_pem, saml, written

VALUES = ("Pikk", "subject-0001", "1887", "unapuu", "Maasikas", "0001-äö")
# What no file has: another way to come, another provider that was asked, or the moment of the question
NOT_IN_A_FILE = {"provider", "binding", "parameters", "authn_instant_stale"}


@pytest.fixture(scope="module")
def idp() -> forge.SigningParty:
    return forge.rsa_party()


@pytest.fixture(scope="module")
def connector(idp: forge.SigningParty, tmp_path_factory: pytest.TempPathFactory) -> SamlConnector:
    path = tmp_path_factory.mktemp("keys") / "saml.pem"
    create_saml_key(path)
    # The registration that an expectation by hand makes: no table of attributes
    provider = forge.provider(forge.metadata(idp), attributes={})
    signer: FileSigner = load_signer(path)
    return SamlConnector(provider=provider, entity_id=forge.SP, acs_url=forge.ACS, signer=signer)


@pytest.fixture(scope="module")
def node() -> SendingNode:
    return SendingNode(more_keys=[rsa_signer(2)])


@pytest.mark.spec("eidas.md §4 closed grammar")
def test_every_file_that_the_connector_to_a_country_refuses_is_refused_by_the_same_check(
    tmp_path: Path, node: SendingNode
) -> None:
    """By hand nobody says which NameID was asked for, or which country is ours: those two pass, and are listed."""
    left_open = {"identifier_recipient": "receiving country", "name_id_format": "NameID format"}
    for level in ("substantial", "high"):
        minimum = LevelOfAssurance[level.upper()]
        cases = [c for c in EIDAS_CASES if c.expected == expectation(minimum) and c.check not in NOT_IN_A_FILE]
        assert cases
        result = inspect(
            *written(tmp_path, [case.make(node) for case in cases]),
            *of_a_node(tmp_path, node, "--request-id", eidas.REQUEST, "--minimum-loa", level),
        )
        assert result.exit_code == 1, result.output
        for case, one in zip(cases, answers(result), strict=True):
            if case.check in left_open:
                assert one.accepted, case
                assert left_open[case.check] in str(one.whole["not_checked"])
            else:
                assert one.check == case.check, case
        assert not [value for value in VALUES if value in result.output]


def test_values_are_shown_where_asked_for_and_of_accepted_answers_alone(tmp_path: Path, idp: forge.SigningParty) -> None:
    two = [forge.signed_reply(Reply(), idp), forge.signed_reply(Reply(recipient="https://evil.example"), idp)]
    files = written(tmp_path, [forge.post(xml) for xml in two])
    good, bad = answers(inspect(*files, *saml(tmp_path, idp, "--show-values")))
    assertion = good.whole["assertion"]
    assert isinstance(assertion, dict)
    assert assertion["subject"] == {"format": forge.PERSISTENT, "value": "subject-0001"}
    assert assertion["attributes"]["urn:oid:2.5.4.4"] == ["Õunapuu-李"]
    assert bad.check == "recipient"
    assert not [value for value in VALUES if value in json.dumps(bad.whole, ensure_ascii=False)]


def test_an_encrypted_assertion_of_an_identity_provider_needs_the_key(tmp_path: Path, idp: forge.SigningParty) -> None:
    root = etree.fromstring(Reply(assertions=False).xml())
    root.append(crossing.Encryption().element())
    forge.sign_element(root, Reply().response_id, idp, forge.How())
    path = tmp_path / "encrypted.xml"
    path.write_bytes(etree.tostring(root))
    key = tmp_path / "sp.pem"
    key.write_bytes(private_pem(crossing.unwrapper(crossing.node("ours"))))
    assert only(inspect(path, *saml(tmp_path, idp))).check == "encrypted_assertion"
    assert only(inspect(path, *saml(tmp_path, idp, "--sp-key", str(key)))).accepted
    key.write_bytes(private_pem(crossing.unwrapper(crossing.node("theirs"))))
    assert only(inspect(path, *saml(tmp_path, idp, "--sp-key", str(key)))).check == "decryption"


@pytest.mark.spec("saml.md §2")
def test_without_a_request_id_both_places_still_have_to_agree(tmp_path: Path, idp: forge.SigningParty) -> None:
    cases = {
        "another": Reply(in_response_to="_other", confirmed_request="_other"),
        "none": Reply(in_response_to=None, confirmed_request=None),
        "apart": Reply(confirmed_request="_other"),
    }
    files = written(tmp_path, [forge.post(forge.signed_reply(reply, idp)) for reply in cases.values()])
    another, none, apart = answers(inspect(*files, *saml(tmp_path, idp)))
    assert another.accepted
    assert none.accepted
    assert "request id" in str(another.whole["not_checked"])
    assert apart.check == "subject_confirmation_in_response_to"
    for one in answers(inspect(*files, *saml(tmp_path, idp, "--request-id", forge.REQUEST))):
        assert one.check in ("in_response_to", "subject_confirmation_in_response_to")


def test_the_page_for_people_ticks_off_the_plan_up_to_the_check_that_failed(
    tmp_path: Path, idp: forge.SigningParty
) -> None:
    replies = [Reply(), Reply(audiences=""), Reply(status=forge.FAILED, assertions=False)]
    signed = ("response", "response", "neither")
    xml = [forge.signed_reply(reply, idp, which) for reply, which in zip(replies, signed, strict=True)]
    words = [word for word in saml(tmp_path, idp) if word != "--json"]
    good, bad, failed = (inspect(path, *words).stdout for path in written(tmp_path, [forge.post(one) for one in xml]))
    assert "accepted." in good
    assert "[!]" not in good
    assert "[-] 11. It answers the request. Not checked." in good
    assert "refused by the check `audience` (assertion_rejected)." in bad
    assert "[x]  8. What is signed is what stands there." in bad
    assert "[!] 15. The assertion is for us, and holds now." in bad
    assert "[ ] 16." in bad
    assert "[-]  7. A key of whom we ask made them. Nobody signed it." in failed
    for text in (good, bad, failed):
        assert "Not checked: one-time use, browser binding" in text
        assert not [value for value in VALUES if value in text]
