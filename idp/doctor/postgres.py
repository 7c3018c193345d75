"""A database of PostgreSQL: whether it answers, whether a commit lasts, its clock, and its readers."""

from collections.abc import Callable, Iterator

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import DBAPIError

from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, WARNING, DoctorFinding
from idp.store.clock_drift import ALLOWED, FIX, clock_drift, drift_text
from idp.store.engine import database_name, disposed, unavailable
from idp.store.faults import meaning
from idp.store.postgres import ONLY_READS, faults_of_session, look_at, postgres_url
from policies.errors import Misconfigured

_LAST = "A release that was approved would be gone after a crash, and the server does not start."
_NOBODY = "Nothing can be recorded, so nothing is released."
_CLOCK = "Sign-ins that pass through two machines fail by it, so a machine is not ready while its clock is off."
_HOSTS_OF_OURS = ("", "localhost", "127.0.0.1", "::1")
_ENCRYPTED = ("verify-full", "verify-ca")


def postgres(case: Examination, clock: Callable[[], int]) -> Iterator[DoctorFinding]:
    """Checks the connection, its durability, its clock, and its rights. The revision is checked with that of a file."""
    try:
        url = postgres_url(make_url(case.settings.database_url))
        engine = look_at(url)
    except Misconfigured as error:
        for problem in error.problems:
            yield case.setting(
                ERROR, "database", problem.what, why=_NOBODY, fix=f"{problem.fix[0].upper()}{problem.fix[1:]}."
            )
        return
    yield from _on_its_way(case, url.host or "", dict(url.query))
    asked = url.query.get("target_session_attrs")
    if asked in ("standby", "read-only"):  # `look_at` takes any
        what, fix = f"target_session_attrs={asked} asks for a server that only reads.", "Take it out of the URL."
        yield case.setting(ERROR, "database", what, why=_NOBODY, fix=fix)
    try:
        with disposed(engine):
            yield from _asked(case, engine, clock)
    except DBAPIError as error:
        detail = unavailable(error).detail
        means, fix = meaning(detail)
        what = f"it cannot be used ({detail}). {means}".rstrip()
        yield case.setting(ERROR, "database", what, why=_NOBODY, fix=fix or "Look at the server's log.")


def _on_its_way(case: Examination, host: str, query: dict[str, object]) -> Iterator[DoctorFinding]:
    if host in _HOSTS_OF_OURS or host.startswith("/") or query.get("sslmode") in _ENCRYPTED:
        return
    what = f"the way to {host} is not told to be encrypted and to that server alone."
    why = "Whoever stands between could read when somebody signed in where, and answer as the database."
    fix = "Add ?sslmode=verify-full&sslrootcert=FILE to the URL."
    yield case.setting(WARNING, "database", what, why=why, fix=fix)


def _asked(case: Examination, engine: Engine, clock: Callable[[], int]) -> Iterator[DoctorFinding]:
    place = database_name(case.settings.database_url)
    with engine.connect() as connection:
        faults = faults_of_session(connection.connection.driver_connection)
        only_reads = connection.info.get(ONLY_READS, False)
        role = "SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user"
        name, superuser = connection.exec_driver_sql(role).one()
        off = clock_drift(connection, clock)
    for fault in faults:
        fix = "Set it back in postgresql.conf, ALTER ROLE or ALTER DATABASE, whichever set it; name the primary server."
        yield ERROR(place, "durability", fault, _LAST, fix)
    if only_reads:
        what = "it was made read-only (default_transaction_read_only)."
        fix = "Set it back in postgresql.conf, ALTER ROLE or ALTER DATABASE, whichever set it."
        yield ERROR(place, "read_only", what, _NOBODY, fix)
    if off is not None and abs(off) > ALLOWED:
        yield ERROR(place, "clock", f"{drift_text(off)}; {ALLOWED} are allowed.", _CLOCK, FIX)
    if superuser:
        what = f"{name} may do everything on this server."
        why = "Who gets hold of the broker then has every other database of the server, and its files."
        fix = f"Make a role that owns this database alone: ALTER DATABASE .. OWNER TO .., and not SUPERUSER as {name}."
        yield WARNING(place, "role", what, why, fix)
