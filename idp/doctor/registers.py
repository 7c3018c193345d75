"""Registers that are views of a database: whether ours may read them, and nothing more."""

from collections.abc import Iterator
from functools import partial

from connectors.registers.database_view import RegisterView
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, WARNING, DoctorFinding
from idp.keys.secret_files import load_password
from policies.attribute_register import DatabaseView
from policies.errors import Misconfigured, PeerUnavailable

_NOT_ASKED = "The register is not asked: what it would say is missing in each sign-in."
_WIDER = "We only read, whatever the account may do; but whoever else had its password could change the register."
_FIX = "Make a view of what [attributes] has, and an account that may SELECT from it and nothing else."
_UNREAD = "Start the database, or correct [view], and let its account SELECT the columns of [found_by] and [attributes]."


def registers(case: Examination) -> Iterator[DoctorFinding]:
    """Asks each database for the columns that we use, and for what our account may do. No row is read."""
    for register in case.configuration.registers.values():
        if not isinstance(register.transport, DatabaseView):
            continue
        secret = partial(load_password, register.transport.password_file)
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
