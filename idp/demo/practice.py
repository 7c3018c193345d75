"""A practice identity provider for a broker of your own: `python -m idp.demo.practice CONFIG METADATA PORT`.

It replaces a country's sign-in, on this machine alone, and lets one pick a made-up citizen. It writes its metadata to
METADATA, for the broker to pin, and its key beside it (once: a second start is the same provider). Then it answers the
signed requests of the broker of the folder CONFIG, until Ctrl-C. `ciconia init --demo` pins it in a new broker. For a
country's own node it plays that country; for a city's broker it plays Estonia.

It speaks http on `*.localhost`, which a broker takes with `demo = true` alone. No real citizen belongs here.
"""

import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from idp.config.settings import SETTINGS_FILE, Settings, load_settings
from idp.demo.citizens import BULGARIANS, CITIZENS, Citizen
from idp.demo.country import Country, country_with_key
from idp.demo.templates import write_templates
from idp.keys.file import load_signer
from idp.server.http import Server, bind
from policies.errors import Misconfigured, Problem

HOST, HOME = "127.0.0.1", "EE"
USAGE = "python -m idp.demo.practice CONFIG METADATA PORT"


@dataclass(frozen=True, slots=True)
class PracticeLand:
    """One country that can be played: its name, the port of its sign-in, and its citizens."""

    name: str
    port: int
    citizens: tuple[Citizen, ...]

    def base(self, port: int = 0) -> str:
        """The address of its sign-in, on its usual port or another one."""
        return f"http://{self.name.lower()}.localhost:{port or self.port}"

    @property
    def title(self) -> str:
        """The name of its sign-in, as a citizen reads it."""
        return f"Practice sign-in of {self.name}"


# The port of Estonia is that of practice.toml
PRACTICE_LANDS = {"EE": PracticeLand("Estonia", 8401, CITIZENS), "BG": PracticeLand("Bulgaria", 8501, BULGARIANS)}


def main(arguments: Sequence[str]) -> int:
    """Serves until Ctrl-C or SIGTERM. Returns the exit code: 0 ended, 2 it could not begin."""
    if len(arguments) != 3 or not arguments[2].isdecimal():  # noqa: PLR2004 - the three of the usage
        return _cannot(f"Usage: {USAGE}")
    config, metadata, port = Path(arguments[0]), Path(arguments[1]), int(arguments[2])
    try:
        country = practice_country(config, metadata, port)
    except Misconfigured as error:
        return _cannot(str(error))
    except OSError as error:
        return _cannot(f"It cannot begin: {error}.")
    try:
        listening = bind(HOST, port)
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        return _cannot(f"Cannot listen on {HOST}:{port}: {why}. Name another PORT, or end what listens there.")
    # Only now: nobody may pin the metadata of an address where somebody else answers
    try:
        metadata.write_bytes(country.metadata())
    except OSError as error:
        listening.close()
        return _cannot(f"It cannot begin: {error}.")
    server = Server(country.app(), listening)
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn sends itself the signal again at its end: the default would kill us there
        signal.signal(number, lambda *_: server.stop())
    sys.stdout.write(f"The practice sign-in is {country.base}, its metadata {metadata}. Ctrl-C ends it.\n")
    sys.stdout.flush()
    server.run()
    return 0


def practice_sign_in(config: Path) -> tuple[Path, int]:
    """The file of the practice sign-in's metadata in a broker's folder, and its usual port. Raises `Misconfigured`."""
    settings = load_settings(config)
    name = "national" if settings.role == "node" else "practice"
    return config / "metadata" / f"{name}.xml", _land(settings).port


def register_practice(config: Path) -> None:
    """Pins the practice provider in a new broker's folder: its key, its metadata and its registration.

    At a node it is the country's own identity provider, registered as the demo registers it.
    """
    settings, (metadata, port) = load_settings(config), practice_sign_in(config)
    metadata.write_bytes(practice_country(config, metadata, port).metadata())
    here, land = resources.files("idp.demo"), _land(settings)
    if settings.role == "node":
        words = {"@COUNTRY@": settings.country, "@PROVIDER@": land.base(), "@NOTIFIED@": "true", "@TITLE@": land.title}
        write_templates(here.joinpath("border", "sending", "providers"), config / "providers", words)
        return
    (config / "providers" / "practice.toml").write_bytes(here.joinpath("practice.toml").read_bytes())


def practice_country(config: Path, metadata: Path, port: int) -> Country:
    """The provider for the broker of this folder, with its key beside `metadata`. Raises `Misconfigured` and OSError."""
    settings = load_settings(config)
    land, broker = _land(settings), load_signer(settings.key_folder / "saml.pem").certificate
    return country_with_key(
        metadata.with_suffix(".pem"),
        base=land.base(port),
        title=land.title,
        broker_certificate=broker,
        citizens=land.citizens,
    )


def _land(settings: Settings) -> PracticeLand:
    """The country that is played for this broker: a node's own, and Estonia for a city."""
    country = settings.country if settings.role == "node" else HOME
    if country not in PRACTICE_LANDS:
        fix = f"write one of {', '.join(PRACTICE_LANDS)}."
        file = str(settings.folder / SETTINGS_FILE)
        raise Misconfigured((Problem(file, 0, "country", f"{country} has no made-up citizens.", fix),))
    return PRACTICE_LANDS[country]


def _cannot(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
