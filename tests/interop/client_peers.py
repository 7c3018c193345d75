"""The OpenID Connect clients of `make interop`: what each is, how it is registered, and which faults are its own."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.interop.client_stage import Client, Command, Service
from tests.interop.peer import HERE, NODE_MODULES, VENV, Flow, Npm

PROGRAMS = HERE / "clients"
LOCAL = HERE / "localhost"


def node(program: str) -> Command:
    """A program for node: `*.localhost` is this machine there too."""

    def command(_: Service, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        (folder / "node_modules").symlink_to(NODE_MODULES)
        (folder / program).write_bytes((PROGRAMS / program).read_bytes())
        return [str(shutil.which("node")), "--import", str(LOCAL / "localhost.mjs"), program], {}

    return command


def python(program: str) -> Command:
    """A program for the peers' own Python."""

    def command(_: Service, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        (folder / program).write_bytes((PROGRAMS / program).read_bytes())
        return [str(VENV / "bin" / "python"), program], {"PYTHONPATH": str(LOCAL)}

    return command


CLIENTS: tuple[Client, ...] = (
    Client(
        name="openid-client",
        package=Npm("openid-client"),
        documented="README, Quick start; `allowInsecureRequests` since the stage has no TLS",
        command=node("openid_client.mjs"),
        callback="/callback",
        flows=(Flow("code, PKCE without state and nonce, secret by POST", ("--method client_secret_post",)),),
    ),
)
