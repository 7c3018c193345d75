"""Reads a proposal of the operator's pages, and makes its plan: of what is in force, but for these files."""

from dataclasses import replace

from sqlalchemy import Engine

from idp.application.planning import GONE, Candidate, judged, plan_against
from idp.changes.history import History
from idp.changes.plan import Plan
from idp.changes.proposals import Changed, Proposal, Proposals, changed
from idp.config.settings import Settings
from idp.ledger.ledger_keys import LedgerKeys
from idp.store.engine import reading
from idp.store.records.looking import looking
from policies.errors import StoreUnavailable

PROPOSALS = "proposals"
NOTHING_YET = "nothing is in force yet: start a server, or apply the folder"


def proposals_of(settings: Settings, keys: LedgerKeys) -> Proposals:
    """The proposals of one broker."""
    return Proposals(settings.console_folder / PROPOSALS, settings.tenant, keys)


def candidate_over(settings: Settings, history: History, proposal: Proposal) -> Candidate:
    """The configuration that a proposal asks for. Raises `Misconfigured` with every problem, and `StoreUnavailable`."""
    return replace(_over(settings, history, proposal.files), proposal=proposal)


def plan_of_proposal(settings: Settings, keys: LedgerKeys, digest: str) -> tuple[Plan, Candidate] | None:
    """The plan of a proposal against what is in force now, and its candidate; None where there is no such proposal."""
    found = proposals_of(settings, keys).find(digest)
    with looking(settings.database_url) as engine, reading():
        if found is None or engine is None:
            return None
        history = History(engine=engine, tenant=settings.tenant, keys=keys)
        candidate = candidate_over(settings, history, found)
        return plan_against(history, candidate)[0], candidate


def plan_over(settings: Settings, keys: LedgerKeys, engine: Engine, files: Changed) -> Plan:
    """The plan of a change of these files. It only reads. Raises as `candidate_over` does."""
    history = History(engine=engine, tenant=settings.tenant, keys=keys)
    return plan_against(history, _over(settings, history, files))[0]


def _over(settings: Settings, history: History, files: Changed) -> Candidate:
    newest = history.newest()
    bundle = history.bundle(newest.digest) if newest else None
    if bundle is None:
        raise StoreUnavailable(GONE if newest else NOTHING_YET)
    return judged(settings, changed(bundle, files))
