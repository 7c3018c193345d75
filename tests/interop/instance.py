"""One program of somebody else's beside a broker: what its operator gives it, and how it begins with a key of its own."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from idp.demo.loopback import client, send
from idp.keys.file import create_saml_key
from tests.interop.client_stage import Failed
from tests.interop.peer import Flow
from tests.interop.programs import START_SECONDS, Started, end_of
from tests.interop.programs import running as run

# A program starts with much of one core, and waits in between
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Instance:
    """One program: what its operator is told of the broker, and gives it. `broker_url` takes its messages."""

    flow: Flow
    name: str
    port: int
    folder: Path
    broker_entity: str
    broker_url: str
    landing_url: str = ""
    behind_port: int = 0

    @property
    def base(self) -> str:
        """Its origin."""
        return f"http://{self.name}.localhost:{self.port}"

    @property
    def behind(self) -> str:
        """The origin of a second program, behind it."""
        return f"http://behind-{self.name}.localhost:{self.behind_port}"

    @property
    def key(self) -> Path:
        """Its private key, in PEM."""
        return self.folder / "key.pem"

    @property
    def certificate(self) -> Path:
        """The certificate of that key, in PEM."""
        return self.folder / "certificate.pem"

    @property
    def both(self) -> Path:
        """Key and certificate, in PEM."""
        return self.folder / "whole.pem"

    @property
    def log(self) -> Path:
        """The lines that it writes while it runs."""
        return self.folder / "log"

    @property
    def broker_metadata(self) -> Path:
        """The metadata that the broker publishes for it."""
        return self.folder / "broker.xml"

    @property
    def environment(self) -> dict[str, str]:
        """The settings that every program of a provider reads."""
        return {
            "BASE": self.base,
            "PORT": str(self.port),
            "FLOW": self.flow.name,
            "KEY": str(self.key),
            "CERT": str(self.certificate),
            "BROKER_METADATA": str(self.broker_metadata),
            "BROKER": self.broker_entity,
            "BROKER_URL": self.broker_url,
            "LANDING_URL": self.landing_url,
        }


Command = Callable[[Instance], Started]


@contextmanager
def started(instance: Instance, command: Command, broker_metadata: bytes, path: str) -> Iterator[bytes]:
    """Run the program with a key of its own, until the caller is done; the metadata that it publishes."""
    instance.folder.mkdir(parents=True)
    create_saml_key(instance.both, f"{instance.name}.localhost")
    key, mark, certificate = instance.both.read_text(encoding="ascii").partition("-----BEGIN CERTIFICATE")
    instance.key.write_text(key, encoding="ascii")
    instance.certificate.write_text(mark + certificate, encoding="ascii")
    instance.broker_metadata.write_bytes(broker_metadata)
    words, more = command(instance)
    with run(words, {**instance.environment, **more}, instance.folder, instance.port):
        with client() as http:
            # Some listen before they have read their own modules: gunicorn's worker is one
            http.timeout = START_SECONDS
            answer = send(http, "GET", f"{instance.base}{path}")
        if answer.status_code != 200:
            raise Failed(f"its metadata: status {answer.status_code}\n{end_of(instance.log)}")
        yield answer.content


def together(begin: Callable[[str, Flow], bytes], named: Mapping[str, Flow]) -> tuple[dict[str, bytes], dict[str, str]]:
    """Begin programs at once: what each publishes, by its name, and why others did not start, by their flows' names."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        begun = {name: pool.submit(begin, name, flow) for name, flow in named.items()}
    failed = {name: error for name, one in begun.items() if (error := one.exception())}
    published = {name: one.result() for name, one in begun.items() if name not in failed}
    # Such a setting's failure alone: the others are there
    return published, {named[name].name: f"it did not start: {error}" for name, error in failed.items()}
