"""The parts of the citizen's page, for its endpoints."""

from dataclasses import dataclass

from idp.citizen.act_receipts import ActReceipts
from idp.citizen.acts import CitizenActs
from idp.citizen.erasures import Erasures
from idp.citizen.history import Histories
from idp.citizen.matching import Matching
from idp.citizen.visits import OwnPageVisits
from idp.receipts.issue import Receipts


@dataclass(frozen=True, slots=True)
class CitizenPage:
    """One tenant's."""

    visits: OwnPageVisits
    histories: Histories
    receipts: Receipts
    act_receipts: ActReceipts
    acts: CitizenActs
    erasures: Erasures
    matching: Matching
