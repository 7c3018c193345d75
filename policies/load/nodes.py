"""`nodes/*.toml`: one file a receiving node of another country, which may ask this sending node about its citizens."""

from collections.abc import Mapping

from policies.load.peers import read_peer
from policies.load.table import Table
from policies.parties import NodeId, RequestingNode


def read_node(table: Table, files: Mapping[str, bytes]) -> RequestingNode:
    """One node. Problems go to the table's list."""
    node = RequestingNode(
        node_id=NodeId(table.identifier("id")),
        title=table.translated("title", "Node of the Netherlands"),
        peer=read_peer(table, files),
        source=table.source("id"),
        tell_refusal=table.flag("tell_refusal"),
    )
    table.close()
    return node
