"""The keys that find a person in a folder of their own: what a move leaves when it breaks off, and what is refused."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from idp.keys.folder import BrokerKeys, create_keys, load_keys
from idp.keys.index_folder import FINDING, separate
from idp.keys.keeper import KeyFolderWatch
from idp.keys.kinds import ES256
from idp.keys.ledger_files import OPENINGS_KEY, load_ledger_keys
from idp.keys.secret_files import INDEX_KEY, PAIRWISE_KEY
from policies.errors import Misconfigured
from tests.idp.keys.test_look_and_change import ORIGIN, TENANT, folder, made, new

__all__ = ["folder", "made"]


class PowerCut(Exception):
    """Nothing after it happens."""


@pytest.fixture
def apart(tmp_path: Path) -> Path:
    found = tmp_path / "index"
    found.mkdir(0o700)
    return found


def names_of(keys: BrokerKeys) -> tuple[object, object]:
    return keys.index, keys.pairwise


def refused(folder: Path, apart: Path) -> dict[str, str]:
    """The sentences about each file or folder."""
    with pytest.raises(Misconfigured) as caught:
        load_keys(folder, ORIGIN, apart)
    return {Path(each.file).relative_to(folder.parent).as_posix(): each.what for each in caught.value.problems}


@pytest.mark.spec("decisions.md 24")
def test_the_same_keys_serve_from_two_folders_and_from_no_other_way(folder: Path, apart: Path) -> None:
    before = load_keys(folder, ORIGIN)
    assert set(refused(folder, apart)) == {f"keys/{name}" for name in FINDING}
    assert list(separate(folder, apart)) == list(FINDING)
    assert {each.name for each in apart.iterdir()} == set(FINDING)
    assert {each.stat().st_mode & 0o777 for each in apart.iterdir()} == {0o600}
    assert not any((folder / name).exists() for name in FINDING)
    after = load_keys(folder, ORIGIN, apart)
    assert names_of(after) == names_of(before)
    # The ledger's keys are all in the key folder: who verifies and opens needs no other
    assert load_ledger_keys(folder, ORIGIN).openings == before.ledger.openings
    with pytest.raises(Misconfigured, match=INDEX_KEY):
        load_keys(folder, ORIGIN)
    assert list(separate(folder, apart)) == []


@pytest.mark.parametrize("step", range(40))
def test_a_move_that_breaks_off_anywhere_loses_no_key_and_is_gone_on_with(
    folder: Path, apart: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_keys(folder, ORIGIN)
    left = [step]

    def counted(act: Callable[..., object]) -> Callable[..., object]:
        def acts(*words: object, **named: object) -> object:
            if not left[0]:
                raise PowerCut
            left[0] -= 1
            return act(*words, **named)

        return acts

    with monkeypatch.context() as cutting:
        for name in ("open", "fsync", "link", "unlink"):
            cutting.setattr(os, name, counted(getattr(os, name)))
        try:
            separate(folder, apart)
        except PowerCut:
            cut = True
        else:
            cut = False
    for name in FINDING:
        places = [each / name for each in (folder, apart) if (each / name).exists()]
        assert places
        assert len({each.read_bytes() for each in places}) == 1
    separate(folder, apart)
    assert names_of(load_keys(folder, ORIGIN, apart)) == names_of(before)
    # The last of these steps is beyond the end: each step of the move was cut
    assert cut or step > 10
    assert cut is False or step < 39


def test_a_key_of_another_broker_there_is_refused_and_both_stay(folder: Path, apart: Path, tmp_path: Path) -> None:
    create_keys(tmp_path / "other", ORIGIN, TENANT)
    shutil.copy(tmp_path / "other" / INDEX_KEY, apart)
    before = (folder / INDEX_KEY).read_bytes(), (apart / INDEX_KEY).read_bytes()
    with pytest.raises(Misconfigured, match=r"another key than the one in .*keys"):
        separate(folder, apart)
    assert ((folder / INDEX_KEY).read_bytes(), (apart / INDEX_KEY).read_bytes()) == before
    assert (folder / PAIRWISE_KEY).exists()


@pytest.mark.spec("decisions.md 24")
def test_both_kinds_of_keys_in_one_folder_are_refused(folder: Path, apart: Path, tmp_path: Path) -> None:
    separate(folder, apart)
    # The key that opens, beside those that find
    shutil.copy(folder / OPENINGS_KEY, apart)
    assert refused(folder, apart).keys() == {f"index/{OPENINGS_KEY}"}
    with pytest.raises(Misconfigured, match="finds a person and opens"):
        separate(folder, apart)
    (apart / OPENINGS_KEY).unlink()
    # The other way round
    shutil.copy(apart / INDEX_KEY, folder)
    assert refused(folder, apart).keys() == {f"keys/{INDEX_KEY}"}
    (folder / INDEX_KEY).unlink()
    # The key that opens under the name of the one that finds
    before = (apart / INDEX_KEY).read_bytes()
    (apart / INDEX_KEY).write_bytes((folder / OPENINGS_KEY).read_bytes())
    with pytest.raises(Misconfigured, match="each purpose has a key of its own"):
        load_keys(folder, ORIGIN, apart)
    (apart / INDEX_KEY).write_bytes(before)
    # One folder within the other, or one by two names
    inside, link = folder / "index", tmp_path / "link"
    inside.mkdir(0o700)
    link.symlink_to(folder)
    for place in (folder, inside, link, folder.parent):
        with pytest.raises(Misconfigured, match="are one, or one lies in the other"):
            load_keys(folder, ORIGIN, place)
        with pytest.raises(Misconfigured, match="are one, or one lies in the other"):
            separate(folder, place)


def test_a_folder_that_is_away_is_named_with_the_keys_that_belong_there(folder: Path, apart: Path) -> None:
    separate(folder, apart)
    gone = apart.rename(apart.with_name("away"))
    assert refused(folder, apart) == {
        "index": "there is no such folder, and index.key and pairwise.key belong there: they find a person's records."
    }
    gone.rename(apart)
    (apart / INDEX_KEY).chmod(0o640)
    assert refused(folder, apart) == {f"index/{INDEX_KEY}": "others than its owner may read this secret."}
    with pytest.raises(Misconfigured, match=f"{OPENINGS_KEY} belongs there: without it nobody's records open"):
        load_ledger_keys(folder.rename(folder.with_name("elsewhere")).with_name("keys"), ORIGIN)


def test_a_server_that_runs_takes_new_keys_from_the_key_folder(folder: Path, apart: Path) -> None:
    separate(folder, apart)
    keys = load_keys(folder, ORIGIN, apart)
    watch = KeyFolderWatch(keys, folder, ORIGIN, apart=apart)
    watch()
    new(folder, ES256)
    watch()
    assert len(keys.es256.scheduled) == 2
