"""`ciconia inspect`: messages in files, held against an expectation by the server's own verification.

Exit codes: 0 all are accepted, 1 some are refused, 2 some could not be read, or the command could not run.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

import typer
from rich.console import Console
from rich.progress import Progress

from idp.cli import inspect_options as given
from idp.cli.console import problems, say
from idp.inspect.inspectors import inspector_of
from idp.inspect.options import Options, read_time
from idp.inspect.outcome import Inspector, Outcome, inspect_file
from idp.inspect.plan import page
from idp.system.clock import system_clock
from idp.system.logs import configure_logs
from policies.assurance import LEVELS_BY_NAME
from policies.errors import BrokerError, Misconfigured

ACCEPTED, REFUSED, COULD_NOT = 0, 1, 2


def inspect(
    files: given.Files,
    kind: given.As,
    config: given.Config = None,
    party: given.From = None,
    idp_metadata: given.IdpMetadata = None,
    sp_metadata: given.SpMetadata = None,
    metadata: given.Metadata = None,
    trust: given.Trust = None,
    jwks: given.Jwks = None,
    issuer: given.Issuer = None,
    client: given.Client = None,
    alg: given.Alg = None,
    audience: given.Audience = None,
    acs: given.Acs = None,
    destination: given.Destination = None,
    request_id: given.RequestId = None,
    nonce: given.Nonce = None,
    minimum_loa: given.MinimumLoa = None,
    max_age: given.MaxAge = None,
    access_token: given.AccessToken = None,
    profile: given.How = None,
    at: given.At = None,
    sp_key: given.SpKey = None,
    reason: given.Reason = None,
    *,
    unsafe_decrypt: given.UnsafeDecrypt = False,
    show_values: given.ShowValues = False,
    second_opinion: given.Opinion = False,
    as_json: given.Json = False,
) -> None:
    """Say of files what the server would say of them, which check refuses them, and what was not checked.

    Example: ciconia inspect answer.b64 --as response --idp-metadata idp.xml --audience https://sp.example/metadata
    --acs https://sp.example/acs

    Exit codes: 0 all are accepted, 1 some are refused, 2 some could not be read, or the command could not run.
    """
    configure_logs()
    level = None if minimum_loa is None else LEVELS_BY_NAME[minimum_loa]
    try:
        asked = Options(kind=kind, now=system_clock() if at is None else read_time(at), profile=profile)
        asked = replace(asked, config=config, party=party, second_opinion=second_opinion)
        asked = replace(asked, idp_metadata=idp_metadata, sp_metadata=sp_metadata, metadata=metadata, trust=trust)
        asked = replace(asked, jwks=jwks, issuer=issuer, client=client, alg=alg, access_token=access_token)
        asked = replace(asked, audience=audience, acs=acs, destination=destination, request_id=request_id)
        asked = replace(asked, nonce=nonce, minimum_loa=level, max_age=max_age)
        asked = replace(asked, sp_key=sp_key, unsafe_decrypt=unsafe_decrypt, reason=reason)
        with ExitStack() as stack:
            outcomes = _outcomes(files, inspector_of(asked, system_clock, stack), as_of_now=at is None)
            code = _tell(outcomes, asked, as_json=as_json, show_values=show_values)
    except BrokerError as error:
        code = _could_not_run(error, as_json=as_json)
    raise typer.Exit(code)


def _outcomes(files: Sequence[str], inspector: Inspector, *, as_of_now: bool) -> Iterator[Outcome]:
    """One after the other, so that the memory is that of one; a bar on a terminal that shows nothing else."""
    quiet = len(files) == 1 or sys.stdout.isatty() or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True, emoji=False), transient=True, disable=quiet) as progress:
        tracked = progress.track(files, description="Inspecting")
        yield from (inspect_file(name, inspector, as_of_now=as_of_now) for name in tracked)


def _tell(outcomes: Iterator[Outcome], asked: Options, *, as_json: bool, show_values: bool) -> int:
    code = ACCEPTED
    for outcome in outcomes:
        if as_json:
            print(json.dumps(outcome.as_json(show_values=show_values)))
        else:
            say(page(outcome, asked.kind, second_opinion=asked.second_opinion))
            if show_values and outcome.verdict is not None:
                # As JSON, in which nothing that a terminal would obey stands as such
                shown = outcome.as_json(show_values=True)["assertion"] or outcome.verdict.values
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
