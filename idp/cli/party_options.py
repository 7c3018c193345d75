"""The options of `ciconia party add`: what does not fit together, the profile and the programs that fit a registration."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from idp.application.register_party import Registration
from idp.cli.snippets import FAPI2_PROGRAMS, PUBLIC_ALONE, SECRET_ALONE, STAYING, TITLES, Framework
from idp.protocols.oidc.client import PRIVATE_KEY_JWT, SECRET_METHODS
from policies.errors import Problem
from policies.load.profiles import ALGORITHMS, is_plain
from policies.parties import ASSERTION_LIFE
from policies.registrations.openid_client import CORE, FAPI2
from policies.registrations.redirects import LOOPBACK, is_of_an_app, origin_of

Refresh = Annotated[bool, typer.Option("--refresh", help="It gets refresh tokens, which say who and nothing else.")]
ResourceServer = Annotated[
    list[str] | None,
    typer.Option("--api", metavar="NAME", help="A resource server that may ask about its tokens; again for another one."),
]
Group = Annotated[str, typer.Option(metavar="NAME", help="A group of session_groups.toml, in which a sign-in is shared.")]
SignedOut = Annotated[
    list[str] | None,
    typer.Option(metavar="URI", help="Where the citizen comes back to after a logout; again for another one."),
]
Logout = Annotated[str, typer.Option(metavar="URI", help="With --group: where it is told that a session has ended.")]
Events = Annotated[
    str,
    typer.Option(metavar="URI", help="Where it hears that a person withdrew, objected, or did not make a sign-in."),
]
# Where an app on a device gets its answer, with any port
LISTENS = "http://127.0.0.1"
NO_PROGRAM = "no program of ours signs in with a key; docs/connect-an-app.md says what it needs."


def _fault(option: str, what: str, fix: str) -> list[Problem]:
    return [Problem("party add", 0, option, what, fix)]


def faults_of_options(asked: Registration, snippet: str, *, with_a_key: bool) -> list[Problem]:
    """The options about public clients that do not fit together."""
    named = next((one for one in Framework if one == snippet), None)
    if not asked.public:
        if asked.origins:
            return _fault("--origin", "is for --public.", "leave it out: no page may call for a client with a secret.")
        if named in PUBLIC_ALONE:
            return _fault("--snippet", f"{TITLES[named]} keeps no secret.", "give --public, or name another program.")
        return []
    if with_a_key:
        what = "gets neither a secret nor a key: whoever has the app has what is in it."
        return _fault("--public", what, "leave out --method, --jwks and --key-out, or leave out --public.")
    if not asked.pkce_required:
        return _fault("--pkce", "is required of a public client: nothing else binds a code to it.", "leave it out.")
    if named is not None and named not in programs_for(asked):
        page = named in PUBLIC_ALONE
        why = "answers at none of these addresses" if page else "runs on a server, which keeps a secret"
        what = f"{TITLES[named]} {why}."
        fix = f"leave it out, or give a --redirect that fits: {LISTENS}/PATH for native, https for spa."
        return _fault("--snippet", what, fix if page else "leave out --public, or name spa, native or none.")
    return []


def programs_for(asked: Registration) -> Sequence[Framework]:
    """The programs that fit a client: for a public one a page, or an app on a device that listens on its loopback."""
    if asked.profile == FAPI2:
        return [one for one in Framework if one in FAPI2_PROGRAMS]
    if not asked.public:
        return [one for one in Framework if one not in PUBLIC_ALONE]
    page = Framework.SPA if origin_of(asked.redirect_uris[0]) else None
    native = Framework.NATIVE if redirect_for(Framework.NATIVE, asked) else None
    return [one for one in (page, native) if one is not None]


def redirect_for(framework: Framework, asked: Registration) -> str:
    """The redirect address for a program; "" where it has none."""
    if framework is not Framework.NATIVE:
        return asked.redirect_uris[0]
    return next((uri for uri in asked.redirect_uris if uri.startswith(LISTENS) and LOOPBACK.fullmatch(uri)), "")


def faults_of_profile(asked: Registration, profile: str | None, snippet: str) -> list[Problem]:
    """The faults that keep a client from the profile that is asked for, as far as options say."""
    if profile != FAPI2:
        return []
    if asked.method != PRIVATE_KEY_JWT:
        return _fault("--profile", "fapi2 is for a service with a key.", "give --key-out FILE or --jwks FILE, or core.")
    named = next((one for one in Framework if one == snippet), None)
    if named is not None and named not in FAPI2_PROGRAMS:
        what = f"{TITLES[named]} of ours neither pushes its requests nor binds its tokens."
        return _fault("--snippet", what, "name another program or none, or give --profile core.")
    return []


def with_profile(asked: Registration, profile: str | None, snippet: str) -> Registration:
    """The registration with its profile: as asked, or fapi2 for one with a key that asks for nothing that is against it."""
    fits = (
        asked.method == PRIVATE_KEY_JWT
        and {asked.algorithm, asked.id_token_alg} <= ALGORITHMS
        and asked.pkce_required
        and asked.assertion_audience == "issuer"
        and not any(map(is_plain, asked.redirect_uris))
        and (snippet in FAPI2_PROGRAMS or snippet not in set(Framework))
    )
    return replace(asked, profile=profile or (FAPI2 if fits else CORE))


def faults_of_key(
    asked: Registration, jwks: Path | None, key_out: Path | None, config: Path, snippet: str
) -> list[Problem]:
    """The options about keys that do not fit together."""
    if asked.public:
        return []
    if asked.method in SECRET_METHODS:
        given = {
            "--jwks": jwks is not None,
            "--key-out": key_out is not None,
            "--audience": asked.assertion_audience != "issuer",
            "--life": asked.assertion_life != ASSERTION_LIFE,
        }
        why, fix = f"is for {PRIVATE_KEY_JWT}.", "leave it out, or change --method."
        return [one for option, is_given in given.items() if is_given for one in _fault(option, why, fix)]
    if snippet in SECRET_ALONE:
        fix = "leave the key out, and it is registered with a secret; or give --snippet none."
        return _fault("--snippet", f"{TITLES[Framework(snippet)]}: {NO_PROGRAM}", fix)
    if (jwks is None) == (key_out is None):
        return _fault("--key-out", "or --jwks: one of the two is needed.", "give --key-out FILE to have a key made.")
    if key_out is not None and key_out.resolve().is_relative_to(config.resolve()):
        return _fault("--key-out", "lies in the configuration.", "the key is the app's: name a file outside of it.")
    if key_out is not None and (key_out.exists() or key_out.is_symlink()):
        return _fault("--key-out", f"{key_out} is there already.", "name a new file.")
    return []


def told_of(asked: Registration, issuer: str) -> Iterator[str]:
    """Tells the operator what a registration of this kind asks of the app."""
    if asked.profile == FAPI2:
        yield f"Its profile is fapi2: it pushes each request to {issuer}/par, and binds its tokens to a key (DPoP)."
        yield "A library that cannot is registered with --profile core."
    if (asked.beside.refreshes or asked.beside.told_at) and not asked.public:
        yield f"Of the programs only {', '.join(sorted(STAYING))} refreshes, and signs out with --signed-out and --logout."
    if not asked.public:
        return
    yield "It is public: it has no secret, and redeems a code by its PKCE verifier alone. Anybody can use its name, so a"
    yield "citizen is always asked, and what it sends to a server of yours proves nothing there."
    origins = asked.origins or tuple(dict.fromkeys(filter(None, map(origin_of, asked.redirect_uris))))
    yield f"Pages that may call for it: {', '.join(origins) or 'none'}."
    if any(map(is_of_an_app, asked.redirect_uris)):
        yield "Another app on the same device can claim its scheme, too: prefer https app links where the system has them."
