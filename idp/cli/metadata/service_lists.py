"""`ciconia metadata service-list`: shows who signs the metadata of each node on a signed list, and registers one node.

Exit codes: 0 it is so, 1 the list or the node is refused and why, 2 it could not be tried.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from connectors.addresses import FetchError
from connectors.fetch import Fetcher
from connectors.formats.eidas.service_list import ListedNode, ServiceList
from connectors.formats.grammar import written
from connectors.metadata.service_list import ListedCertificate, judged_list, list_keys, listed_certificates
from connectors.signatures.parse import MAX_METADATA
from idp.application.register_node import NodeRegistration, register_node
from idp.application.register_party import NAME
from idp.cli.console import NO, answer, end, say, trying, unwritable
from idp.cli.options import AsJson
from idp.config.settings import load_settings
from idp.pages.languages import load_english
from idp.system.clock import system_clock
from idp.system.files import read_regular
from idp.system.logs import configure_logs
from policies.load.peers import CERTIFICATES, ders_of_pem

# An operator waits for it
SECONDS = 30.0
MAX_TRUST = 64 * 1024
_ADDRESS = re.compile(r"[A-Za-z]+://.*")
_ROLES = {"proxy": "sending node", "connector": "receiving node"}
# The role of a node that a broker of this role registers
_OTHERS = {"city": "proxy", "node": "connector"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A node of the list, and its certificates as judged now."""

    node: ListedNode
    certificates: tuple[ListedCertificate, ...]

    @property
    def pinned(self) -> tuple[bytes, ...]:
        """The certificates that can be pinned now."""
        return tuple(one.der for one in self.certificates if not one.fault)

    @property
    def why_not(self) -> str:
        """Why it cannot be registered now; "" where it can."""
        if self.node.suspended:
            return "the list says that it is suspended"
        if not self.certificates:
            return "the list has no certificate of it"
        return "" if self.pinned else "none of its certificates can be pinned"

    def told(self) -> dict[str, object]:
        """The node as an object."""
        node = self.node
        return {
            "country": node.country,
            "role": _ROLES[node.role],
            "entity_id": node.entity_id,
            "location": node.location,
            "suspended": node.suspended,
            "hidden": node.hidden,
            "usable": not self.why_not,
            "why_not": self.why_not or None,
            "certificates": [
                {
                    "sha256": sha256(one.der).hexdigest(),
                    "ends": None if one.ends is None else written(one.ends),
                    "fault": one.fault or None,
                }
                for one in self.certificates
            ],
        }


