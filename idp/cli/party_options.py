"""The options of `ciconia party add` that do not fit together, and the programs that fit a registration."""

from collections.abc import Sequence
from pathlib import Path

from idp.application.register_party import Registration
from idp.cli.snippets import PUBLIC_ALONE, SECRET_ALONE, TITLES, Framework
from idp.protocols.oidc.client import PRIVATE_KEY_JWT, SECRET_METHODS
from policies.errors import Problem
from policies.parties import ASSERTION_LIFE
from policies.redirects import origin_of

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
        what = f"{TITLES[named]} {'has no page at these addresses' if page else 'runs on a server, which keeps a secret'}."
        return _fault("--snippet", what, "leave it out." if page else "leave out --public, or name spa or none.")
    return []


def programs_for(asked: Registration) -> Sequence[Framework]:
    """The programs that fit a client: for a public one the page; we have none for an app on a device."""
    if not asked.public:
        return [one for one in Framework if one not in PUBLIC_ALONE]
    return [one for one in Framework if one in PUBLIC_ALONE and origin_of(asked.redirect_uris[0])]


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
