"""All peers of `make interop`, in the order of the table."""

from tests.interop.client_peers import CLIENTS
from tests.interop.node_peers import NODES
from tests.interop.openid_peers import OPENID_PROVIDERS
from tests.interop.peer import Peer
from tests.interop.provider_peers import PROVIDERS
from tests.interop.service_peers import SERVICES

PEERS: tuple[Peer, ...] = (*CLIENTS, *PROVIDERS, *OPENID_PROVIDERS, *SERVICES, *NODES)
