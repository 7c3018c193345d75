"""`ciconia party add`: registers an app as a relying party, and prints programs that sign a citizen in."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from idp.application import register_party
from idp.application.load import load_all
from idp.application.register_party import Beside, Registration, attributes_for, faults, required_claims
from idp.cli.console import NO, say, trying
from idp.cli.options import AsJson, Folder
from idp.cli.party_credential import (
    Credential,
    Method,
    credential_of,
    end,
    kept_once_told,
    method_of,
    with_credential,
)
from idp.cli.party_machine import add_machine
from idp.cli.party_options import (
    NO_PROGRAM,
    Events,
    Group,
    Logout,
    Refresh,
    ResourceServer,
    SignedOut,
    faults_of_key,
    faults_of_options,
    faults_of_profile,
    programs_for,
    redirect_for,
    told_of,
    with_profile,
)
from idp.cli.party_overasking import overasking
from idp.cli.party_registered import registered, token
from idp.cli.party_saml import add_saml
from idp.cli.party_switch import disable, enable, list_
from idp.cli.snippets import NOT_RUN, SECRET_ALONE, TITLES, Framework, Words, render
from idp.protocols.oidc.client import BASIC, NONE, POST, PRIVATE_KEY_JWT
from policies.catalogue import ClaimValue
from policies.errors import Misconfigured, Problem
from policies.parties import ASSERTION_LIFE, LONGEST_ASSERTION_LIFE, PurposeId
from policies.purposes import Purpose
from policies.registrations.openid_client import FAPI2

party = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Services that may ask, and the switch that stops one, or a country."
)
party.command()(disable)
party.command()(enable)
party.command(name="list")(list_)
party.command()(add_machine)
party.command()(add_saml)
party.command()(overasking)
party.command()(token)
party.add_typer(registered, name="registered")


IdTokenAlg = Literal["ES256", "RS256"]


class Snippet(StrEnum):
    """The programs that `add` can print."""

    ALL = "all"
    FASTAPI = Framework.FASTAPI
    FLASK = Framework.FLASK
    DJANGO = Framework.DJANGO
    EXPRESS = Framework.EXPRESS
    APACHE = Framework.APACHE
    SPRING = Framework.SPRING
    SPA = Framework.SPA
    NATIVE = Framework.NATIVE
    NONE = "none"


@party.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its client_id, and the name of its file.")],
    redirect: Annotated[
        list[str], typer.Option(metavar="URI", help="The full https address of its callback; again for another one.")
    ],
    purpose: Annotated[str, typer.Option(metavar="ID", help="The purpose for which it asks.")],
    config: Folder,
    method: Annotated[Method | None, typer.Option(help="How it authenticates.", show_default=BASIC)] = None,
    jwks: Annotated[Path | None, typer.Option(metavar="FILE", help="Its public keys, for private_key_jwt.")] = None,
    key_out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Make its key, and write it here, outside of the configuration.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Its name for citizens, in English.", show_default="NAME")
    ] = None,
    sector: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Services of one sector know a person by one sub.", show_default="NAME"),
    ] = None,
    snippet: Annotated[Snippet, typer.Option(help="The program that is printed.")] = Snippet.ALL,
    id_token_alg: Annotated[IdTokenAlg, typer.Option(help="What signs its id_tokens.")] = "ES256",  # noqa: S107 - an algorithm
    pkce: Annotated[
        Literal["required", "optional"],
        typer.Option(help="Whether each request needs PKCE, or a nonce may replace it."),
    ] = "required",
    assertion_audience: Annotated[
        Literal["issuer", "token_endpoint"],
        typer.Option("--audience", help="Whom its client assertions may name, for private_key_jwt."),
    ] = "issuer",
    assertion_life: Annotated[
        int,
        typer.Option(
            "--life", metavar="S", min=1, max=LONGEST_ASSERTION_LIFE, help="How many seconds its client assertions live."
        ),
    ] = ASSERTION_LIFE,
    origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URI", help="With --public: where its pages are; again for another one.", show_default="of --redirect"
        ),
    ] = None,
    profile: Annotated[
        Literal["fapi2", "core"] | None,
        typer.Option(help="What is enforced of its requests and tokens.", show_default="fapi2 with a key, else core"),
    ] = None,
    group: Group = "",
    signed_out: SignedOut = None,
    logout: Logout = "",
    events: Events = "",
    resource_server: ResourceServer = None,
    *,
    refresh: Refresh = False,
    public: Annotated[
        bool, typer.Option("--public", help="An app in a browser or on a device: it gets no secret.")
    ] = False,
    claims_in_id_token: Annotated[
        bool, typer.Option("--claims-in-id", help="Repeat the claims of userinfo in the id_token.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Register a service: one new file in parties/, a secret or a key, and programs that sign a citizen in with it.

    With --public it is an app in a browser or on a device, which gets no secret.

    Example: ciconia party add permits --redirect https://permits.city.example/callback --purpose permit --config city
    """
    with trying(as_json=as_json):
        settings, configuration, _ = load_all(config)
    asked = Registration(
        client_id=name,
        title=name if title is None else title,
        sector=name if sector is None else sector,
        redirect_uris=tuple(redirect),
        purpose=PurposeId(purpose),
        method=method_of(method, jwks, key_out) if not public else NONE,
        id_token_alg=id_token_alg,
        claims_in_id_token=claims_in_id_token,
        pkce_required=pkce == "required",
        assertion_audience=assertion_audience,
        assertion_life=assertion_life,
        public=public,
        origins=tuple(origin or ()),
        beside=Beside(refresh, tuple(resource_server or ()), group, tuple(signed_out or ()), logout, events),
    )
    neighbours = tuple(one.client_id for one in configuration.parties.values() if one.sector == asked.sector)
    given = method is not None or jwks is not None or key_out is not None
    of_options = faults_of_options(asked, snippet, with_a_key=given) or faults_of_profile(asked, profile, snippet)
    of_options = of_options or faults_of_key(asked, jwks, key_out, config, snippet)
    found = [*faults(asked, settings, configuration), *of_options]
    if sector is None:
        # It is the name then, whose fault is told already
        found = [one for one in found if one.key != "sector"]
    if neighbours and sector is None and name not in neighbours:
        # Citizens were told which services know them by one `sub`: a name that happens to fit does not join these
        fix = "give --sector to join it, or another name."
        found.append(Problem(asked.file, 0, "sector", f"this sector has {', '.join(neighbours)}.", fix))
    if found:
        end(Misconfigured(tuple(found)), NO, as_json=as_json)
    credential = credential_of(asked.method, jwks, key_out, as_json=as_json)
    asked = with_profile(with_credential(asked, credential), profile, snippet)
    needed = configuration.purposes[asked.purpose]
    with kept_once_told(asked, credential, lambda: register_party.register(asked, needed, config), as_json=as_json):
        _show(
            asked,
            credential,
            needed,
            _Around(
                settings.issuer,
                config,
                neighbours,
                required_claims(needed, configuration.catalogue),
                settings.four_eyes,
            ),
            snippet,
            as_json=as_json,
        )


