"""A scrape, parsed by prometheus-client, and measures that several workers share."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client.parser import text_string_to_metric_families

from idp.monitoring.families import FAMILIES
from idp.monitoring.listener import exposition
from idp.monitoring.measures import Measures, SharedMeasures

# The exposition sorts labels by name; here they stand in the family's order, and the bucket last
ORDER = (*dict.fromkeys(label for family in FAMILIES.values() for label in family.labels), "le")


def told(counted: Measures | SharedMeasures) -> dict[tuple[str, ...], float]:
    """A sample's name and its labels -> its figure."""
    found = {}
    for family in text_string_to_metric_families(exposition(counted).decode()):
        for sample in family.samples:
            labels = sorted(sample.labels, key=ORDER.index)
            found[(sample.name, *(sample.labels[label] for label in labels))] = sample.value
    return found


@contextmanager
def sharing() -> Iterator[SharedMeasures]:
    """Shared memory of several workers, for as long as a test takes."""
    shared = SharedMeasures()
    try:
        yield shared
    finally:
        shared.close()
