"""Which logins a question is about, and those of a ledger that it is about."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from idp.audit.questions.ledger_summary import SummarisedLedger
from idp.audit.questions.summary import PARTS

EPOCH = date(1970, 1, 1)
WEEK = 7
# 1970-01-01 was a Thursday
_MONDAY = 3
# How many parts of logins a process remembers
_KNOWN = 65_536


@dataclass(frozen=True, slots=True)
class LoginFilters:
    """The logins of a period (whole days of UTC, the last one among them), and of one thing of each kind; "" is any.

    `attribute` is one that was asked for or that went; `outcome` is "release", "refusal", "cancellation" or "unsent".
    """

    since: date | None = None
    until: date | None = None
    service: str = ""
    purpose: str = ""
    attribute: str = ""
    country: str = ""
    basis: str = ""
    outcome: str = ""

    def as_json(self) -> dict[str, str | None]:
        """Filters in the spelling of the command line; None for any."""
        named = {name: str(value) if value else None for name, value in asdict(self).items()}
        return {"from": named.pop("since"), "to": named.pop("until"), **named}

    @property
    def days(self) -> range:
        """The days since the epoch."""
        first = (self.since - EPOCH).days if self.since else -(2**40)
        return range(first, (self.until - EPOCH).days + 1 if self.until else 2**40)


class LoginTerms(NamedTuple):
    """A login's service, its purpose, on which basis, and the SHA-256 of the purpose's file."""

    service: str
    purpose: str
    basis: str
    policy: str


class LoginWay(NamedTuple):
    """How it ended, which provider signed the person in, at which level, and how it was decided (`DecidedBy`)."""

    outcome: str
    source: str
    loa: str
    path: str


class LoginChoice(NamedTuple):
    """The names and forms that went and that were asked for, the names that did not go and why.

    `unknown` is whether the service asked for more, by names that we do not know.
    """

    names: tuple[tuple[str, str], ...]
    asked: tuple[tuple[str, str], ...]
    withheld: tuple[tuple[str, str], ...]
    unknown: bool


class AlikeLogins(NamedTuple):
    """So many `logins` that say the same; `notice` is the hash of the page that was shown."""

    terms: LoginTerms
    way: LoginWay
    choice: LoginChoice
    notice: str
    logins: int


@dataclass(frozen=True, slots=True)
class SelectedLogins:
    """The logins that a question is about. `weeks` counts them by Monday and outcome.

    `services` and `purposes` are all that are on record.
    """

    logins: tuple[AlikeLogins, ...]
    weeks: Mapping[tuple[date, str], int]
    services: frozenset[str]
    purposes: frozenset[str]


def select_logins(ledger: SummarisedLedger, filters: LoginFilters, country_of: Callable[[str], str]) -> SelectedLogins:
    """Select by the filters. `country_of` knows the country of a source."""
    takes = taker(filters, country_of)
    days, counted, weeks = filters.days, Counter[tuple[str, ...]](), Counter[tuple[int, str]]()
    for summary in ledger.summaries:
        texts = [summary.tables[name] for name in PARTS]
        taken = [[takes(name, text) for text in table] for name, table in zip(PARTS, texts, strict=True)]
        outcomes = [read_way(text).outcome for text in summary.tables["way"]]
        rows = zip(*(summary.rows[name] for name in ("day", *PARTS, "count")), strict=True)
        for day, terms, way, choice, notice, count in rows:
            if day in days and taken[0][terms] and taken[1][way] and taken[2][choice]:
                counted[texts[0][terms], texts[1][way], texts[2][choice], texts[3][notice]] += count
                weeks[day - (day + _MONDAY) % WEEK, outcomes[way]] += count
    every = [read_terms(text) for text in {text for summary in ledger.summaries for text in summary.tables["terms"]}]
    return SelectedLogins(
        tuple(
            AlikeLogins(read_terms(terms), read_way(way), read_choice(choice), json.loads(notice)[0], count)
            for (terms, way, choice, notice), count in counted.items()
        ),
        {(EPOCH + timedelta(days=day), outcome): count for (day, outcome), count in sorted(weeks.items())},
        frozenset(terms.service for terms in every),
        frozenset(terms.purpose for terms in every),
    )


def taker(filters: LoginFilters, country_of: Callable[[str], str]) -> Callable[[str, str], bool]:
    """Whether the filters take a part of this name and text, but for the period."""
    known: dict[tuple[str, str], bool] = {}

    def takes(name: str, text: str) -> bool:
        found = known.get((name, text))
        if found is None:
            found = known[name, text] = all(
                wanted in ("", said) if isinstance(said, str) else not wanted or wanted in said
                for wanted, said in _said(name, text, filters, country_of)
            )
        return found

    return takes


def _said(
    name: str, text: str, filters: LoginFilters, country_of: Callable[[str], str]
) -> Iterator[tuple[str, str | frozenset[str]]]:
    """A filter's wish, and what a part says about that."""
    if name == "terms":
        terms = read_terms(text)
        yield from ((filters.service, terms.service), (filters.purpose, terms.purpose), (filters.basis, terms.basis))
    elif name == "way":
        way = read_way(text)
        yield filters.outcome, way.outcome
        yield filters.country, country_of(way.source) if filters.country else ""
    elif name == "choice":
        choice = read_choice(text)
        yield filters.attribute, frozenset(pair[0] for pair in (*choice.names, *choice.asked))


@lru_cache(maxsize=_KNOWN)
def read_terms(text: str) -> LoginTerms:
    """The terms of a part's text (`summary`)."""
    return LoginTerms(*json.loads(text))


@lru_cache(maxsize=_KNOWN)
def read_way(text: str) -> LoginWay:
    """The way of a part's text."""
    return LoginWay(*json.loads(text))


@lru_cache(maxsize=_KNOWN)
def read_choice(text: str) -> LoginChoice:
    """The choice of a part's text."""
    *pairs, unknown = json.loads(text)
    names, asked, withheld = (tuple((name, said) for name, said in each) for each in pairs)
    return LoginChoice(names, asked, withheld, unknown)
