"""The OASIS and W3C schemas that pysaml2's package carries, for lxml: they judge in tests, never at run time."""

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any  # lxml-stubs have no type for a resolver's context and answer

from lxml import etree

from connectors.signatures.parse import Element


class _Local(etree.Resolver):
    """Finds every imported schema in the one folder, whatever address the schema names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def resolve(self, system_url: str, _public_id: str | None, context: Any) -> Any:  # type: ignore[override] # lxml gives three
        path = self._folder / system_url.rsplit("/", 1)[-1]
        # An empty file for what is not there, such as the DTD of DTDs: it is never fetched
        text = path.read_bytes() if path.is_file() else b""
        return self.resolve_string(text, context, base_url=str(path))


@cache
def schema(name: str) -> etree.XMLSchema:
    """`saml-schema-protocol-2.0.xsd` or another of the folder."""
    with as_file(files("saml2") / "data" / "schemas") as folder:
        # The W3C's schema of XML signature begins with a DTD of its own
        parser = etree.XMLParser(no_network=True, load_dtd=False)
        parser.resolvers.add(_Local(folder))
        return etree.XMLSchema(etree.parse(str(folder / name), parser))


def assert_valid(element: Element, name: str) -> None:
    schema(name).assertValid(element)
