"""docs/change-a-policy.md, followed from its first block to its last by two operators."""

import re
import shutil
import subprocess
from contextlib import chdir
from importlib import resources
from pathlib import Path

import pytest

from tests.docs.operators import DIGEST, Block, blocks_of
from tests.docs.pages import DOCS
from tests.idp.cli.command import ciconia
from tests.policies.load.files import PARTY

BLOCKS = blocks_of(DOCS / "change-a-policy.md")
CHANGE, AWAY = "Change a file", "Approve it on a machine without a network"


class Desk:
    """The folder in which the page's commands run, and what each one said."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.plan, self.said = folder, "", list[tuple[int, str]]()
        with chdir(folder):
            assert ciconia("init", "city").returncode == 0
            assert ciconia("migrate", "--config", "city").returncode == 0
        purpose = resources.files("idp.demo").joinpath("receiving", "purposes", "resident-parking.toml")
        self.purpose = folder / "city" / "purposes" / "resident-parking.toml"
        self.purpose.write_bytes(purpose.read_bytes())
        (folder / "city" / "parties" / "parking.toml").write_text(PARTY)

    def follow(self, block: Block) -> None:
        if block.language == "toml":
            settings = self.folder / block.file[0]
            key, _, value = block.text.partition("\n")[2].partition(" = ")
            text = re.sub(rf"^{key} = .*\n", "", settings.read_text(), flags=re.MULTILINE)
            settings.write_text(f"{key} = {value}{text}")
        for words in block.commands if block.language == "console" else ():
            self.run([self.plan if word == "PLAN" else word for word in words])

    def run(self, words: list[str]) -> None:
        with chdir(self.folder):
            if words[0] == "ciconia":
                ran = ciconia(*words[1:])
            else:
                ran = subprocess.run(words, capture_output=True, text=True, check=True)
        assert "Traceback" not in ran.stderr
        if words[:2] == ["ciconia", "plan"]:
            self.plan = DIGEST.findall(ran.stdout)[0]
        self.said.append((ran.returncode, ran.stdout + ran.stderr))

    def take(self) -> list[tuple[int, str]]:
        said, self.said = self.said, []
        return said

    def widen(self, before: str, after: str) -> None:
        text = self.purpose.read_text()
        assert f'form = "{before}"' in text
        self.purpose.write_text(text.replace(f'form = "{before}"', f'form = "{after}"', 1))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen on this machine")
def test_two_operators_who_follow_the_page_change_a_policy_and_go_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    codes: dict[str, list[int]] = {}
    for block in BLOCKS:
        if block.section == CHANGE and CHANGE not in codes:
            desk.widen("age_over(18)", "exact")
        if block.section == AWAY:
            desk.widen("resident_of(Storkhaven)", "exact")
        desk.follow(block)
        codes.setdefault(block.section, []).extend(code for code, _ in desk.take())
        if block.section == AWAY:
            desk.run(["ciconia", "apply", desk.plan, "--as", "mari", "--key", "mari", "--config", "city"])
            assert desk.take()[0][0] == 0
    # A widening waits once, until the other one agrees
    assert codes == {"Name the persons": [0] * 6, CHANGE: [0, 0], "Apply it": [1, 0, 0, 0], AWAY: [0, 0, 0], "Go back": [0]}
