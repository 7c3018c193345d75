"""Examines what is in force, how it differs from the folder, and whether a stranger changed the history."""

from collections.abc import Iterator
from contextlib import suppress

from idp.changes.bundle import bundle_with
from idp.changes.history import History
from idp.changes.in_force import MEND, NOT_APPROVED, OLDER, UNREADABLE
from idp.config.settings import SETTINGS_FILE
from idp.doctor.database import our_rows, place_of
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from policies.errors import StoreUnavailable
from policies.load import examine

_CHANGED = "A process was killed, or somebody who can write to the database changed it. They can put nothing in force."
_KEPT = "A record names the policy that allowed a release by its hash: the history says what that policy was."
_MEND = "Run `ciconia ledger verify`, and restore the database from its backup."


def changes(case: Examination) -> Iterator[DoctorFinding]:
    """Finds a folder that is not in force, and rows of the history that were deleted, turned back or changed."""
    with our_rows(case) as found, suppress(StoreUnavailable):  # its own check names a database that fails
        if found is None:
            return
        engine, keys = found
        history = History(engine=engine, tenant=case.settings.tenant, keys=keys)
        for what in history.faults():
            yield ERROR(place_of(case), "applied", what, f"{_CHANGED} {_KEPT}", _MEND)
        newest = history.newest()
        folder = bundle_with(case.settings, case.files)
        if newest is None or newest.digest == folder.digest:
            return
        in_force = history.bundle(newest.digest)
        if in_force is not None and examine(in_force.files)[1]:
            what = f"configuration {newest.number}{UNREADABLE}"
            yield ERROR(place_of(case), "applied", what, "A start with another folder ends with its problems.", MEND)
            return
        served = f"Configuration {newest.number} is in force, by {newest.who}."
        if history.last(folder.digest):
            yield WARNING(
                SETTINGS_FILE, "applied", "the folder is older than what is in force.", f"{served} It is served.", OLDER
            )
            return
        what, why = "the folder is not what is in force.", f"{served} The next start or reload takes the folder up."
        if in_force is not None and in_force.four_eyes:
            why, fix = f"{served} Of the folder nothing is taken up that widens it.", NOT_APPROVED
        else:
            fix = "See what changes (`ciconia plan`), and apply it, so that the ledger says who did."
        yield NOTICE(SETTINGS_FILE, "applied", what, why, fix)
