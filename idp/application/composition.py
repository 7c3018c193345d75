"""Composes the site of a tenant. The table of frontends stands here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from connectors.metadata.peers import Peers
from idp.application.certificate_proxy import proxy_of
from idp.application.citizen_page import approvals_of, citizen_page, grants_of
from idp.application.connector_table import Connectors
from idp.application.registered import registrations_of
from idp.application.saml_services import metadata_for_all, metadata_for_providers, published_bodies, saml_provider
from idp.application.shared_sign_ins import logouts_of, sessions_of, visits_of
from idp.citizen import own_page
from idp.citizen.own_page import WithOwnPage
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys, NodeKeys
from idp.login.approvals import Approvals
from idp.login.bodies import body_entity_id
from idp.login.city_role import CityRole
from idp.login.eligible import TRIAL
from idp.login.flow import Broker
from idp.login.frontend import Frontend, Frontends
from idp.login.role import Configurations, Role
from idp.login.sealing import Sealer
from idp.login.standing import StandingApprovals
from idp.login.suspension import Suspension
from idp.login.vouching import Vouching
from idp.monitoring.recorder.rows import RecordedSteps
from idp.monitoring.watched import Watched
from idp.pages.languages import spoken
from idp.pages.render import Pages
from idp.ports import Commits
from idp.protocols.eidas.own_metadata import own_metadata
from idp.protocols.eidas.proxy_service import NAME, ProxyService, proxy_here
from idp.protocols.eidas.receiving_node import receiving_metadata
from idp.protocols.eidas.role import NodeRole
from idp.protocols.oidc import device_codes
from idp.protocols.oidc.device import DeviceFrontend
from idp.protocols.oidc.logout_received import ReceivedLogouts
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.provider import OpenIDProvider
from idp.protocols.oidc.receipt import PartyReceipts
from idp.protocols.oidc.relying_party import own_keys, under_eidas
from idp.protocols.oidc.requests import request as oidc_request
from idp.protocols.oidc.trial import Trials
from idp.protocols.saml import programs as saml_programs
from idp.protocols.saml import question as saml_question
from idp.protocols.saml.identity_provider import SamlIdentityProvider
from idp.protocols.saml.landings import landings_of
from idp.protocols.saml.logout_asked import ServiceLogouts
from idp.protocols.saml.logout_upstream import UpstreamLogouts
from idp.protocols.saml.services import Services
from idp.protocols.saml.unsolicited import Unsolicited
from idp.protocols.stork.frontend import StorkFrontend, stork_frontend
from idp.protocols.stork.person import NAME as STORK
from idp.receipts.citizen import CitizenReceipts
from idp.receipts.issue import Receipts
from idp.store.records.release_record import Releases
from idp.store.registered_clients import ClientRegister
from idp.store.store import Store
from idp.web.city_screens import CityScreens
from idp.web.city_site import CitySite
from idp.web.client_certificate import ProxyHeader
from idp.web.login_cookies import Logins
from idp.web.node_screens import NodeScreens
from idp.web.own_leg import OwnLeg
from idp.web.site import Site
from policies.load import Configuration
from policies.parties import Peer


@dataclass(frozen=True, slots=True)
class SiteParts:
    """The parts of one tenant's site."""

    settings: Settings
    configuration: Configuration
    keys: BrokerKeys
    peers: Peers
    connectors: Connectors
    sources: Vouching
    sealer: Sealer
    store: Store
    commits: Commits
    suspension: Suspension
    pages: Pages
    watched: Watched
    clock: Callable[[], int]
    configurations: Configurations
    services: Services
    # None where no service may register itself
    register: ClientRegister | None = None

    @property
    def node_keys(self) -> NodeKeys:
        """The keys of a node. Raises ValueError if there are none; `load_all` has refused such a configuration."""
        if self.keys.node is None:
            raise ValueError("load_all took a node without keys")
        return self.keys.node


def compose(parts: SiteParts) -> Site:
    """Compose the site for the role in the settings."""
    return _node(parts) if parts.settings.role == "node" else _city(parts)


