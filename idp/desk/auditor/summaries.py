"""Keeps the summaries of a ledger's blocks, so that no question waits until a million leaves are read."""

from idp.audit.questions.auditor import Auditor
from idp.audit.questions.ledger_summary import summarise, unread
from idp.audit.questions.summary import BLOCK
from idp.system.logs import log_of
from idp.system.repeated import Repeated

SECONDS = 5.0
STOP_SECONDS = 5.0
# After so many looks all of it is read, so that leaves that somebody put back count again
ALL = 120


class SummaryKeeper(Repeated):
    """Summarises whole blocks that nobody has summarised yet, in one process: logins need the processors."""

    def __init__(self, auditor: Auditor) -> None:
        super().__init__("summaries", SECONDS, STOP_SECONDS)
        self._auditor, self._failed, self._looks = auditor, "", 0

    def step(self) -> None:
        """Look once."""
        try:
            self._looks += 1
            if unread(self._auditor) >= BLOCK or self._looks % ALL == 0:
                summarise(self._auditor, processes=1, again=self._looks % ALL == 0)
            self._failed = ""
        except Exception as error:  # noqa: BLE001  a thread that died would summarise nothing, and nobody would know
            if (kind := type(error).__name__) != self._failed:
                log_of(self._auditor.tenant).warning("summaries_failed", kind=kind)
            self._failed = kind
