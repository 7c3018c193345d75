"""A production broker's keys decrypt for inspection only with a reason, which stands in the ledger before they do."""

import base64
import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate
from lxml import etree
from sqlalchemy import event
from typer.testing import CliRunner

from connectors.formats.eidas.metadata import read_peer
from connectors.metadata.peers import Held
from connectors.profiles import EIDAS
from connectors.signatures.xmlenc import encrypt
from idp.cli import app
from idp.config.settings import load_settings
from idp.keys.file import is_marked
from idp.keys.folder import SAML_ENCRYPTION, BrokerKeys, create_keys, load_keys
from idp.ports import RecordDraft, Unit
from idp.store.engine import open_engine
from idp.store.migrate import migrate
from idp.store.peer_copies import StoredCopies
from idp.store.store import Store, open_store
from idp.system.addresses import acs_url, entity_id, node_acs_url, node_entity_id
from policies.parties import EntityId
from tests.connectors import crossing, forge
from tests.connectors.crossing import Encryption
from tests.connectors.eidas.node import NOW, REQUEST, Answer, SendingNode
from tests.connectors.forge import Reply
from tests.connectors.metadata import node as published
from tests.idp.cli.inspecting import answers, inspect, of_a_node, only
from tests.idp.cli.ledgers import records
from tests.idp.store.giving_up import given_up_when
from tests.policies.load.files import PURPOSE

ORIGIN, HOST = "city.localhost/log", "city.localhost"
SETTINGS = """
issuer = "ISSUER"
country = "NL"
demo = DEMO

[organization]
name = "City of a test"
url = "https://city.example"
support = "help@city.example"
technical = "tech@city.example"
"""
ESTONIA = """
id = "ee"
country = "EE"
title.en = "Estonia"
protocol = "eidas"
namespace = "eidas/EE"
entity_id = "https://ee.example/eidas/metadata"
metadata_certificate = "metadata/ee.pem"
"""
PINNED = """
id = "pinned"
country = "EE"
title.en = "Pinned"
namespace = "pinned/EE"
entity_id = "https://idp.example/metadata"
metadata = "metadata/idp.xml"

[attributes]
"urn:oid:2.5.4.4" = "family_name"
"""
ALLOWED = ("--unsafe-decrypt", "--reason", "incident 4711, ticket of the node's operator")


@pytest.fixture(scope="module")
def own_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own") / "keys"
    create_keys(folder, ORIGIN, HOST, saml_encryption=True)
    return folder


@pytest.fixture(scope="module")
def loaded(own_keys: Path) -> BrokerKeys:
    return load_keys(own_keys, ORIGIN)


@pytest.fixture(scope="module")
def unmarked(own_keys: Path) -> Path:
    """The same keys, in files as a demo has them."""
    folder = Path(shutil.copytree(own_keys, own_keys.with_name("unmarked")))
    for file in folder.glob("*-encryption.pem"):
        file.write_bytes(file.read_bytes().partition(b"\n")[2])
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, loaded: BrokerKeys, unmarked: Path) -> None:
    """In this process the command has the keys at hand, and changes no logs."""
    of_a_demo = load_keys(unmarked, ORIGIN)

    def at_hand(folder: Path, *_of_the_keys: object) -> BrokerKeys:
        return loaded if is_marked((folder / "node-encryption.pem").read_bytes()) else of_a_demo

    monkeypatch.setattr("idp.application.load.load_keys", at_hand)
    monkeypatch.setattr("idp.inspect.decryption_guard.load_ledger_keys", lambda _folder, _origin: loaded.ledger)
    monkeypatch.setattr(import_module("idp.cli.inspect"), "configure_logs", lambda: None)


@pytest.fixture(scope="module")
def node() -> SendingNode:
    return SendingNode()


Make = Callable[..., Path]


