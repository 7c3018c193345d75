"""Canonical JSON (RFC 8785), without fractions."""

from collections.abc import Mapping, Sequence

import rfc8785

Json = None | str | int | bool | Sequence["Json"] | Mapping[str, "Json"]


def jcs(value: Json) -> bytes:
    """The canonical spelling, UTF-8. Raises ValueError if there is none (a lone surrogate, an integer too large)."""
    return rfc8785.dumps(value)
