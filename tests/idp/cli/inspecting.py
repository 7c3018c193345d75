"""`ciconia inspect` run in this process, and the files that it is given: what the tests of the command share."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from lxml import etree
from typer.testing import CliRunner, Result

from connectors.connector import Inbound
from idp.cli import app
from tests.connectors import forge
from tests.connectors.eidas import node as eidas
from tests.connectors.eidas.node import SendingNode
from tests.connectors.metadata import node as published

NOW = forge.NOW


@dataclass(frozen=True, slots=True)
class Answer:
    """The result for one file."""

    accepted: bool
    code: str | None
    check: str | None
    whole: dict[str, object]


def inspect(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["inspect", *map(str, words)])


def answers(result: Result) -> list[Answer]:
    """One for each line of `--json`."""
    return [_answer(json.loads(line)) for line in result.stdout.splitlines()]


def only(result: Result) -> Answer:
    (found,) = answers(result)
    return found


def _answer(whole: dict[str, object]) -> Answer:
    assert list(whole) == ["file", "ok", "accepted", "error", "assertion", "message", "not_checked"]
    assert whole["ok"] is whole["accepted"]
    error = whole["error"] or {"code": None, "check": None}
    assert isinstance(error, dict)
    return Answer(bool(whole["accepted"]), error["code"], error["check"], whole)


def saml(folder: Path, idp: forge.SigningParty, *more: str) -> list[str]:
    """The expectation of a SAML response by hand."""
    path = folder / "idp-metadata.xml"
    path.write_bytes(forge.metadata(idp))
    by_hand = ["--idp-metadata", str(path), "--audience", forge.SP, "--acs", forge.ACS]
    return ["--as", "response", *by_hand, "--at", str(NOW), "--json", *more]


def of_a_node(folder: Path, node: SendingNode, *more: str) -> list[str]:
    """The expectation of a response by a country's node, by hand: its metadata is not signed, and has no end."""
    made = published.proxy(
        entity_id=node.entity_id,
        country=node.country,
        signing=tuple(signer.certificate for signer in (node.signer, *node.more_keys)),
        assurance=tuple(sorted(node.assurance)),
    )
    root = published.element(made)
    del root.attrib["validUntil"]
    (folder / "node-metadata.xml").write_bytes(etree.tostring(root))
    (folder / "sp-key.pem").write_bytes(private_pem(eidas.ours()))
    by_hand = ["--idp-metadata", str(folder / "node-metadata.xml"), "--audience", eidas.OURS, "--acs", eidas.ACS]
    keys = ["--sp-key", str(folder / "sp-key.pem"), "--profile", "eidas"]
    return ["--as", "response", *by_hand, *keys, "--at", str(eidas.NOW), "--json", *more]


def private_pem(key: object) -> bytes:
    """The PEM of a key that a test holds."""
    from_key = key._private_key  # type: ignore[attr-defined] # tests hold FileUnwrapper and FileSigner
    made = from_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert isinstance(made, bytes)
    return made


def written(folder: Path, inbounds: Sequence[Inbound]) -> list[str]:
    """Each parameter in a file of its own, as it came by POST."""
    names = []
    for number, inbound in enumerate(inbounds):
        path = folder / f"answer-{number:04}.b64"
        path.write_bytes(inbound.parameters["SAMLResponse"].encode())
        names.append(str(path))
    return names
