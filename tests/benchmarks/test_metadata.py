"""The benchmark of metadata runs, and its aggregate is the same each time and good by xmlsec1's word, too."""

import hashlib
import shutil
from pathlib import Path

import pytest

from tests.benchmarks import metadata
from tests.benchmarks import metadata_made as made
from tests.peers import require_peer

# Of a hundred entities: whoever changes the generator changes what all figures are about
MADE = "38089f5521fb4b59d04dabba9588e88894f99c7ee1b77f95f49577fe8f9ed82e"


def test_the_aggregate_is_always_the_same() -> None:
    assert hashlib.sha256(made.signed(100)).hexdigest() == MADE


@pytest.mark.peer
def test_each_figure_is_measured(tmp_path: Path) -> None:
    require_peer("xmlsec1", present=shutil.which("xmlsec1") is not None)
    _, targets, missing = metadata.measured(metadata.Stage(tmp_path), 400, 1)
    assert [target.name for target in targets] == [
        "load_vs_xmlsec1",
        "peak_mb",
        "steady_mb",
        "lookup_us",
        "load_vs_pysaml2",
        "growth",
    ]
    assert all(one.startswith("pyFF") for one in missing)
