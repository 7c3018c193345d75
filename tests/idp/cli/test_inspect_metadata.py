"""`ciconia inspect --as metadata` judges signed metadata as the server judges what it fetches."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from connectors.formats.eidas.own_metadata import ConnectorMetadata, ProxyMetadata
from connectors.metadata.judgement import MAX_VALIDITY
from connectors.profiles import SAML2INT
from connectors.saml_sp.own_metadata import service_provider_metadata
from connectors.signatures.parse import parse_metadata
from connectors.signatures.xmlsign import sign_enveloped
from idp.keys.file import FileSigner
from tests.connectors import forge
from tests.connectors.metadata import node
from tests.connectors.metadata.node import DAY, NOW
from tests.idp.cli.inspecting import inspect, only


def trusted(folder: Path, signer: FileSigner, *more: str, now: int = NOW) -> list[str]:
    """The expectation: whose key signs it."""
    pem = load_der_x509_certificate(signer.certificate).public_bytes(Encoding.PEM)
    (folder / "trust.pem").write_bytes(pem)
    return ["--as", "metadata", "--trust", str(folder / "trust.pem"), "--at", str(now), "--json", *more]


@pytest.mark.spec("security.md §2.1 C")
@pytest.mark.parametrize("made", [node.proxy(), node.connector()], ids=["sending", "receiving"])
def test_good_metadata_of_a_node_says_what_it_says(tmp_path: Path, made: object) -> None:
    assert isinstance(made, ProxyMetadata | ConnectorMetadata)
    path = tmp_path / "metadata.xml"
    path.write_bytes(node.octets(made))
    one = only(inspect(path, *trusted(tmp_path, node.key("metadata"), "--profile", "eidas")))
    assert one.accepted
    message = one.whole["message"]
    assert isinstance(message, dict)
    assert (message["entity_id"], message["country"], message["kind"]) == (node.ENTITY, "EE", "metadata")
    assert list(message["roles"]) == [node.role_of(made)]
    assert one.whole["assertion"] is None
    assert one.whole["not_checked"] == ["entity id", "country", "newer copy", "approval"]


def signed_entity(signer: FileSigner, *, valid_until: str | None = forge.clock(NOW + DAY), sso: str = forge.SSO) -> bytes:
    """Metadata of an identity provider, signed."""
    root = parse_metadata(forge.metadata(forge.rsa_party(), sso=sso))
    root.set("ID", "_m1")
    if valid_until is not None:
        root.set("validUntil", valid_until)
    return sign_enveloped(root, signer, place=0, profile=SAML2INT)


@pytest.mark.spec("saml.md §11")
def test_metadata_of_saml_is_read_by_whom_it_describes(tmp_path: Path) -> None:
    signer = node.rsa_signer(0)
    own = service_provider_metadata(
        entity_id="https://city.example/saml/metadata",
        acs_url="https://city.example/saml/acs",
        signer=signer,
        now=NOW,
        valid_for=MAX_VALIDITY,
        encryption=node.rsa_signer(1).certificate,
    )
    for octets, roles in ((own, ["sp"]), (signed_entity(signer), ["idp"])):
        path = tmp_path / "metadata.xml"
        path.write_bytes(octets)
        one = only(inspect(path, *trusted(tmp_path, signer)))
        assert one.accepted, one
        message = one.whole["message"]
        assert isinstance(message, dict)
        assert message["roles"] == roles
        assert one.whole["not_checked"] == ["entity id", "newer copy", "approval"]


@pytest.mark.parametrize("pem", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_certificate_that_is_none_is_named_and_nothing_is_said_of_a_file(tmp_path: Path, pem: bytes) -> None:
    path = tmp_path / "metadata.xml"
    path.write_bytes(node.octets(node.proxy()))
    words = trusted(tmp_path, node.key("metadata"))
    (tmp_path / "trust.pem").write_bytes(pem)
    result = inspect(path, *words)
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == "could_not_run"
