"""docs/keys-in-an-hsm.md: its commands move keys into a token (SoftHSM2), and its table says what can be there."""

import re
import subprocess
from pathlib import Path

import pytest

from idp.config.settings import load_settings
from idp.keys.change import _ALGORITHMS
from idp.keys.folder import load_keys
from idp.keys.hsm.private_keys import TokenMac
from idp.keys.kinds import KINDS
from tests.docs.operators import blocks_of
from tests.docs.pages import DOCS
from tests.idp.cli.command import ciconia
from tests.softhsm import softhsm

PAGE = DOCS / "keys-in-an-hsm.md"


def test_the_table_names_every_kind_that_a_token_can_have_and_every_kind_that_stays() -> None:
    (row,) = re.findall(r"^\| (`es256`[^|]*)\| ([^|]*)\|$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    there, stays = (set(re.findall(r"`([a-z0-9-]+)`", cell)) for cell in row)
    assert there == {kind.name for kind in _ALGORITHMS}
    assert stays == set(KINDS) - there - {"sealing"}


@pytest.mark.peer
def test_whoever_follows_the_page_has_keys_in_a_token(tmp_path: Path) -> None:
    city = tmp_path / "city"
    assert ciconia("init", city).returncode == 0
    with softhsm(tmp_path / "hsm"):
        token = tmp_path / "hsm" / "tokens"
        for each in token.iterdir():
            for file in each.iterdir():
                file.unlink()
            each.rmdir()
        for block in blocks_of(PAGE):
            if block.language != "console":
                continue
            for command in block.commands:
                words = [word.replace("/PLACE/", f"{tmp_path}/") for word in command]
                if words[0] == "ciconia":
                    run = ciconia(*(city if word == "city" else word for word in words[1:]))
                else:
                    run = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
                assert run.returncode == 0, f"{words}: {run.stdout}{run.stderr}"
        settings = load_settings(city)
        keys = load_keys(settings.key_folder, settings.origin)
        assert isinstance(keys.pairwise, TokenMac)
        assert keys.es256.scheduled[0].key.in_token is not None
        assert len(keys.ledger.log.ring.scheduled) == 2
