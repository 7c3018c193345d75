"""`ciconia try`: a link for one test login of a service, with made-up persons."""

from typing import Annotated

import typer

from idp.application.trial_link import trial_link
from idp.cli.console import answer
from idp.cli.keys_revoke import trying_keys
from idp.cli.options import AsJson, Folder
from idp.protocols.oidc.trial import LINK_LIFE


def try_login(
    party: Annotated[str, typer.Argument(metavar="PARTY", help="The client_id of a registered service.")],
    config: Folder,
    *,
    purpose: Annotated[str, typer.Option("--purpose", metavar="ID", help="Which of its purposes, if it has several.")] = "",
    scope: Annotated[
        str, typer.Option("--scope", metavar="SCOPES", help='What it asks for, such as "profile email".')
    ] = "",
    claims: Annotated[str, typer.Option("--claims", metavar="JSON", help="Its claims parameter.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a link for one test login: who opens it signs in as a made-up person, and sees what the service would get.

    The service hears nothing of it, and nothing is released or recorded. The page masks every value. Only providers with
    test = "only" (in the demo "also") may be asked. The link opens once, within 15 minutes, at the running broker.

    Example: ciconia try parking --scope "profile email" --config city
    """
    with trying_keys(as_json=as_json):
        link = trial_link(config, party, purpose=purpose, scope=scope, claims=claims)
    told = f"Open it once, within {LINK_LIFE // 60} minutes. Whoever has it may do so."
    answer({"link": link, "seconds": LINK_LIFE}, link, told, as_json=as_json)
