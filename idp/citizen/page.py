"""The parts of the citizen's page, for its endpoints."""

from dataclasses import dataclass

from idp.citizen.history import Histories
from idp.citizen.visits import Visits
from idp.receipts.issue import Receipts


@dataclass(frozen=True, slots=True)
class CitizenPage:
    """One tenant's."""

    visits: Visits
    histories: Histories
    receipts: Receipts
