"""Peers that run in node, from this folder's package.json."""

import shutil
from collections.abc import Mapping

from tests.interop.speaking import HERE, Speaking
from tests.peers import require_peer

MODULES = HERE / "node_modules"


def require_node(package: str) -> None:
    """Node, and this package of `package.json`, or no test."""
    require_peer(f"npm {package}", present=shutil.which("node") is not None and (MODULES / package).is_dir())


class Node(Speaking):
    """One script of this folder, running."""

    def __init__(self, script: str, environment: Mapping[str, str]) -> None:
        node = shutil.which("node")
        assert node is not None
        super().__init__([node, "--no-deprecation", str(HERE / script)], environment)
