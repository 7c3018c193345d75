"""The composition root: from a configuration folder to a running broker. The one table of connectors stands here."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Scope

from connectors.connector import Connector
from connectors.eidas import EidasConnector
from connectors.fetch import Fetcher
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.metadata.peers import Peers
from connectors.profiles import EIDAS
from connectors.saml import SamlConnector, service_provider_metadata
from idp.broker import Broker
from idp.citizen_receipts import CitizenReceipts
from idp.configuration import load_configuration
from idp.crossing import crossing_problems, known_peers, node_acs_url, node_entity_id, receiving_metadata
from idp.endpoints import login, node, oidc, receipt, records
from idp.endpoints.city import CitySite
from idp.endpoints.edge import Edge
from idp.endpoints.logins import Logins
from idp.endpoints.node_site import NodeSite
from idp.keys.folder import Keys, load_keys
from idp.login import CityStates
from idp.node.composition import node_site
from idp.pages.headers import headers
from idp.pages.languages import choose_language
from idp.pages.render import Pages
from idp.pages.views import ErrorView
from idp.published import Published
from idp.receipts import Receipts
from idp.record import Recorder
from idp.responders.oidc import OpenIDProvider
from idp.responders.oidc_receipt import PartyReceipts
from idp.seal import Sealer
from idp.settings import Settings, load_settings
from idp.store.peers import RecordedCopies, StoredCopies
from idp.store.store import open_store
from idp.store.unforeseen import Unforeseen
from idp.transparency.release_record import Releases
from idp.transparency.sequencer import Sequencer
from idp.watch import Watch
from policies.errors import BrokerError, Misconfigured, NotFound, RequestRefused
from policies.load import Configuration
from policies.parties import IdentityProvider, ProviderId

METADATA_LIFE = 14 * 24 * 3600

Connectors = Mapping[ProviderId, Connector]


def system_clock() -> int:
    """Seconds since the epoch, by the machine's clock."""
    return int(time.time())


class Application:
    """One broker, composed. `asgi` is what a server runs; `start` and `stop` frame it.

    Raises `Misconfigured` with every problem that can be seen before the first request.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], int] = system_clock) -> None:
        self.settings, configuration, self.keys = load_all(folder)
        settings, keys = self.settings, self.keys
        self.store = open_store(settings.database_url, tenant=settings.tenant, ledger_keys=keys.ledger)
        with ExitStack() as undo:
            # Whoever tries another folder after this one must find neither a thread nor a file of it open
            undo.callback(self.store.close)
            self.unforeseen = Unforeseen(engine=self.store.engine, tenant=settings.tenant, clock=clock)
            self.sequencer = Sequencer(self.store, keys.ledger, checkpoint_seconds=settings.checkpoint_seconds)
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
            )
            self.watch = Watch(self.peers, known, clock=clock, seconds=settings.probe_seconds)
            self._pages = Pages()
            connectors = _connectors(configuration, settings, keys, self.peers)
            self.site = (self._node if settings.role == "node" else self._city)(configuration, connectors, clock)
            web = _web(self.site)
            # As the framework's own outermost layer would answer first, ours stands right inside of it
            web.add_middleware(Edge, issuer=settings.issuer, page=self._unforeseen, count=self.unforeseen.seen)
            self.asgi: ASGIApp = web
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
        """Begin to sequence the ledger, and to watch other countries' nodes."""
        self.sequencer.start()
        self.watch.start()
        self.unforeseen.start()

    def stop(self) -> None:
        """Write what waits, and end."""
        self.watch.stop()
        self.sequencer.stop()
        self.unforeseen.stop()
        self.store.close()

    def _city(self, configuration: Configuration, connectors: Connectors, clock: Callable[[], int]) -> CitySite:
        settings, keys = self.settings, self.keys
        sealer = Sealer(tenant=settings.tenant, key=keys.sealing)
        broker = self._broker(configuration, connectors, sealer)
        openid = OpenIDProvider(
            issuer=settings.issuer,
            tenant=settings.tenant,
            parties=configuration.parties,
            purposes=configuration.purposes,
            vouched=broker.vouched,
            catalogue=configuration.catalogue,
            signers={"ES256": keys.es256, "RS256": keys.rs256},
            sealer=sealer,
            commits=self.store,
            parked=self.store,
            documentation=settings.documentation_url,
        )
        receipts = self._receipts(configuration)
        return CitySite(
            tenant=settings.tenant,
            issuer=settings.issuer,
            broker=broker,
            openid=openid,
            citizen_receipts=CitizenReceipts(
                tenant=settings.tenant, sealer=sealer, parked=self.store, commits=self.store, receipts=receipts
            ),
            party_receipts=PartyReceipts(
                tenant=settings.tenant,
                tokens=openid.tokens,
                clients=openid.clients,
                receipts=receipts,
                commits=self.store,
            ),
            log_key=str(keys.ledger.verifier),
            logins=Logins(
                tenant=settings.tenant, sealer=sealer, commits=self.store, parked=self.store, states=CityStates()
            ),
            sealer=sealer,
            pages=self._pages,
            catalogue=configuration.catalogue,
            log=self.store,
            clock=clock,
            metadata={"/saml/metadata": Published(self._metadata, METADATA_LIFE), **receiving_metadata(settings, keys)},
            documentation=settings.documentation_url,
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
            organization=settings.organization,
            store=self.store,
            pages=self._pages,
            clock=clock,
            peers=self.peers,
            connectors=connectors,
            metadata={"/saml/metadata": Published(self._metadata, METADATA_LIFE)},
        )

    def _broker(self, configuration: Configuration, connectors: Connectors, sealer: Sealer) -> Broker:
        settings, keys = self.settings, self.keys
        return Broker(
            tenant=settings.tenant,
            configuration=configuration,
            connectors=connectors,
            nodes=self.peers,
            issuer=settings.issuer,
            own_name=settings.organization.name if settings.organization else "",
            sealer=sealer,
            commits=self.store,
            decisions=self.store,
            recorder=Recorder(
                tenant=settings.tenant,
                issuer=settings.issuer,
                template=self._pages.template_digest,
                index_key=keys.index,
            ),
            pairwise_key=keys.pairwise,
        )

    def _metadata(self, now: int, valid_for: int) -> bytes:
        return service_provider_metadata(
            entity_id=entity_id(self.settings.issuer),
            acs_url=acs_url(self.settings.issuer),
            signer=self.keys.saml,
            now=now,
            valid_for=valid_for,
            encryption=self.keys.saml_encryption.certificate if self.keys.saml_encryption else b"",
        )

    def _unforeseen(self, scope: Scope, reference: str) -> tuple[bytes, dict[str, str]]:
        accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept-language"), "")
        view = ErrorView(choose_language((), accept), "internal", reference, documentation=self.settings.documentation_url)
        text = self._pages.error(view).encode()
        return text, {"content-type": "text/html; charset=utf-8", **headers(view.kind)}