def _city(parts: SiteParts) -> CitySite:
    settings, configuration, keys = parts.settings, parts.configuration, parts.keys
    approvals = _approvals(parts)
    role = CityRole(
        tenant=settings.tenant,
        configurations=WithOwnPage(parts.configurations, settings.issuer, matching=settings.matching),
        sources=parts.sources,
        issuer=settings.issuer,
        own_name=settings.organization.name if settings.organization else "",
        template=parts.pages.template_digest,
        index_key=keys.index,
        pairwise_key=keys.pairwise,
        suspension=parts.suspension,
        approvals=approvals,
    )
    frontends = {name: make(parts, role) for name, make in CITY_FRONTENDS.items()}
    openid, kiosks = frontends[oidc_request.NAME], frontends[device_codes.NAME]
    saml = frontends[saml_question.NAME]
    if not isinstance(openid, OpenIDProvider) or not isinstance(saml, SamlIdentityProvider):
        raise TypeError("a city without its frontends")
    if not isinstance(kiosks, DeviceFrontend) or openid.sessions is None:
        raise TypeError("an OpenID provider without kiosks or sessions")
    logouts = logouts_of(
        settings, configuration, keys, openid.sessions, parts.store, parts.suspension, parts.watched, saml.services
    )
    trials = frontends[TRIAL] = Trials(_openid_parts(parts, role), openid)
    frontends[own_page.NAME] = own_page.OwnPage(settings.issuer, role.configuration)
    programs = frontends[saml_programs.NAME] = saml_programs.Programs(saml)
    receipts = Receipts(
        tenant=settings.tenant,
        country=settings.country,
        keys=keys.ledger,
        log=parts.store,
        records=Releases(engine=parts.store.engine, tenant=settings.tenant, keys=keys.ledger),
        configuration=configuration,
        checkpoint_seconds=settings.checkpoint_seconds,
        witnesses=settings.witness_rules,
    )
    return CitySite(
        tenant=settings.tenant,
        issuer=settings.issuer,
        role=role,
        broker=_broker(parts, role, frontends),
        frontends=frontends,
        screens=CityScreens(role=role, pages=parts.pages, catalogue=configuration.catalogue),
        logins=_logins(parts),
        protocols=("saml", "eidas", "stork", "oidc"),
        catalogue=configuration.catalogue,
        sealer=parts.sealer,
        pages=parts.pages,
        log=parts.store,
        clock=parts.clock,
        metadata={
            **metadata_for_all(settings, configuration, keys),
            **receiving_metadata(settings, keys),
            **own_keys(keys),
        },
        log_keys=keys.ledger.log,
        documentation=settings.documentation_url,
        watched=parts.watched,
        openid=openid,
        kiosks=kiosks,
        saml=saml,
        unsolicited=Unsolicited(saml),
        programs=programs,
        sessions=openid.sessions,
        trials=trials,
        logouts=logouts,
        bodies=published_bodies(settings, configuration, keys, parts.clock),
        landings=landings_of(settings, configuration, keys, parts.suspension, parts.commits),
        discovery=settings.discovery_service,
        service_logouts=ServiceLogouts(
            tenant=settings.tenant,
            issuer=settings.issuer,
            services=saml.services,
            signer=keys.saml,
            logouts=logouts,
            commits=parts.store,
        ),
        visits=visits_of(
            settings,
            keys,
            saml.services,
            parts.sealer,
            parts.store,
            parts.suspension,
            {name: (configuration.providers[name], one) for name, one in parts.connectors.items()},
        ),
        upstream_logouts=UpstreamLogouts(
            tenant=settings.tenant,
            issuer=settings.issuer,
            providers=configuration.providers,
            connectors=parts.connectors,
            signer=keys.saml,
            logouts=logouts,
            commits=parts.store,
            bodies={one.place: body_entity_id(settings.issuer, one) for one in configuration.bodies.values()},
        ),
        received_logouts=ReceivedLogouts(
            tenant=settings.tenant,
            providers=configuration.providers,
            connectors=parts.connectors,
            logouts=logouts,
            commits=parts.store,
        ),
        citizen_receipts=CitizenReceipts(
            tenant=settings.tenant,
            sealer=parts.sealer,
            parked=parts.store,
            commits=parts.commits,
            receipts=receipts,
            approvals=approvals,
        ),
        citizen=citizen_page(
            settings,
            keys,
            parts.sealer,
            parts.store,
            parts.commits,
            suspension=parts.suspension,
            receipts=receipts,
            approvals=approvals,
            sessions=openid.sessions,
            watched=parts.watched,
            parties=configuration.parties,
        ),
        grants=grants_of(settings, configuration, keys, parts.store, parts.commits),
        certificates=ProxyHeader(settings.client_certificates, settings.tenant),
        own_leg=OwnLeg(_openid_parts(parts, role), openid.clients, RecordedSteps(parts.store.engine, settings.tenant).of),
        party_receipts=PartyReceipts(
            tenant=settings.tenant,
            access=openid.access,
            clients=openid.clients,
            senders=openid.senders,
            receipts=receipts,
            commits=parts.commits,
        ),
        registrations=registrations_of(_openid_parts(parts, role), parts.register, parts.settings.registered_clients),
    )


