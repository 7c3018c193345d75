"""A line of the log is what structlog's own processors make, and what they were made once for stays so."""

import json
import re

import structlog
from structlog.testing import capture_logs

from idp.logs import PROCESSORS
from idp.watching.steps import Step


def _line(processors: list[structlog.typing.Processor], method: str) -> str:
    event: object = {"step": Step.ASKED, "party": "pärking", "what": {1}, "check": None, "event": "login"}
    for processor in processors:
        event = processor(None, method, event)  # type: ignore[arg-type] # the last one gives the text
    assert isinstance(event, str)
    return event


def test_it_is_octet_for_octet_the_one_of_structlogs_own_processors() -> None:
    theirs: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(),
    ]
    moment = re.compile(r'"timestamp": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?Z"')
    for method in ("info", "warn", "warning", "error", "critical", "exception"):
        one, other = _line(PROCESSORS, method), _line(theirs, method)
        assert moment.search(one)
        assert moment.sub("", one) == moment.sub("", other)
        assert json.loads(one)["step"] == "asked"


def test_a_logger_that_was_bound_before_is_heard_where_a_test_listens() -> None:
    before = structlog.get_config()
    structlog.configure(processors=PROCESSORS, cache_logger_on_first_use=True)
    try:
        log = structlog.get_logger()
        with capture_logs():
            log.info("first")
        with capture_logs() as lines:
            log.info("second")
    finally:
        structlog.configure(**before)
    assert [line["event"] for line in lines] == ["second"]
    assert len(PROCESSORS) == 1
