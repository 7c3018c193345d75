"""`ciconia witness`: a witness of other operators' logs. It needs no broker, and no broker's configuration."""

import sqlite3
from pathlib import Path
from typing import Annotated

import typer
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from idp.cli.console import NO, YES, answer, end, say, trying
from idp.cli.options import AsJson
from idp.keys.file import sync_folder, write_private
from idp.ledger.checkpoint import is_key_name
from idp.ledger.cosignature import MAX_NAME, Signer, WitnessKey
from idp.receipts.receipt_record import time_text
from idp.server.http import bind
from idp.system.clock import system_clock
from idp.system.logs import configure_logs
from idp.witnessing.seen import WitnessMemory
from idp.witnessing.service import serve_witness
from idp.witnessing.settings import WitnessSettings, load_witness
from idp.witnessing.witness import WitnessService

File = Annotated[Path, typer.Option("--config", metavar="FILE", help="The witness's own configuration, a TOML file.")]

# Trees that nobody proved are shown to people so many
SHOWN = 20

witness = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Be a witness of other operators' logs (C2SP tlog-witness)."
)


@witness.command("new-key")
def new_key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file for the private key.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="The witness's name, as witness.neighbour.example.")],
    *,
    ml_dsa: Annotated[bool, typer.Option("--ml-dsa", help="A key of ML-DSA-44 in place of Ed25519.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the key of a witness, and print its public half (a vkey) for the logs that will ask it.

    Example: ciconia witness new-key witness.key --name witness.neighbour.example

    Exit codes: 0 it is made, 2 it could not be.
    """
    if not is_key_name(name) or len(name.encode()) > MAX_NAME:
        raise typer.BadParameter("a name has no space and no +, and at most 255 octets.", param_hint="--name")
    with trying(as_json=as_json):
        try:
            signer: Signer = MLDSA44PrivateKey.generate() if ml_dsa else Ed25519PrivateKey.generate()
            write_private(file, signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            sync_folder(file.parent)
        except UnsupportedAlgorithm:
            end("unsupported", "The OpenSSL of this machine has no ML-DSA-44: make an Ed25519 key.", as_json=as_json)
        except OSError as error:
            end("unwritable", f"{file} could not be written: {error.strerror}.", as_json=as_json)
    vkey = str(WitnessKey.of(name, signer))
    answer({"file": str(file), "vkey": vkey}, vkey, as_json=as_json)


@witness.command()
def serve(config: File) -> None:
    """Cosign checkpoints of the logs that the file names, until Ctrl-C or SIGTERM, behind a proxy that speaks https.

    Example: ciconia witness serve --config witness.toml
    """
    configure_logs()
    with trying(as_json=False):
        settings, seen = _opened(config, as_json=False)
        try:
            host, _, port = settings.listen.rpartition(":")
            listening = bind(host.strip("[]"), int(port))
        except OSError as error:
            end("listen", f"{settings.listen} cannot be listened at: {error.strerror}.", as_json=False)
    service = WitnessService(
        name=settings.name, signers=settings.signers, logs=settings.logs, seen=seen, clock=system_clock
    )
    host, port = listening.getsockname()[:2]
    say("\n".join([f"{settings.name} answers at http://{host}:{port}. Ctrl-C ends it.", *map(str, settings.keys)]))
    serve_witness(service, listening)


@witness.command()
def show(config: File, *, as_json: AsJson = False) -> None:
    """Say what the witness cosigned for each log, and show every fork: two checkpoints of one size that a log signed.

    Example: ciconia witness show --config witness.toml

    Exit codes: 0 there is no fork, 1 there is one, 2 it could not be read.
    """
    with trying(as_json=as_json):
        settings, seen = _opened(config, as_json=as_json)
        try:
            newest = {origin: seen.newest(origin) for origin in settings.logs}
            forks, unproved = seen.forks(), seen.unproved()
        except (sqlite3.Error, OSError) as error:
            end("memory", f"{settings.memory} cannot be read ({type(error).__name__}).", as_json=as_json)
    lines = [str(key) for key in settings.keys]
    for origin, found in newest.items():
        what = "nothing yet" if found is None else f"{found.head.size} leaves, cosigned {time_text(found.time)}"
        lines.append(f"{origin}: {what}")
    lines += [
        f"{each.head.origin}: it signed {each.head.size} leaves, and nobody proved that they fit what is cosigned."
        for each in unproved[:SHOWN]
    ]
    if len(unproved) > SHOWN:
        lines.append(f"There are {len(unproved) - SHOWN} more that nobody proved: --json has them.")
    for fork in forks:
        lines.append(f"FORK  {fork.first.head.origin} signed two trees of {fork.first.head.size} leaves. Keep both:")
        lines += [fork.first.note.decode(), fork.other.note.decode()]
    told = {
        "ok": not forks,
        "name": settings.name,
        "vkeys": [str(key) for key in settings.keys],
        "logs": [
            {"log": origin, "size": found.head.size if found else 0, "time": found.time if found else None}
            for origin, found in newest.items()
        ],
        "unproved": [{"log": each.head.origin, "size": each.head.size, "note": each.note.decode()} for each in unproved],
        "forks": [
            {
                "log": fork.first.head.origin,
                "size": fork.first.head.size,
                "notes": [fork.first.note.decode(), fork.other.note.decode()],
            }
            for fork in forks
        ],
    }
    answer(told, *lines, as_json=as_json)
    raise typer.Exit(NO if forks else YES)


def _opened(config: Path, *, as_json: bool) -> tuple[WitnessSettings, WitnessMemory]:
    """The configuration and the memory."""
    settings = load_witness(config)
    try:
        return settings, WitnessMemory(settings.memory)
    except (sqlite3.Error, OSError) as error:
        end("memory", f"{settings.memory} cannot be opened ({type(error).__name__}).", as_json=as_json)
