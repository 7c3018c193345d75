"""An EncryptedKey after the EncryptedData, as OpenSAML's "peer" placement has it: one key, and one reference to it."""

import pytest
import xmlsec
from xmlsec import constants

from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.parse import Element
from connectors.signatures.xmlenc import open_assertion
from tests.connectors import crossing
from tests.connectors.agreeing import Agreeing, agreement
from tests.connectors.crossing import XENC, Encryption, node, opened, outer, response
from tests.connectors.edits import Edit, into, part, without

PEER = (crossing.pinned(node("peer")),)
REFERENCE = '<ds:RetrievalMethod Type="{type}" URI="{uri}"/>'
LIST = '<xenc:ReferenceList><xenc:DataReference URI="{uri}"/></xenc:ReferenceList>'
TYPE = f"{XENC}EncryptedKey"


def beside(*then: Edit, uri: str = "#_key", kind: str = TYPE, listed: str | None = "#_data") -> Edit:
    """The key moves behind the data, a RetrievalMethod takes its place, and the key lists what it encrypts."""

    def edit(holder: Element) -> None:
        key = part(holder, "EncryptedKey")
        holder.append(key)
        into("KeyInfo", REFERENCE.format(type=kind, uri=uri))(holder)
        if listed is not None:
            into("EncryptedKey", LIST.format(uri=listed))(holder)
        for each in then:
            each(holder)

    return edit


def made(*then: Edit, **how: str | None) -> Encryption:
    return Encryption(edit=beside(*then, **how))  # type: ignore[arg-type] # only `listed` may be None


@pytest.mark.spec("saml.md §2")
@pytest.mark.parametrize("listed", ["#_data", None])
@pytest.mark.parametrize("profile", [EIDAS, SAML2INT], ids=lambda profile: profile.name)
def test_a_key_right_after_its_data_is_found_by_its_one_reference(listed: str | None, profile: object) -> None:
    assert profile in (EIDAS, SAML2INT)
    octets = response(made(listed=listed).element())
    found = opened(octets, EIDAS if profile is EIDAS else SAML2INT)
    assert found == opened(response(Encryption().element()))


def test_a_key_that_is_agreed_on_may_stand_there_too() -> None:
    signed = outer(response(Agreeing(edit=beside()).element()))
    assert open_assertion(signed, [agreement(256)], PEER, EIDAS).octets.startswith(b"<saml:Assertion")


def test_libxmlsec_reads_the_same_form() -> None:
    """It follows the reference by itself, so both sides mean the same by it."""
    holder = made(without("KeyInfo", 1)).element()
    xmlsec.tree.add_ids(holder, ["Id"])
    manager = xmlsec.KeysManager()
    manager.add_key(xmlsec.Key.from_memory(node("ours").pem, constants.KeyDataFormatPem))
    assert str(xmlsec.EncryptionContext(manager).decrypt(holder[0]).tag).endswith("}Assertion")
