"""A practice identity provider for a broker of your own: `python -m idp.demo.practice CONFIG METADATA PORT`.

It replaces a country's sign-in, on this machine alone, and lets one pick a made-up citizen. It writes its metadata to
METADATA, for the broker to pin, and its key beside it (once: a second start is the same provider). Then it answers the
signed requests of the broker of the folder CONFIG, until Ctrl-C. `ciconia init --demo` pins it in a new broker.

It speaks http on `estonia.localhost`, which a broker takes with `demo = true` alone. No real citizen belongs here.
"""

import signal
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from idp.config.settings import load_settings
from idp.demo.country import Country, country_with_key
from idp.keys.file import load_signer
from idp.server.http import Server, bind
from policies.errors import Misconfigured

HOST, NAME = "127.0.0.1", "estonia.localhost"
# As in practice.toml
PRACTICE_PORT, METADATA = 8401, "metadata/practice.xml"
USAGE = "python -m idp.demo.practice CONFIG METADATA PORT"


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


def register_practice(config: Path) -> None:
    """Pins the practice provider in a new broker's folder: its key, its metadata and its registration."""
    country = practice_country(config, config / METADATA, PRACTICE_PORT)
    (config / METADATA).write_bytes(country.metadata())
    registration = resources.files("idp.demo").joinpath("practice.toml").read_bytes()
    (config / "providers" / "practice.toml").write_bytes(registration)


def practice_country(config: Path, metadata: Path, port: int) -> Country:
    """The provider for the broker of this folder, with its key beside `metadata`. Raises `Misconfigured` and OSError."""
    broker = load_signer(load_settings(config).key_folder / "saml.pem").certificate
    base, title = f"http://{NAME}:{port}", "Practice sign-in of Estonia"
    return country_with_key(metadata.with_suffix(".pem"), base=base, title=title, broker_certificate=broker)


def _cannot(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
