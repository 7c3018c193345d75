"""`ciconia inspect`: messages in files, held against an expectation by the server's own verification."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer
from rich.console import Console
from rich.progress import Progress

from idp.cli.console import COULD_NOT_RUN, NO, YES, say, trying
from idp.inspect.inspectors import inspector_of
from idp.inspect.options import MessageKind, Options, read_time
from idp.inspect.plan import page
from idp.inspect.result import FileResult, Inspector, inspect_file
from idp.system.clock import system_clock
from idp.system.logs import configure_logs
from policies.assurance import LEVELS_BY_NAME

_Profile = Literal["saml2int", "eidas", "stork"]
_Level = Literal["low", "substantial", "high"]
_Algorithm = Literal["ES256", "ES384", "RS256", "PS256", "EdDSA", "Ed25519"]
_AS = f"What the files are: {', '.join(MessageKind)}."
_ALG = f"The one algorithm that is registered: {', '.join(get_args(_Algorithm))}."
_LOA = f"What must be reached: {', '.join(get_args(_Level))}."
_PROFILE = f"How strict: {', '.join(get_args(_Profile))}."
_ACS = "The address that received the response. Of a STORK request: where its answer goes."
_TRUST = "Whose key signs the metadata, or over STORK the messages."
_COUNTRY = "STORK: the country that answers, or of a request ours. Two capital letters."
_AUDIENCE = "Whom it must be for: our entity id, client id or issuer."


def inspect(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files, pipes, or `-` for standard input.")],
    kind: Annotated[MessageKind, typer.Option("--as", metavar="KIND", help=_AS)],
    # whose messages
    config: Annotated[Path | None, typer.Option(metavar="DIR", help="The expectation of a configuration.")] = None,
    party: Annotated[str | None, typer.Option("--from", metavar="PARTY", help="Whose messages: an id in it.")] = None,
    idp_metadata: Annotated[Path | None, typer.Option(metavar="FILE", help="The identity provider's, pinned.")] = None,
    sp_metadata: Annotated[Path | None, typer.Option(metavar="FILE", help="The service provider's, pinned.")] = None,
    metadata: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The sender's, pinned: of logout and of queries.")
    ] = None,
    trust: Annotated[Path | None, typer.Option(metavar="CERT.pem", help=_TRUST)] = None,
    jwks: Annotated[Path | None, typer.Option(metavar="FILE", help="The issuer's keys, or the client's.")] = None,
    issuer: Annotated[str | None, typer.Option(metavar="ISS", help="The issuer, sign by sign.")] = None,
    client: Annotated[str | None, typer.Option(metavar="CLIENT_ID", help="The client whose assertion it is.")] = None,
    alg: Annotated[_Algorithm | None, typer.Option(metavar="ALG", help=_ALG)] = None,
    # for whom, and in answer to what
    audience: Annotated[str | None, typer.Option(metavar="URI", help=_AUDIENCE)] = None,
    acs: Annotated[str | None, typer.Option(metavar="URL", help=_ACS)] = None,
    country: Annotated[str | None, typer.Option(metavar="CC", help=_COUNTRY)] = None,
    destination: Annotated[str | None, typer.Option(metavar="URL", help="The address that received the message.")] = None,
    request_id: Annotated[str | None, typer.Option(metavar="ID", help="The request that it must answer.")] = None,
    nonce: Annotated[str | None, typer.Option(metavar="N", help="The nonce of the request.")] = None,
    minimum_loa: Annotated[_Level | None, typer.Option(metavar="LEVEL", help=_LOA)] = None,
    max_age: Annotated[int | None, typer.Option(metavar="S", min=0, help="How old the authentication may be.")] = None,
    access_token: Annotated[Path | None, typer.Option(metavar="FILE", help="The access token beside it.")] = None,
    # how
    profile: Annotated[_Profile | None, typer.Option(metavar="NAME", help=_PROFILE, show_default="saml2int")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Judge as of then: ISO 8601, or seconds.")] = None,
    sp_key: Annotated[Path | None, typer.Option(metavar="PEM", help="Your own key, for encrypted assertions.")] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why: it goes into the release ledger.")] = None,
    *,
    unsafe_decrypt: Annotated[bool, typer.Option("--unsafe-decrypt", help="Use a production key, on record.")] = False,
    show_values: Annotated[bool, typer.Option("--show-values", help="Show what accepted files say of the person.")] = False,
    second_opinion: Annotated[bool, typer.Option("--second-opinion", help="Ask a second implementation, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file, each on its line, in order.")] = False,
) -> None:
    """Say of files what the server would say of them, which check refuses them, and what was not checked.

    Example: ciconia inspect answer.b64 --as response --idp-metadata idp.xml --audience https://sp.example/metadata
    --acs https://sp.example/acs

    Exit codes: 0 all are accepted, 1 some are refused, 2 some could not be read, or the command could not run.
    """
    given = dict(locals())  # the options of the expectation have the names of its fields
    given["minimum_loa"] = None if minimum_loa is None else LEVELS_BY_NAME[minimum_loa]
    configure_logs()
    with trying(as_json=as_json, what="The inspection could not run"), ExitStack() as stack:
        given["now"] = system_clock() if at is None else read_time(at)
        asked = Options(**{each.name: given[each.name] for each in fields(Options)})
        results = _results(files, inspector_of(asked, system_clock, stack), as_of_now=at is None)
        code = _tell(results, asked, as_json=as_json, show_values=show_values)
    raise typer.Exit(code)


def _results(files: Sequence[str], inspector: Inspector, *, as_of_now: bool) -> Iterator[FileResult]:
    """The results one after the other, so that one file is in memory; a bar on a terminal that shows nothing else."""
    quiet = len(files) == 1 or sys.stdout.isatty() or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True, emoji=False), transient=True, disable=quiet) as progress:
        tracked = progress.track(files, description="Inspecting")
        yield from (inspect_file(name, inspector, as_of_now=as_of_now) for name in tracked)


def _tell(results: Iterator[FileResult], asked: Options, *, as_json: bool, show_values: bool) -> int:
    code = YES
    for result in results:
        if as_json:
            print(json.dumps(result.as_json(show_values=show_values)))
        else:
            say(page(result, asked.kind, second_opinion=asked.second_opinion))
            if show_values and result.accepted is not None:
                # As JSON, which holds nothing that a terminal would obey
                shown = result.as_json(show_values=True)["assertion"] or result.accepted.values
                say(f"  Values: {json.dumps(shown)}")
        code = max(code, COULD_NOT_RUN if not result.tried else NO if result.accepted is None else YES)
    return code
