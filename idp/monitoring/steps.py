"""Each step of a login: one line of the log and one count. A line has the login's reference, which is not the login's id.

The reference is a keyed hash of the id: every worker finds the same without a row, the page of an error shows it, and a
reader of the log cannot go back to the id, which stands in addresses and cookies of a browser. Lines name the relying party
and the country by the ids of our configuration, never anything that came in a message.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum

from connectors import checks as of_messages
from idp.login import check_names as of_logins
from idp.monitoring.families import LOGINS, REFUSALS
from idp.monitoring.measures import OTHER, Measures
from idp.pages.wording import MOVES
from idp.system.logs import log_of
from policies.errors import BrokerError

REFERENCE_DIGITS = 10


class LoginStep(StrEnum):
    """How far a login came."""

    BEGUN = "begun"
    ASKED = "asked"
    ANSWERED = "answered"
    BLOCKED = "blocked"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    RELEASED = "released"
    TOKEN = "token"


def _all_checks() -> frozenset[str]:
    """Every name of a check that our tables have."""
    tables = [table for module in (of_messages, of_logins) for name, table in vars(module).items() if name.isupper()]
    return frozenset(name for table in tables if isinstance(table, Mapping) for name in table) | {"unforeseen"}


def _all_codes() -> frozenset[str]:
    """Every code of an error: those of the classes, and those that have a page."""
    found, kinds = set[str](), [BrokerError]
    while kinds:
        kind = kinds.pop()
        found.add(kind.code)
        kinds += kind.__subclasses__()
    return frozenset(found) | frozenset(MOVES)


class Steps:
    """One tenant's. `key` is a secret of the tenant, the same in all workers; `countries` are what a label may say."""

    def __init__(self, *, tenant: str, key: bytes, measures: Measures, countries: Collection[str]) -> None:
        self._tenant, self._key, self._measures = tenant, key, measures
        self._countries = frozenset(countries)
        self._checks, self._codes = _all_checks(), _all_codes()
        # Bound at its first line, once
        self._log = log_of(tenant)

    def among(self, countries: Collection[str]) -> "Steps":
        """The same steps, where these countries are configured."""
        return Steps(tenant=self._tenant, key=self._key, measures=self._measures, countries=countries)

    def reference(self, login: str) -> str:
        """Return the reference of a login in the log and on pages."""
        return hashlib.blake2b(login.encode(), key=self._key, digest_size=REFERENCE_DIGITS // 2).hexdigest()

    def step(
        self,
        step: LoginStep,
        reference: str,
        party: str,
        country: str = "",
        deviations: Sequence[str] = (),
        *,
        scopes_ignored: int = 0,
    ) -> None:
        """A login of this party came this far, at this country where one was chosen, by these named deviations.

        `scopes_ignored` is how many scopes of its request mean nothing here.
        """
        known = country if country in self._countries or not country else OTHER
        self._measures.count(LOGINS, self._tenant, step, known)
        used: dict[str, object] = {"deviations": list(deviations)} if deviations else {}
        if scopes_ignored:
            used["scopes_ignored"] = scopes_ignored
        # `bind` gives what `info` is of; without it the proxy looks for that by two calls more
        self._log.bind().info("login", step=step, reference=reference, party=party, country=country, **used)

    def refused(self, code: str, failed: str | None) -> tuple[str, str]:
        """Count what was refused, by a code and the check that failed. Returns both, in words of ours alone.

        Its line is written where its page is made.
        """
        known = code if code in self._codes else OTHER
        named = "" if failed is None else failed if failed in self._checks else OTHER
        self._measures.count(REFUSALS, self._tenant, known, named)
        return known, named


def steps_key(master: bytes) -> bytes:
    """The key of references, of a master key of the tenant that is used for other things, too."""
    return hashlib.blake2b(b"reference of a login", key=master[:64], digest_size=32).digest()
