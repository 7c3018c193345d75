"""The composition root: makes a running broker of a configuration folder."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from connectors.fetch import Fetcher
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.metadata.judgement import DAY
from connectors.metadata.peers import Peers
from connectors.profiles import EIDAS
from idp.application.composition import SiteParts, compose
from idp.application.connector_table import connectors_of
from idp.application.erasing_parts import erasing_of
from idp.application.federations import federations_of
from idp.application.load import LoadedFolder, load_whole
from idp.application.planning import assert_composable
from idp.application.registered import RegisteredClients
from idp.application.registers import vouching
from idp.application.web_application import owner_of, routes_of, web_application
from idp.audit.events.sender import sender_of
from idp.changes.assents import Assents
from idp.changes.history import History
from idp.changes.in_force import Follower, InForce, Memory, Served, settle
from idp.keys.hourly_keys import HourlyKeys
from idp.keys.keeper import KeyFolderWatch, KeyKeeper, alone
from idp.keys.shared_factors import own_moduli
from idp.login.sealing import Sealer
from idp.login.suspension import Suspension
from idp.monitoring.composition import looks_of, pinned
from idp.monitoring.measures import Measures
from idp.monitoring.recorder.incidents import Incidents
from idp.monitoring.recorder.recorder import RecorderThread
from idp.monitoring.recorder.rows import RecordedSteps
from idp.monitoring.successes import Successes
from idp.monitoring.vitals import Looks, Vitals
from idp.monitoring.watched import TimedCommits, watched
from idp.pages.render import Pages
from idp.protocols.eidas.countries import Offers
from idp.protocols.eidas.node_list import node_list_of
from idp.protocols.eidas.peer_refresh import Watch
from idp.protocols.eidas.receiving_node import crossing_problems, known_peers
from idp.protocols.oidc.logouts import Courier
from idp.protocols.oidc.relying_party import Sources
from idp.protocols.saml.deviation_guard import DeviationGuard
from idp.sequencer.sequencer import Sequencer
from idp.sequencer.witness import Witness
from idp.store.deviation_failures import DeviationFailures
from idp.store.installation import claim_keys
from idp.store.peer_copies import RecordedCopies, StoredCopies
from idp.store.records.successes import StoredSuccesses
from idp.store.registered_clients import ClientRegister
from idp.store.retention import Retention
from idp.store.sealing_rows import StoredSealingKeys
from idp.store.store import open_store
from idp.store.switches.switch import KEY
from idp.store.switches.switchboard import Switchboard
from idp.store.switches.switches import Switches
from idp.system.clock import system_clock
from idp.web.city_site import CitySite
from idp.web.overload import Queue
from idp.web.site import Site
from idp.witnessing.cosigning import Cosigning
from policies.errors import Misconfigured
from policies.load import Configuration
from policies.node_list import NodeList
from policies.parties import EntityId, Peer

# The registered nodes of other countries, and the list that some rest on
Known = tuple[Mapping[EntityId, Peer], NodeList | None]


class Application:
    """One composed broker. A server runs `asgi`, between `start` and `stop`.

    `own` raises if the folder of keys holds a key of another tenant. It is called after each load of keys.
    `proxies` are the trusted proxies of the process, if another folder than this one names them.
    Raises `Misconfigured` with every problem that can be seen before the first request.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], int] = system_clock,
        measures: Measures | None = None,
        read: LoadedFolder | None = None,
        own: Callable[[], None] = alone,
        proxies: Sequence[str] | None = None,
    ) -> None:
        found, self.keys = load_whole(folder, read)
        own()
        self.settings = settings = found.settings
        keys = self.keys
        self._clock = clock
        self.store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys.ledger)
        with ExitStack() as undo:
            # If this fails, the process may try another folder: no thread and no file of this one may stay open
            undo.callback(self.store.close)
            # A login asks this a dozen times, so it is no function of ours. Raises `StoreUnavailable`
            self.switches = Switches(engine=self.store.engine, tenant=settings.tenant, keys=keys.ledger)
            self._revoked = partial(self.switches.off_since, KEY)
            keys.obey(self._revoked)
            claim_keys(self.store.engine, settings.tenant, keys, now=clock(), revoked=self._revoked)
            self.history = History(engine=self.store.engine, tenant=settings.tenant, keys=keys.ledger, commits=self.store)
            in_force = settle(
                self.history,
                Assents(engine=self.store.engine, tenant=settings.tenant, keys=keys.ledger),
                found.bundle,
                found.configuration,
                judge=partial(assert_composable, settings.issuer, found.configuration),
                issuer=settings.issuer,
                tenant=settings.tenant,
                since=found.since,
                now=clock(),
            )
            self._check(in_force)
            found.settled.begin(in_force.applied.number)
            self.memory = Memory(self.history, in_force)
            successes = Successes(StoredSuccesses(engine=self.store.engine, tenant=settings.tenant), clock)
            counts = measures or Measures()
            self.watched = watched(settings, in_force.configuration, counts, keys.index, proxies, clock, successes)
            self._commits = TimedCommits(self.store, self.watched.measures, settings.tenant)
            self.sequencer = Sequencer(
                self.store,
                keys.ledger,
                checkpoint_seconds=settings.checkpoint_seconds,
                witness=Witness(settings.witness_path, keys.ledger) if settings.witness_path else None,
            )
            self.cosigning = Cosigning(
                self.store,
                keys.ledger,
                settings,
                fetcher=Fetcher(demo=settings.demo),
                leads=lambda: self.sequencer.leads,
                clock=clock,
            )
            self.courier = Courier(self._tell, elsewhere=self.sequencer.follows, tenant=settings.tenant)
            self.retention = Retention(self.store, elsewhere=self.sequencer.follows)
            self.recording = RecorderThread(
                self.watched.recorder,
                incidents=Incidents(engine=self.store.engine, tenant=settings.tenant, keys=keys.ledger),
                steps=RecordedSteps(self.store.engine, settings.tenant),
                tenant=settings.tenant,
                clock=clock,
            )
            self.events = sender_of(settings, self.store, keys.ledger, self.sequencer.follows)
            self.sealing = self._sealing_keys(clock)
            self._sealer = Sealer(tenant=settings.tenant, keys=self.sealing)
            watch = KeyFolderWatch(keys, settings.key_folder, settings.origin, own, settings.index_folder)
            tasks = self.sealing.keep_ready, watch, successes.step
            self.keeper = KeyKeeper(tasks, tenant=settings.tenant, database=partial(self.store.checkpoint, settings.tenant))
            self._pages = Pages(owner_of(settings.organization), found.theme)
            self._guard = self._deviation_guard()
            self.queue = Queue(settings.limits.at_work, settings.limits.waiting)
            self._known, self.peers, self.watch = self._peers_of(in_force.configuration)
            self.federations = federations_of(settings, in_force.configuration, keys)
            self.federation_watch = self.federations.watch(settings, clock)
            offered = settings.role == "city" and settings.registered_clients > 0
            register = ClientRegister(engine=self.store.engine, tenant=settings.tenant, keys=keys.ledger)
            self.registered = RegisteredClients(register if offered else None, settings.tenant)
            self.site = self._first(in_force)
            self.vitals = Vitals(
                engine=self.store.engine,
                tenant=settings.tenant,
                measures=self.watched.measures,
                looks=self._looks(in_force.configuration),
                clock=clock,
                pinned=pinned(in_force.configuration),
            )
            self.erasing = erasing_of(
                settings,
                keys,
                self.store,
                site=lambda: self.city,
                configuration=lambda: self.memory.now.configuration,
                elsewhere=self.sequencer.follows,
            )
            if self.erasing is not None:
                self.erasing.begin()
            self.asgi = self._web()
            again = partial(self.registered.look, lambda: self.take_up(self.memory.now))
            self.follower = Follower(self.memory, self.take_up, tenant=settings.tenant, beside=again)
            undo.pop_all()

    @property
    def city(self) -> CitySite:
        """The site of a broker of role `city`."""
        if not isinstance(self.site, CitySite):
            raise TypeError("this broker is a node")
        return self.site

    def start(self) -> None:
        """Start the background threads: sequencer, purge, watch over nodes and keys, readiness."""
        self.sequencer.start()
        self.cosigning.start()
        self.retention.start()
        self.recording.start()
        if self.events is not None:
            self.events.start()
        if self.erasing is not None:
            self.erasing.start()
        self.courier.start()
        self.watch.start()
        self.federation_watch.start()
        self.keeper.start()
        self.vitals.start()
        self.follower.start()

    def stop(self) -> None:
        """Stop the threads, write what waits, and close the store."""
        self.follower.stop()
        self.vitals.stop()
        self.keeper.stop()
        self.watch.stop()
        self.federation_watch.stop()
        self.courier.stop()
        if self.erasing is not None:
            self.erasing.stop()
        if self.events is not None:
            self.events.stop()
        self.recording.stop()
        self.retention.stop()
        self.cosigning.stop()
        self.sequencer.stop()
        self.store.close()

    def take_up(self, found: InForce) -> None:
        """Serve another configuration from the next request on. What is under way ends as it began.

        Raises `Misconfigured` where it does not fit keys and role: then the former one goes on.
        """
        self._check(found)
        found = self.registered.whole(found)
        former = self._known, self.peers, self.watch, self.watched, self.federations, self.federation_watch
        try:
            if (known_peers(found.configuration), found.configuration.node_list) != self._known:
                self._known, self.peers, self.watch = self._peers_of(found.configuration)
            federations = federations_of(self.settings, found.configuration, self.keys)
            if not federations.same_as(self.federations):
                self.federations, self.federation_watch = federations, federations.watch(self.settings, self._clock)
            self.watched = self.watched.among(found.configuration)
            site, looks = self._composed(found), self._looks(found.configuration)
            routes = routes_of(site, lambda: self.vitals.fit)
        except BaseException:
            self._known, self.peers, self.watch, self.watched, self.federations, self.federation_watch = former
            raise
        self.site, self.asgi.router.routes = site, routes
        self.vitals.follow(looks, pinned(found.configuration))
        if self.watch is not former[2]:
            self.watch.start()
            former[2].stop()
        if self.federation_watch is not former[5]:
            self.federation_watch.start()
            former[5].stop()

    def _tell(self) -> None:
        """Services hear of sessions that ended. A node has none."""
        if isinstance(self.site, CitySite):
            self.site.logouts.step(self._clock())

    def _first(self, found: InForce) -> Site:
        try:
            return self._composed(self.registered.whole(found))
        except Misconfigured:
            # Of the configuration's own faults it is raised again
            self.registered.drop()
            return self._composed(self.registered.whole(found))

    def _check(self, found: InForce) -> None:
        if problems := crossing_problems(self.settings, found.configuration, self.keys):
            raise Misconfigured(tuple(problems))

    def _peers_of(self, configuration: Configuration) -> tuple[Known, Peers, Watch[EntityId]]:
        """Other countries' nodes, the list that they rest on, and the watch over them."""
        settings, known = self.settings, known_peers(configuration)
        copies = StoredCopies(engine=self.store.engine, tenant=settings.tenant, keys=self.keys.ledger)
        peers = Peers(
            known,
            role="proxy" if settings.role == "city" else "connector",
            copies=RecordedCopies(copies, commits=self.store, tenant=settings.tenant),
            fetcher=Fetcher(demo=settings.demo),
            profile=EIDAS,
            ours=PROTOCOL_VERSIONS,
            max_validity=settings.metadata_max_days * DAY,
            own=partial(own_moduli, self.keys),
            node_list=node_list_of(settings, configuration, self.keys.ledger),
        )
        watch = Watch(peers, known, tenant=settings.tenant, clock=self._clock, seconds=settings.probe_seconds)
        return (known, configuration.node_list), peers, watch

    def _composed(self, found: InForce) -> Site:
        entities, also = self.federations.held, self.federations.with_members
        configuration = also(found.configuration)
        found = replace(found, configuration=configuration)
        connectors = connectors_of(configuration, self.settings, self.keys, self.peers, entities, self._guard)
        nodes, suspension = Sources(self.peers, connectors, entities), Suspension(self.switches)
        told, successes = self.watched.register_told, self.watched.successes
        sources = vouching(nodes, suspension, configuration, self.settings, self.keys, told)
        site = compose(
            SiteParts(
                settings=self.settings,
                configuration=configuration,
                keys=self.keys,
                peers=self.peers,
                connectors=connectors,
                sources=sources,
                sealer=self._sealer,
                store=self.store,
                commits=self._commits,
                suspension=suspension,
                pages=self._pages,
                watched=self.watched,
                clock=self._clock,
                services=self.federations.services(configuration, self._clock),
                configurations=Served(found, self.memory, lambda former: also(self.registered.also(former))),
                register=self.registered.register,
            )
        )
        return replace(site, offers=Offers(configuration, self.peers, sources.reach, successes.days))

    def _looks(self, configuration: Configuration) -> Looks:
        return looks_of(
            store=self.store,
            watched=self.watched,
            configuration=configuration,
            keys=self.keys,
            peers=self.peers,
            federations=self.federations.sources,
            known=self._known[0],
            switches=self.switches,
            sealing=self.sealing,
            queue=self.queue.standing,
            witnesses=self.cosigning.times,
        )

    def _web(self) -> FastAPI:
        served, fit = lambda: self.site, lambda: self.vitals.fit
        return web_application(served, self.settings, self.watched, self._pages, self.queue, fit)

    def _sealing_keys(self, clock: Callable[[], int]) -> HourlyKeys:
        rows = StoredSealingKeys(engine=self.store.engine, tenant=self.settings.tenant)
        return HourlyKeys(
            tenant=self.settings.tenant, wrapping=self.keys.sealing, rows=rows, clock=clock, revoked=self._revoked
        )

    def _deviation_guard(self) -> DeviationGuard:
        engine, tenant, ledger = self.store.engine, self.settings.tenant, self.keys.ledger
        return DeviationGuard(
            tenant=tenant,
            switches=self.switches,
            failures=DeviationFailures(engine=engine, tenant=tenant, switches=self.switches),
            switchboard=Switchboard(engine=engine, tenant=tenant, keys=ledger, commits=self._commits),
        )
