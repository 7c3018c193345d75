"""`ciconia doctor` as an operator runs it, and `serve`, which refuses what it calls an error."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.idp.cli.command import ciconia, json_of

FIELDS = {"severity", "file", "line", "key", "what", "why", "fix"}


@pytest.fixture
def city(made: Path, tmp_path: Path) -> Path:
    """A folder that `init` made, without a database yet."""
    return Path(shutil.copytree(made, tmp_path / "city", ignore=shutil.ignore_patterns("ciconia.db*")))


def test_what_init_writes_gives_notices_and_0(city: Path) -> None:
    run = ciconia("doctor", "--config", city, "--offline")
    assert (run.returncode, run.stderr) == (0, "")
    first, *rest = run.stdout.splitlines()
    assert re.fullmatch(rf"{re.escape(str(city))}: \d notices \(\d+ checks\)\.", first)
    assert "NOTICES" in rest
    assert "no service is registered yet" in run.stdout
    assert ":witness:" not in run.stdout, "init makes one"
    found = json_of(ciconia("doctor", "--config", city, "--offline", "--json"))
    assert set(found) == {"ok", "problems", "checked"}
    assert found["ok"] is True


def test_a_banana_in_any_of_its_files_is_1_with_file_line_and_key(city: Path) -> None:
    files = [path for path in city.rglob("*") if path.is_file() and path.suffix in (".toml", ".pem", ".key", ".vkey")]
    assert files
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    for path, text in texts.items():
        path.write_text(text + "banana = 1\n", encoding="utf-8")
    run = ciconia("doctor", "--config", city, "--offline", "--json")
    assert run.returncode == 1
    problems = json_of(run)["problems"]
    assert isinstance(problems, list)
    assert all(set(one) == FIELDS for one in problems)
    named = {(one["file"], one["line"]) for one in problems if one["key"].endswith("banana")}
    assert named == {(p.relative_to(city).as_posix(), t.count("\n") + 1) for p, t in texts.items()}


def test_people_get_file_line_key_what_why_and_fix(tmp_path: Path, city: Path) -> None:
    text = (city / "ciconia.toml").read_text(encoding="utf-8").replace("trusted_proxies =", "trusted_proxy =")
    (tmp_path / "ciconia.toml").write_text(text, encoding="utf-8")
    run = ciconia("doctor", "--config", tmp_path, "--offline")
    assert run.returncode == 1
    at = next(n for n, line in enumerate(text.splitlines(), 1) if line.startswith("trusted_proxy"))
    assert f"  ciconia.toml:{at}:trusted_proxy: no setting has this name." in run.stdout
    assert "    Fix: Did you mean trusted_proxies?" in run.stdout
    assert "    Why: " in run.stdout
    assert "there is no folder of keys" in run.stdout
    assert run.stdout.index("ERRORS") < run.stdout.index("NOTICES")
    assert run.stdout.splitlines()[0].endswith("checks).")


@pytest.mark.parametrize("made", ["nothing", "file", "empty", "music"])
def test_what_is_no_configuration_is_2_in_one_sentence(tmp_path: Path, made: str) -> None:
    folder = tmp_path / "it"
    if made == "file":
        folder.write_text("x", encoding="utf-8")
    elif made != "nothing":
        folder.mkdir()
    if made == "music":
        (folder / "song.mp3").write_text("x", encoding="utf-8")
    run = ciconia("doctor", "--config", folder)
    assert (run.returncode, run.stdout) == (2, "")
    assert f"{folder} could not be examined: " in run.stderr
    assert len(run.stderr.splitlines()) == 1
    found = json_of(ciconia("doctor", "--config", folder, "--json"))
    assert (found["ok"], found["checked"]) == (False, [])
    assert json.dumps(str(folder)) in json.dumps(found["problems"])


def test_serve_refuses_what_would_leak_or_lose_all_at_once(city: Path) -> None:
    path, key = city / "ciconia.toml", city / "keys" / "es256.pem"
    text = path.read_text(encoding="utf-8")
    spoilt = text.replace('listen = "127.0.0.1:8400"', 'listen = "0.0.0.0:8400"\ndemo = true')
    assert spoilt != text
    path.write_text(spoilt, encoding="utf-8")
    key.chmod(0o644)
    run = ciconia("serve", "--config", city, environment={"LD_PRELOAD": "libeatmydata.so"})
    assert run.returncode == 1
    line = 1 + next(n for n, one in enumerate(spoilt.splitlines()) if one.startswith("listen"))
    assert f"{path}:{line}: listen: it listens on 0.0.0.0 for everybody" in run.stderr
    assert f"{path}:{line + 1}: demo: " in run.stderr
    assert "environment: LD_PRELOAD: " in run.stderr
    assert f"{key}:" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (city / "ciconia.db").exists()
