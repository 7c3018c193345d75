"""The composition root: from a configuration folder to a running broker. The one table of connectors stands here."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from connectors.connector import Connector
from connectors.eidas import EidasConnector
from connectors.fetch import Fetcher
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.metadata.judged import DAY
from connectors.metadata.peers import Peers
from connectors.profiles import EIDAS
from connectors.signatures.signer import Signers
from idp.addresses import node_acs_url, node_entity_id
from idp.broker import Broker
from idp.citizen_receipts import CitizenReceipts
from idp.clock import system_clock
from idp.crossing import known_peers, receiving_metadata
from idp.deviation_guard import DeviationGuard, GuardedConnector
from idp.endpoints import login, node, oidc, receipt, records
from idp.endpoints.admission import Admission
from idp.endpoints.at_once import AtOnce
from idp.endpoints.city import CitySite
from idp.endpoints.edge import Edge
from idp.endpoints.front import Front, Past
from idp.endpoints.gate import Gate
from idp.endpoints.lanes import Queue
from idp.endpoints.logins import Logins
from idp.endpoints.node_site import NodeSite
from idp.endpoints.origins import Origins
from idp.keys.folder import Keys
from idp.keys.keeper import Keeper
from idp.keys.look import Look, alone
from idp.keys.sealing import HourlyKeys
from idp.keys.shared_factors import own_moduli
from idp.loading import Read, load_all
from idp.login import CityStates
from idp.node.composition import node_site
from idp.pages.render import Pages
from idp.receipts import Receipts
from idp.record import Recorder
from idp.responders.oidc import OpenIDProvider
from idp.responders.oidc_receipt import PartyReceipts
from idp.seal import Sealer
from idp.service_provider import saml_connector, saml_metadata
from idp.settings import Settings
from idp.store.deviation_failures import DeviationFailures
from idp.store.installation import claim_keys
from idp.store.peers import RecordedCopies, StoredCopies
from idp.store.retention import Retention
from idp.store.sealing import StoredSealingKeys
from idp.store.store import open_store
from idp.store.switches import KEY, Switchboard, Switches
from idp.store.unforeseen import Unforeseen
from idp.suspension import Suspension
from idp.transparency.release_record import Releases
from idp.transparency.sequencer import Sequencer
from idp.transparency.witness import Witness
from idp.watch import Watch
from idp.watching.board import Measures
from idp.watching.composition import vitals
from idp.watching.timed import TimedCommits
from idp.watching.watched import watched
from policies.errors import BrokerError, NotFound, RequestRefused
from policies.load import Configuration
from policies.parties import IdentityProvider, ProviderId

Connectors = Mapping[ProviderId, Connector]


class Application:
    """One broker, composed. `asgi` is what a server runs; `start` and `stop` frame it.

    `own` is asked whether its folder of keys has none of another's: of what was loaded, at first and whenever it changes.
    `proxies` are those that the process trusts, where it is another folder than this one that says so.
    Raises `Misconfigured` with every problem that can be seen before the first request.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], int] = system_clock,
        measures: Measures | None = None,
        read: Read | None = None,
        own: Callable[[], None] = alone,
        proxies: Sequence[str] | None = None,
    ) -> None:
        self.settings, configuration, self.keys = load_all(folder, read)
        own()
        settings, keys = self.settings, self.keys
        self.store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys.ledger)
        with ExitStack() as undo:
            # Whoever tries another folder after this one must find neither a thread nor a file of it open
            undo.callback(self.store.close)
            self.watched = watched(settings, configuration, measures or Measures(), keys.index, proxies)
            self._commits = TimedCommits(self.store, self.watched.measures, settings.tenant)
            self.switches = Switches(engine=self.store.engine, tenant=settings.tenant, keys=keys.ledger)
            self.unforeseen = Unforeseen(engine=self.store.engine, tenant=settings.tenant, clock=clock)
            self.sequencer = Sequencer(
                self.store,
                keys.ledger,
                checkpoint_seconds=settings.checkpoint_seconds,
                witness=Witness(settings.witness_path, keys.ledger) if settings.witness_path else None,
            )
            self.retention = Retention(self.store, elsewhere=self.sequencer.follows)
            known = known_peers(configuration)
            self.peers = Peers(
                known,
                role="proxy" if settings.role == "city" else "connector",
                copies=RecordedCopies(
                    StoredCopies(engine=self.store.engine, tenant=settings.tenant, keys=keys.ledger),
                    commits=self.store,
                    tenant=settings.tenant,
                ),
                fetcher=Fetcher(demo=settings.demo),
                profile=EIDAS,
                ours=PROTOCOL_VERSIONS,
                max_validity=settings.metadata_max_days * DAY,
                own=partial(own_moduli, keys),
            )
            self.watch = Watch(self.peers, known, tenant=settings.tenant, clock=clock, seconds=settings.probe_seconds)
            # Asked a dozen times a login, so no function of ours stands before it. Raises `StoreUnavailable`
            self._revoked = partial(self.switches.off_since, KEY)
            keys.obey(self._revoked)
            claim_keys(self.store.engine, settings.tenant, keys, now=clock(), revoked=self._revoked)
            self.sealing = self._sealing_keys(clock)
            self._sealer = Sealer(tenant=settings.tenant, keys=self.sealing)
            tasks = self.sealing.keep_ready, Look(keys, settings.key_folder, settings.origin, own)
            self.keeper = Keeper(tasks, tenant=settings.tenant, database=partial(self.store.checkpoint, settings.tenant))
            self._pages = Pages()
            connectors = _connectors(configuration, settings, keys, self.peers, self._deviation_guard())
            self.site = (self._node if settings.role == "node" else self._city)(configuration, connectors, clock)
            self.framework, front = _web(self.site, lambda: self.vitals.fit)
            queue = Queue(settings.limits.at_work, settings.limits.waiting)
            self.vitals = vitals(
                store=self.store,
                watched=self.watched,
                configuration=configuration,
                keys=keys,
                peers=self.peers,
                known=known,
                switches=self.switches,
                sealing=self.sealing,
                queue=queue.standing,
                clock=clock,
            )
            self.gate, self.asgi = self._outermost(front, queue)
            undo.pop_all()

    @property
    def city(self) -> CitySite:
        """The site of a broker of role `city`."""
        if not isinstance(self.site, CitySite):
            raise TypeError("this broker is a node")
        return self.site

    @property
    def node(self) -> NodeSite:
        """The site of a broker of role `node`."""
        if not isinstance(self.site, NodeSite):
            raise TypeError("this broker is a city's")
        return self.site

    def start(self) -> None:
        """Begin to sequence the ledger, to purge what has ended, and to watch other countries' nodes."""
        self.sequencer.start()
        self.retention.start()
        self.watch.start()
        self.unforeseen.start()
        self.keeper.start()
        self.vitals.start()

    def stop(self) -> None:
        """Write what waits, and end."""
        self.vitals.stop()
        self.keeper.stop()
        self.watch.stop()
        self.retention.stop()
        self.sequencer.stop()
        self.unforeseen.stop()
        self.store.close()

    def _city(self, configuration: Configuration, connectors: Connectors, clock: Callable[[], int]) -> CitySite:
        settings, keys = self.settings, self.keys
        sealer = self._sealer
        signers = {"ES256": keys.es256, "RS256": keys.rs256}
        broker = self._broker(configuration, connectors, sealer, signers)
        openid = OpenIDProvider(
            issuer=settings.issuer,
            tenant=settings.tenant,
            parties=configuration.parties,
            purposes=configuration.purposes,
            vouched=broker.vouched,
            ended=broker.ended,
            catalogue=configuration.catalogue,
            signers=signers,
            sealer=sealer,
            commits=self._commits,
            parked=self.store,
            documentation=settings.documentation_url,
            redeemed=self.watched.redeemed,
        )
        receipts = self._receipts(configuration)
        return CitySite(
            tenant=settings.tenant,
            issuer=settings.issuer,
            broker=broker,
            openid=openid,
            citizen_receipts=CitizenReceipts(
                tenant=settings.tenant, sealer=sealer, parked=self.store, commits=self._commits, receipts=receipts
            ),
            party_receipts=PartyReceipts(
                tenant=settings.tenant,
                tokens=openid.tokens,
                clients=openid.clients,
                receipts=receipts,
                commits=self._commits,
            ),
            log_keys=keys.ledger.log,
            logins=Logins(
                tenant=settings.tenant, sealer=sealer, commits=self._commits, parked=self.store, states=CityStates()
            ),
            sealer=sealer,
            pages=self._pages,
            catalogue=configuration.catalogue,
            log=self.store,
            clock=clock,
            metadata={**saml_metadata(settings, keys), **receiving_metadata(settings, keys)},
            documentation=settings.documentation_url,
            watched=self.watched,
        )

    def _outermost(self, front: ASGIApp, queue: Queue) -> tuple[Gate, ASGIApp]:
        """What stands before every endpoint: the edge, and the gate of those who wait."""
        at_once, watched, tenant = AtOnce(self._pages, self.settings.documentation_url), self.watched, self.settings.tenant
        gate = Gate(tenant=tenant, queue=queue, rates=watched.rates, page=at_once.turned_away, told=watched.turned_away)
        count = watched.unforeseen(self.unforeseen.seen)
        admitted = Admission(front, gate=gate)
        answered = Origins(admitted, registered=self.site.openid.origins) if isinstance(self.site, CitySite) else admitted
        return gate, Edge(answered, tenant=tenant, issuer=self.settings.issuer, page=at_once.unforeseen, count=count)

    def _sealing_keys(self, clock: Callable[[], int]) -> HourlyKeys:
        rows = StoredSealingKeys(engine=self.store.engine, tenant=self.settings.tenant)
        return HourlyKeys(
            tenant=self.settings.tenant, wrapping=self.keys.sealing, rows=rows, clock=clock, revoked=self._revoked
        )

    def _receipts(self, configuration: Configuration) -> Receipts:
        settings, ledger = self.settings, self.keys.ledger
        return Receipts(
            tenant=settings.tenant,
            country=settings.country,
            keys=ledger,
            log=self.store,
            records=Releases(engine=self.store.engine, tenant=settings.tenant, keys=ledger),
            configuration=configuration,
            checkpoint_seconds=settings.checkpoint_seconds,
        )

    def _node(self, configuration: Configuration, connectors: Connectors, clock: Callable[[], int]) -> NodeSite:
        settings, keys = self.settings, self.keys
        if keys.node is None or settings.organization is None:
            raise ValueError("a node without keys or organization was let through")
        return node_site(
            settings=settings,
            configuration=configuration,
            keys=keys,
            node_keys=keys.node,
            sealer=self._sealer,
            organization=settings.organization,
            store=self.store,
            commits=self._commits,
            watched=self.watched,
            suspension=Suspension(self.switches),
            pages=self._pages,
            clock=clock,
            peers=self.peers,
            connectors=connectors,
            metadata=saml_metadata(settings, keys),
        )

    def _broker(
        self, configuration: Configuration, connectors: Connectors, sealer: Sealer, signers: Mapping[str, Signers]
    ) -> Broker:
        settings, keys = self.settings, self.keys
        return Broker(
            tenant=settings.tenant,
            configuration=configuration,
            connectors=connectors,
            nodes=self.peers,
            issuer=settings.issuer,
            own_name=settings.organization.name if settings.organization else "",
            signers=signers,
            sealer=sealer,
            commits=self._commits,
            decisions=self.store,
            recorder=Recorder(
                tenant=settings.tenant,
                issuer=settings.issuer,
                template=self._pages.template_digest,
                index_key=keys.index,
            ),
            pairwise_key=keys.pairwise,
            suspension=Suspension(self.switches),
            check_open=self.store.check_open,
            reference=self.watched.steps.reference,
        )

    def _deviation_guard(self) -> DeviationGuard:
        engine, tenant, ledger = self.store.engine, self.settings.tenant, self.keys.ledger
        return DeviationGuard(
            tenant=tenant,
            switches=self.switches,
            failures=DeviationFailures(engine=engine, tenant=tenant, switches=self.switches),
            switchboard=Switchboard(engine=engine, tenant=tenant, keys=ledger, commits=self._commits),
        )


