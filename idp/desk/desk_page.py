"""A page of a desk: an address, the phrases of its title, and its filters."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeskPage:
    """A page at `path`. Its title, lead and short name are phrases under `key`."""

    path: str
    key: str
    filters: tuple[str, ...]

    @property
    def stem(self) -> str:
        """The address of its tables as files, without the ending."""
        return "/record" if self.path == "/" else self.path
