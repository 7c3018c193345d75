"""The options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Option("--config", readable=False, help="The configuration folder.", metavar="DIR")]
HereFolder = Annotated[
    Path, typer.Option("--config", readable=False, help="The configuration folder; else this one.", metavar="DIR")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
AsJsonLines = Annotated[bool, typer.Option("--json", help="JSON in place of text: progress lines, then the result.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why, in a line, for the release ledger. Name no person.")]
LogKey = Annotated[
    Path | None,
    typer.Option("--log", metavar="KEY", help="The log's public keys, a vkey file; else log.vkey beside the file."),
]
