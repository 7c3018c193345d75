"""Registers that are views of a database: whether ours may read them, and nothing more."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from connectors.registers.database_view import RegisterView
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, WARNING, DoctorFinding
from idp.keys.secret_files import load_password
from policies.attribute_register import DatabaseView
from policies.errors import Misconfigured, PeerUnavailable

_NOT_ASKED = "The register is not asked: what it would say is missing in each sign-in."
_WIDER = "We only read, whatever the account may do; but whoever else had its password could change the register."
_FIX = "Make a view of what [attributes] has, and an account that may SELECT from it and nothing else."
_LEAKS = "Whoever has an account on this machine could read the register."
_CLOSE = "Let the broker's account alone read it (mode 600, or 400 where a container mounts it)."
_UNREAD = "Start the database, or correct [view], and let its account SELECT the columns of [found_by] and [attributes]."


def registers(case: Examination) -> Iterator[DoctorFinding]:
    """Asks each database for the columns that we use, and for what our account may do. No row is read."""
    for register in case.configuration.registers.values():
        if not isinstance(register.transport, DatabaseView):
            continue
        file = register.transport.password_file
        if file and Path(file).exists() and Path(file).stat().st_mode & 0o077:
            yield WARNING(register.source, "view", "others than its owner may read the password's file.", _LEAKS, _CLOSE)
        secret = partial(load_password, file)
        try:
            view = RegisterView(register=register, catalogue=case.configuration.catalogue, secret=secret)
            try:
                faults = view.faults()
            finally:
                view.close()
        except PeerUnavailable as error:
            yield ERROR(register.source, "view", f"it cannot be read: {error.detail}.", _NOT_ASKED, _UNREAD)
            continue
        except Misconfigured as error:
            yield from (case.of_problem(problem, _NOT_ASKED) for problem in error.problems)
            continue
        for fault in faults:
            yield WARNING(register.source, "view", fault, _WIDER, _FIX)
