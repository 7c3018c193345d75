"""The libraries below: which libxml2 each of them brought along."""

import xmlsec
from lxml import etree


def libxml2_versions() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The libxml2 that lxml runs with, and the one that xmlsec runs with, as (major, minor, patch).

    They hand trees to each other by pointer: where major or minor differ, the layout of a node may, too.
    """
    return tuple(etree.LIBXML_VERSION), tuple(xmlsec.get_libxml_version())
