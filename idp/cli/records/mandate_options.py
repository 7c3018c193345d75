"""The options and the steps that the commands of two officers share."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from idp.application.change_desk import ActRefused, Identity
from idp.application.mandate_desk import MandateDesk, Step
from idp.application.operator_acts import Unsure, mend, opened_store
from idp.changes.mandates import ID_BYTES
from idp.cli.console import NO, end, trying
from idp.cli.options import AsJson, Folder
from idp.config.settings import load_settings
from idp.keys.ledger_files import load_ledger_keys
from idp.ledger.leaf import RECORD_BYTES
from policies.errors import GrantRefused


def _hex(octets: int, what: str) -> typer.models.ParameterInfo:
    def checked(text: str) -> str:
        if len(text) != 2 * octets or not set(text) <= set("0123456789abcdef"):
            raise typer.BadParameter(f"{what} has {2 * octets} digits of 0-9 and a-f")
        return text

    return checked  # type: ignore[return-value]  # Typer's callback


Named = Annotated[str, typer.Argument(metavar="ID", help="Its id, as `list` shows it.", callback=_hex(ID_BYTES, "an id"))]
Record = Annotated[
    str,
    typer.Argument(
        metavar="RECORD",
        help="The record in a receipt of theirs (32 hex digits).",
        callback=_hex(RECORD_BYTES, "a record"),
    ),
]
Name = Annotated[str, typer.Option("--as", metavar="NAME", help="Who you are: NAME.pub in operators/.")]
Key = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Your private key of OpenSSH (Ed25519, without a passphrase).")
]
Signature = Annotated[
    Path | None, typer.Option(metavar="FILE", help="What `ssh-keygen -Y sign -n ciconia-plan` made of the document.")
]


@contextmanager
def desk_of(config: Path, *, as_json: bool) -> Iterator[MandateDesk]:
    """The opened database. A refusal ends the command with 1, an unknown outcome and all else with 2."""
    with trying(as_json=as_json):
        settings = load_settings(config)
        ledger = load_ledger_keys(settings.key_folder, settings.origin)
        with opened_store(settings, ledger) as store:
            try:
                yield MandateDesk(settings, store, ledger)
            except ActRefused as error:
                end("refused", str(error), as_json=as_json, code=NO)
            except GrantRefused as error:
                end(error.code, f"{error.detail}.", as_json=as_json, code=NO)
            except Unsure as error:
                text = f"It is not known whether it counts: {error.detail}. {mend(error.detail)}"
                end(error.code, error.detail, as_json=as_json, text=text)


def signed_step(
    step: Callable[[MandateDesk, bytes, str, Identity, int], Step], kind: str, tell: Callable[..., None]
) -> Callable[..., None]:
    """Make the command in which an officer approves or ends a mandate. `tell` prints the result."""

    def command(
        mandate_id: Named,
        config: Folder,
        name: Name = "",
        key: Key = None,
        signature: Signature = None,
        *,
        as_json: AsJson = False,
    ) -> None:
        now = int(time.time())
        with desk_of(config, as_json=as_json) as desk:
            done = step(desk, bytes.fromhex(mandate_id), kind, Identity(name, key, signature), now)
        tell(done, now, as_json=as_json)

    return command
