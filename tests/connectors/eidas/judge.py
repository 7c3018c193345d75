"""The schemas of others as one: SAML's, eIDAS's extensions and natural persons' attributes, from pysaml2's package.

Its schema of natural persons is of version 1.2. The six types that 1.3 adds stand here, as the specification has them.
"""

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any  # lxml-stubs have no type for a resolver's context and answer

from lxml import etree

from connectors.formats.eidas.registry import EIDAS, NATURAL_PERSON
from connectors.signatures.parse import Element
from connectors.wire.names import SAML, SAMLP

_TEXT_TYPES = ("PhoneNumberType", "TownOfBirthType", "EmailAddressType")
_COUNTRY_TYPES = ("NationalityType", "CountryOfBirthType", "CountryOfResidenceType")
_ADDED = "".join(
    f'<xs:simpleType name="{name}"><xs:restriction base="xs:string">{facets}</xs:restriction></xs:simpleType>'
    for names, facets in ((_TEXT_TYPES, ""), (_COUNTRY_TYPES, '<xs:pattern value="[A-Z][A-Z]"/>'))
    for name in names
)
_OWN = {
    "all.xsd": (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
        f'<xs:import namespace="{SAML}" schemaLocation="saml-schema-assertion-2.0.xsd"/>'
        f'<xs:import namespace="{SAMLP}" schemaLocation="saml-schema-protocol-2.0.xsd"/>'
        f'<xs:import namespace="{EIDAS}" schemaLocation="eidas-schema-saml-extensions.xsd"/>'
        f'<xs:import namespace="{NATURAL_PERSON}" schemaLocation="natural-1.3.xsd"/></xs:schema>'
    ),
    "natural-1.3.xsd": (
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{NATURAL_PERSON}">'
        f'<xs:include schemaLocation="eidas-schema-attribute-naturalperson.xsd"/>{_ADDED}</xs:schema>'
    ),
}


class _Schemas(etree.Resolver):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def resolve(self, system_url: str, _public_id: str | None, context: Any) -> Any:  # type: ignore[override] # lxml gives three
        name = system_url.rsplit("/", 1)[-1]
        path = self._folder / name
        # An empty file for what is not there, such as the DTD of DTDs: it is never fetched
        text = _OWN[name].encode() if name in _OWN else path.read_bytes() if path.is_file() else b""
        return self.resolve_string(text, context, base_url=str(path))


@cache
def schema() -> etree.XMLSchema:
    with as_file(files("saml2") / "data" / "schemas") as folder:
        parser = etree.XMLParser(no_network=True, load_dtd=False)
        parser.resolvers.add(_Schemas(folder))
        return etree.XMLSchema(etree.fromstring(_OWN["all.xsd"].encode(), parser, base_url=str(folder / "all.xsd")))


def assert_valid(element: Element) -> None:
    """Every element and every value's type, as others' schemas have them."""
    schema().assertValid(etree.fromstring(etree.tostring(element)))


def is_valid(element: Element) -> bool:
    return bool(schema().validate(etree.fromstring(etree.tostring(element))))