@pytest.fixture
def make(
    tmp_path: Path, own_keys: Path, unmarked: Path, loaded: BrokerKeys, node: SendingNode, idp: forge.SigningParty
) -> Make:
    """A city's folder that knows the node, whose metadata is approved; a demo's or not. `keys` are others than its own."""

    def made(*, demo: bool = False, keys: Path | None = None) -> Path:
        folder = tmp_path / ("demo" if demo else "production")
        for name in ("providers", "metadata"):
            (folder / name).mkdir(parents=True)
        issuer = f"{'http' if demo else 'https'}://{HOST}"
        text = SETTINGS.replace("ISSUER", issuer).replace("DEMO", "true" if demo else "false")
        (folder / "ciconia.toml").write_text(text, encoding="utf-8")
        shutil.copytree(keys or (unmarked if demo else own_keys), folder / "keys")
        (folder / "providers" / "ee.toml").write_text(ESTONIA, encoding="utf-8")
        (folder / "providers" / "pinned.toml").write_text(PINNED, encoding="utf-8")
        (folder / "metadata" / "idp.xml").write_bytes(forge.metadata(idp))
        pem = load_der_x509_certificate(published.key("metadata").certificate).public_bytes(Encoding.PEM)
        (folder / "metadata" / "ee.pem").write_bytes(pem)
        settings = load_settings(folder)
        migrate(settings.database_url)
        metadata = published.proxy(entity_id=node.entity_id, signing=(node.signer.certificate,))
        facts = read_peer(published.signed(metadata), "proxy")
        engine = open_engine(settings.database_url)
        copies = StoredCopies(engine=engine, tenant=settings.tenant, keys=loaded.ledger)
        copies.keep(Held(EntityId(node.entity_id), published.octets(metadata), facts, facts, NOW))
        engine.dispose()
        return folder

    return made


def answer(folder: Path, node: SendingNode, keys: BrokerKeys, **changes: str) -> Path:
    """A response of the node to the city of this folder, in a file."""
    issuer = load_settings(folder).issuer
    acs = changes.get("acs", node_acs_url(issuer))
    said = Answer(destination=acs, recipient=acs, audience=node_entity_id(issuer))
    assert keys.node is not None
    encrypted = encrypt(node.assertion(said), keys.node.encryption.at(0).certificate, EIDAS)
    path = folder.parent / "answer.b64"
    path.write_bytes(base64.b64encode(node.response(said, encrypted)))
    return path


def words(folder: Path, *more: str) -> list[str]:
    config = ["--config", str(folder), "--from", "ee", "--request-id", REQUEST]
    return ["--as", "response", *config, "--at", str(NOW), "--json", *more]


def test_a_demos_keys_decrypt_as_they_are(make: Make, node: SendingNode, loaded: BrokerKeys) -> None:
    folder = make(demo=True)
    one = only(inspect(answer(folder, node, loaded), *words(folder)))
    assert one.accepted, one
    assert one.whole["not_checked"] == [
        "one-time use",
        "browser binding",
        "minimum level",
        "authentication age",
        "NameID format",
    ]
    assert records(folder) == 0


@pytest.mark.spec("decisions.md 16")
def test_a_production_key_in_a_folder_that_says_it_is_a_demos_decrypts_nothing(
    make: Make, own_keys: Path, node: SendingNode, loaded: BrokerKeys
) -> None:
    folder = make(demo=True, keys=own_keys)
    path = answer(folder, node, loaded)
    result = inspect(path, *words(folder))
    assert (result.exit_code, only(result).code) == (2, "decryption_locked")
    allowed = inspect(path, *words(folder, *ALLOWED))
    assert allowed.exit_code == 2
    assert "name the configuration that it is from" in allowed.output
    assert records(folder) == 0


@pytest.mark.spec("decisions.md 16")
def test_a_production_key_decrypts_nothing_unless_somebody_says_why(
    make: Make, node: SendingNode, loaded: BrokerKeys
) -> None:
    folder = make()
    result = inspect(answer(folder, node, loaded), *words(folder))
    one = only(result)
    assert (result.exit_code, one.code, one.check) == (2, "decryption_locked", None)
    assert "--unsafe-decrypt" in str(one.whole["error"])
    assert records(folder) == 0


