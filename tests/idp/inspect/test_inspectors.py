"""Inspectors are made without the command, from options alone: verdicts can be held against the server's one by one."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from lxml import etree

from idp.inspect.inspectors import inspector_of
from idp.inspect.options import MessageKind, Options
from idp.inspect.result import FileResult, Inspector, inspect_file
from idp.inspect.second_opinion import AGREES
from tests.connectors import forge, sent
from tests.connectors.eidas import node as eidas
from tests.connectors.eidas.node import SendingNode
from tests.connectors.forge import NOW, SigningParty
from tests.connectors.metadata import node as published
from tests.idp.cli.inspecting import private_pem


@pytest.fixture(scope="module")
def idp() -> SigningParty:
    return forge.rsa_party()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def no_clock() -> NoReturn:
    raise AssertionError("files are judged as of a time that is given")


def of_response(folder: Path, idp: SigningParty) -> Options:
    (folder / "idp.xml").write_bytes(forge.metadata(idp))
    return Options(MessageKind.RESPONSE, NOW, idp_metadata=folder / "idp.xml", audience=forge.SP, acs=forge.ACS)


def of_logout(folder: Path, idp: SigningParty) -> Options:
    (folder / "peer.xml").write_bytes(sent.sp_metadata(idp))
    return Options(MessageKind.LOGOUT_REQUEST, NOW, metadata=folder / "peer.xml", destination=sent.HERE)


def judged(inspector: Inspector, folder: Path, octets: bytes) -> FileResult:
    (folder / "file").write_bytes(octets)
    return inspect_file(str(folder / "file"), inspector)


def test_an_inspector_judges_again_and_again_without_a_clock(tmp_path: Path, idp: SigningParty, stack: ExitStack) -> None:
    inspector = inspector_of(of_logout(tmp_path, idp), no_clock, stack)
    good = forge.signed(sent.LOGOUT_REQUEST.xml().encode(), ["_message0001"], idp)
    old = replace(sent.LOGOUT_REQUEST, issued=forge.clock(NOW - 9999)).xml().encode()
    for _ in range(2):
        assert judged(inspector, tmp_path, good).accepted is not None
        result = judged(inspector, tmp_path, forge.signed(old, ["_message0001"], idp))
        assert result.refusal is not None
        assert result.refusal.check == "logout_issued"
        assert result.refusal.public.startswith("This message about signing out")


@pytest.mark.spec("house-style.md 27")
@pytest.mark.parametrize("kind", [MessageKind.RESPONSE, MessageKind.LOGOUT_REQUEST])
def test_a_surprise_is_a_refusal_of_one_file_in_nobodys_words(
    tmp_path: Path, idp: SigningParty, stack: ExitStack, monkeypatch: pytest.MonkeyPatch, kind: MessageKind
) -> None:
    options = of_response(tmp_path, idp) if kind is MessageKind.RESPONSE else of_logout(tmp_path, idp)
    inspector = inspector_of(options, no_clock, stack)

    def surprise(*_arguments: object, **_named: object) -> NoReturn:
        raise MemoryError("Õunapuu")

    monkeypatch.setattr("connectors.signatures.xmldsig.parse_message", surprise)
    octets = forge.signed(sent.LOGOUT_REQUEST.xml().encode(), ["_message0001"], idp)
    result = judged(inspector, tmp_path, octets)
    assert result.refusal is not None
    assert (result.refusal.check, result.refusal.detail, result.tried) == ("unforeseen", "MemoryError", True)
    assert result.refusal.public.startswith(
        "The answer of" if kind is MessageKind.RESPONSE else "This message about signing out"
    )


@pytest.mark.parametrize("which", ["response", "assertion", "both"])
def test_a_second_implementation_is_asked_of_responses_wherever_they_are_signed(
    tmp_path: Path, idp: SigningParty, stack: ExitStack, which: str
) -> None:
    inspector = inspector_of(replace(of_response(tmp_path, idp), second_opinion=True), no_clock, stack)
    result = judged(inspector, tmp_path, forge.signed_reply(forge.Reply(), idp, which))
    assert result.accepted is not None, result.refusal
    assert result.accepted.message["second_opinion"] == AGREES
    late = judged(inspector, tmp_path, forge.signed_reply(forge.Reply(issued=forge.clock(NOW - 9999)), idp, which))
    assert late.refusal is not None
    assert "would have taken its signature" in late.refusal.detail


def test_what_is_encrypted_nobody_else_is_asked_of(tmp_path: Path, stack: ExitStack) -> None:
    node = SendingNode()
    made = published.proxy(
        entity_id=node.entity_id, country=node.country, signing=(node.signer.certificate,), assurance=tuple(node.assurance)
    )
    (tmp_path / "node.xml").write_bytes(etree.tostring(published.element(made)))
    (tmp_path / "key.pem").write_bytes(private_pem(eidas.ours()))
    options = Options(
        MessageKind.RESPONSE,
        eidas.NOW,
        profile="eidas",
        idp_metadata=tmp_path / "node.xml",
        audience=eidas.OURS,
        acs=eidas.ACS,
        sp_key=tmp_path / "key.pem",
        second_opinion=True,
    )
    inspector = inspector_of(options, no_clock, stack)
    octets = node.says().parameters["SAMLResponse"].encode()
    result = judged(inspector, tmp_path, octets)
    assert result.accepted is not None, result.refusal
    assert result.not_checked[-1] == "second opinion of what is encrypted"
