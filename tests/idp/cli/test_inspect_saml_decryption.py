"""`ciconia inspect --config --from` of an identity provider that encrypts: with the server's own key, on record alone."""

import base64
import shutil
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from lxml import etree

from idp.config.settings import load_settings
from idp.keys.folder import SAML_ENCRYPTION, create_keys, load_keys
from idp.store.migrate import migrate
from idp.system.addresses import acs_url, entity_id
from tests.connectors import crossing, forge
from tests.connectors.crossing import Encryption
from tests.connectors.forge import NOW, Reply
from tests.idp.cli.inspecting import inspect, only
from tests.idp.cli.ledgers import records

PROVIDER = """
id = "pinned"
country = "EE"
title.en = "Pinned"
namespace = "pinned/EE"
entity_id = "https://idp.example/metadata"
metadata = "metadata/idp.xml"

[attributes]
"urn:oid:2.5.4.4" = "family_name"
"""
ALLOWED = ("--unsafe-decrypt", "--reason", "incident 4711, ticket of the provider's operator")
Make = Callable[..., Path]


@pytest.fixture(scope="module")
def own_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "keys"
    create_keys(folder, "city.localhost/log", "city.localhost", saml_encryption=True)
    return folder


@pytest.fixture(scope="module")
def idp() -> forge.SigningParty:
    return forge.rsa_party()


@pytest.fixture
def make(tmp_path: Path, own_keys: Path, idp: forge.SigningParty, monkeypatch: pytest.MonkeyPatch) -> Make:
    """A city's folder that asks the identity provider; a demo's or not."""
    monkeypatch.setattr(import_module("idp.cli.inspect"), "configure_logs", lambda: None)

    def made(*, demo: bool = False) -> Path:
        folder = tmp_path / ("demo" if demo else "production")
        for name in ("providers", "metadata"):
            (folder / name).mkdir(parents=True)
        scheme, told = ("http", "true") if demo else ("https", "false")
        settings = f'issuer = "{scheme}://city.localhost"\ndemo = {told}\n'
        (folder / "ciconia.toml").write_text(settings, encoding="utf-8")
        shutil.copytree(own_keys, folder / "keys")
        for file in folder.glob("keys/*-encryption.pem") if demo else ():
            file.write_bytes(file.read_bytes().partition(b"\n")[2])  # a demo's have no mark
        (folder / "providers" / "pinned.toml").write_text(PROVIDER, encoding="utf-8")
        (folder / "metadata" / "idp.xml").write_bytes(forge.metadata(idp))
        migrate(load_settings(folder).database_url)
        return folder

    return made


def answer(folder: Path, idp: forge.SigningParty, own_keys: Path, *, recipient: bytes = b"", signed: bool = True) -> Path:
    """A response of the provider to the city of this folder, encrypted to its key, in a file."""
    settings = load_settings(folder)
    ours = load_keys(own_keys, settings.origin).saml_encryption
    assert ours is not None
    acs = acs_url(settings.issuer)
    audience = f"<saml:Audience>{entity_id(settings.issuer)}</saml:Audience>"
    restriction = f"<saml:AudienceRestriction>{audience}</saml:AudienceRestriction>"
    said = Reply(destination=acs, recipient=acs, audiences=restriction)
    root = etree.fromstring(replace(said, assertions=False).xml())
    root.append(Encryption(plaintext=crossing.assertion(said), certificate=recipient or ours.at(0).certificate).element())
    if signed:
        forge.sign_element(root, said.response_id, idp, forge.How())
    path = folder.parent / "answer.b64"
    path.write_bytes(base64.b64encode(etree.tostring(root)))
    return path


def words(folder: Path, *more: str) -> list[str]:
    expected = ["--config", str(folder), "--from", "pinned", "--request-id", forge.REQUEST]
    return ["--as", "response", *expected, "--at", str(NOW), "--json", *more]


def test_a_demos_key_opens_what_the_server_would_open(make: Make, idp: forge.SigningParty, own_keys: Path) -> None:
    folder = make(demo=True)
    one = only(inspect(answer(folder, idp, own_keys), *words(folder)))
    assert one.accepted, one
    said = one.whole["assertion"]
    assert isinstance(said, dict)
    assert said["attributes"]["urn:oid:2.5.4.4"] == 1
    assert records(folder) == 0
    other = answer(folder, idp, own_keys, recipient=crossing.node("theirs").certificate)
    assert only(inspect(other, *words(folder))).check == "decryption"
    assert only(inspect(answer(folder, idp, own_keys, signed=False), *words(folder))).check == "signature_missing"


@pytest.mark.spec("decisions.md 16")
def test_a_production_key_opens_it_on_record_alone(make: Make, idp: forge.SigningParty, own_keys: Path) -> None:
    folder = make()
    path = answer(folder, idp, own_keys)
    result = inspect(path, *words(folder))
    assert (result.exit_code, only(result).code, records(folder)) == (2, "decryption_locked", 0)
    assert "Maasikas" not in result.output
    assert only(inspect(path, *words(folder, *ALLOWED))).accepted
    assert records(folder) == 1
    # by hand the file of the key is guarded, too
    by_hand = ["--idp-metadata", str(folder / "metadata" / "idp.xml"), "--sp-key", str(folder / "keys" / SAML_ENCRYPTION)]
    issuer = load_settings(folder).issuer
    by_hand += ["--audience", entity_id(issuer), "--acs", acs_url(issuer), "--as", "response", "--at", str(NOW), "--json"]
    assert only(inspect(path, *by_hand)).code == "decryption_locked"
    assert only(inspect(path, *by_hand, *ALLOWED)).accepted
    assert records(folder) == 2
