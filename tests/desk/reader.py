"""A signed-in auditor, who reads the desk over HTTP."""

import json
from urllib.parse import urlencode

import httpx2

from idp.demo.browser import Browser
from tests.desk.stage import DeskStage, number_in
from tests.idp.cli.command import Served


class Desk:
    """A signed-in auditor's requests."""

    def __init__(self, stage: DeskStage, cookie: str, number: str) -> None:
        self.stage, self.number = stage, number
        # Those of citizens by service
        self.receipts: dict[str, bytes] = {}
        self.headers = {"host": stage.url.removeprefix("http://"), "cookie": f"__Host-desk={cookie}"}

    def get(self, path: str, **query: str) -> httpx2.Response:
        url = f"http://127.0.0.1:{self.stage.desk_port}{path}?{urlencode(query)}"
        return httpx2.get(url, headers=self.headers, timeout=60)

    def post(self, path: str, *files: bytes) -> httpx2.Response:
        """Post files, as the form of a page does."""
        url, headers = f"http://127.0.0.1:{self.stage.desk_port}{path}", {**self.headers, "origin": self.stage.url}
        parts = [("files", (f"{place}.json", octets, "application/json")) for place, octets in enumerate(files)]
        return httpx2.post(url, headers=headers, files=parts, timeout=60)

    def rows(self, page: str, table: str, **query: str) -> list[dict[str, object]]:
        """The rows of a table, as JSON lines have them."""
        answer = self.get(f"{page}.jsonl", table=table, **query)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]


def signed_in(stage: DeskStage, served: Served, name: str) -> Desk:
    """List the demo's Mari under this name, and sign her in."""
    with Browser() as browser:
        number = number_in(stage.sign_in(browser))
        stage.relist(served, {number: name})
        stage.sign_in(browser)
        cookie = next(value for (_, name), (value, _) in browser._jar.items() if name == "__Host-desk")
    return Desk(stage, cookie, number)
