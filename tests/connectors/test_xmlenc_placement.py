"""An EncryptedKey after the EncryptedData, as OpenSAML's "peer" placement has it: one key, and one reference to it."""

from collections.abc import Callable

import pytest
import xmlsec
from lxml import etree
from xmlsec import constants

from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.parse import Element
from connectors.signatures.xmlenc import open_assertion
from policies.errors import AssertionRejected, SignatureInvalid
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


def another_key(holder: Element) -> None:
    """A second key after the first, under an Id of its own: which of them opens the data?"""
    key = Encryption(recipient="another").element()
    found = part(key, "EncryptedKey")
    found.set("Id", "_key2")
    holder.append(found)


def inside_too(holder: Element) -> None:
    """One key in the data, and one after it."""
    found = part(Encryption().element(), "EncryptedKey")
    found.set("Id", "_key2")
    part(holder, "KeyInfo").append(found)


def before(holder: Element) -> None:
    holder.insert(0, holder[1])


def elsewhere(holder: Element) -> None:
    key = part(holder, "EncryptedKey")
    wrapper = etree.SubElement(holder, f"{{{XENC}}}Other")
    wrapper.append(key)


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


FETCHING = ["https://evil.example/key.xml", "file:///etc/ciconia/keys/node.pem"]
REFUSED: list[tuple[str, str, Encryption]] = [
    *(("retrieval_method", uri, made(uri=uri)) for uri in FETCHING),
    ("retrieval_method", "the whole document", made(uri="")),
    ("retrieval_method", "no fragment", made(uri="#")),
    ("retrieval_method", "another Id", made(uri="#_other")),
    ("retrieval_method", "the Id of the data", made(uri="#_data")),
    ("encrypted_data", "a key that nothing names", made(without("RetrievalMethod"))),
    ("encrypted_key", "two keys", made(another_key)),
    ("encrypted_key", "a key in the data, too", made(inside_too)),
    ("encrypted_key", "a name beside the reference", made(into("KeyInfo", "<ds:KeyName>k</ds:KeyName>", place=0))),
]


class Unasked:
    """A key that nobody should have asked."""

    certificate = b""
    key_id = "ours"

    def unwrap(self, *_: object) -> bytes:
        raise AssertionError("a private key was used")


@pytest.mark.spec("security.md §2.1 B")
@pytest.mark.parametrize(
    ("check", "encryption"), [(c, e) for c, _, e in REFUSED], ids=[f"{c}: {n or 'empty'}" for c, n, _ in REFUSED]
)
def test_any_other_placement_is_refused_by_name_and_nothing_is_fetched(check: str, encryption: Encryption) -> None:
    """Sockets are closed in tests: whoever followed a reference would fail by another name."""
    signed = outer(response(encryption.element()))
    with pytest.raises(AssertionRejected) as refusal:
        open_assertion(signed, [Unasked()], PEER, EIDAS)
    assert refusal.value.check == check


def _second_id(root: Element) -> None:
    part(root, "StatusCode").set("Id", "_key")


def _same_id(root: Element) -> None:
    part(root, "EncryptedData").set("Id", "_key")


@pytest.mark.parametrize("edit", [_second_id, _same_id])
def test_an_id_that_stands_twice_is_refused_before_anything_refers_to_it(edit: Callable[[Element], None]) -> None:
    with pytest.raises(AssertionRejected) as refusal:
        outer(response(made().element(), edit=edit))
    assert refusal.value.check == "duplicate_id"


def test_a_key_of_somebody_elses_after_the_data_breaks_the_signature() -> None:
    """Who can encrypt to us can make such a key; the signature of the Response covers both."""
    octets, other = response(made().element()), response(made().element())
    values = [part(etree.fromstring(xml), "EncryptedKey").findtext(".//{*}CipherValue") or "" for xml in (octets, other)]
    with pytest.raises(SignatureInvalid) as refusal:
        outer(octets.replace(values[0].encode(), values[1].encode()))
    assert refusal.value.check == "digest"
