"""`ciconia party add-machine`: registers a resource server behind an app, which asks whether the app's tokens are alive."""

import json
from pathlib import Path
from typing import Annotated

import typer

from idp.application.load import load_all
from idp.application.register_party import Registration, faults, put
from idp.cli.console import NO, say, trying
from idp.cli.options import AsJson, Folder
from idp.cli.party_credential import credential_of, end, kept_once_told, method_of, problem, with_credential
from idp.cli.party_options import faults_of_key
from idp.cli.snippets import MACHINE, Words, render
from idp.protocols.oidc.client import PRIVATE_KEY_JWT
from idp.system.toml_text import dumped
from policies.errors import Misconfigured
from policies.load.table import nearest
from policies.parties import ClientId


def add_machine(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its client_id, and the name of its file.")],
    behind: Annotated[str, typer.Option(metavar="APP", help="The registered app behind which it is.")],
    config: Folder,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Its name, in English.", show_default="NAME")] = None,
    key_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Make its key, and write it here, outside of the configuration.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Register a machine: a resource server that asks whether an app's access tokens are alive, and hears no attribute.

    It is of the app's sector, so it hears the same `sub`. Nobody signs in at it.

    Example: ciconia party add-machine permits-api --behind permits --config city
    """
    with trying(as_json=as_json):
        settings, configuration, _ = load_all(config)
    app = configuration.parties.get(ClientId(behind))
    if app is None or app.openid.tokens.resource_server:
        fix = nearest(behind, [one for one, each in configuration.parties.items() if each.redirect_uris])
        end(problem("party add-machine", "--behind", f"no app is registered as {behind!r}.", fix), NO, as_json=as_json)
    method = method_of(None, None, key_out)
    asked = Registration(name, name if title is None else title, app.sector, (), app.purposes[0], method)
    found = (*faults(asked, settings, configuration), *faults_of_key(asked, None, key_out, config, ""))
    if found:
        end(Misconfigured(found), NO, as_json=as_json)
    credential = credential_of(method, None, key_out, as_json=as_json)
    asked = with_credential(asked, credential)
    words = Words(
        settings.issuer,
        name,
        app.purposes[0],
        "",
        configuration.purposes[app.purposes[0]].minimum_assurance,
        {},
        key=method == PRIVATE_KEY_JWT,
        app=behind,
    )
    line = f"resource_servers = {json.dumps([*app.openid.tokens.resource_servers, name])}"
    with kept_once_told(asked, credential, lambda: put(asked, _text(asked), config), as_json=as_json):
        if as_json:
            told = {
                "ok": True,
                "issuer": settings.issuer,
                "client_id": name,
                "file": asked.file,
                "app": behind,
                "line": line,
                "method": method,
                "client_secret": credential.secret or None,
                "key": str(credential.key.resolve()) if credential.key else None,
                "snippets": {MACHINE: render(MACHINE, words)},
            }
            print(json.dumps(told, ensure_ascii=False))
            return
        print(render(MACHINE, words))
        say(f"Wrote {config / asked.file}: {name} may ask about the tokens of {behind} once {app.source.file} has the line")
        say(f"  {line}")
        say("and the server got SIGHUP (`systemctl reload ciconia`).")
        if credential.secret:
            say("Its secret, which is shown this once (its SHA-256 is all that we keep):")
            say(f"  CLIENT_SECRET={credential.secret}")
        else:
            say(f"Its private key, for the machine alone: CLIENT_KEY={credential.key}")


def _text(asked: Registration) -> str:
    """The file, as TOML."""
    table: dict[str, object] = {
        "client_id": asked.client_id,
        "sector": asked.sector,
        "resource_server": True,
        "token_endpoint_auth_method": asked.method,
    }
    if asked.secret_sha256:
        table["client_secret_sha256"] = asked.secret_sha256
    else:
        table |= {"token_endpoint_auth_signing_alg": asked.algorithm, "jwks": asked.jwks_file}
    head = "# Written by `ciconia party add-machine`. It asks whether tokens are alive, and hears no attribute.\n"
    return head + dumped(table) + "\n" + dumped({"title": {"en": asked.title}})
