"""Messages by hand: others verify the good ones, and a change changes what it says and nothing else."""

import pytest
import xmlsec
from lxml import etree

from connectors.attacks.messages.drafts import draft
from connectors.attacks.messages.parties import (
    ACS,
    ARTIFACT_ACS,
    NODE,
    NODE_ACS,
    SECOND_ACS,
    SP,
    MessageBenches,
    Parties,
    message_benches,
    new_parties,
)
from connectors.formats.eidas.metadata import read_pinned_peer
from connectors.formats.metadata import read_participant, read_service_provider
from connectors.wire.names import saml

NOW = 1_795_600_000


@pytest.fixture(scope="module")
def parties() -> Parties:
    return new_parties(NOW)


@pytest.fixture(scope="module")
def found(parties: Parties) -> MessageBenches:
    return message_benches(parties)


def test_good_messages_are_verified_by_libxmlsec(found: MessageBenches) -> None:
    for bench in found.each:
        root = etree.fromstring(bench.signed())
        xmlsec.tree.add_ids(root, ["ID"])
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(bench.holder.certificate, xmlsec.constants.KeyDataFormatCertDer)
        context.verify(root[1])


def test_metadata_of_the_service_provider_says_where_answers_go(parties: Parties) -> None:
    facts = read_service_provider(parties.sp_metadata)
    assert (facts.entity_id, facts.default_index) == (SP, 0)
    # The address by artifact has an index too, and no answer of ours goes there
    assert dict(facts.acs_urls) == {0: ACS, 1: SECOND_ACS}
    assert ARTIFACT_ACS.encode() in parties.sp_metadata
    assert set(read_participant(parties.sp_metadata).certificates) == {parties.sp.certificate, parties.sp_next.certificate}


@pytest.mark.parametrize("sp_type", ["", "private"])
def test_metadata_of_the_node_says_its_type_or_leaves_it_to_requests(parties: Parties, sp_type: str) -> None:
    facts = read_pinned_peer(parties.node_metadata(sp_type), "connector")
    assert (facts.entity_id, facts.country, facts.sp_type) == (NODE, "FI", sp_type)
    assert {url for _, url in facts.endpoints} == {NODE_ACS}


def test_what_is_swapped_has_to_be_there() -> None:
    message = draft("LogoutRequest", SP, "<saml:NameID>x</saml:NameID>", NOW)
    assert etree.fromstring(message.swapped(">x<", ">y<").xml).findtext(saml("NameID")) == "y"
    with pytest.raises(ValueError, match="nothing to swap"):
        message.swapped(">z<", ">y<")