def _node(parts: SiteParts) -> Site:
    settings, configuration, keys = parts.settings, parts.configuration, parts.keys
    if (published := own_metadata(settings, configuration, keys)) is None:
        raise ValueError("load_all took a node without organization or keys")
    role = NodeRole(
        tenant=settings.tenant,
        country=settings.country,
        nodes=configuration.nodes,
        providers=configuration.providers,
        catalogue=configuration.catalogue,
        pairwise_key=keys.pairwise,
        suspension=parts.suspension,
        desk=parts.sources.registers,
    )
    frontends = {name: make(parts, role) for name, make in NODE_FRONTENDS.items()}
    published_to_providers = metadata_for_providers(settings, configuration, keys)
    return Site(
        tenant=settings.tenant,
        issuer=settings.issuer,
        role=role,
        broker=_broker(parts, role, frontends),
        frontends=frontends,
        screens=NodeScreens(role=role, pages=parts.pages, catalogue=configuration.catalogue),
        logins=_logins(parts),
        protocols=("saml", "oidc"),
        catalogue=configuration.catalogue,
        sealer=parts.sealer,
        pages=parts.pages,
        log=parts.store,
        clock=parts.clock,
        metadata={**published_to_providers, "/eidas/metadata": published, **own_keys(keys)},
        log_keys=keys.ledger.log,
        documentation=settings.documentation_url,
        watched=parts.watched,
    )


def _broker(parts: SiteParts, role: Role, frontends: Frontends) -> Broker:
    return Broker(
        tenant=parts.settings.tenant,
        role=role,
        frontends=frontends,
        connectors=parts.connectors,
        sealer=parts.sealer,
        commits=parts.commits,
        decisions=parts.store,
        suspension=parts.suspension,
        check_open=parts.store.check_open,
        reference=parts.watched.steps.reference,
    )


def _logins(parts: SiteParts) -> Logins:
    return Logins(tenant=parts.settings.tenant, sealer=parts.sealer, commits=parts.commits, parked=parts.store)


def _approvals(parts: SiteParts) -> Approvals:
    return approvals_of(parts.settings, parts.keys, parts.store)


def _openid_parts(parts: SiteParts, role: CityRole) -> OpenIDParts:
    configuration, keys = parts.configuration, parts.keys
    return OpenIDParts(
        issuer=parts.settings.issuer,
        tenant=parts.settings.tenant,
        parties=configuration.clients,
        purposes=configuration.purposes,
        vouched=role.vouches,
        ended=role.ended,
        off=parts.suspension.party_off,
        languages=tuple(spoken().languages),
        under_eidas=partial(under_eidas, configuration.providers),
        standing=StandingApprovals(
            issuer=parts.settings.issuer, purposes=configuration.purposes, approvals=_approvals(parts)
        ),
        catalogue=configuration.catalogue,
        signers={"ES256": keys.es256, "RS256": keys.rs256},
        sealer=parts.sealer,
        commits=parts.commits,
        parked=parts.store,
        documentation=parts.settings.documentation_url,
        proxy=proxy_of(parts.settings),
        redeemed=parts.watched.redeemed,
        sessions=sessions_of(parts.settings, parts.configuration, parts.services, parts.keys, parts.sealer, parts.store),
        registers=parts.register is not None,
    )


def _openid(parts: SiteParts, role: CityRole) -> OpenIDProvider:
    return OpenIDProvider(_openid_parts(parts, role))


def _kiosks(parts: SiteParts, role: CityRole) -> DeviceFrontend:
    return DeviceFrontend(_openid_parts(parts, role))


def _saml(parts: SiteParts, role: CityRole) -> SamlIdentityProvider:
    ours = parts.settings, parts.configuration, parts.services, parts.keys
    return saml_provider(*ours, role, parts.sealer, parts.commits, parts.store)


def _proxy_service(parts: SiteParts, _role: NodeRole) -> ProxyService:
    return ProxyService(
        here=proxy_here(parts.settings.issuer),
        nodes={name: one for name, one in parts.configuration.nodes.items() if isinstance(one.peer, Peer)},
        peers=parts.peers,
        signer=parts.node_keys.messages,
        catalogue=parts.configuration.catalogue,
    )


def _stork(parts: SiteParts, _role: NodeRole) -> StorkFrontend:
    return stork_frontend(parts.settings, parts.configuration, parts.keys)


# The protocols in which services ask us, by the name in `Origin`: one line a protocol
CITY_FRONTENDS: dict[str, Callable[[SiteParts, CityRole], Frontend]] = {
    oidc_request.NAME: _openid,
    device_codes.NAME: _kiosks,
    saml_question.NAME: _saml,
}
NODE_FRONTENDS: dict[str, Callable[[SiteParts, NodeRole], Frontend]] = {NAME: _proxy_service, STORK: _stork}
