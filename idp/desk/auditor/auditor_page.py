"""A page of the auditor's desk: a page with its filters, and what it shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from idp.audit.questions.filters import LoginFilters
from idp.audit.questions.summary import OF_LOGINS
from idp.desk.auditor.reading import DeskQuestion, DeskReader
from idp.desk.blocks import Block, Notice
from idp.desk.desk_page import DeskPage
from idp.desk.table_views import MAX_FILTER
from policies.errors import RequestRefused
from policies.purposes import Basis

PERIOD = ("since", "until")
DAYS = (*PERIOD, "day")
# The fields of `LoginFilters`
LOGINS = (*PERIOD, "service", "purpose", "attribute", "country", "basis", "outcome")
# Runs of changed leaves that a page names
MOST_RUNS = 20


@dataclass(frozen=True, slots=True)
class AuditorPage(DeskPage):
    """A page that answers a question out of the record."""

    make: Callable[[DeskReader, DeskQuestion], Sequence[Block]]


def asked_for(page: AuditorPage, given: Mapping[str, str], who: str) -> DeskQuestion:
    """An auditor's question to a page, out of a query. Raises `RequestRefused` for no date, or a period backwards."""
    if any(len(value) > MAX_FILTER for value in given.values()):
        raise RequestRefused("a filter that is too long")
    since, until = (read_day(given[name]) if name in page.filters and given.get(name) else None for name in PERIOD)
    if since and until and since > until:
        raise RequestRefused("a period that ends before it begins")
    named = {name: given.get(name, "") for name in page.filters if name not in PERIOD}
    filters = LoginFilters(since, until, **{name: value for name, value in named.items() if name in LOGINS})
    return DeskQuestion(filters, named, who)


def choices(reader: DeskReader, name: str) -> Sequence[str]:
    """The values that a filter offers. A filter without them takes any text."""
    configuration = reader.auditor.configuration
    match name:
        case "service":
            return sorted(configuration.parties)
        case "purpose":
            return sorted(configuration.purposes)
        case "attribute":
            return sorted(configuration.catalogue.attributes)
        case "country":
            return sorted(reader.auditor.countries)
        case "basis":
            return [basis.value for basis in Basis]
        case "outcome":
            return OF_LOGINS
        case _:
            return ()


def changed_leaves(places: Sequence[int]) -> Iterator[Notice]:
    """Says which leaves are not what was written, if there are some. `places` are in order."""
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][1] + 1 == place:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    if runs:
        named = [str(first) if first == last else f"{first} to {last}" for first, last in runs[:MOST_RUNS]]
        said = ", ".join([*named, *(["…"] if len(runs) > MOST_RUNS else [])])
        yield Notice("desk.changed", {"count": str(len(places)), "places": said})


def moment(seconds: int) -> str:
    """A moment as a reader and a program read it (RFC 3339, UTC)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_day(text: str) -> date:
    """A day. Raises `RequestRefused` for one that no calendar has."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RequestRefused("a date that no calendar has") from None
