"""Ends a person's sessions and remembered approvals in a running broker, when they are erased."""

import tomllib
from collections.abc import Callable, Iterable, Sequence

from idp.changes.history import History
from idp.citizen.erasing import EraseDue, Erasing, Uses
from idp.citizen.expiring import Retentions
from idp.config.settings import Settings
from idp.keys.backup_files import FOLDER, backups_end
from idp.keys.folder import BrokerKeys
from idp.login.approvals import Approvals
from idp.store.store import Store
from idp.web.city_site import CitySite
from policies.load import Configuration
from policies.parties import PurposeId, ServiceId, Tenant


class LiveTraces:
    """`Beside` of a broker that serves. `site` and `configuration` are those of the moment."""

    def __init__(
        self,
        *,
        tenant: Tenant,
        subjects: bytes,
        store: Store,
        site: Callable[[], CitySite],
        configuration: Callable[[], Configuration],
    ) -> None:
        self._site, self._configuration = site, configuration
        self._approvals = Approvals(tenant=tenant, subjects=subjects, decisions=store)

    def end_sessions(self, subject: bytes, now: int) -> None:
        """`Beside.end_sessions`."""
        sessions = self._site().logouts.sessions
        sessions.end(sessions.stored.all_of_person(sessions.of_index(subject)), now)

    def linked(self, subject: bytes, now: int) -> Sequence[bytes]:
        """`Beside.linked`."""
        return self._approvals.links.newer(subject, now)

    def end_linked(self, linked: Sequence[bytes], now: int) -> None:
        """`Beside.end_linked`."""
        self._site().citizen.matching.end_all(linked, now)

    def approvals(self, subject: bytes, uses: Uses) -> Iterable[bytes]:
        """`Beside.approvals`."""
        parties = self._configuration().parties
        registered = {(one.client_id, purpose) for one in parties.values() for purpose in one.purposes}
        for service, purpose in {*registered, *uses}:
            yield from self._approvals.digests(subject, ServiceId(service), PurposeId(purpose))
        yield from self._approvals.links.digests(subject)


def erasing_of(
    settings: Settings,
    keys: BrokerKeys,
    store: Store,
    *,
    site: Callable[[], CitySite],
    configuration: Callable[[], Configuration],
    elsewhere: Callable[[], bool],
) -> Erasing | None:
    """The erasures of a city; None at a node, which knows nobody."""
    if settings.role != "city":
        return None
    ledger = keys.ledger
    beside = LiveTraces(
        tenant=settings.tenant, subjects=ledger.subjects, store=store, site=site, configuration=configuration
    )
    due = EraseDue(engine=store.engine, tenant=settings.tenant, keys=ledger, beside=beside)
    history = History(engine=store.engine, tenant=settings.tenant, keys=keys.ledger)
    expiring = Retentions(
        engine=store.engine,
        tenant=settings.tenant,
        keys=keys.ledger,
        retention=lambda policy: _retention(history.purpose_text(policy)),
        backups_end=backups_end,
    )
    return Erasing(due, settings.tenant, elsewhere=elsewhere, expiring=expiring, backup_keys=settings.key_folder / FOLDER)


def _retention(purpose: bytes | None) -> str | None:
    """The `retention` in a purpose's file, "" for none; None where there is no file."""
    if purpose is None:
        return None
    try:
        return str(tomllib.loads(purpose.decode()).get("retention", ""))
    except (ValueError, UnicodeDecodeError):
        return None
