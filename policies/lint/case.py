"""A configuration as the checks of `policy lint` look at it: with the lines of its files, and what they measure by."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from policies.attributes import AttributeName
from policies.load import Configuration
from policies.load.table import Table, parse
from policies.parties import PurposeId, RelyingParty, Source
from policies.purposes import Need, Purpose


@dataclass(frozen=True, slots=True)
class LintCase:
    """The configuration, its files by relative path, the languages of the pages, and the people of the city."""

    configuration: Configuration
    files: Mapping[str, bytes] = field(repr=False)
    languages: Collection[str]
    population: int
    _tables: dict[str, Table | None] = field(init=False, repr=False, default_factory=dict)
    _served: dict[PurposeId, list[RelyingParty]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        for party in self.configuration.parties.values():
            for purpose_id in party.purposes:
                self._served.setdefault(purpose_id, []).append(party)

    def needs(self) -> Iterator[tuple[Purpose, AttributeName, Need]]:
        """Every attribute of every purpose."""
        for purpose in self.configuration.purposes.values():
            for name, need in purpose.needs.items():
                yield purpose, name, need

    def parties(self, purpose: Purpose) -> Sequence[RelyingParty]:
        """The services of a purpose."""
        return self._served.get(purpose.purpose_id, ())

    def source(self, file: str, *path: str) -> Source:
        """Where a key of a file stands."""
        if file not in self._tables:
            self._tables[file] = parse(file, self.files.get(file, b""), [])
        table = self._tables[file]
        return table.source(*path) if table else Source(file, 1)