def service_list(
    source: Annotated[str, typer.Argument(metavar="FILE|URL", help="The list: a file, or where it is published.")],
    trust: Annotated[
        list[Path],
        typer.Option(readable=False, metavar="PEM", help="The certificate of who signs the list. Again for more."),
    ],
    country: Annotated[str | None, typer.Option(metavar="CC", help="This country alone, as EE.")] = None,
    entity: Annotated[
        str | None, typer.Option(metavar="ID", help="Which of the country's nodes, by its entity id.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The new registration's id; default: the country, as ee.")] = None,
    config: Annotated[Path | None, typer.Option(readable=False, metavar="DIR", help="The configuration folder.")] = None,
    *,
    write: Annotated[bool, typer.Option("--write", help="Register the country's node in the configuration.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show who signs the metadata of each country's node, by a signed list of all nodes; with --write, register one.

    The list is the European Commission's, or one that a country publishes. Get its certificate from another source.

    Example: ciconia metadata service-list list.xml --trust publisher.pem --country EE --write --config city
    """
    configure_logs()
    with _tried(as_json=as_json):
        if write and (country is None or config is None):
            raise _CannotError("--write needs --country CC and --config DIR.")
        now = system_clock()
        keys = list_keys([der for path in trust for der in _certificates(path)], now)
        found = judged_list(_octets(source), keys, now)
        wanted = [node for node in found.nodes if country in (None, node.country) and entity in (None, node.entity_id)]
        shown = [_Shown(node, listed_certificates(node, now)) for node in wanted]
        if country is not None and country not in found.countries:
            raise FetchError("service_list", f"the list does not name {country}: {', '.join(found.countries) or 'nobody'}.")
        files: Sequence[Path] = ()
        if write and config is not None:
            files = _register(shown, name, config)
    lines = [*_lines(found, shown, country), *(f"Wrote {path}." for path in files)]
    if files:
        lines.append(
            "The configuration was loaded again and holds. Next: ciconia metadata fetch, then pending and approve."
        )
    told = {"nodes": [one.told() for one in shown], "written": [str(path) for path in files]}
    answer({**_head(found), **told}, *lines, as_json=as_json)


class _CannotError(Exception):
    """Says why it cannot be tried."""


@contextmanager
def _tried(*, as_json: bool) -> Iterator[None]:
    """Ends the command with 1 where the list or the node is refused, with 2 where it cannot be tried."""
    why = ""
    try:
        with trying(as_json=as_json):
            yield
    except FetchError as error:
        if as_json:
            told = {"check": error.check, "detail": error.detail, "mend": error.mend}
            print(json.dumps({"ok": False, "error": told}))
        else:
            say(f"Refused ({error.check}): {error}", error=True)
        raise typer.Exit(NO) from None
    except _CannotError as error:
        why = str(error)
    except FileExistsError as error:
        why = f"{error.filename} is there already: give another name with --name."
    except OSError as error:
        end("unwritable", unwritable(Path(), error), as_json=as_json)
    except ValueError as error:
        why = f"a certificate of --trust cannot be used: {error}."
    if why:
        end("could_not_run", why, as_json=as_json)


def _octets(source: str) -> bytes:
    """The list, from its address or from a file."""
    if _ADDRESS.fullmatch(source):
        return Fetcher(demo=False).get(source, limit=MAX_METADATA, timeout=SECONDS)
    return _read(Path(source), MAX_METADATA)


def _read(path: Path, most: int) -> bytes:
    try:
        octets = read_regular(path, most)
    except OSError as error:
        raise _CannotError(f"{path} cannot be read: {error.strerror}.") from None
    if len(octets) > most:
        raise _CannotError(f"{path} is larger than {most} octets.")
    return octets


def _certificates(path: Path) -> tuple[bytes, ...]:
    found, fault = ders_of_pem(_read(path, MAX_TRUST), CERTIFICATES)
    if fault:
        raise _CannotError(f"{path} {fault}")
    return found


def _register(shown: Sequence[_Shown], name: str | None, config: Path) -> Sequence[Path]:
    """Registers the one node that is meant, of the kind that a broker of this role asks or answers."""
    role = _OTHERS[load_settings(config).role]
    those = [one for one in shown if one.node.role == role]
    usable = [one for one in those if not one.why_not]
    if not usable:
        why = "; ".join(f"{one.node.entity_id}: {one.why_not}" for one in those) or f"the list has no {_ROLES[role]} of it"
        raise FetchError("service_list", f"nothing was registered, since {why}.")
    if len(usable) > 1:
        raise _CannotError(f"name one with --entity: {', '.join(one.node.entity_id for one in usable)}.")
    node = usable[0].node
    called = name or node.country.lower()
    if not NAME.fullmatch(called):
        raise _CannotError("--name is no name: use 1 to 64 letters, digits, dots, lines and underscores.")
    title = load_english().country(node.country)
    return register_node(NodeRegistration(called, title, node, usable[0].pinned), config)


def _head(found: ServiceList) -> dict[str, object]:
    return {
        "issuer": found.issuer,
        "territory": found.territory,
        "issued": written(found.issued),
        "next_update": written(found.next_update) if found.next_update else None,
        "countries": list(found.countries),
        "left_out": found.left_out,
    }


def _lines(found: ServiceList, shown: Sequence[_Shown], country: str | None) -> Iterator[str]:
    """The list by country; a certificate that cannot be pinned says why."""
    until = f", until {written(found.next_update)}" if found.next_update else ", without an end"
    who = f"{found.issuer or 'nobody'} ({found.territory or '-'})"
    yield f"The list of {who}, of {written(found.issued)}{until}. Its signature holds."
    for one in found.countries if country is None else (country,):
        nodes = [each for each in shown if each.node.country == one]
        yield f"{one}{'' if nodes else ': no node'}"
        for each in nodes:
            node = each.node
            yield f"  {_ROLES[node.role]:<15} {node.entity_id}{f'  (not usable: {each.why_not})' if each.why_not else ''}"
            if node.location != node.entity_id:
                yield f"  {'':<15} metadata at {node.location}"
            for certificate in each.certificates:
                ends = "" if certificate.ends is None else f", until {written(certificate.ends)}"
                fault = f": {certificate.fault}" if certificate.fault else ends
                yield f"  {'':<15} certificate {sha256(certificate.der).hexdigest()}{fault}"
    if found.left_out:
        yield f"Left out: {found.left_out} addresses or territories that name no node."