def _connectors(
    configuration: Configuration, settings: Settings, keys: Keys, peers: Peers, guard: DeviationGuard
) -> Connectors:
    """The one table of connectors: what an identity provider is asked in."""

    def saml(provider: IdentityProvider) -> Connector:
        made = saml_connector(provider, settings, keys, guard.suspended(provider.provider_id))
        return GuardedConnector(made, provider.provider_id, guard) if provider.deviations else made

    def eidas(provider: IdentityProvider) -> Connector:
        if keys.node is None:
            raise ValueError("a node without keys was let through")
        return EidasConnector(
            provider=provider,
            entity_id=node_entity_id(settings.issuer),
            acs_url=node_acs_url(settings.issuer),
            signer=keys.node.messages,
            unwrappers=keys.node.encryption,
            peers=peers,
            country=settings.country,
            catalogue=configuration.catalogue,
        )

    table = {"saml": saml, "eidas": eidas}
    return {name: table[provider.protocol](provider) for name, provider in configuration.providers.items()}


def _routes(site: CitySite | NodeSite) -> tuple[APIRouter, ...]:
    """The endpoints of each role."""
    match site:
        case CitySite():
            return oidc.router(site), login.router(site), receipt.router(site)
        case NodeSite():
            return (node.router(site),)


def _web(site: CitySite | NodeSite, fit: Callable[[], bool]) -> tuple[FastAPI, Front]:
    """All endpoints, and one page for every error: the framework that knows them, and the front that stands before it."""
    # One spelling of an address: a redirect of the framework's would repeat the query, and a form, somewhere else
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    routers = (*_routes(site), records.router(site, fit))
    for routes in routers:
        app.include_router(routes)

    def refused(request: Request, error: Exception) -> Response:
        if isinstance(error, BrokerError):
            return site.error(request, error)
        if isinstance(error, HTTPException) and error.status_code == 404:  # noqa: PLR2004 - RFC 9110 §15.5.5
            return site.error(request, NotFound("no such address"))
        status = error.status_code if isinstance(error, HTTPException) else 400
        answer = site.error(request, RequestRefused("a request that this address does not take", status=status))
        if isinstance(error, HTTPException) and error.headers:
            answer.headers.update(error.headers)  # Allow, which RFC 9110 §15.5.6 asks for
        return answer

    app.add_exception_handler(BrokerError, refused)
    app.add_exception_handler(HTTPException, refused)
    app.add_middleware(Past)
    return app, Front(app, routers=routers, refused=refused)
