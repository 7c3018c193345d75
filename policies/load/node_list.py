"""`service_list.toml`: the signed list of all nodes, on which registrations with `service_list = true` rest.

url = "https://eidas.example.eu/servicelist.xml"
signers = "metadata/service-list.pem"              # or a list; they came by another channel
refresh = 3600                                     # seconds
"""

from collections.abc import Iterable, Iterator, Mapping

from policies.errors import Problem
from policies.load.federations import DAY, LEAST_REFRESH
from policies.load.peers import read_certificates, read_networks
from policies.load.redirects import fault_of_address
from policies.load.table import Table
from policies.node_list import NAME, NodeList
from policies.parties import Peer

LIST_FILE = "service_list.toml"
_URL_FIX = 'write url = "https://...": where the list is published.'
_SIGNERS_FIX = (
    "put the certificate of whoever publishes the list into metadata/NAME.pem, compare its SHA-256 with what they tell on "
    'another way, and name it: signers = "metadata/NAME.pem".'
)


def read_node_list(table: Table, files: Mapping[str, bytes]) -> NodeList:
    """The list. Problems go to the table's list."""
    url = table.text("url", _URL_FIX)
    if url and (fault := fault_of_address(url)):
        table.problem("url", fault, _URL_FIX)
    found = NodeList(
        url=url,
        signers=read_certificates(table, files, "signers", _SIGNERS_FIX),
        source=table.source("url"),
        refresh_seconds=max(LEAST_REFRESH, table.seconds("refresh", 3600, most=DAY)),
        networks=read_networks(table),
    )
    table.close()
    return found


def problems_of_list(node_list: NodeList | None, named: Iterable[tuple[str, object]]) -> Iterator[Problem]:
    """Finds nodes that rest on a list that there is not, and one whose id an operator could take for the list."""
    for name, peer in named:
        if not isinstance(peer, Peer):
            continue
        place = peer.source
        if peer.listed and node_list is None:
            fix = f"write {LIST_FILE}, or pin the certificate that signs its metadata alone."
            yield Problem(place.file, place.line, "service_list", f"is true, and there is no {LIST_FILE}.", fix)
        if name == NAME and node_list is not None:
            yield Problem(place.file, place.line, "id", f"`{NAME}` is how commands call the list.", "give another id.")
