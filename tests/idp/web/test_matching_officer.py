"""Where an officer has to confirm it, a link counts only after they did, by its number alone (decision 0086)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from idp.audit.verify_records import verify_records
from idp.citizen.erasures import Erasures, SignIn
from idp.cli import app
from idp.ledger.leaf import subject_index
from policies.assurance import LevelOfAssurance
from tests.idp.changes.signing import person
from tests.idp.staging import Clock, opened
from tests.idp.web.shared_stage import Member, emptied
from tests.idp.web.test_matching import NEW, OLD, _enters, _field, _known, _undo
from tests.idp.web.test_matching_register import MARI, PURPOSE, ROWS, RULE, RegisterStage, _asks
from tests.idp.web.visitor import Answer

ANNA, EVE = person("anna"), person("eve")


class OfficerStage(RegisterStage):
    """Anna is an officer, and Eve is nobody."""

    def _configure(self, *given: object) -> None:
        super()._configure(*given)
        folder = self.receiving
        text = PURPOSE + RULE.replace('"citizen"', '"officer"')
        (folder / "purposes" / "known-again.toml").write_text(text, "utf-8")
        (folder / "operators").mkdir()
        (folder / "operators" / "anna.pub").write_text(ANNA.line)
        for one in (ANNA, EVE):
            (self.folder_of_keys / one.name).write_bytes(one.private)
            (self.folder_of_keys / one.name).chmod(0o600)

    @property
    def folder_of_keys(self) -> Path:
        return self._outside

    def runs(self, *words: str, who: str = "anna") -> tuple[int, str]:
        """A command of an officer: its exit code, and all that it printed."""
        key = () if words[0] in ("show", "document") else ("--reason", "papers", "--key", str(self.folder_of_keys / who))
        done = CliRunner().invoke(app, ["match", *words, "--config", str(self.receiving), *key])
        return done.exit_code, done.output


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfficerStage]:
    stage = OfficerStage(tmp_path_factory.mktemp("officer") / "stage", Clock())
    with opened(stage):
        yield stage


@pytest.fixture
def stage(running: OfficerStage) -> Iterator[OfficerStage]:
    running.rows(ROWS)
    for _ in emptied(running):
        yield running


def _asked(member: Member) -> tuple[str, Answer]:
    """The number that the page shows after the person asked for a link, and the page."""
    assert member.go("POST", "/me/link", fields={"earlier": _field(_asks(member), "earlier")}).status == 303
    page = member.go("GET", "/me")
    return _field(page, "record"), page


@pytest.mark.spec("issue 33 item 7: a confirmation by an officer")
def test_a_link_counts_after_an_officer_confirmed_it_who_sees_no_value(stage: OfficerStage) -> None:
    old, new = _known(stage, OLD)[0], _known(stage, NEW)[0]
    with Member(stage) as member, Member(stage) as before:
        number, page = _asked(member)
        assert f"Show them your papers and this number: {number}" in page.text
        assert "asks an officer to count it as this one" in _enters(before, OLD).text
        assert _known(stage, NEW)[0] == new
        code, shown = stage.runs("show", number)
        assert code == 0, shown
        assert "an identity of EE was one of LV before" in shown
        assert not [one for one in (MARI, "Maasikas", "1990", "@") if one in shown.replace(number, "")]
        code, told = stage.runs("confirm", number, who="eve")
        assert (code, "nobody is known by this key" in told) == (1, True), told
        assert _known(stage, NEW)[0] == new
        assert stage.runs("confirm", number)[0] == 0
        assert _known(stage, NEW)[0] == old
        assert stage.runs("confirm", number)[0] == 1, "once"
        linked = member.go("GET", "/me")
        assert "Two identities were linked." in linked.text
        _undo(member, linked)
    stage.clock.ahead += 1
    assert _known(stage, NEW)[0] == new
    ledger, tenant = stage.application.keys.ledger, stage.application.settings.tenant
    with stage.application.store.engine.connect() as connection:
        assert not [*verify_records(connection, tenant, ledger, "city", lambda: None)]


@pytest.mark.spec("issue 33 item 7: a confirmation by an officer, refused, undone, too late")
def test_what_was_refused_or_undone_is_confirmed_no_more(stage: OfficerStage) -> None:
    new = _known(stage, NEW)[0]
    with Member(stage) as member:
        number, _ = _asked(member)
        assert stage.runs("refuse", number)[0] == 0
        assert stage.runs("confirm", number)[0] == 1
        number, page = _asked(member)
        _undo(member, page)
        assert stage.runs("confirm", number)[0] == 1
    stage.clock.ahead += 1
    assert _known(stage, NEW)[0] == new


@pytest.mark.spec("issue 33 item 7: the erasure of a person whose link waits")
def test_a_link_that_waits_dies_with_an_erasure(stage: OfficerStage) -> None:
    keys, tenant = stage.application.keys, stage.application.settings.tenant
    long_ago = stage.clock() - 20 * 24 * 3600
    mari = subject_index(keys.index, tenant, "demo/LV", MARI)
    with Member(stage) as member:
        number, _ = _asked(member)
    engine = stage.application.store.engine
    Erasures(engine=engine, tenant=tenant, keys=keys.ledger).ask(SignIn(mari, LevelOfAssurance.HIGH, long_ago), long_ago)
    assert stage.application.erasing is not None
    stage.application.erasing.begin()
    assert stage.runs("confirm", number)[0] == 1
