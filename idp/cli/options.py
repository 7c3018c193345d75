"""The options that most commands have."""

from pathlib import Path
from typing import Annotated

import typer

Folder = Annotated[Path, typer.Option("--config", readable=False, help="The configuration folder.", metavar="DIR")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
