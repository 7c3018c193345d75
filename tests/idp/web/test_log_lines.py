"""A server writes one JSON object a line to stderr, and only the words of a library's message."""

import json
import subprocess
import sys

import pytest

CANARY = "Canary-Kanarbik-1887"
PROGRAM = """
import logging, sqlalchemy, structlog
from idp.system.logs import configure_logs
configure_logs()
structlog.get_logger().warning("refused", path="/authorize", detail="a check")
structlog.get_logger().debug("never shown")
logging.getLogger("uvicorn.access").info('GET /authorize?code=%s', CANARY)
logging.getLogger("sqlalchemy.engine").info("INSERT %s", CANARY)
logging.getLogger("some.library").warning("failed for %s", CANARY)
try:
    raise ValueError(CANARY)
except ValueError:
    logging.getLogger("some.library").exception("a failure")
logging.getLogger("some.library").error("x" * 1000)
"""


@pytest.fixture(scope="module")
def lines() -> list[dict[str, object]]:
    run = subprocess.run(
        [sys.executable, "-c", f"CANARY = {CANARY!r}\n{PROGRAM}"], capture_output=True, text=True, timeout=30, check=True
    )
    assert run.stdout == ""
    assert CANARY not in run.stderr
    return [json.loads(line) for line in run.stderr.splitlines()]


def test_every_line_is_one_json_object_with_its_level(lines: list[dict[str, object]]) -> None:
    assert [line["level"] for line in lines] == ["warning", "warning", "error", "error"]


def test_a_line_of_ours_has_its_time_and_its_words(lines: list[dict[str, object]]) -> None:
    assert lines[0].pop("timestamp")
    assert lines[0] == {"event": "refused", "path": "/authorize", "detail": "a check", "level": "warning"}


@pytest.mark.spec("decisions.md 15: no locals in tracebacks, no query strings in access logs")
def test_a_librarys_line_has_neither_arguments_nor_traceback(lines: list[dict[str, object]]) -> None:
    assert lines[1] == {"event": "failed for %s", "logger": "some.library", "level": "warning"}
    assert lines[2] == {"event": "a failure", "logger": "some.library", "level": "error"}


def test_a_librarys_line_is_of_bounded_length(lines: list[dict[str, object]]) -> None:
    assert lines[3]["event"] == "x" * 200
