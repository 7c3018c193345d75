"""Composes the citizen's page of a city."""

from collections.abc import Mapping

from idp.audit.grants import Grants
from idp.audit.record_proof import proof_of_record
from idp.citizen.act_receipts import ActReceipts
from idp.citizen.acts import CitizenActs
from idp.citizen.erasures import Erasures
from idp.citizen.history import Histories
from idp.citizen.matching import Matching
from idp.citizen.page import CitizenPage
from idp.citizen.visits import OwnPageVisits
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.login.approvals import Approvals
from idp.login.sealing import Sealer
from idp.login.sessions import Sessions
from idp.login.suspension import Suspension
from idp.monitoring.watched import Watched
from idp.ports import Commits, Unit
from idp.receipts.issue import Receipts
from idp.store.store import Store
from policies.load import Configuration
from policies.parties import ClientId, RelyingParty


def citizen_page(
    settings: Settings,
    keys: BrokerKeys,
    sealer: Sealer,
    store: Store,
    commits: Commits,
    *,
    suspension: Suspension,
    receipts: Receipts,
    approvals: Approvals,
    sessions: Sessions,
    watched: Watched,
    parties: Mapping[ClientId, RelyingParty],
) -> CitizenPage:
    """The parts of one tenant's page."""
    tenant = settings.tenant

    def hears(client_id: ClientId) -> bool:
        party = parties.get(client_id)
        return party is not None and bool(party.openid.logout.events_uri)

    histories = Histories(engine=store.engine, tenant=tenant, keys=keys.ledger)
    erasures = Erasures(engine=store.engine, tenant=tenant, keys=keys.ledger)
    acts = CitizenActs(
        tenant=tenant,
        approvals=approvals,
        sessions=sessions,
        commits=commits,
        histories=histories,
        hears=hears,
        alerts=watched.disowned,
    )
    return CitizenPage(
        visits=OwnPageVisits(
            tenant=tenant, index_key=keys.index, sealer=sealer, commits=commits, parked=store, suspension=suspension
        ),
        histories=histories,
        receipts=receipts,
        act_receipts=ActReceipts(tenant, keys.ledger, store, proof_of_record),
        acts=acts,
        erasures=erasures,
        matching=Matching(tenant, approvals.links, erasures, histories, sessions, commits),
    )


def approvals_of(settings: Settings, keys: BrokerKeys, store: Store) -> Approvals:
    """The approvals and links of one tenant's persons."""
    subjects = keys.ledger.subjects
    return Approvals(tenant=settings.tenant, subjects=subjects, decisions=store, matching=settings.matching)


def grants_of(settings: Settings, configuration: Configuration, keys: BrokerKeys, store: Store, commits: Commits) -> Grants:
    """The grants of auditors, as the officers of this configuration signed them."""
    return Grants(
        engine=store.engine,
        tenant=settings.tenant,
        keys=keys.ledger,
        operators=lambda: configuration.operators,
        record=lambda draft: commits.commit(Unit(tenant=settings.tenant, record=draft)),
    )