def load_all(folder: Path) -> tuple[Settings, Configuration, Keys]:
    """Settings, parties and keys of a folder. Raises `Misconfigured` with the problems of all three at once."""
    settings = load_settings(folder)
    problems: list[Misconfigured] = []
    configuration = keys = None
    try:
        configuration = load_configuration(folder)
    except Misconfigured as error:
        problems.append(error)
    try:
        keys = load_keys(settings.key_folder, settings.origin)
    except Misconfigured as error:
        problems.append(error)
    if configuration is None or keys is None:
        raise Misconfigured(tuple(problem for error in problems for problem in error.problems))
    if missing := crossing_problems(settings, configuration, keys):
        raise Misconfigured(tuple(missing))
    return settings, configuration, keys


def entity_id(issuer: str) -> str:
    """Our SAML entity id: the address of our metadata."""
    return f"{issuer}/saml/metadata"


def acs_url(issuer: str) -> str:
    """Where responses come."""
    return f"{issuer}/saml/acs"


def _connectors(configuration: Configuration, settings: Settings, keys: Keys, peers: Peers) -> Connectors:
    """The one table of connectors: what an identity provider is asked in."""

    def saml(provider: IdentityProvider) -> Connector:
        return SamlConnector(
            provider=provider,
            entity_id=entity_id(settings.issuer),
            acs_url=acs_url(settings.issuer),
            signer=keys.saml,
            unwrappers=() if keys.saml_encryption is None else (keys.saml_encryption,),
        )

    def eidas(provider: IdentityProvider) -> Connector:
        if keys.node is None:
            raise ValueError("a node without keys was let through")
        return EidasConnector(
            provider=provider,
            entity_id=node_entity_id(settings.issuer),
            acs_url=node_acs_url(settings.issuer),
            signer=keys.node.messages,
            unwrappers=(keys.node.encryption,),
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


def _web(site: CitySite | NodeSite) -> FastAPI:
    """All endpoints, and one page for every error."""
    # One spelling of an address: a redirect of the framework's would repeat the query, and a form, somewhere else
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for routes in (*_routes(site), records.router(site)):
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
    return app
