"""The citizen's receipts, each for a day under a handle that its approval left in the browser.

The browser holds the handles in one cookie, the newest first, with a `.` between two: the newest `MOST`, 703 characters.
"""

import base64
import hashlib
from collections.abc import Mapping
from contextlib import suppress

from connectors.signatures.jws import base64url, read_handle
from idp.login.approvals import Approvals
from idp.login.finish import commit_fresh
from idp.login.sealing import KEY_BYTES, Sealer
from idp.login.states import RECEIPT
from idp.ports import Commits, Mark, Parked, Unit
from idp.receipts.issue import Issued, Receipts
from idp.receipts.receipt import ReceiptHolder
from policies.errors import Conflict, NotFound
from policies.parties import PurposeId, ServiceId, Tenant

KIND = "receipt"
# A link that another device opens once (`idp.login.onward`)
PHONE, PHONE_BYTES, PHONE_LIFE = "phone", 16, 5 * 60
MOST = 16
BETWEEN = "."


class CitizenReceipts:
    """Gives a browser the receipts of its approvals. One tenant's."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        sealer: Sealer,
        parked: Parked,
        commits: Commits,
        receipts: Receipts,
        approvals: Approvals,
    ) -> None:
        self._tenant = tenant
        self._sealer = sealer
        self._parked = parked
        self._commits = commits
        self._receipts = receipts
        self._approvals = approvals

    def receipt(self, text: str, now: int) -> Issued:
        """The receipt under the handle `text`. Raises `NotFound` if none is alive."""
        handle = _handle(text)
        payload = self._parked.parked(self._tenant, KIND, hashlib.sha256(handle).digest(), now)
        held = RECEIPT.load(self._sealer.unpark(KIND, handle, payload, now))
        nonce = base64.b64decode(held.values_nonce)
        return self._receipts.issue(ReceiptHolder.CITIZEN, bytes.fromhex(held.record), nonce, now)

    def of_link(self, text: str, now: int) -> str:
        """The handle that the secret of a link stands for. It counts once. Raises `NotFound` if there is none."""
        if not (handle := read_handle(text, PHONE_BYTES)):
            raise NotFound("no secret of a link")
        digest = hashlib.sha256(handle).digest()
        found = self._sealer.unpark(PHONE, handle, self._parked.parked(self._tenant, PHONE, digest, now), now)
        try:
            mark = Mark(PHONE, digest, now + PHONE_LIFE)
            self._commits.commit(Unit(tenant=self._tenant, marks=(mark,), removed=(digest,)))
        except Conflict as error:
            raise NotFound("a link that was used") from error
        return base64url(found)

    def receipts(self, text: str, now: int) -> Mapping[int, Issued]:
        """The living receipts under the handles of a cookie, by their places: 1 is the newest one's."""
        found: dict[int, Issued] = {}
        for place, handle in enumerate(handles_in(text), 1):
            with suppress(NotFound):
                found[place] = self.receipt(handle, now)
        return found

    def remembered(self, issued: Issued, now: int) -> bool:
        """Whether the citizen let us remember an approval for the same service and purpose."""
        return self._approvals.standing(*_whose(issued), now).given > 0

    def ask_every_time(self, issued: Issued, now: int) -> None:
        """Forget that approval, if there is one."""
        standing = self._approvals.standing(*_whose(issued), now)
        if standing.given:
            rows = self._approvals.forgotten(standing, now)
            commit_fresh(self._commits, Unit(tenant=self._tenant, approvals=rows))

    def forget(self, text: str, now: int) -> None:
        """Drop the receipts under the handles of a cookie: who finds it later gets nothing.

        Codes and access tokens stay: no cookie ends them.
        """
        removed: list[bytes] = []
        for handle in handles_in(text):
            digest = hashlib.sha256(_handle(handle)).digest()
            with suppress(NotFound):
                self._parked.parked(self._tenant, KIND, digest, now)
                removed.append(digest)
        if removed:
            self._commits.commit(Unit(tenant=self._tenant, removed=tuple(removed)))


def _whose(issued: Issued) -> tuple[bytes, ServiceId, PurposeId]:
    """Person, service and purpose of a receipt."""
    sent, subject = issued.openings["sent"], str(issued.openings["subject"]["subject"])
    return bytes.fromhex(subject), ServiceId(str(sent["client"])), PurposeId(str(sent["purpose"]))


def handles_in(text: str) -> tuple[str, ...]:
    """The handles of a cookie, the newest first, at most `MOST`; other texts are passed over."""
    found: list[str] = []
    for each in text.split(BETWEEN, MOST)[:MOST]:
        with suppress(NotFound):
            _handle(each)
            found.append(each)
    return tuple(dict.fromkeys(found))


def joined(handle: str, before: str) -> str:
    """The cookie's text with one handle more, which comes first: it is the newest."""
    return BETWEEN.join(list(dict.fromkeys((handle, *handles_in(before))))[:MOST])


def taken_along(handle: str, before: str) -> tuple[int, str]:
    """The place that a receipt of another device gets, and the cookie's text with it: behind those of this browser."""
    others = handles_in(before)
    handles = others if handle in others else [*others[: MOST - 1], handle]
    return handles.index(handle) + 1, BETWEEN.join(handles)


def _handle(text: str) -> bytes:
    if not (handle := read_handle(text, KEY_BYTES)):
        raise NotFound("no handle of a receipt")
    return handle
