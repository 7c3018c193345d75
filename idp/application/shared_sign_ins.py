"""Composes the sign-ins that services share, and their end."""

from collections.abc import Mapping

from connectors.connector import Connector
from connectors.fetch import Fetcher
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.login.sealing import Sealer
from idp.login.sessions import Sessions
from idp.login.suspension import Suspension
from idp.monitoring.watched import Watched
from idp.protocols.oidc.events import Events
from idp.protocols.oidc.logouts import Logouts
from idp.protocols.saml.logout_sent import LogoutSender
from idp.protocols.saml.logout_visits import Visits
from idp.protocols.saml.services import Services
from idp.store.logout_queue import EVENT, LogoutQueue
from idp.store.records.own_acts import OwnActs
from idp.store.sessions import StoredSessions
from idp.store.store import Store
from policies.load import Configuration
from policies.parties import ClientId, IdentityProvider, ProviderId, RelyingParty


def sessions_of(
    settings: Settings,
    configuration: Configuration,
    services: Services,
    keys: BrokerKeys,
    sealer: Sealer,
    store: Store,
) -> Sessions:
    """The sessions of one tenant."""

    def told(client_id: ClientId) -> bool:
        party = configuration.parties.get(client_id)
        if party is None or party.saml is not None:
            return services.takes_soap(client_id)
        return bool(party.openid.logout.backchannel_logout_uri)

    return Sessions(
        tenant=settings.tenant,
        sealer=sealer,
        stored=StoredSessions(engine=store.engine, tenant=settings.tenant),
        index_key=keys.index,
        subjects=keys.ledger.subjects,
        groups=configuration.session_groups,
        told=told,
    )


def logouts_of(
    settings: Settings,
    configuration: Configuration,
    keys: BrokerKeys,
    sessions: Sessions,
    store: Store,
    suspension: Suspension,
    watched: Watched,
    services: Services,
) -> Logouts:
    """Their end, and who hears of it."""
    fetcher = Fetcher(demo=settings.demo)
    over_soap = LogoutSender(settings.issuer, services, keys.saml, fetcher)
    signers = {"ES256": keys.es256, "RS256": keys.rs256}
    acts = OwnActs(engine=store.engine, tenant=settings.tenant, keys=keys.ledger)
    events = Events(settings.issuer, signers, acts, fetcher)

    def otherwise(party: RelyingParty, sid: str, now: int) -> str:
        if sid.startswith(EVENT):
            return events.push(party, bytes.fromhex(sid.removeprefix(EVENT)), now)
        return over_soap.tell(party, sid, now)

    return Logouts(
        issuer=settings.issuer,
        parties=configuration.parties,
        providers=configuration.providers,
        signers=signers,
        sessions=sessions,
        queue=LogoutQueue(engine=store.engine, tenant=settings.tenant),
        suspension=suspension,
        fetcher=fetcher,
        otherwise=otherwise,
        count=watched.logout,
    )


def visits_of(
    settings: Settings,
    keys: BrokerKeys,
    services: Services,
    sealer: Sealer,
    store: Store,
    suspension: Suspension,
    sources: Mapping[ProviderId, tuple[IdentityProvider, Connector]],
) -> Visits:
    """The citizen's way through services that hear of an end by the browser alone, and to providers upstream."""
    return Visits(
        tenant=settings.tenant,
        issuer=settings.issuer,
        services=services,
        signer=keys.saml,
        sealer=sealer,
        commits=store,
        parked=store,
        suspension=suspension,
        sources=sources,
    )
