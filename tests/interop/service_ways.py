"""Sign-ins at a service of others that begin elsewhere: by a portal's link, and by a program without a browser."""

import os
import subprocess
from collections.abc import Callable
from urllib.parse import quote

from idp.demo.browser import Browser, Page
from tests.interop.changed import ANSWER
from tests.interop.client_stage import Failed
from tests.interop.instance import Instance
from tests.interop.peer import HERE, Flow
from tests.interop.programs import in_python

LINKED, BY_PROGRAM = "a portal's link", "a program (ECP) with the code that its citizen read"
# What the registration of each has
TAKES = {LINKED: "unsolicited = true", BY_PROGRAM: "ecp = true"}
SHOWN, PROGRAM, SECONDS = "-- what the service shows --", HERE / "services" / "ecp_program.py", 60
USED_UP = "401 Client Error"
# From the picker to the page that posts what the citizen decided
Walk = Callable[[Page], Page]


def begun_by(way: str, setting: str, *more: str) -> Flow:
    """The flow of a sign-in that begins so."""
    return Flow(f"{setting}, {way}", (*more, TAKES[way]))


def by_link(browser: Browser, issuer: str, entity: str, walk: Walk) -> Page:
    """The page of the service after an answer that it did not ask for."""
    link = f"{issuer}/saml/sso/unsolicited?providerId={quote(entity, safe='')}"
    return browser.submit(walk(browser.get(link)), {}, ANSWER)


def by_program(browser: Browser, issuer: str, entity: str, walk: Walk, instance: Instance, at: str) -> Page:
    """What the program is shown `at` the service. Its code counts once."""
    begins = f"{issuer}/saml/ecp/begin?providerId={quote(entity, safe='')}"
    shown = browser.submit(walk(browser.get(begins)), {}, "//form[.//input[@name='code']]")
    code = str(shown.tree.xpath("string(//main//code)"))
    first, again = (_run(instance, code, at) for _ in range(2))
    if first.returncode:
        raise Failed(f"the program failed: {first.stderr[-600:]}")
    if not again.returncode or USED_UP not in again.stderr:
        raise Failed(f"a code counted twice: {again.stderr[-1500:]}")
    return Page(at, 200, first.stdout.partition(SHOWN)[2])


def _run(instance: Instance, code: str, at: str) -> "subprocess.CompletedProcess[str]":
    words, environment = in_python(PROGRAM)
    told = {"PATH": os.environ["PATH"], **instance.environment, **environment, "CODE": code, "AT": at}
    return subprocess.run(words, env=told, capture_output=True, text=True, timeout=SECONDS, check=False)
