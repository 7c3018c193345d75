"""`ciconia inspect` names the deviations that a file used; without a registration those of its profile are on."""

from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from connectors.signatures.parse import Element
from connectors.wire.names import saml
from tests.connectors.eidas import node as eidas
from tests.connectors.eidas.node import NOW, Answer, SendingNode
from tests.connectors.forge import clock
from tests.connectors.metadata import node
from tests.idp.cli.inspecting import inspect, of_a_node, only, written
from tests.idp.cli.test_inspect_metadata import trusted


def declared(text: str = "") -> Callable[[Element], None]:
    def change(root: Element) -> None:
        context = root.find(f".//{saml('AuthnContext')}")
        assert context is not None
        etree.SubElement(context, saml("AuthnContextDecl")).text = text

    return change


def begins(seconds: int) -> Callable[[Element], None]:
    def change(root: Element) -> None:
        data = root.find(f".//{saml('SubjectConfirmationData')}")
        assert data is not None
        data.set("NotBefore", clock(NOW + seconds))

    return change


@pytest.mark.parametrize(
    ("change", "used"),
    [(eidas.unchanged, []), (declared(), ["empty_authn_context_decl"]), (begins(0), ["confirmation_not_before"])],
    ids=["good", "declared", "begins"],
)
def test_an_answer_of_a_node_says_what_it_used(tmp_path: Path, change: Callable[[Element], None], used: list[str]) -> None:
    sender = SendingNode()
    (path,) = written(tmp_path, [eidas.posted(sender.response(Answer(change=change)))])
    found = only(inspect(path, *of_a_node(tmp_path, sender, "--request-id", eidas.REQUEST)))
    assert found.accepted, found
    message = found.whole["message"]
    assert isinstance(message, dict)
    assert message["deviations"] == used


def test_metadata_says_what_it_used_and_which_versions_are_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "metadata.xml"
    path.write_bytes(node.octets(node.proxy(assurance=(f"{node.LOA}high", "High")), node.text("AttributeValue", "1.4.1")))
    found = only(inspect(path, *trusted(tmp_path, node.key("metadata"), "--profile", "eidas")))
    assert found.accepted, found
    message = found.whole["message"]
    assert isinstance(message, dict)
    proxy = message["roles"]["proxy"]
    assert proxy["deviations"] == ["patch_protocol_version", "unknown_assurance"]
    assert proxy["versions_not_ours"] == []
