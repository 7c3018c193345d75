"""`ciconia inspect` of requests and single logout, in XML and in queries, says what the server's judges say."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from connectors.connector import Inbound
from connectors.formats.eidas.request import request_element
from connectors.profiles import EIDAS
from connectors.signatures.xmlsign import sign_enveloped
from connectors.signed_messages import REQUEST_SIGNATURE_PLACE
from connectors.wire.names import ARTIFACT, EMAIL, PERSISTENT
from tests.connectors import forge, sent
from tests.connectors.eidas import made
from tests.connectors.forge import NOW, SigningParty
from tests.connectors.metadata import node
from tests.connectors.sent import ACS, AUTHN_REQUEST, HERE, LOGOUT_REQUEST, LOGOUT_RESPONSE, PEER, Message
from tests.idp.cli.inspecting import inspect, only


@pytest.fixture(scope="module")
def peer() -> SigningParty:
    return forge.rsa_party()


def expected(folder: Path, party: SigningParty, kind: str, *more: str) -> list[str]:
    """The expectation by hand: the sender is a service provider, which may send everything."""
    path = folder / "metadata.xml"
    before = '<md:AttributeConsumingService index="1"/>'
    path.write_bytes(sent.sp_metadata(party, services=sent.SERVICES + before))
    option = "--sp-metadata" if kind == "authn-request" else "--metadata"
    by_hand = [option, str(path), "--destination", HERE, "--at", str(NOW), "--json"]
    return ["--as", kind, *by_hand, *more]


def in_files(folder: Path, inbounds: Sequence[Inbound]) -> list[str]:
    """Each as it came: the parameter of a form, or a query."""
    paths = []
    for number, inbound in enumerate(inbounds):
        path = folder / f"message-{number:04}"
        path.write_text(inbound.raw or next(iter(inbound.parameters.values())), encoding="utf-8")
        paths.append(str(path))
    return paths


def test_a_logout_says_whom_it_is_from_and_shows_the_citizen_where_asked_alone(tmp_path: Path, peer: SigningParty) -> None:
    files = in_files(tmp_path, [sent.posted(LOGOUT_REQUEST.xml(), peer, "SAMLRequest")])
    words = expected(tmp_path, peer, "logout-request")
    result = inspect(*files, *words)
    one = only(result)
    assert (result.exit_code, one.accepted, one.whole["assertion"]) == (0, True, None)
    message = dict(one.whole["message"])  # type: ignore[call-overload] # the JSON of the contract
    assert len(message.pop("sha256")) == 64
    assert message == {
        "kind": "logout-request",
        "profile": "saml2int",
        "id": "_message0001",
        "issuer": PEER,
        "issued": NOW,
        "ends": NOW + 120,
        "reason": None,
        "name_id_format": PERSISTENT,
        "session_indexes": 1,
    }
    assert one.whole["not_checked"] == ["one-time use", "session"]
    assert not [value for value in ("Õunapuu", "session-0001") if value in result.stdout]
    shown = only(inspect(*files, *words, "--show-values")).whole["message"]
    assert isinstance(shown, dict)
    assert (shown["name_id"], shown["session_index"]) == ("Õunapuu-0001", ["session-0001"])
    page = inspect(*files, *[word for word in words if word != "--json"]).stdout
    assert f"  issuer: {PEER}" in page
    assert "Õunapuu" not in page
    shown_page = inspect(*files, *[word for word in words if word != "--json"], "--show-values").stdout
    assert '"name_id": "\\u00d5unapuu-0001"' in shown_page


def test_a_request_says_where_its_answer_goes(tmp_path: Path, peer: SigningParty) -> None:
    octets = forge.signed(AUTHN_REQUEST.xml().encode(), ["_message0001"], peer)
    (tmp_path / "request.xml").write_bytes(octets)
    one = only(inspect(tmp_path / "request.xml", *expected(tmp_path, peer, "authn-request")))
    message = one.whole["message"]
    assert isinstance(message, dict)
    assert (one.accepted, message["answer_to"], message["contexts"], message["passive"]) == (True, ACS, [], False)
    assert one.whole["not_checked"] == ["one-time use"]


def test_a_request_that_the_server_takes_is_taken_by_artifact_and_for_a_name_that_is_an_address_too(
    tmp_path: Path, peer: SigningParty
) -> None:
    wanted = replace(AUTHN_REQUEST, inside=f'<samlp:NameIDPolicy Format="{EMAIL}"/>', more=f' ProtocolBinding="{ARTIFACT}"')
    (tmp_path / "request.xml").write_bytes(forge.signed(wanted.xml().encode(), ["_message0001"], peer))
    words = expected(tmp_path, peer, "authn-request")
    fetched = sent.service("https://peer.example/artifact", 7, binding="HTTP-Artifact")
    (tmp_path / "metadata.xml").write_bytes(sent.sp_metadata(peer, services=sent.SERVICES + fetched))
    one = only(inspect(tmp_path / "request.xml", *words))
    message = one.whole["message"]
    assert isinstance(message, dict), one.whole
    found = (one.accepted, message["answer_to"], message["name_id_format"])
    assert found == (True, "https://peer.example/artifact", EMAIL)


@pytest.mark.parametrize(
    ("base", "parameter", "name", "left_open"),
    [
        (AUTHN_REQUEST, "SAMLRequest", "authn-request", []),
        (LOGOUT_REQUEST, "SAMLRequest", "logout-request", ["session"]),
        (LOGOUT_RESPONSE, "SAMLResponse", "logout-response", ["browser binding", "request id"]),
    ],
)
def test_of_a_query_the_message_inside_decides_who_judges(
    tmp_path: Path, peer: SigningParty, base: Message, parameter: str, name: str, left_open: list[str]
) -> None:
    query = sent.query(base.xml(), peer, parameter, "a%2Fcitizens%2Fpage")
    (tmp_path / "query").write_text(query + "\n", encoding="ascii")
    words = expected(tmp_path, peer, "redirect")
    result = inspect(tmp_path / "query", *words)
    one = only(result)
    message = one.whole["message"]
    assert isinstance(message, dict)
    assert (one.accepted, message["kind"], message["message"], message["id"]) == (True, "redirect", name, "_message0001")
    assert (message["relay_state"], "citizens" in result.stdout) == (len("a/citizens/page"), False)
    assert one.whole["not_checked"] == ["one-time use", *left_open]
    shown = only(inspect(tmp_path / "query", *words, "--show-values")).whole["message"]
    assert isinstance(shown, dict)
    assert shown["relay_state"] == "a/citizens/page"


@pytest.mark.parametrize("kind", ["authn-request", "logout-request", "redirect"])
@pytest.mark.parametrize("metadata", [b"<a/>", sent.sp_metadata(forge.rsa_party(1024))], ids=["a root", "a weak key"])
@pytest.mark.parametrize("profile", ["saml2int", "eidas"])
def test_metadata_that_cannot_be_pinned_is_named_and_nothing_is_said_of_a_file(
    tmp_path: Path, peer: SigningParty, kind: str, metadata: bytes, profile: str
) -> None:
    words = expected(tmp_path, peer, kind, "--profile", profile)
    (tmp_path / "metadata.xml").write_bytes(metadata)
    result = inspect("file", *words)
    assert result.exit_code == 2
    assert '"code": "could_not_run"' in result.stdout


# -- another country's node ------------------------------------------------------------------------------------------------

REQUEST = replace(made.REQUEST, issuer=node.ENTITY, issue_instant=NOW)


def of_a_node(folder: Path, kind: str, *more: str, at: int = NOW) -> list[str]:
    (folder / "node.xml").write_bytes(etree.tostring(node.element(node.connector())))
    option = "--sp-metadata" if kind == "authn-request" else "--metadata"
    by_hand = [option, str(folder / "node.xml"), "--destination", made.SSO, "--profile", "eidas"]
    return ["--as", kind, *by_hand, "--at", str(at), "--json", *more]


def test_a_nodes_request_is_judged_by_the_rules_of_a_sending_node(tmp_path: Path) -> None:
    signer = node.key("messages")
    good = sign_enveloped(request_element(REQUEST), signer, place=REQUEST_SIGNATURE_PLACE, profile=EIDAS)
    (tmp_path / "good.xml").write_bytes(good)
    one = only(inspect(tmp_path / "good.xml", *of_a_node(tmp_path, "authn-request")))
    message = one.whole["message"]
    assert isinstance(message, dict)
    assert (one.accepted, message["profile"], message["sp_type"]) == (True, "eidas", "public")
    assert message["answer_to"] == "https://node.example/acs"
    assert len(message["attributes"]) == 4
    assert one.whole["not_checked"] == ["one-time use", "end of the metadata"]


def test_a_node_whose_certificates_have_ended_sends_nothing(tmp_path: Path) -> None:
    result = inspect("file", *of_a_node(tmp_path, "authn-request", at=NOW + 1001 * node.DAY))
    assert (result.exit_code, "no certificate of the sender is within its dates" in result.stdout) == (2, True)
