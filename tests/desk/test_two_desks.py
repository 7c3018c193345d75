"""Two tenants under one roof, whose desks share one address to listen on: each knows its own auditors alone."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from idp.demo.browser import Browser
from tests.desk.stage import DeskStage, number_in
from tests.idp.cli.command import Served, serving

NAMES = ("amber", "beryl")


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, DeskStage]]:
    folder = tmp_path_factory.mktemp("roof")
    first = DeskStage(folder / NAMES[0], NAMES[0])
    second = DeskStage(folder / NAMES[1], NAMES[1], first.broker_port, first.desk_port)
    yield {NAMES[0]: first, NAMES[1]: second}
    first.close()
    second.close()


def roofed(stage: DeskStage, to: Path) -> None:
    """Move a stage's folder under a roof, where the process listens and not the tenant."""
    shutil.move(stage.config, to)
    stage.config = to
    stage.plain = "\n".join(line for line in stage.plain.splitlines() if not line.startswith("listen"))
    stage.set_desk()


@pytest.fixture(scope="module")
def served(stages: dict[str, DeskStage], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    roof = tmp_path_factory.mktemp("city")
    (roof / "tenants").mkdir()
    first = stages[NAMES[0]]
    (roof / "ciconia.toml").write_text(f'listen = "127.0.0.1:{first.broker_port}"\n', encoding="utf-8")
    for name, stage in stages.items():
        roofed(stage, roof / "tenants" / name)
    with first.countries(*stages.values()), serving(roof, roof / "log") as found:
        yield found


def test_an_auditor_of_one_tenant_is_nobody_at_the_desk_of_another(stages: dict[str, DeskStage], served: Served) -> None:
    first, second = (stages[name] for name in NAMES)
    with Browser() as browser:
        one, other = (number_in(stage.sign_in(browser)) for stage in (first, second))
        # The same person has another number at each desk
        assert one != other
        first.relist(served, {one: "amber-auditor"})
        first.sign_in(browser)
        assert "Signed in as amber-auditor" in browser.get(f"{first.url}/", origin=first.url).text
        cookie = "; ".join(f"{name}={value}" for (_, name), (value, _) in browser._jar.items() if name == "__Host-desk")
    assert cookie
    for stage, text in ((first, "Signed in as amber-auditor"), (second, "Sign in to the auditor")):
        headers = {"host": stage.url.removeprefix("http://"), "cookie": cookie}
        assert text in httpx2.get(f"http://127.0.0.1:{stage.desk_port}/", headers=headers, timeout=30).text
    # Their number in the other's list lets nobody in there: it is a number of the first desk
    second.relist(served, {one: "amber-auditor"})
    with Browser() as browser:
        assert second.sign_in(browser).status == 403
