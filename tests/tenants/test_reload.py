"""A reload of several tenants: what a start fixed of each stays so, also of one that came later or was closed meanwhile."""

import shutil
from pathlib import Path

import pytest

from idp.cli.serve_plan import Looked, look, look_again
from policies.errors import Misconfigured
from tests.tenants.roof import Roof, issuer


@pytest.fixture
def served(roof: Roof) -> Looked:
    return look(roof.folder)


def refusals(roof: Roof, served: Looked) -> list[tuple[str, str]]:
    with pytest.raises(Misconfigured) as raised:
        look_again(roof.folder, served)
    assert all("a reload cannot change it" in one.what for one in raised.value.problems)
    return [(one.file, one.key) for one in raised.value.problems]


@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("database", {"issuer": issuer("alder"), "database": "other.db"}),
        ("issuer", {"issuer": issuer("cedar"), "database": "ciconia.db"}),
    ],
)
def test_a_reload_gives_no_tenant_another_database_or_issuer(
    roof: Roof, served: Looked, key: str, lines: dict[str, str]
) -> None:
    """In another database nothing is switched off or revoked, and the record begins a second time."""
    roof.settings("alder", **lines)
    assert refusals(roof, served) == [(str(roof.tenant("alder") / "ciconia.toml"), key)]


def test_nor_one_that_came_with_an_earlier_reload(roof: Roof, tmp_path: Path) -> None:
    shutil.move(roof.tenant("alder"), tmp_path / "alder")
    first = look(roof.folder)
    shutil.move(tmp_path / "alder", roof.tenant("alder"))
    second = look_again(roof.folder, first)
    roof.settings("alder", issuer=issuer("alder"), database="other.db")
    assert refusals(roof, second) == [(str(roof.tenant("alder") / "ciconia.toml"), "database")]
