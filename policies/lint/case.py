"""A configuration as the checks of `policy lint` look at it: with the lines of its files, and what they measure by."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from policies.attributes import AttributeName
from policies.load import Configuration
from policies.load.table import Table, parse
from policies.parties import RelyingParty, Source
from policies.purposes import Need, Purpose


@dataclass(frozen=True, slots=True)
class LintCase:
    """The configuration, its files by relative path, the languages of the pages, and the people of the city."""

    configuration: Configuration
    files: Mapping[str, bytes] = field(repr=False)
    languages: Collection[str]
    population: int
    _tables: dict[str, Table | None] = field(init=False, repr=False, default_factory=dict)

    def needs(self) -> Iterator[tuple[Purpose, AttributeName, Need]]:
        """Every attribute of every purpose."""
        for purpose in self.configuration.purposes.values():
            for name, need in purpose.needs.items():
                yield purpose, name, need

    def parties(self, purpose: Purpose) -> Iterator[RelyingParty]:
        """The services of a purpose."""
        return (one for one in self.configuration.parties.values() if purpose.purpose_id in one.purposes)

    def source(self, file: str, *path: str) -> Source:
        """Where a key of a file stands."""
        if file not in self._tables:
            self._tables[file] = parse(file, self.files.get(file, b""), [])
        table = self._tables[file]
        return table.source(*path) if table else Source(file, 1)
