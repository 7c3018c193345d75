"""The operator's pages as an operator runs them: `ciconia console serve` beside `ciconia serve`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from idp.config.settings import SETTINGS_FILE
from idp.demo.browser import Browser, Page
from tests.desk.software_passkey import SoftwarePasskey, enrol, sign_in
from tests.desk.stage import DeskStage
from tests.idp.cli.command import CICONIA, Served, in_process, json_of, serving
from tests.ports import free_port


class Console:
    """The pages of one broker, which serves beside them."""

    def __init__(self, stage: DeskStage) -> None:
        self.stage, self.config, self.port = stage, stage.config, free_port()
        self.metrics_port = free_port()
        self.url = f"http://console.localhost:{self.port}"
        settings = self.config / SETTINGS_FILE
        text = settings.read_text(encoding="utf-8")
        head = f'metrics_listen = "127.0.0.1:{self.metrics_port}"\n'
        settings.write_text(f'{head}{text}\n[console]\nlisten = "127.0.0.1:{self.port}"\n', encoding="utf-8")

    def link_for(self, name: str) -> str:
        """The one-time link that the command prints."""
        return str(json_of(in_process("console", "add", name, "--config", self.config, "--json"))["link"])

    def passkey(self) -> SoftwarePasskey:
        """A new passkey for these pages."""
        return SoftwarePasskey(self.url, "console.localhost")

    def administrator(self, browser: Browser, name: str) -> Page:
        """Enrol somebody, and sign them in."""
        key = self.passkey()
        assert "Your passkey is enrolled" in enrol(browser, self.link_for(name), key).text
        return sign_in(browser, self.url, key)

    def get(self, browser: Browser, path: str) -> Page:
        """A page by a link of our own: a Strict cookie comes along."""
        return browser.get(f"{self.url}{path}", origin=self.url)


@contextmanager
def served_console(console: Console, log: Path) -> Iterator[Served]:
    """Serve the pages until the block ends."""
    with serving(console.config, log, [CICONIA, "console", "serve", "--config", str(console.config)]) as found:
        yield found
