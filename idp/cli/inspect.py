"""`ciconia inspect`: messages in files, held against an expectation by the server's own verification.

Exit codes: 0 all are accepted, 1 some are refused, 2 some could not be read, or the command could not run.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from idp.app import system_clock
from idp.cli.console import problems, say
from idp.inspection.expecting import response_inspector
from idp.inspection.id_token import IdTokenInspector
from idp.inspection.metadata import MetadataInspector
from idp.inspection.options import Kind, Options, check, could_not, read_time
from idp.inspection.outcome import Inspector, Outcome, inspect_file
from idp.inspection.plan import page
from idp.logs import configure_logs
from policies.assurance import LEVELS_BY_NAME
from policies.errors import BrokerError, Misconfigured

ACCEPTED, REFUSED, COULD_NOT = 0, 1, 2


class Profile(StrEnum):
    """The two profiles of SAML."""

    SAML2INT = "saml2int"
    EIDAS = "eidas"


class Level(StrEnum):
    """Levels of assurance, as the command line spells them."""

    LOW = "low"
    SUBSTANTIAL = "substantial"
    HIGH = "high"


class Algorithm(StrEnum):
    """The algorithms of tokens."""

    ES256 = "ES256"
    ES384 = "ES384"
    RS256 = "RS256"


def inspect(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files, pipes, or `-` for standard input.")],
    kind: Annotated[Kind, typer.Option("--as", help="What the files are.")],
    config: Annotated[Path | None, typer.Option(metavar="DIR", help="The expectation of a configuration.")] = None,
    party: Annotated[str | None, typer.Option("--from", metavar="PARTY", help="Whose messages: an id in it.")] = None,
    idp_metadata: Annotated[Path | None, typer.Option(metavar="FILE", help="The identity provider's, pinned.")] = None,
    audience: Annotated[
        str | None, typer.Option(metavar="URI", help="Whom it must be for: our entity or client id.")
    ] = None,
    acs: Annotated[str | None, typer.Option(metavar="URL", help="The address that received the response.")] = None,
    request_id: Annotated[str | None, typer.Option(metavar="ID", help="The request that it must answer.")] = None,
    sp_key: Annotated[Path | None, typer.Option(metavar="PEM", help="Your own key, for encrypted assertions.")] = None,
    minimum_loa: Annotated[Level | None, typer.Option(help="The level that must be reached.")] = None,
    trust: Annotated[Path | None, typer.Option(metavar="CERT.pem", help="Whose key signs the metadata.")] = None,
    jwks: Annotated[Path | None, typer.Option(metavar="FILE", help="The issuer's keys.")] = None,
    issuer: Annotated[str | None, typer.Option(metavar="ISS", help="The issuer, sign by sign.")] = None,
    nonce: Annotated[str | None, typer.Option(metavar="N", help="The nonce of the request.")] = None,
    alg: Annotated[Algorithm | None, typer.Option(help="The one algorithm that is registered.")] = None,
    max_age: Annotated[int | None, typer.Option(metavar="S", min=0, help="How old the authentication may be.")] = None,
    access_token: Annotated[Path | None, typer.Option(metavar="FILE", help="The access token beside it.")] = None,
    profile: Annotated[Profile | None, typer.Option(help="How strict.", show_default="saml2int")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="Judge as of then: ISO 8601, or seconds.")] = None,
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
    configure_logs()
    try:
        if second_opinion:
            raise could_not("--second-opinion is not there yet.")
        options = Options(
            kind=kind,
            now=system_clock() if at is None else read_time(at),
            profile=profile,
            config=config,
            party=party,
            idp_metadata=idp_metadata,
            audience=audience,
            acs=acs,
            request_id=request_id,
            sp_key=sp_key,
            minimum_loa=None if minimum_loa is None else LEVELS_BY_NAME[minimum_loa],
            trust=trust,
            jwks=jwks,
            issuer=issuer,
            nonce=nonce,
            alg=alg,
            max_age=max_age,
            access_token=access_token,
            unsafe_decrypt=unsafe_decrypt,
            reason=reason,
        )
        check(options)
        with ExitStack() as stack:
            outcomes = _outcomes(files, _inspector(options, stack))
            code = _tell(outcomes, kind, as_json=as_json, show_values=show_values)
    except BrokerError as error:
        code = _could_not_run(error, as_json=as_json)
    raise typer.Exit(code)


def _inspector(options: Options, stack: ExitStack) -> Inspector:
    match options.kind:
        case Kind.RESPONSE:
            return response_inspector(options, system_clock, stack)
        case Kind.METADATA:
            return MetadataInspector(options)
        case _:
            return IdTokenInspector(options)


def _outcomes(files: Sequence[str], inspector: Inspector) -> Iterator[Outcome]:
    """One after the other, so that the memory is that of one; a bar on a terminal that shows nothing else."""
    quiet = len(files) == 1 or sys.stdout.isatty() or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True, emoji=False), transient=True, disable=quiet) as progress:
        yield from (inspect_file(name, inspector) for name in progress.track(files, description="Inspecting"))


def _tell(outcomes: Iterator[Outcome], kind: Kind, *, as_json: bool, show_values: bool) -> int:
    code = ACCEPTED
    for outcome in outcomes:
        if as_json:
            print(json.dumps(outcome.as_json(show_values=show_values)))
        else:
            say(page(outcome, kind))
            if show_values and outcome.verdict is not None and outcome.verdict.said is not None:
                # As JSON, in which nothing that a terminal would obey stands as such
                shown = outcome.as_json(show_values=True)["assertion"]
                say(f"  Values: {json.dumps(shown)}")
        code = max(code, COULD_NOT if not outcome.tried else REFUSED if outcome.verdict is None else ACCEPTED)
    return code


def _could_not_run(error: BrokerError, *, as_json: bool) -> int:
    if isinstance(error, Misconfigured):
        problems(error, as_json=as_json)
    elif as_json:
        print(json.dumps({"ok": False, "error": {"code": error.code, "detail": error.detail}}))
    else:
        say(f"The inspection could not run: {error.detail}", error=True)
    return COULD_NOT
