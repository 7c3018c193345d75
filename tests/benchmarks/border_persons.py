"""A whole login over eIDAS in the broker's CPU, of each kind of person: by a browser, against a server, with SQLite.

The natural person signs in where nobody else may, so that what all kinds cost a registration counts. What the browser and
the other country's node do is not counted.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from structlog.testing import capture_logs

from connectors.formats.eidas.metadata import PeerFacts
from connectors.formats.eidas.registry import LEGAL_PERSON, REPRESENTATIVE_NATURAL_PERSON
from connectors.formats.eidas.values import EidasValue
from policies.persons import PersonKind
from tests.benchmarks.measure import Figure, Target, in_turns
from tests.idp.staging import Clock, opened
from tests.idp.web.finland import CITIZEN, CrossingStage, Traveller
from tests.idp.web.visitor import Answer

MOST = 1.3
_COMPANY = {
    f"{LEGAL_PERSON}/LegalPersonIdentifier": (EidasValue("FI/NL/hrb-1"),),
    f"{LEGAL_PERSON}/LegalName": (EidasValue("Lantern Works Oy"),),
}
_CHILD = {**CITIZEN, "PersonIdentifier": (EidasValue("FI/NL/child-1"),)}
_ACTING = {f"{REPRESENTATIVE_NATURAL_PERSON}/{name}": said for name, said in CITIZEN.items()}
PERSONS: Mapping[PersonKind, Mapping[str, tuple[EidasValue, ...]]] = {
    PersonKind.NATURAL: CITIZEN,
    PersonKind.LEGAL: _COMPANY,
    PersonKind.FOR_NATURAL: {**_CHILD, **_ACTING},
    PersonKind.FOR_LEGAL: {**_COMPANY, **_ACTING},
}
_ALL = f"persons = {[str(kind) for kind in PERSONS]}\n"
_NEED = '\n[attributes.{name}]\nform = "exact"\nrequired = true\nwhy.en = "The permit is theirs."\n'
_EMAIL = "\n[attributes.email]"
EDITS = {
    "providers/fi.toml": ('country = "FI"\n', f'country = "FI"\n{_ALL}'),
    "purposes/resident-parking.toml": (
        'basis = "public_task"\n',
        f'basis = "public_task"\n{_ALL}',
        _EMAIL,
        "".join(_NEED.format(name=name) for name in ("legal_name", "represented_family_name")) + _EMAIL,
    ),
    "parties/parking.toml": (
        'sphere = "eu"\n',
        f'sphere = "eu"\n{_ALL}',
        "[attributes]\n",
        '[attributes]\nlegal_name = "exact"\nrepresented_family_name = "exact"\n',
    ),
}


def _others() -> float:
    """The CPU of all threads but this one, which is the browser's."""
    return time.process_time() - time.thread_time()


class _Counted(Traveller):
    """A browser that counts what its requests cost the broker."""

    spent = 0.0
    facts: PeerFacts

    def go(self, *given: object, **named: object) -> Answer:
        begin = _others()
        try:
            return super().go(*given, **named)  # type: ignore[arg-type] # as above
        finally:
            self.spent += _others() - begin

    def our_facts(self) -> PeerFacts:
        """Read before, as a node has them."""
        return self.facts


def legal_vs_natural(rounds: int) -> tuple[Target, Sequence[Figure]]:
    """How much more CPU the dearest kind of person takes than the natural one; of each the undisturbed login."""
    with ExitStack() as stack:
        stack.enter_context(capture_logs())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stage = stack.enter_context(opened(CrossingStage(folder / "stage", Clock())))
        port = stack.enter_context(stage.other_broker(folder / "kinds", EDITS))
        browser = stack.enter_context(_Counted(stage))
        browser.facts = Traveller.our_facts(browser)
        logins: dict[str, Callable[[], object]] = {
            kind.value: partial(_login, browser, kind, None if kind is PersonKind.NATURAL else port) for kind in PERSONS
        }
        found = in_turns(logins, rounds, lambda: browser.spent)
    figures = [Figure(f"a login, {name}, least CPU", round(taken.least * 1000, 2), "ms") for name, taken in found.items()]
    dearest = max(found[kind].least for kind in PERSONS if kind is not PersonKind.NATURAL)
    return Target("legal_vs_natural", dearest / found[PersonKind.NATURAL].least, at_most=MOST), figures


def _login(browser: _Counted, kind: PersonKind, port: int | None) -> None:
    browser.jar.clear()
    browser.port = port
    question = browser.arrives(browser.finland_says(*browser.question_to_finland(), person=PERSONS[kind]))
    tokens = browser.redeem(browser.decides(question).back["code"])
    claims = browser.userinfo(str(tokens.json["access_token"])).json
    if claims.get("person_kind", PersonKind.NATURAL) != kind:
        raise RuntimeError(f"{kind}: {claims}")
