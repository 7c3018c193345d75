"""The parts that every SAML 2.0 message has, read by the closed grammar: its root, its Issuer and its Status."""

from collections.abc import Collection

from connectors.formats.grammar import MAX_ID, Reader, empty, plain, texted, version_2
from connectors.signatures.parse import MAX_OCTETS, Element
from connectors.wire.names import ENTITY, SUCCESS, saml, samlp
from policies.errors import AssertionRejected

_STATUS_CODE = samlp("StatusCode")
_STATUS_MESSAGE = samlp("StatusMessage")
_STATUS_DETAIL = samlp("StatusDetail")
_ISSUER = saml("Issuer")


def opened(
    root: Element, name: str, optional: Collection[str], required: Collection[str] = ()
) -> tuple[Reader, dict[str, str], str]:
    """A message of this name: its reader, which stands behind the Issuer, its attributes, and its Issuer."""
    if root.tag != samlp(name):
        raise AssertionRejected("root", f"a message that is no {name}")
    reader = Reader(root, name)
    found = reader.only(("ID", "Version", "IssueInstant", *required), optional)
    version_2(found["Version"], name)
    return reader, found, read_issuer(reader.one(_ISSUER, "Issuer"))


def read_status(element: Element) -> tuple[str, str, str]:
    """Top and second-level StatusCode, and StatusMessage (§3.2.2); "" where there is none. The message is shown to nobody.

    StatusDetail may hold any XML at all: it is skipped in a failure, and refused beside a success, where it can only hide.
    """
    reader = Reader(element, "Status")
    reader.only(())
    value, second = _status_code(reader.one(_STATUS_CODE, "StatusCode"))
    message = reader.optional(_STATUS_MESSAGE)
    detail = reader.optional(_STATUS_DETAIL)
    if detail is not None and value == SUCCESS:
        raise AssertionRejected("status_detail", "a StatusDetail beside success")
    reader.end()
    sub_status = "" if second is None else empty(second, "second StatusCode", ("Value",))["Value"]
    return value, sub_status, "" if message is None else plain(message, "StatusMessage", MAX_OCTETS)


def _status_code(element: Element) -> tuple[str, Element | None]:
    if not len(element):
        return empty(element, "StatusCode", ("Value",))["Value"], None
    reader = Reader(element, "StatusCode")
    value = reader.only(("Value",))["Value"]
    second = reader.optional(_STATUS_CODE)
    reader.end()
    return value, second


def read_issuer(element: Element) -> str:
    """An Issuer (§2.2.5) of any message: an entity's name and nothing that would qualify it."""
    found, value = texted(element, "Issuer", ("Format",), MAX_ID)
    if found and found["Format"] != ENTITY:
        raise AssertionRejected("issuer_format", "an Issuer of a format other than entity")
    if not value:
        raise AssertionRejected("issuer", "an Issuer that is empty, which names nobody")
    return value
