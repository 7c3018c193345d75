"""A line of the log is what structlog's own processors make, and what they were made once for stays so."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog

from idp.monitoring.steps import LoginStep

ROOT = Path(__file__).parents[3]


def _line(processors: list[structlog.typing.Processor], method: str) -> str:
    event: object = {"step": LoginStep.ASKED, "party": "pärking", "what": {1}, "check": None, "event": "login"}
    for processor in processors:
        event = processor(None, method, event)  # type: ignore[arg-type] # the last one gives the text
    assert isinstance(event, str)
    return event


def test_a_line_of_each_level_is_written_once_from_the_least_on() -> None:
    program = """if True:
        import logging, structlog
        from idp.system.logs import configure_logs
        configure_logs(logging.INFO)
        log = structlog.get_logger()
        for level in ("debug", "info", "warn", "warning", "err", "error", "exception", "fatal", "critical"):
            getattr(log, level, lambda event: None)(level)
        log.bind(party="parking").log(logging.ERROR, "bound")
        logging.getLogger("library").warning("theirs")
    """
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stderr.endswith("}\n")
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("info", "info"),
        ("warn", "warning"),
        ("warning", "warning"),
        ("error", "error"),
        ("exception", "error"),
        ("fatal", "critical"),
        ("critical", "critical"),
        ("bound", "error"),
        ("theirs", "warning"),
    ]


@pytest.mark.spec("security.md §3 a full disk")
@pytest.mark.parametrize("stream", ["sys.stderr", "LossyStream(sys.stderr)"])
def test_a_line_that_cannot_be_written_is_lost_and_nothing_else(stream: str) -> None:
    """A full disk, and a reader that went away: whoever logs goes on, and the next line is written where it can be."""
    program = f"""if True:
        import os, sys, structlog
        from idp.system.stderr import LossyStream
        from idp.system.logs import configure_logs, writable
        sys.stderr = {stream}
        configure_logs()
        log, kept = structlog.get_logger(), os.dup(2)
        log.info("first")
        reading, writing = os.pipe()
        os.close(reading)
        for broken in (os.open("/dev/full", os.O_WRONLY), writing):
            os.dup2(broken, 2)
            log.info("lost")
            assert not writable()
        os.dup2(kept, 2)
        log.info("last")
        assert writable()
    """
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    events = [json.loads(line)["event"] for line in run.stderr.splitlines()]
    assert events[0] == "first"
    assert events[-1] == "last"


@pytest.mark.spec("security.md §3 a full disk")
def test_a_reader_that_stands_still_keeps_nobody() -> None:
    """A reader stops, and then reads again: lines are lost in between, and nobody waits."""
    program = """if True:
        import logging, os, sys, structlog
        from idp.system.logs import configure_logs, writable
        configure_logs()
        log, kept = structlog.get_logger(), os.dup(2)
        reading, writing = os.pipe()
        os.dup2(writing, 2)
        for _ in range(2000):  # far more than a pipe holds
            log.info("x" * 100)
        logging.getLogger("library").warning("y" * 100)
        assert not writable()
        held = os.read(reading, 1 << 20)
        log.info("again")
        assert writable()
        os.dup2(kept, 2)
        assert os.read(reading, 1 << 20).count(b"again") == 1
        assert 32000 < len(held) < 1 << 17 and b"yyy" not in held
        assert held.count(b"}") == held.count(b"\\n"), "whole lines"
    """
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr


@pytest.mark.spec("security.md §3 a full disk")
def test_a_line_that_is_longer_than_the_room_in_a_pipe_keeps_nobody() -> None:
    """The text that finds room is written, the rest is lost, and the next line is one of its own."""
    program = """if True:
        import fcntl, os, structlog, threading
        from idp.system.logs import configure_logs, writable
        configure_logs()
        log, kept = structlog.get_logger(), os.dup(2)
        reading, writing = os.pipe()
        os.dup2(writing, 2)
        os.write(2, b"-" * (fcntl.fcntl(2, fcntl.F_GETPIPE_SZ) - 4096))
        log.error("x" * 10000)
        assert not writable()
        held = os.read(reading, 1 << 20)
        log.info("again")
        assert writable()
        rest = os.read(reading, 1 << 20)
        assert held.count(b"x") + rest.count(b"x") < 4096 and rest.startswith(b'\\n{"event": "again"'), rest
        got = []
        reader = threading.Thread(target=lambda: got.extend(os.read(reading, 9999) for _ in range(40)), daemon=True)
        reader.start()
        log.error("y" * 100000)
        assert writable()
        os.dup2(kept, 2)
        os.close(writing)
        reader.join()
        assert b"".join(got).count(b"y") == 100000
    """
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr


def test_what_asyncio_says_of_an_exception_holds_no_value_of_it() -> None:
    """A real event loop, whose messages quote exceptions, arguments, names of tasks and generators."""
    program = """if True:
        import asyncio, gc
        from idp.system.logs import configure_logs
        configure_logs()

        async def fails():
            raise ValueError("MARIA")

        async def generator():
            try:
                yield
            finally:
                raise KeyError("MARIA")

        async def main():
            loop = asyncio.get_running_loop()
            def explode(value):
                raise OSError(value)
            loop.call_soon(explode, "MARIA")
            loop.call_soon(lambda value: 1 / 0, {"name": "MARIA"})
            task = asyncio.create_task(fails(), name="MARIA")
            future = loop.create_future()
            future.set_exception(RuntimeError("MARIA"))
            await asyncio.sleep(0.01)
            del task, future
            gc.collect()
            left = generator()
            await anext(left)
            main.left = left

        asyncio.run(main())
    """
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    told = {(line["event"], line.get("kind", "")) for line in lines}
    assert {
        ("Exception in callback main.<locals>.explode", "OSError"),
        ("Exception in callback main.<locals>.<lambda>", "ZeroDivisionError"),
        ("Task exception was never retrieved", "ValueError"),
        ("Future exception was never retrieved", "RuntimeError"),
        ("an error occurred during closing of asynchronous generator", "KeyError"),
    } <= told
    assert {line["logger"] for line in lines} == {"asyncio"}
    assert "MARIA" not in run.stderr