@dataclass(frozen=True, slots=True)
class _Around:
    """Where a party is registered, the parties in its sector already, and the claims that its purpose requires."""

    issuer: str
    config: Path
    neighbours: tuple[str, ...]
    required: Mapping[str, ClaimValue]
    four_eyes: bool


def _show(
    asked: Registration, credential: Credential, needed: Purpose, around: _Around, snippet: Snippet, *, as_json: bool
) -> None:
    """Prints everything: for a person the programs first, so that the secret stays on the screen."""
    words = Words(
        around.issuer,
        asked.client_id,
        asked.purpose,
        asked.redirect_uris[0],
        needed.minimum_assurance,
        around.required,
        key=credential.method == PRIVATE_KEY_JWT,
        post=credential.method == POST,
        fapi2=asked.profile == FAPI2,
        id_token_alg=asked.id_token_alg,
        refreshes=asked.beside.refreshes,
        signed_out=next(iter(asked.beside.signed_out), ""),
        told_at=asked.beside.told_at,
    )
    wanted = [one for one in programs_for(asked) if snippet in (Snippet.ALL, one)]
    fit = [one for one in wanted if not (words.key and one in SECRET_ALONE)]
    snippets = {one: render(one, replace(words, redirect_uri=redirect_for(one, asked))) for one in fit}
    if as_json:
        print(json.dumps(_as_json(asked, credential, needed, around, snippets), ensure_ascii=False))
        return
    for one, text in snippets.items():
        say(f"== {TITLES[one]}{' (not run by our tests)' if one in NOT_RUN else ''}\n")
        print(text)
    for one in (each for each in wanted if each not in snippets):
        say(f"{TITLES[one]}: {NO_PROGRAM}")
    _say(asked, credential, needed, around)


