"""The versions that a run speaks of: ours, the interpreter's, and those of all that parses, verifies or decrypts."""

import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pyexpat import EXPAT_VERSION

import xmlsec
from cryptography.hazmat.backends.openssl import backend
from lxml import etree

PACKAGES = ("ciconia", "lxml", "xmlsec", "cryptography", "python-jose", "joserfc")


def versions() -> Mapping[str, str]:
    """Name to version, as they run here: a library that was compiled against another version says both."""
    return {
        **{name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "libxml2": _dotted(etree.LIBXML_VERSION),
        "libxml2 compiled against": _dotted(etree.LIBXML_COMPILED_VERSION),
        "libxml2 of xmlsec": _dotted(xmlsec.get_libxml_version()),
        "libxmlsec": _dotted(xmlsec.get_libxmlsec_version()),  # type: ignore[attr-defined] # its stubs lack it
        "openssl": backend.openssl_version_text(),
        "expat": EXPAT_VERSION.removeprefix("expat_"),
    }


def _dotted(parts: Iterable[int]) -> str:
    return ".".join(str(part) for part in parts)
