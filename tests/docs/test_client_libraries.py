"""docs/client-libraries.md: each library that is tried has a section, with its case's settings and a proof of each lack."""

import shlex
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

from idp.cli import app
from idp.cli.snippets import MACHINE, NOT_RUN, Framework
from idp.config.folder import load_configuration
from tests.docs.operators import blocks_of
from tests.interop.client_peers import CLIENTS
from tests.interop.client_stage import rsa_jwks
from tests.interop.covered import covered
from tests.interop.library_page import PAGE, Library, libraries, render
from tests.interop.service_peers import SERVICES
from tests.peers import require_peer

LIBRARIES = libraries()
LACKING = [one for one in LIBRARIES if any(lack.source for lack in one.lacks)]
COMMANDS = [words for block in blocks_of(PAGE) if block.language == "console" for words in block.commands]


def test_the_page_is_made_of_the_programs_that_the_cases_run() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run python -m tests.interop.library_page"


def test_every_client_and_service_that_is_tried_has_a_section_and_no_section_names_a_case_that_is_not() -> None:
    named = [case for library in LIBRARIES for case in library.cases]
    tried = {*(peer.name for peer in CLIENTS), *(peer.name for peer in SERVICES)}
    assert tried <= set(named)
    assert set(named) - tried <= set(covered())
    assert len(named) == len(set(named))


def test_every_printed_program_is_named_and_the_one_that_is_not_run_says_so() -> None:
    by_name = {name: library for library in LIBRARIES for name in library.printed}
    assert set(by_name) == {str(one) for one in Framework} - {MACHINE}
    assert {one for one in Framework if not by_name[str(one)].cases} == NOT_RUN
    assert all("not run by our tests" in by_name[str(one)].before for one in NOT_RUN)


def test_every_lack_has_one_proof_and_a_flow_that_proves_one_is_tried() -> None:
    for library in LIBRARIES:
        assert not library.flow or library.flow in library.flows
        for lack in library.lacks:
            assert sum(map(bool, (lack.line, lack.without, lack.flow))) == 1, lack
            assert bool(lack.source) != bool(lack.flow), lack
            assert not lack.flow or lack.flow in library.flows, lack


@pytest.mark.peer
@pytest.mark.parametrize("library", LACKING, ids=[one.name for one in LACKING])
def test_the_installed_version_still_lacks_it(library: Library) -> None:
    require_peer(library.name, present=bool(library.package.version()))
    assert [lack.what for lack in library.lacks if lack.source and not lack.shows(library.package)] == []


def test_the_commands_on_the_page_register_an_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["init", "city"]).exit_code == 0
    purpose = resources.files("idp.demo").joinpath("receiving", "purposes", "resident-parking.toml")
    Path("city/purposes/resident-parking.toml").write_bytes(purpose.read_bytes())
    rsa_jwks(Path("rsa.pem"))
    ran = [words for words in COMMANDS if words[:3] == ["ciconia", "party", "add"]]
    assert len(ran) == sum(bool(library.flow) for library in LIBRARIES if library.kind == "OpenID Connect")
    for number, words in enumerate(ran):
        named = [f"app-{number}" if word == "permits" else word.replace("key.pem", f"{number}.pem") for word in words]
        run = CliRunner().invoke(app, named[1:])
        assert run.exit_code == 0, f"{shlex.join(named)}: {run.output}"
    assert len(load_configuration(Path("city")).parties) == len(ran)
