"""How a service that `ciconia party add` registers authenticates: a secret that is shown once, or keys."""

import hashlib
import json
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NoReturn

import typer

from connectors.signatures.jwk import MAX_JWKS, public_jwk
from idp.application.register_party import Registration, algorithm_of, withdraw
from idp.cli.console import COULD_NOT_RUN, NO, problems
from idp.keys.file import create_token_key, load_signer
from idp.protocols.oidc.client import BASIC, NONE, PRIVATE_KEY_JWT, SECRET_METHODS
from idp.system.stderr import LossyStream
from policies.errors import Misconfigured, Problem, SignatureInvalid

SECRET_BYTES = 32
Method = Literal["client_secret_basic", "client_secret_post", "private_key_jwt"]


@dataclass(frozen=True, slots=True)
class Credential:
    """How the app authenticates: a secret that is shown once, public keys, or nothing. `key`: the file that we wrote."""

    method: str
    secret: str = field(default="", repr=False)
    jwks: bytes = field(default=b"", repr=False)
    algorithm: str = "ES256"
    key: Path | None = None


def method_of(method: Method | None, jwks: Path | None, key_out: Path | None) -> str:
    """How an app authenticates: by the key that it brings or wants made, unless `--method` says otherwise."""
    if method is not None:
        return method
    return PRIVATE_KEY_JWT if jwks is not None or key_out is not None else BASIC


def credential_of(method: str, jwks: Path | None, key_out: Path | None, *, as_json: bool) -> Credential:
    """Makes a secret or a key, or reads the given keys; a public client gets nothing."""
    if method == NONE:
        return Credential(NONE)
    if method in SECRET_METHODS:
        return Credential(method, secret=secrets.token_urlsafe(SECRET_BYTES))
    if jwks is not None:
        try:
            with jwks.open("rb") as file:
                content = file.read(MAX_JWKS + 1)
            return Credential(PRIVATE_KEY_JWT, jwks=content, algorithm=algorithm_of(content))
        except SignatureInvalid as error:
            fix = "give a JWKS of public keys for ES256, ES384 or RS256."
            end(problem(str(jwks), "--jwks", f"is refused: {error.detail}.", fix), NO, as_json=as_json)
        except OSError as error:
            what = f"cannot be read: {error.strerror}."
            end(problem(str(jwks), "--jwks", what, "name a file."), COULD_NOT_RUN, as_json=as_json)
    if key_out is None:
        raise ValueError("options without a key were let through")
    try:
        create_token_key(key_out, "ES256")
    except OSError as error:
        what = f"cannot be written: {error.strerror}."
        end(problem(str(key_out), "--key-out", what, "name a new file."), COULD_NOT_RUN, as_json=as_json)
    signer = load_signer(key_out)
    public = {**public_jwk(signer.public_key), "kid": signer.key_id, "alg": "ES256", "use": "sig"}
    return Credential(PRIVATE_KEY_JWT, jwks=(json.dumps({"keys": [public]}, indent=1) + "\n").encode(), key=key_out)


def with_credential(asked: Registration, credential: Credential) -> Registration:
    """The registration with the app's credential."""
    return replace(
        asked,
        method=credential.method,
        algorithm=credential.algorithm,
        secret_sha256=hashlib.sha256(credential.secret.encode()).hexdigest() if credential.secret else "",
        jwks=credential.jwks,
    )


@contextmanager
def kept_once_told(
    asked: Registration, credential: Credential, write: Callable[[], Iterable[Path]], *, as_json: bool
) -> Iterator[None]:
    """Write the files of a registration, and keep them if the block told somebody of them."""
    with ExitStack() as undo:
        if credential.key is not None:
            # It was made for this registration alone
            undo.callback(credential.key.unlink, missing_ok=True)
        try:
            undo.callback(withdraw, write())
        except Misconfigured as error:
            end(error, NO, as_json=as_json)
        except OSError as error:
            what = f"cannot be written: {error.strerror}."
            end(problem(asked.file, "file", what, "let this command write there."), COULD_NOT_RUN, as_json=as_json)
        yield
        # Only now somebody has the secret; until here a Ctrl-C or a pipe that closed takes the registration back
        sys.stdout.flush()
        if isinstance(sys.stdout, LossyStream) and sys.stdout.lost is not None:
            raise typer.Exit(COULD_NOT_RUN)
        undo.pop_all()


def problem(file: str, key: str, what: str, fix: str) -> Misconfigured:
    """One problem, as an error."""
    return Misconfigured((Problem(file, 0, key, what, fix),))


def end(error: Misconfigured, code: int, *, as_json: bool) -> NoReturn:
    """Says every problem, and ends the command."""
    problems(error, as_json=as_json)
    raise typer.Exit(code) from None
