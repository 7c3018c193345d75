"""The composition root: from a configuration folder to a running broker. The one table of connectors stands here."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Scope

from connectors.connector import Connector
from connectors.fetch import Fetcher
from connectors.formats.eidas.registry import PROTOCOL_VERSIONS
from connectors.metadata.peers import Held, Peers
from connectors.profiles import EIDAS
from connectors.saml import SamlConnector, service_provider_metadata
from idp.broker import Broker
from idp.configuration import load_configuration
from idp.endpoints import login, oidc, records
from idp.endpoints.city import CitySite
from idp.endpoints.edge import Edge
from idp.endpoints.logins import Logins
from idp.keys.folder import Keys, load_keys
from idp.login import CityStates
from idp.pages.headers import headers
from idp.pages.languages import choose_language
from idp.pages.render import Pages
from idp.pages.views import ErrorView
from idp.record import Recorder
from idp.responders.oidc import OpenIDProvider
from idp.seal import Sealer
from idp.settings import Settings, load_settings
from idp.store.store import open_store
from idp.transparency.sequencer import Sequencer
from policies.errors import BrokerError, Misconfigured, NotFound, RequestRefused
from policies.load import Configuration
from policies.parties import EntityId, IdentityProvider, ProviderId

METADATA_LIFE = 14 * 24 * 3600


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
        self.sequencer = Sequencer(self.store, keys.ledger, checkpoint_seconds=settings.checkpoint_seconds)
        sealer = Sealer(tenant=settings.tenant, key=keys.sealing)
        self._pages = Pages()
        self.city = CitySite(
            tenant=settings.tenant,
            issuer=settings.issuer,
            broker=self._broker(configuration, sealer),
            openid=OpenIDProvider(
                issuer=settings.issuer,
                tenant=settings.tenant,
                parties=configuration.parties,
                purposes=configuration.purposes,
                providers=configuration.providers.keys(),
                catalogue=configuration.catalogue,
                signers={"ES256": keys.es256, "RS256": keys.rs256},
                sealer=sealer,
                commits=self.store,
                parked=self.store,
            ),
            logins=Logins(
                tenant=settings.tenant, sealer=sealer, commits=self.store, parked=self.store, states=CityStates()
            ),
            sealer=sealer,
            pages=self._pages,
            catalogue=configuration.catalogue,
            log=self.store,
            clock=clock,
            metadata={"/saml/metadata": self._metadata},
        )
        web = _web(self.city)
        # As the framework's own outermost layer would answer first, ours stands right inside of it
        web.add_middleware(Edge, issuer=settings.issuer, page=self._unforeseen)
        self.asgi: ASGIApp = web

    def start(self) -> None:
        """Begin to sequence the ledger."""
        self.sequencer.start()

    def stop(self) -> None:
        """Write what waits, and end."""
        self.sequencer.stop()
        self.store.close()

    def _broker(self, configuration: Configuration, sealer: Sealer) -> Broker:
        settings, keys = self.settings, self.keys
        return Broker(
            tenant=settings.tenant,
            configuration=configuration,
            connectors=_connectors(configuration.providers, settings, keys),
            nodes=Peers(
                {},
                role="proxy",
                copies=_Forgetful(),
                fetcher=Fetcher(demo=settings.demo),
                profile=EIDAS,
                ours=PROTOCOL_VERSIONS,
            ),
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

    def _metadata(self, now: int) -> bytes:
        """Our SAML metadata, signed anew."""
        return service_provider_metadata(
            entity_id=entity_id(self.settings.issuer),
            acs_url=acs_url(self.settings.issuer),
            signer=self.keys.saml,
            now=now,
            valid_for=METADATA_LIFE,
        )

    def _unforeseen(self, scope: Scope, reference: str) -> tuple[bytes, dict[str, str]]:
        accept = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept-language"), "")
        view = ErrorView(choose_language((), accept), "internal", reference)
        text = self._pages.error(view).encode()
        return text, {"content-type": "text/html; charset=utf-8", **headers(view.kind)}


class _Forgetful:
    """Copies of nothing: no node is registered yet."""

    def held(self, _entity_id: EntityId) -> Held | None:
        return None

    def keep(self, _held: Held) -> None:
        return


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
    return settings, configuration, keys


def entity_id(issuer: str) -> str:
    """Our SAML entity id: the address of our metadata."""
    return f"{issuer}/saml/metadata"


def acs_url(issuer: str) -> str:
    """Where responses come."""
    return f"{issuer}/saml/acs"


def _connectors(
    providers: Mapping[ProviderId, IdentityProvider], settings: Settings, keys: Keys
) -> Mapping[ProviderId, Connector]:
    """The one table of connectors: a SAML one for each identity provider."""
    return {
        name: SamlConnector(
            provider=provider,
            entity_id=entity_id(settings.issuer),
            acs_url=acs_url(settings.issuer),
            signer=keys.saml,
        )
        for name, provider in providers.items()
    }


def _web(site: CitySite) -> FastAPI:
    """All endpoints, and one page for every error."""
    # One spelling of an address: a redirect of the framework's would repeat the query, and a form, somewhere else
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    for routes in (oidc.router(site), login.router(site), records.router(site)):
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
