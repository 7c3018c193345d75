"""A session at the desk ends by itself, is one tenant's and one address's, and is begun once."""

from pathlib import Path

import pytest

from idp.config.settings import load_settings
from idp.desk.sessions import CIVIL, SESSION_SECONDS, DeskSessions
from idp.keys.ledger_files import load_ledger_keys
from idp.login.sealing import Sealer
from idp.store.store import open_store
from policies.errors import Conflict, NotFound
from tests.desk.stage import DeskStage
from tests.sealing import fixed_keys

NOW = 1_795_600_000


def test_a_session_ends_after_half_an_hour_and_opens_nowhere_else(tmp_path: Path) -> None:
    stage = DeskStage(tmp_path / "stage")
    stage.close()
    settings = load_settings(stage.config)
    tenant, keys = settings.tenant, load_ledger_keys(settings.key_folder, settings.origin)
    store = open_store(settings.database_url, tenant=tenant, ledger_keys=keys)
    names = {"entry": "liis"}
    try:
        sealer = Sealer(tenant=tenant, keys=fixed_keys(b"k" * 32))

        def sessions(url: str = stage.url) -> DeskSessions:
            return DeskSessions(
                tenant=tenant, url=url, sealer=sealer, rows=store, listed=lambda _way, entry: names.get(entry)
            )

        begun, cookie = sessions().begin(CIVIL, "entry", b"once", NOW)
        mine = {cookie.name: cookie.value}
        assert (cookie.name[:7], cookie.same_site, cookie.max_age) == ("__Host-", "Strict", SESSION_SECONDS)
        assert sessions().current(mine, NOW) == begun
        assert sessions().current(mine, NOW + SESSION_SECONDS - 1) == begun
        assert sessions().current(mine, NOW + SESSION_SECONDS) is None
        assert sessions("https://other.example").current(mine, NOW) is None
        for value in ("", "a", "A" * 43, "!" * 43):
            assert sessions().current({cookie.name: value}, NOW) is None
        with pytest.raises(Conflict):
            sessions().begin(CIVIL, "entry", b"once", NOW)
        with pytest.raises(NotFound):
            sessions().begin(CIVIL, "nobody", b"another", NOW)
        names.clear()
        assert sessions().current(mine, NOW) is None
    finally:
        store.close()
