"""`ciconia audit events` lists the acts of commands while a server runs, and its stream has them in a file."""

import json
import time
from pathlib import Path

from tests.idp.cli.command import ciconia, json_of, listen_on_a_free_port, serving


def test_acts_of_commands_are_listed_and_streamed(tmp_path: Path) -> None:
    city, file = tmp_path / "city", tmp_path / "events.jsonl"
    assert ciconia("init", city).returncode == 0
    listen_on_a_free_port(city)
    settings = city / "ciconia.toml"
    settings.write_text(f'{settings.read_text()}\n[events]\nto = "file:{file}"\n')
    with serving(city, tmp_path / "log"):
        why = ("--reason", "the yearly change")
        run = ciconia("keys", "rotate", "es256", "--now", *why, "--config", city)
        assert run.returncode == 0, run.stdout + run.stderr
        assert ciconia("ledger", "export", tmp_path / "log.jsonl", *why, "--config", city).returncode in (0, 1)
        wanted = {"configuration.applied", "key.made"}
        until = time.monotonic() + 30
        while time.monotonic() < until and not (file.exists() and all(one in file.read_text() for one in wanted)):
            time.sleep(0.2)
        streamed = [json.loads(line) for line in file.read_text().splitlines()]
    listed = json_of(ciconia("audit", "events", "--config", city, "--json"))["events"]
    assert isinstance(listed, list)
    assert listed[: len(streamed)] == streamed
    (made,) = (one for one in listed if one["type"] == "key.made")
    assert (made["why"], made["facts"]["about"][:6]) == ("the yearly change", "es256-")
    assert made["who"]
    assert "leaf" in ciconia("audit", "events", "--kind", "key", "--config", city).stdout
    assert ciconia("audit", "events", "--kind", "nothing", "--config", city).returncode == 2
    none = json_of(ciconia("audit", "events", "--to", "2020-01-01", "--config", city, "--json"))
    assert none["events"] == []
