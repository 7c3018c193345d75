"""National integrations of eIDAS, and what they send to services, in messages of our own: Sweden, Netherlands, Austria.

Read from Sweden Connect's eIDAS connector and attribute specification, from maykinmedia/django-digid-eherkenning, and from
the tests of Go Vocal for the city of Vienna.
"""

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any  # JSON

import pytest

from tests.connectors import forge
from tests.idp.cli.inspecting import inspect, only, saml

PARTY = forge.party(forge.rsa_key(5, 2048))
# The foreign assertion as it came, which Sweden's connector hands on whole
FOREIGN = base64.b64encode(b"<saml2:Assertion>" + b"x" * 12_000 + b"</saml2:Assertion>").decode()
SWEDEN = replace(
    forge.Reply(),
    context="http://id.elegnamnden.se/loa/1.0/eidas-nf-sub",
    context_inside="<saml:AuthenticatingAuthority>https://node.kh.example/ServiceMetadata</saml:AuthenticatingAuthority>",
    attributes=(
        forge.attribute("urn:oid:1.2.752.201.3.4", "KH:5068907693"),
        forge.attribute("urn:oid:1.2.752.201.3.5", "A"),
        forge.attribute("urn:oid:1.2.752.201.3.7", "KH/SE/5068907693"),
        forge.attribute("urn:oid:1.2.752.201.3.16", "195006262546"),
        forge.attribute("urn:oid:1.2.752.201.3.6", "https://id.swedenconnect.se/id-binding/process/1.0/registered"),
        forge.attribute("urn:oid:1.2.752.201.3.2", "_assertion0001"),
        forge.attribute("urn:oid:1.2.752.201.3.9", "LocatorDesignator=22;Thoroughfare=Pikk%20t%C3%A4nav;PostName=Tallinn"),
        forge.attribute("urn:oid:1.2.752.201.3.13", FOREIGN),
        forge.attribute("urn:oid:1.3.6.1.5.5.7.9.1", "1964-12-31"),
        forge.attribute("urn:oid:2.5.4.4", "Õunapuu"),
        forge.attribute("urn:oid:2.5.4.42", "Mari"),
        forge.attribute("urn:oid:2.5.4.6", "KH"),
    ),
)
BROKER = "urn:etoegang:HM:00000003520354760000:entities:9632"
TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
# The company's number is a NameID within the value, encrypted there
SUBJECT = (
    '<saml:Attribute FriendlyName="ActingSubjectID" Name="urn:etoegang:core:LegalSubjectID"><saml:AttributeValue>'
    f'<saml:NameID NameQualifier="urn:etoegang:1.9:EntityConcernedID:KvKnr" Format="{forge.PERSISTENT}">1234</saml:NameID>'
    "</saml:AttributeValue></saml:Attribute>"
)
NETHERLANDS = replace(
    forge.Reply(),
    name_id="b964780b-3441-4e57-a027-a59c21c3019d",
    name_id_attributes=f'Format="{TRANSIENT}" NameQualifier="urn:etoegang:EB:00000004000000149000:entities:9009"',
    context="urn:etoegang:core:assurance-class:loa3",
    context_inside=(
        "<saml:AuthenticatingAuthority>urn:etoegang:EB:00000004000000149000:entities:9009</saml:AuthenticatingAuthority>"
    ),
    advice=(
        f'<saml:Advice><saml:Assertion ID="_declared" IssueInstant="{forge.clock(forge.NOW)}" Version="2.0">'
        f"<saml:Issuer>{BROKER}</saml:Issuer></saml:Assertion></saml:Advice>"
    ),
    attributes=(
        forge.attribute("urn:etoegang:core:ServiceID", "urn:etoegang:DV:00000002003214394001:services:5000"),
        forge.attribute("urn:etoegang:core:ServiceUUID", "87f3035b-b0c2-482a-b693-98316f5f4ba4"),
        SUBJECT,
    ),
)
AUSTRIA = replace(
    forge.Reply(),
    name_id="wien1.prp9002@wien.example",
    attributes=(
        forge.attribute("urn:oid:1.2.40.0.10.2.1.1.261.10", "2.1"),
        forge.attribute("urn:oid:1.2.40.0.10.2.1.1.261.20", "Preß"),
        forge.attribute("urn:oid:2.5.4.42", "Philipp"),
        forge.attribute("urn:oid:1.2.40.0.10.2.1.1.261.110", "1"),
        forge.attribute("urn:oid:0.9.2342.19200300.100.1.1", "wien1.prp9002@wien.example"),
        forge.attribute("http://lfrz.at/stdportal/names/pvp2/txid", "101840$tkhx@7009p1"),
    ),
)


def judged(folder: Path, reply: forge.Reply) -> Any:
    (folder / "response.xml").write_bytes(forge.signed_reply(reply, PARTY, "both"))
    return only(inspect(folder / "response.xml", *saml(folder, PARTY)))


@pytest.mark.parametrize(
    ("reply", "loa", "attributes"), [(SWEDEN, "substantial", 12), (AUSTRIA, "high", 6)], ids=["Sweden", "Austria"]
)
def test_an_answer_is_read_as_it_is_and_told_by_counts(
    tmp_path: Path, reply: forge.Reply, loa: str, attributes: int
) -> None:
    found = judged(tmp_path, reply)
    assert found.accepted, found.whole["error"]
    assert found.whole["assertion"]["loa"] == loa
    assert len(found.whole["assertion"]["attributes"]) == attributes
    assert "195006262546" not in str(found.whole)


@pytest.mark.parametrize(
    ("reply", "check"),
    [
        # Whatever reads the wrong one of several assertions takes somebody else for the person
        (NETHERLANDS, "one_assertion"),
        # A name for one visit, where the number of the company is encrypted within a value
        (replace(NETHERLANDS, advice=""), "name_id_format"),
    ],
)
def test_eherkenning_as_it_is_is_refused_by_name(tmp_path: Path, reply: forge.Reply, check: str) -> None:
    assert judged(tmp_path, reply).check == check
