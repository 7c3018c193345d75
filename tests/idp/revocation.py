"""Kinds of keys of which each is revoked for a while, in an application that serves."""

from collections.abc import Iterator
from contextlib import contextmanager

from idp.application.app import Application


@contextmanager
def all_revoked(application: Application, *kinds: str) -> Iterator[None]:
    """No key of these kinds counts."""
    rings = [application.keys.rings[kind] for kind in kinds]
    before = [ring._revoked for ring in rings]
    for ring in rings:
        ring.obey(lambda _key_id: 1)
    try:
        yield
    finally:
        for ring, obeyed in zip(rings, before, strict=True):
            ring.obey(obeyed)