def _as_json(
    asked: Registration,
    credential: Credential,
    needed: Purpose,
    around: _Around,
    snippets: Mapping[Framework, str],
) -> dict[str, object]:
    return {
        "ok": True,
        "issuer": around.issuer,
        "client_id": asked.client_id,
        "file": asked.file,
        "redirect_uris": list(asked.redirect_uris),
        "public": asked.public,
        "purpose": asked.purpose,
        "scope": f"openid purpose:{asked.purpose}",
        "sector": asked.sector,
        "sector_shared_with": list(around.neighbours),
        "attributes": attributes_for(needed),
        "enforced": {
            "minimum_assurance": needed.minimum_assurance.label,
            "required": [str(name) for name, need in needed.needs.items() if need.required],
            "must_be_true": [str(name) for name, need in needed.needs.items() if need.must_be_true],
        },
        "profile": asked.profile,
        "method": asked.method,
        "algorithm": asked.algorithm if credential.jwks else None,
        "id_token_alg": asked.id_token_alg,
        "client_secret": credential.secret or None,
        "jwks": asked.jwks_file if credential.jwks else None,
        "key": str(credential.key.resolve()) if credential.key else None,
        "restart": True,
        "snippets": {str(one): text for one, text in snippets.items()},
    }


def _say(asked: Registration, credential: Credential, needed: Purpose, around: _Around) -> None:
    """Prints what was made and what comes next: last, so that it stays on the screen."""
    say(f"Wrote {around.config / asked.file}: {asked.client_id} asks for the purpose {asked.purpose}, and gets at most")
    for name, need in needed.needs.items():
        say(f"  {name:<20} {need.form}{'' if need.required else ' (if the citizen ticks it)'}")
    if not needed.needs:
        say("  nothing but a `sub`, which stays the same for one person")
    say("The broker enforces this. The service hears of a refusal, and not why, if")
    say(f"  the sign-in is for another purpose, or weaker than {needed.minimum_assurance.label}")
    for name, need in needed.needs.items():
        if need.required:
            say(f"  {name:<20} does not come{', or the answer is no' if need.must_be_true else ''}")
    if around.neighbours:
        with_whom = ", ".join(around.neighbours)
        say(f"It joins the sector {asked.sector}: {with_whom} and it know the same person by the same `sub`.")
    if credential.secret:
        say("Its secret, which is shown this once (its SHA-256 is all that we keep):")
        say(f"  CLIENT_SECRET={credential.secret}")
    for line in told_of(asked, around.issuer):
        say(line)
    if credential.key is not None:
        say(f"Its private key, for the app alone: CLIENT_KEY={credential.key}")
    if around.four_eyes:
        say("The configuration was loaded again and holds. It waits until a second person approves it:")
        say(shlex.join(["ciconia", "plan", "--config", str(around.config)]))
        return
    say("The configuration was loaded again and holds. A running server takes it in when it gets SIGHUP")
    say(f"(`systemctl reload ciconia`), or at its next start: then {asked.client_id} can sign citizens in.")