@pytest.mark.spec("decisions.md 16")
def test_a_decryption_is_recorded_by_file_and_reason_before_it_happens(
    make: Make, node: SendingNode, loaded: BrokerKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make()
    path = answer(folder, node, loaded)
    drafts: list[RecordDraft] = []
    commit = Store.commit

    def seen(store: Store, unit: Unit) -> None:
        assert unit.record is not None
        drafts.append(unit.record)
        commit(store, unit)

    monkeypatch.setattr(Store, "commit", seen)
    result = inspect(path, path, *words(folder, *ALLOWED))
    assert result.exit_code == 0, result.output
    assert all(one.accepted for one in answers(result))
    # The same file twice in a row is one decryption to explain
    (draft,) = drafts
    facts = json.loads(draft.openings[0].content)
    assert facts["file"] == sha256(path.read_bytes()).hexdigest()
    assert facts["reason"] == ALLOWED[2]
    assert records(folder) == 1


@pytest.mark.spec("house-style.md 17")
def test_where_nothing_can_be_recorded_nothing_is_decrypted(
    make: Make, node: SendingNode, loaded: BrokerKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make()
    path = answer(folder, node, loaded)

    def full(_store: Store, _unit: Unit) -> None:
        raise import_module("policies.errors").StoreUnavailable("the disk is full")

    monkeypatch.setattr(Store, "commit", full)
    result = inspect(path, *words(folder, *ALLOWED))
    assert (result.exit_code, only(result).code) == (2, "store_unavailable")
    assert "Maasikas" not in result.output


@pytest.mark.spec("security.md §3 I7")
def test_where_nobody_knows_whether_it_is_recorded_nothing_is_decrypted_and_the_command_ends(
    make: Make, node: SendingNode, loaded: BrokerKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A synchronous standby is away: the COMMIT does not end before the command."""
    folder = make()
    path = answer(folder, node, loaded)
    begun, go_on, stores = threading.Event(), threading.Event(), list[Store]()

    def hold(_connection: object) -> None:
        begun.set()
        assert go_on.wait(60)

    def opened(*words: str, **more: object) -> Store:
        stores.append(open_store(*words, **more))  # type: ignore[arg-type] # as it is called
        event.listen(stores[0].engine, "commit", hold)
        return stores[0]

    monkeypatch.setattr("idp.inspect.decryption_guard.open_store", opened)
    monkeypatch.setattr("idp.store.writer.COMMIT_SECONDS", 0.2)
    with given_up_when(begun.is_set):
        result = inspect(path, *words(folder, *ALLOWED))
    assert (result.exit_code, only(result).code) == (2, "store_unavailable")
    assert "whether it was written is not known" in str(only(result).whole["error"])
    assert "Maasikas" not in result.output
    assert stores[0].stands_still
    go_on.set()
    stores[0]._writer._thread.join(60)
    assert records(folder) == 1, "then the record says that it was tried"


@pytest.mark.spec("decisions.md 16")
def test_a_key_that_lies_in_a_configuration_is_that_configurations(
    make: Make, node: SendingNode, loaded: BrokerKeys, tmp_path: Path
) -> None:
    folder = make()
    path = answer(folder, node, loaded)
    issuer = load_settings(folder).issuer
    by_hand = of_a_node(tmp_path, node, "--sp-key", str(folder / "keys" / "node-encryption.pem"))
    by_hand += ["--audience", node_entity_id(issuer), "--acs", node_acs_url(issuer)]
    assert only(inspect(path, *by_hand)).code == "decryption_locked"
    assert records(folder) == 0
    assert only(inspect(path, *by_hand, *ALLOWED)).accepted
    assert records(folder) == 1
    # whether a broken configuration is a demo's cannot be told
    (folder / "ciconia.toml").write_text("banana", encoding="utf-8")
    assert only(inspect(path, *by_hand, *ALLOWED)).code == "decryption_locked"


def own_by_hand(folder: Path, node: SendingNode, key: Path | str, *more: str | Path) -> list[str]:
    """The expectation of this folder's city by hand, with a key of its node from somewhere."""
    issuer = load_settings(folder).issuer
    expected = ["--audience", node_entity_id(issuer), "--acs", node_acs_url(issuer)]
    return [*of_a_node(folder.parent, node, "--sp-key", str(key)), *expected, *map(str, more)]


@pytest.mark.spec("decisions.md 16")
@pytest.mark.parametrize("way", ["copy", "hard link", "into a demo"])
def test_a_production_key_is_guarded_wherever_it_lies(
    make: Make, node: SendingNode, loaded: BrokerKeys, own_keys: Path, tmp_path: Path, way: str
) -> None:
    folder = make()
    path = answer(folder, node, loaded)
    key = tmp_path / "away" / "mine.pem"
    key.parent.mkdir()
    if way == "hard link":
        key.hardlink_to(own_keys / "node-encryption.pem")
    else:
        key.write_bytes((own_keys / "node-encryption.pem").read_bytes())
    if way == "into a demo":
        text = 'issuer = "http://own.localhost:8400"\ndemo = true\n'
        (key.parent / "ciconia.toml").write_text(text, encoding="utf-8")
    assert only(inspect(path, *own_by_hand(folder, node, key))).code == "decryption_locked"
    assert only(inspect(path, *own_by_hand(folder, node, key, "--config", folder))).code == "decryption_locked"
    result = inspect(path, *own_by_hand(folder, node, key, *ALLOWED))
    assert (result.exit_code, "--config DIR" in result.stdout) == (2, True)
    assert records(folder) == 0
    assert only(inspect(path, *own_by_hand(folder, node, key, *ALLOWED, "--config", folder))).accepted
    assert records(folder) == 1


def test_a_countrys_metadata_is_held_against_its_registration(make: Make, node: SendingNode, tmp_path: Path) -> None:
    folder = make()
    path = tmp_path / "metadata.xml"
    expected = ["--as", "metadata", "--config", str(folder), "--from", "ee", "--at", str(NOW), "--json"]
    for changes, check in (
        ({}, None),
        ({"entity_id": "https://lv.example/eidas/metadata"}, "metadata_entity"),
        ({"country": "LV"}, "metadata_country"),
    ):
        made = {"entity_id": node.entity_id, **changes}
        path.write_bytes(published.octets(published.proxy(**made)))
        one = only(inspect(path, *expected))
        assert one.check == check
        assert one.whole["not_checked"] == ["newer copy", "approval"]
    result = inspect(path, *expected, "--from", "pinned")
    assert (result.exit_code, "no country's node 'pinned': ee" in result.stdout) == (2, True)


# -- an identity provider that encrypts


def saml_answer(
    folder: Path, idp: forge.SigningParty, keys: BrokerKeys, *, recipient: bytes = b"", signed: bool = True
) -> Path:
    """A response of the provider to the city of this folder, encrypted to its key, in a file."""
    settings = load_settings(folder)
    ours = keys.saml_encryption
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


def pinned_words(folder: Path, *more: str) -> list[str]:
    expected = ["--config", str(folder), "--from", "pinned", "--request-id", forge.REQUEST]
    return ["--as", "response", *expected, "--at", str(forge.NOW), "--json", *more]


def test_a_demos_key_opens_what_the_server_would_open(make: Make, idp: forge.SigningParty, loaded: BrokerKeys) -> None:
    folder = make(demo=True)
    one = only(inspect(saml_answer(folder, idp, loaded), *pinned_words(folder)))
    assert one.accepted, one
    said = one.whole["assertion"]
    assert isinstance(said, dict)
    assert said["attributes"]["urn:oid:2.5.4.4"] == 1
    assert records(folder) == 0
    other = saml_answer(folder, idp, loaded, recipient=crossing.node("theirs").certificate)
    assert only(inspect(other, *pinned_words(folder))).check == "decryption"
    assert only(inspect(saml_answer(folder, idp, loaded, signed=False), *pinned_words(folder))).check == "signature_missing"


@pytest.mark.spec("decisions.md 16")
def test_a_production_key_opens_it_on_record_alone(make: Make, idp: forge.SigningParty, loaded: BrokerKeys) -> None:
    folder = make()
    path = saml_answer(folder, idp, loaded)
    result = inspect(path, *pinned_words(folder))
    assert (result.exit_code, only(result).code, records(folder)) == (2, "decryption_locked", 0)
    assert "Maasikas" not in result.output
    assert only(inspect(path, *pinned_words(folder, *ALLOWED))).accepted
    assert records(folder) == 1
    # by hand the file of the key is guarded, too
    by_hand = ["--idp-metadata", str(folder / "metadata" / "idp.xml"), "--sp-key", str(folder / "keys" / SAML_ENCRYPTION)]
    issuer = load_settings(folder).issuer
    by_hand += ["--audience", entity_id(issuer), "--acs", acs_url(issuer), "--as", "response", "--at", f"{forge.NOW}"]
    by_hand.append("--json")
    assert only(inspect(path, *by_hand)).code == "decryption_locked"
    assert only(inspect(path, *by_hand, *ALLOWED)).accepted
    assert records(folder) == 2


@pytest.mark.spec("decisions.md 16")
def test_an_explanation_of_a_captured_answer_opens_it_on_record_alone(
    make: Make, idp: forge.SigningParty, loaded: BrokerKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("idp.cli.policy.explain"), "configure_logs", lambda: None)
    folder = make()
    (folder / "purposes").mkdir()
    (folder / "purposes" / "parking.toml").write_text(PURPOSE.partition("[[examples]]")[0], encoding="utf-8")
    whose = ["--purpose", "resident-parking", "--provider", "pinned", "--config", str(folder), "--ask", "family_name"]
    answered = str(saml_answer(folder, idp, loaded))
    line = ["policy", "explain", *whose, "--response", answered, "--at", str(forge.NOW), "--json"]
    done = CliRunner().invoke(app, line)
    assert (done.exit_code, json.loads(done.stdout)["error"]["code"], records(folder)) == (2, "decryption_locked", 0)
    done = CliRunner().invoke(app, [*line, *ALLOWED])
    rows = {one["attribute"]: (one["available"], one["reason"]) for one in json.loads(done.stdout)["attributes"]}
    assert (rows["family_name"], records(folder)) == (("exact", "not_needed"), 1)
    assert "Maasikas" not in done.output
