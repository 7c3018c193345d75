"""`ciconia inspect --as response`: what it shows, and what by hand nobody says. `test_inspect_agrees` has its verdicts."""

import json
from pathlib import Path

import pytest
from lxml import etree

from connectors.formats.eidas.values import EidasValue
from connectors.wire.names import TRANSIENT
from idp.config.settings import load_settings
from tests.connectors import crossing, forge
from tests.connectors.eidas import node as eidas
from tests.connectors.eidas.node import SendingNode
from tests.connectors.forge import Reply
from tests.idp.cli.command import in_process
from tests.idp.cli.inspecting import answers, inspect, of_a_node, only, private_pem, saml, written

VALUES = ("Pikk", "subject-0001", "1887", "unapuu", "Maasikas", "0001-äö")


def test_what_nobody_says_by_hand_passes_and_is_listed(tmp_path: Path) -> None:
    """Which NameID was asked for, and which country is ours."""
    node = SendingNode()
    person = {**eidas.PERSON, "PersonIdentifier": (EidasValue("EE/FR/0001-äö"),)}
    said = [node.says(person=person), node.says(name_id_format=TRANSIENT)]
    result = inspect(*written(tmp_path, said), *of_a_node(tmp_path, node, "--request-id", eidas.REQUEST))
    for one, left_open in zip(answers(result), ("receiving country", "NameID format"), strict=True):
        assert one.accepted
        assert left_open in str(one.whole["not_checked"])
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


def test_an_answer_to_a_public_body_is_judged_as_that_body_s_and_nobody_s_as_ours(
    tmp_path: Path, idp: forge.SigningParty
) -> None:
    city = tmp_path / "city"
    assert in_process("init", city).returncode == 0
    attribute = next(iter(forge.TABLE))
    provider = (
        f'id = "uni"\ncountry = "EE"\nnamespace = "test/uni"\nentity_id = "{forge.IDP}"\nmetadata = "metadata/uni.xml"\n'
        f'title.en = "Uni"\nspeaks_for = "bodies"\nsubject = "{attribute}"\n[attributes]\n"{attribute}" = "family_name"\n'
    )
    for file, text in {
        "providers/uni.toml": provider,
        "metadata/uni.xml": forge.metadata(idp).decode(),
        "bodies/all.toml": '[rome]\nname.en = "Rome"\nurl = "https://rome.example"\nentity_id = "https://rome.example/sp"\n',
    }.items():
        (city / file).parent.mkdir(exist_ok=True)
        (city / file).write_text(text, encoding="utf-8")
    here = f"{load_settings(city).issuer}/saml/acs"
    names = ("https://rome.example/sp", "https://milan.example/sp")
    answered = [
        Reply(
            destination=here,
            recipient=here,
            audiences=f"<saml:AudienceRestriction><saml:Audience>{name}</saml:Audience></saml:AudienceRestriction>",
        )
        for name in names
    ]
    files = written(tmp_path, [forge.post(forge.signed_reply(one, idp)) for one in answered])
    asked = ("--as", "response", "--json", "--config", city, "--from", "uni", "--at", str(forge.NOW))
    rome, milan = answers(inspect(*files, *asked))
    assert (rome.accepted, milan.check) == (True, "audience")
