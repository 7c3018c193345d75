"""The schemas of others as one: SAML's, eIDAS's extensions and persons' attributes, from pysaml2's package.

Its schemas of persons are of version 1.2. The types that 1.3 adds stand here, as the specification has them. It has none of
representatives: the EU's are those of the plain sets under another namespace, and so are these.
"""

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any  # lxml-stubs have no type for a resolver's context and answer

from lxml import etree

from connectors.formats.eidas.registry import EIDAS, LEGAL_PERSON, NATURAL_PERSON
from connectors.signatures.parse import Element
from connectors.wire.names import SAML, SAMLP

_XS = "http://www.w3.org/2001/XMLSchema"
_TEXT = ("PhoneNumberType", "TownOfBirthType", "EmailAddressType")
_COUNTRY = ("NationalityType", "CountryOfBirthType", "CountryOfResidenceType")
_LEGAL = ("LegalPhoneNumberType", "LegalEmailAddressType")
# Where a set's schema is, and the types that 1.3 adds to it
_SETS = {
    NATURAL_PERSON: ("eidas-schema-attribute-naturalperson.xsd", _TEXT, _COUNTRY),
    LEGAL_PERSON: ("eidas-schema-attribute-legalperson.xsd", _LEGAL, ()),
}


def _types(names: tuple[str, ...], facets: str = "") -> str:
    restricted = f'<xs:restriction base="xs:string">{facets}</xs:restriction>'
    return "".join(f'<xs:simpleType name="{name}">{restricted}</xs:simpleType>' for name in names)


def _person(folder: Path, namespace: str) -> str:
    """One set's schema: the package's, with the added types, under this namespace."""
    plain = namespace.removesuffix("/representative")
    file, text, country = _SETS[plain]
    known = (folder / file).read_text(encoding="utf-8").replace(f'"{plain}"', f'"{namespace}"')
    added = _types(text) + _types(country, '<xs:pattern value="[A-Z][A-Z]"/>')
    return known.replace("</xsd:schema>", added.replace("xs:", "xsd:") + "</xsd:schema>")


_PERSONS = {
    f"person-{at}.xsd": f"{namespace}{kind}"
    for at, (namespace, kind) in enumerate((ns, kind) for ns in _SETS for kind in ("", "/representative"))
}
_ALL = (
    f'<xs:schema xmlns:xs="{_XS}"><xs:import namespace="{SAML}" schemaLocation="saml-schema-assertion-2.0.xsd"/>'
    f'<xs:import namespace="{SAMLP}" schemaLocation="saml-schema-protocol-2.0.xsd"/>'
    f'<xs:import namespace="{EIDAS}" schemaLocation="eidas-schema-saml-extensions.xsd"/>'
    + "".join(f'<xs:import namespace="{namespace}" schemaLocation="{name}"/>' for name, namespace in _PERSONS.items())
    + "</xs:schema>"
)


class _Schemas(etree.Resolver):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def resolve(self, system_url: str, _public_id: str | None, context: Any) -> Any:  # type: ignore[override] # lxml gives three
        name = system_url.rsplit("/", 1)[-1]
        path = self._folder / name
        if name in _PERSONS:
            return self.resolve_string(_person(self._folder, _PERSONS[name]).encode(), context, base_url=str(path))
        # An empty file for what is not there, such as the DTD of DTDs: it is never fetched
        text = path.read_bytes() if path.is_file() else b""
        return self.resolve_string(text, context, base_url=str(path))


@cache
def schema() -> etree.XMLSchema:
    with as_file(files("saml2") / "data" / "schemas") as folder:
        parser = etree.XMLParser(no_network=True, load_dtd=False)
        parser.resolvers.add(_Schemas(folder))
        return etree.XMLSchema(etree.fromstring(_ALL.encode(), parser, base_url=str(folder / "all.xsd")))


def assert_valid(element: Element) -> None:
    """Every element and every value's type, as others' schemas have them."""
    schema().assertValid(etree.fromstring(etree.tostring(element)))


def is_valid(element: Element) -> bool:
    return bool(schema().validate(etree.fromstring(etree.tostring(element))))
