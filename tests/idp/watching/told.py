"""A scrape, parsed by prometheus-client."""

from prometheus_client.parser import text_string_to_metric_families

from idp.watching.board import Board
from idp.watching.exposition import exposition
from idp.watching.families import FAMILIES

# The exposition sorts labels by name; here they stand in the family's order, and the bucket last
ORDER = (*dict.fromkeys(label for family in FAMILIES.values() for label in family.labels), "le")


def told(board: Board) -> dict[tuple[str, ...], float]:
    """A sample's name and its labels -> its figure."""
    found = {}
    for family in text_string_to_metric_families(exposition(board).decode()):
        for sample in family.samples:
            labels = sorted(sample.labels, key=ORDER.index)
            found[(sample.name, *(sample.labels[label] for label in labels))] = sample.value
    return found
