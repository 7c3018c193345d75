"""Valkey, where limits are counted together: what `serve` asks of it before it starts."""

from collections.abc import Iterator

from idp.doctor.case import Case
from idp.doctor.finding import Finding, Severity
from idp.server.rate_limits import check_valkey
from policies.errors import Misconfigured

_WHY = "`ciconia serve` does not start without it: all workers count there how often somebody asks."


def valkey(case: Case, *, ask: bool = False) -> Iterator[Finding]:
    """Whether its library is there; with `ask` also whether it answers, and would keep every counter."""
    if not case.knows("valkey"):
        return
    try:
        check_valkey(case.settings, ask=ask)
    except Misconfigured as error:
        for problem in error.problems:
            yield case.setting(Severity.ERROR, problem.key, problem.what, why=_WHY, fix=problem.fix)
