"""Messages by hand: others verify the good ones, and a change changes what it says and nothing else."""

import pytest
import xmlsec
from lxml import etree

from connectors.attacks.messages.drafts import draft
from connectors.attacks.messages.parties import (
    SP,
    MessageBenches,
    Parties,
    message_benches,
    new_parties,
)
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


def test_what_is_swapped_has_to_be_there() -> None:
    message = draft("LogoutRequest", SP, "<saml:NameID>x</saml:NameID>", NOW)
    assert etree.fromstring(message.swapped(">x<", ">y<").xml).findtext(saml("NameID")) == "y"
    with pytest.raises(ValueError, match="nothing to swap"):
        message.swapped(">z<", ">y<")
