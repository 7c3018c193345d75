"""Settings and surroundings that would leak what citizens trusted us with, or lose the record of it.

`serve` refuses them, all at once, and `doctor` names them: one list for both. That an issuer of http is refused stands
with the other settings (`idp.config.settings`).
"""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import make_url

from idp.config.settings import NO_ISSUER, Settings

ENVIRONMENT = "environment"
# Variables that make Python tell more than it should, or write down the keys of TLS
_DEBUG: Mapping[str, str] = {
    "PYTHONDEVMODE": "Python runs in its development mode.",
    "PYTHONASYNCIODEBUG": "asyncio runs in its debug mode.",
    "SSLKEYLOGFILE": "the keys of every TLS connection are written to a file.",
}
_DEBUG_WHY = "Debugging writes to logs and files what no log of this broker may hold."
# A library that makes fsync do nothing
_NO_FSYNC = ("eatmydata", "nosync")
# SQLite's own ways to do without locks, files or durability (sqlite.org/uri.html, sqlite.org/vfs.html)
_UNSAFE_PARAMETERS = frozenset({"nolock", "immutable", "vfs", "mode"})
_IN_MEMORY = ("/dev/shm", "/run")  # noqa: S108 - named to be refused
_LOST = "A release that was approved would be gone after a crash, and nobody could show that it had a basis."


@dataclass(frozen=True, slots=True)
class ProductionFault:
    """A reason not to serve. `key` is a setting, or a variable where `of_environment`."""

    key: str
    what: str
    why: str
    fix: str
    of_environment: bool = False


def production_faults(settings: Settings, environment: Mapping[str, str]) -> tuple[ProductionFault, ...]:
    """Every reason not to serve with these settings in this environment; none: serve."""
    return (*_demo(settings), *_listening(settings), *_durability(settings), *_surroundings(environment))


def _demo(settings: Settings) -> Iterator[ProductionFault]:
    if settings.demo and settings.issuer != NO_ISSUER and not settings.tenant.endswith(".localhost"):
        yield ProductionFault(
            "demo",
            f"it is the demo's, and {settings.tenant} is no *.localhost.",
            "The demo lets http pass, and its keys and secrets were made to be shown: real citizens must not meet them.",
            "Remove demo, and make fresh keys with `ciconia init` in a new folder.",
        )


def _listening(settings: Settings) -> Iterator[ProductionFault]:
    if _loopback(settings.host):
        return
    if not all(_loopback(proxy) for proxy in settings.trusted_proxies):
        return
    yield ProductionFault(
        "listen",
        f"it listens on {settings.host} for everybody, and no proxy outside this machine is trusted.",
        "Whoever reaches this address speaks http with the broker: what they send can be read and changed on its way.",
        'Write listen = "127.0.0.1:8400" with the proxy on this machine, or name the proxy\'s address in trusted_proxies.',
    )


def _loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_network(address, strict=False).is_loopback
    except ValueError:
        return False


def _durability(settings: Settings) -> Iterator[ProductionFault]:
    url = make_url(settings.database_url)
    name, _, rest = (url.database or "").removeprefix("file:").partition("?")
    named = {*url.query, *(part.partition("=")[0] for part in rest.split("&"))}
    if found := sorted(named & _UNSAFE_PARAMETERS):
        what = f"it has {', '.join(found)}, with which SQLite does without locks or without the disk."
        yield ProductionFault("database", what, _LOST, "Name the file alone: the broker sets what a durable commit needs.")
    if any(PurePosixPath(name).is_relative_to(place) for place in _IN_MEMORY):
        what = f"{name} lies in the memory of this machine."
        yield ProductionFault("database", what, _LOST, "Name a file on a local disk.")


def _surroundings(environment: Mapping[str, str]) -> Iterator[ProductionFault]:
    for name, what in _DEBUG.items():
        if environment.get(name, "") not in ("", "0"):
            yield ProductionFault(name, what, _DEBUG_WHY, f"Start it without {name}.", of_environment=True)
    preloaded = environment.get("LD_PRELOAD", "")
    if any(word in preloaded for word in _NO_FSYNC):
        what = "a library that makes fsync do nothing is loaded."
        yield ProductionFault("LD_PRELOAD", what, _LOST, "Start it without LD_PRELOAD.", of_environment=True)
