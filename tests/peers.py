"""Peers that nobody here wrote: a browser from Debian, libraries from npm. Tests marked `peer` ask for them."""

import os

import pytest


def require_peer(name: str, *, present: bool) -> None:
    """Go on where the peer is there. Without it a laptop skips, with the reason; CI fails, since it installs every peer."""
    if present:
        return
    sentence = f"{name} is not installed here: `bash .ci/peers` installs it"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)
