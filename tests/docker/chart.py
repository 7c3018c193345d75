"""docker/kubernetes/chart with its own values: `python -m tests.docker.chart` writes docker/kubernetes/ciconia.yaml.

The chart uses nothing of Helm's language but `.Values.NAME`, so this is all of Helm that it needs.
"""

import re

import yaml

from tests.docker.dockerfile import ROOT

FOLDER = ROOT / "docker/kubernetes"
HEAD = "# Made of the chart and its own values. Change those.\n"


def values() -> dict[str, object]:
    """The values of the chart."""
    found = yaml.safe_load((FOLDER / "chart/values.yaml").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def rendered() -> str:
    """The manifests. KeyError for a value that the chart does not have."""
    text, known = (FOLDER / "chart/templates/ciconia.yaml").read_text(encoding="utf-8"), values()
    return HEAD + re.sub(r"\{\{ \.Values\.(\w+) \}\}", lambda found: str(known[found[1]]), text)


if __name__ == "__main__":
    (FOLDER / "ciconia.yaml").write_text(rendered(), encoding="utf-8")
