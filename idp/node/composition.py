"""A sending node, composed: from its configuration to the site that the endpoints serve."""

from collections.abc import Callable, Mapping
from functools import partial

from connectors.connector import Connector
from connectors.metadata.peers import Peers
from idp.crossing import METADATA_LIFE, about
from idp.endpoints.logins import Logins
from idp.endpoints.node_site import NodeSite
from idp.keys.folder import Keys, NodeKeys
from idp.node.broker import NodeBroker
from idp.node.login import NodeStates
from idp.node.record import NodeRecorder
from idp.pages.render import Pages
from idp.ports import Commits
from idp.published import Published
from idp.responders.eidas import ProxyService, proxy_here
from idp.responders.eidas_metadata import proxy_metadata
from idp.seal import Sealer
from idp.settings import Organization, Settings
from idp.store.store import Store
from idp.suspension import Suspension
from idp.watching.watched import Watched
from policies.load import Configuration
from policies.parties import ProviderId


def node_site(
    *,
    settings: Settings,
    configuration: Configuration,
    keys: Keys,
    node_keys: NodeKeys,
    sealer: Sealer,
    organization: Organization,
    store: Store,
    commits: Commits,
    watched: Watched,
    suspension: Suspension,
    pages: Pages,
    clock: Callable[[], int],
    peers: Peers,
    connectors: Mapping[ProviderId, Connector],
    metadata: Mapping[str, Callable[[int], bytes]],
) -> NodeSite:
    """The site of a sending node. `metadata` is what is served beside what other countries' nodes fetch."""
    here = proxy_here(settings.issuer)
    providers = configuration.providers
    ours = partial(
        proxy_metadata,
        here=here,
        country=settings.country,
        organization=about(organization),
        keys=node_keys,
        providers=tuple(providers.values()),
        catalogue=configuration.catalogue,
    )
    return NodeSite(
        tenant=settings.tenant,
        issuer=settings.issuer,
        sealer=sealer,
        pages=pages,
        log=store,
        clock=clock,
        metadata={**metadata, "/eidas/metadata": Published(ours, METADATA_LIFE, node_keys.messages, node_keys.metadata)},
        log_keys=keys.ledger.log,
        documentation=settings.documentation_url,
        watched=watched,
        broker=NodeBroker(
            tenant=settings.tenant,
            country=settings.country,
            nodes=configuration.nodes,
            providers=providers,
            catalogue=configuration.catalogue,
            connectors=connectors,
            peers=peers,
            signer=node_keys.messages,
            sealer=sealer,
            commits=commits,
            decisions=store,
            recorder=NodeRecorder(),
            pairwise_key=keys.pairwise,
            suspension=suspension,
            check_open=store.check_open,
        ),
        proxy=ProxyService(
            here=here,
            nodes=configuration.nodes,
            peers=peers,
            signer=node_keys.messages,
            catalogue=configuration.catalogue,
        ),
        logins=Logins(tenant=settings.tenant, sealer=sealer, commits=commits, parked=store, states=NodeStates()),
        catalogue=configuration.catalogue,
    )
