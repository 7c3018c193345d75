"""A desk over the ledger of a recorded city, on a real socket, and an auditor who is signed in."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import httpx2

from idp.application.mandate_desk import MandateDesk
from idp.audit.questions.auditor import Auditor
from idp.config.settings import examine_settings
from idp.demo.scene import bound
from idp.demo.stage_servers import StageServers
from idp.desk.auditor.application import AuditorDesk
from idp.desk.auditor.reading import DeskReader
from idp.desk.events import told_to_log
from idp.desk.pages import AUDITOR_WORDS
from idp.desk.sessions import CIVIL, DeskSessions
from idp.desk.sign_in import Ways
from idp.desk.sign_in_routes import SignInRoutes
from idp.login.sealing import Sealer
from idp.store.store import Store
from idp.system.clock import system_clock
from tests.idp.audit.recorded_city import auditor_of
from tests.idp.store.units import KEYS, TENANT
from tests.sealing import fixed_keys

WHO = "liis"


class CityDesk:
    """The requests of an auditor who is signed in."""

    def __init__(self, auditor: Auditor, base: str, host: str, cookie: str) -> None:
        self.auditor, self._base = auditor, base
        self.headers = {"host": host, "cookie": f"__Host-desk={cookie}", "origin": f"http://{host}"}

    def get(self, path: str, **query: str) -> httpx2.Response:
        return httpx2.get(self.address(path, **query), headers=self.headers, timeout=120)

    def post(self, path: str, *files: bytes) -> httpx2.Response:
        parts = [("files", (f"{place}.json", octets, "application/json")) for place, octets in enumerate(files)]
        return httpx2.post(self.address(path), headers=self.headers, files=parts, timeout=120)

    def address(self, path: str, **query: str) -> str:
        return f"{self._base}{path}?{urlencode(query)}"

    def rows(self, page: str, table: str, **query: str) -> list[dict[str, object]]:
        answer = self.get(f"{page}.jsonl", table=table, **query)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def timed(self, path: str, **query: str) -> tuple[float, httpx2.Response]:
        begins = time.monotonic()
        answer = self.get(path, **query)
        return time.monotonic() - begins, answer


@contextmanager
def city_desk(store: Store, folder: Path) -> Iterator[CityDesk]:
    """Serve it until the block ends."""
    listening = bound(0)
    host = f"desk.localhost:{listening.getsockname()[1]}"
    (folder / "ciconia.toml").write_text(f'issuer = "https://{TENANT}"\n', encoding="utf-8")
    settings = examine_settings(folder)[0]
    assert settings is not None
    auditor, url = auditor_of(store), f"http://{host}"
    reader = DeskReader(auditor, settings, MandateDesk(settings, store, KEYS).grants, system_clock)
    sealer = Sealer(tenant=TENANT, keys=fixed_keys(b"k" * 32))
    sessions = DeskSessions(tenant=TENANT, url=url, sealer=sealer, rows=store, listed=lambda _way, _entry: WHO)
    doors = SignInRoutes(
        AUDITOR_WORDS, TENANT, url, sessions, Ways(sealer, url), None, None, told_to_log(TENANT), system_clock
    )
    _, cookie = sessions.begin(CIVIL, "of " + WHO, b"once", system_clock())
    servers = StageServers()
    servers.thread("desk", AuditorDesk(reader=reader, doors=doors).asgi, listening)
    try:
        yield CityDesk(auditor, f"http://127.0.0.1:{listening.getsockname()[1]}", host, cookie.value)
    finally:
        servers.close()
        listening.close()
