"""STORK's extensions and attribute statuses as schemas, in our words, over SAML's own from pysaml2's package."""

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any  # lxml-stubs have no type for a resolver's context and answer

from lxml import etree

from connectors.formats.stork.registry import STORK, STORKP
from connectors.signatures.parse import Element
from connectors.wire.names import SAML, SAMLP

_XS = "http://www.w3.org/2001/XMLSchema"


def _text(name: str, longest: int) -> str:
    return (
        f'<xs:element name="{name}"><xs:simpleType><xs:restriction base="xs:string"><xs:minLength value="1"/>'
        f'<xs:maxLength value="{longest}"/></xs:restriction></xs:simpleType></xs:element>'
    )


_OWN = {
    "all.xsd": (
        f'<xs:schema xmlns:xs="{_XS}">'
        f'<xs:import namespace="{SAML}" schemaLocation="saml-schema-assertion-2.0.xsd"/>'
        f'<xs:import namespace="{SAMLP}" schemaLocation="saml-schema-protocol-2.0.xsd"/>'
        f'<xs:import namespace="{STORK}" schemaLocation="stork.xsd"/>'
        f'<xs:import namespace="{STORKP}" schemaLocation="storkp.xsd"/></xs:schema>'
    ),
    "stork.xsd": (
        f'<xs:schema xmlns:xs="{_XS}" xmlns:s="{STORK}" targetNamespace="{STORK}" elementFormDefault="qualified">'
        '<xs:element name="QualityAuthenticationAssuranceLevel"><xs:simpleType><xs:restriction base="xs:integer">'
        '<xs:minInclusive value="1"/><xs:maxInclusive value="4"/></xs:restriction></xs:simpleType></xs:element>'
        f"{_text('spSector', 20)}{_text('spInstitution', 255)}{_text('spApplication', 100)}"
        '<xs:simpleType name="country"><xs:restriction base="xs:token"><xs:pattern value="[A-Z]{2}"/></xs:restriction>'
        '</xs:simpleType><xs:element name="spCountry" type="s:country"/>'
        '<xs:element name="AttributeValue" type="xs:anyType"/><xs:element name="RequestedAttribute"><xs:complexType>'
        '<xs:sequence><xs:element ref="s:AttributeValue" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>'
        '<xs:attribute name="Name" use="required"/><xs:attribute name="NameFormat" type="xs:anyURI" use="required"/>'
        '<xs:attribute name="FriendlyName"/><xs:attribute name="isRequired" type="xs:boolean"/></xs:complexType>'
        '</xs:element><xs:attribute name="AttributeStatus"><xs:simpleType><xs:restriction base="xs:string">'
        '<xs:enumeration value="Available"/><xs:enumeration value="NotAvailable"/><xs:enumeration value="Withheld"/>'
        "</xs:restriction></xs:simpleType></xs:attribute></xs:schema>"
    ),
    "storkp.xsd": (
        f'<xs:schema xmlns:xs="{_XS}" xmlns:s="{STORK}" targetNamespace="{STORKP}" elementFormDefault="qualified">'
        f'<xs:import namespace="{STORK}" schemaLocation="stork.xsd"/><xs:element name="eIDSectorShare" type="xs:boolean"/>'
        '<xs:element name="eIDCrossSectorShare" type="xs:boolean"/>'
        '<xs:element name="eIDCrossBorderShare" type="xs:boolean"/><xs:element name="RequestedAttributes"><xs:complexType>'
        '<xs:sequence><xs:element ref="s:RequestedAttribute" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>'
        '</xs:complexType></xs:element><xs:element name="AuthenticationAttributes"><xs:complexType><xs:sequence>'
        '<xs:element name="VIDPAuthenticationAttributes" minOccurs="0"><xs:complexType><xs:sequence>'
        '<xs:element name="CitizenCountryCode" type="s:country" minOccurs="0"/>'
        '<xs:element name="SPInformation"><xs:complexType><xs:sequence>'
        f"{_text('SPID', 20)}</xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>"
        "</xs:sequence></xs:complexType></xs:element></xs:schema>"
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
def _schema() -> etree.XMLSchema:
    with as_file(files("saml2") / "data" / "schemas") as folder:
        parser = etree.XMLParser(no_network=True, load_dtd=False)
        parser.resolvers.add(_Schemas(folder))
        return etree.XMLSchema(etree.fromstring(_OWN["all.xsd"].encode(), parser, base_url=str(folder / "all.xsd")))


def assert_valid(element: Element) -> None:
    _schema().assertValid(etree.fromstring(etree.tostring(element)))
