"""Composes the citizen's page of a city."""

from idp.citizen.history import Histories
from idp.citizen.page import CitizenPage
from idp.citizen.visits import Visits
from idp.config.settings import Settings
from idp.keys.folder import BrokerKeys
from idp.login.sealing import Sealer
from idp.login.suspension import Suspension
from idp.ports import Commits
from idp.receipts.issue import Receipts
from idp.store.store import Store


def citizen_page(
    settings: Settings,
    keys: BrokerKeys,
    sealer: Sealer,
    store: Store,
    commits: Commits,
    *,
    suspension: Suspension,
    receipts: Receipts,
) -> CitizenPage:
    """The parts of one tenant's page."""
    tenant = settings.tenant
    return CitizenPage(
        visits=Visits(tenant=tenant, sealer=sealer, commits=commits, parked=store, suspension=suspension),
        histories=Histories(engine=store.engine, tenant=tenant, keys=keys.ledger),
        receipts=receipts,
    )
