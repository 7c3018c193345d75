"""`ciconia metadata`: exit 0 it is so, 1 it is refused and who can mend it is named, 2 it could not be tried."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from ssl import DER_cert_to_PEM_cert

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate
from sqlalchemy import Engine, event
from typer.testing import CliRunner, Result

from connectors.formats.eidas.metadata import read_peer
from connectors.formats.grammar import written
from connectors.profiles import EIDAS
from connectors.signatures.pinned_keys import key_of_certificate
from connectors.signatures.shapes import METADATA
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from idp.application.app import Application
from idp.cli import app
from idp.config.settings import load_settings
from idp.keys.change import make
from idp.keys.folder import BrokerKeys, create_keys, load_keys
from idp.keys.kinds import NODE_METADATA, KeyKind
from idp.store.engine import open_engine
from idp.store.migrate import migrate
from idp.store.peer_copies import StoredCopies
from idp.store.switches.switch import KEY
from idp.store.switches.switchboard import Switchboard
from tests.connectors import forge
from tests.connectors.metadata.lists import Place, publisher, signed, text
from tests.connectors.metadata.node import NOW as LISTED
from tests.connectors.metadata.origin import body, origin
from tests.idp.cli.command import ciconia, json_of
from tests.idp.cli.ledgers import change, opened, records
from tests.idp.neighbour import DAY, NOW, Neighbour, peers_of, signer
from tests.idp.store.giving_up import given_up_when
from tests.idp.web_node.stage import NODE, PROVIDER, SETTINGS

Run = Callable[..., Result]
COMMANDS = import_module("idp.cli.metadata.commands")

SENDING = SETTINGS.format(issuer="http://node.localhost:8443", port=8443)
RECEIVING = SENDING.replace("node.localhost", "city.localhost").replace('role = "node"\ncountry = "EE"', 'country = "NL"')
NATIONAL = PROVIDER.format(name="national", base="https://idp.example.ee", notified="true", more="")


@pytest.fixture(scope="session")
def own_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of our node, made once: three of them are RSA-3072."""
    folder = tmp_path_factory.mktemp("own") / "keys"
    create_keys(folder, "node.localhost:8443/log", "node.localhost")
    return folder


@pytest.fixture(scope="session")
def loaded(own_keys: Path) -> BrokerKeys:
    """The same, read once: that takes longer than all that a command does."""
    return load_keys(own_keys, "node.localhost:8443/log")


@pytest.fixture
def nl() -> Iterator[Neighbour]:
    found = Neighbour()
    yield found
    found.close()


def made(folder: Path, own_keys: Path, settings: str) -> Path:
    folder.mkdir()
    (folder / "ciconia.toml").write_text(settings, encoding="utf-8")
    shutil.copytree(own_keys, folder / "keys")
    (folder / "metadata").mkdir()
    pem = load_der_x509_certificate(signer("metadata").certificate).public_bytes(Encoding.PEM)
    (folder / "metadata" / "nl.pem").write_bytes(pem)
    migrate(load_settings(folder).database_url)
    return folder


def registered(folder: Path, kind: str, nl: Neighbour, more: str = "") -> None:
    (folder / kind).mkdir()
    text = NODE.format(name="nl", country="NL", entity_id=nl.url, more=more)
    (folder / kind / "one.toml").write_text(text, encoding="utf-8")


@pytest.fixture
def sending(tmp_path: Path, own_keys: Path, nl: Neighbour) -> Path:
    """A sending node that knows the neighbour as a node that may ask it."""
    folder = made(tmp_path / "sending", own_keys, SENDING)
    registered(folder, "nodes", nl)
    (folder / "providers").mkdir()
    (folder / "providers" / "national.toml").write_text(NATIONAL, encoding="utf-8")
    (folder / "metadata" / "national.xml").write_text("<x/>", encoding="utf-8")
    return folder


@pytest.fixture
def receiving(tmp_path: Path, own_keys: Path, nl: Neighbour) -> Path:
    """A city that asks the neighbour as another country's node."""
    folder = made(tmp_path / "receiving", own_keys, RECEIVING)
    registered(folder, "providers", nl, 'protocol = "eidas"\nnamespace = "eidas/NL"')
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, loaded: BrokerKeys) -> None:
    """In this process the commands have the keys at hand, and change neither its logs nor its clock."""
    monkeypatch.setattr("idp.application.load.load_keys", lambda _folder, _origin, _index: loaded)
    monkeypatch.setattr("idp.cli.metadata.desk.configure_logs", lambda: None)
    monkeypatch.setattr(COMMANDS, "system_clock", lambda: NOW)
    monkeypatch.setattr(import_module("idp.cli.metadata.own"), "system_clock", lambda: NOW)


def run_in(folder: Path) -> Run:
    def run(*words: str) -> Result:
        return CliRunner().invoke(app, ["metadata", *words, "--config", str(folder)])

    return run


@pytest.fixture
def run(sending: Path) -> Run:
    return run_in(sending)


def said(result: Result) -> dict[str, object]:
    """The one JSON object."""
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    assert found["ok"] is (result.exit_code == 0)
    return found


def digest_of(nl: Neighbour) -> str:
    return nl.metadata.facts().digest


# -- fetch


def test_fetch_says_what_came_and_what_waits(run: Run, nl: Neighbour) -> None:
    found = run("fetch", "nl")
    assert found.exit_code == 0, found.output
    assert f"valid until 2026-10-01T14:13:20Z, digest {digest_of(nl)}" in found.stdout
    assert "a certificate that signs: SHA-256" in found.stdout
    assert "an address by POST: https://node.example/eidas/acs" in found.stdout
    assert f"ciconia metadata approve nl --digest {digest_of(nl)} --config" in found.stdout


def listed(value: object) -> list[dict[str, object]]:
    assert isinstance(value, list)
    return value


@pytest.mark.spec("decisions.md 30")
def test_a_digest_in_the_registration_approves_in_advance_and_needs_no_command(
    run: Run, sending: Path, nl: Neighbour
) -> None:
    file = sending / "nodes" / "one.toml"
    file.write_text(f'metadata_digest = "{digest_of(nl)}"\n' + file.read_text(encoding="utf-8"), encoding="utf-8")
    found = run("fetch", "nl")
    assert "Everything that it says is approved." in found.stdout
    assert "Nothing waits." in run("pending").stdout
    assert records(sending) == 1
    run("fetch", "nl")
    assert records(sending) == 1


@pytest.mark.parametrize(
    ("changes", "check", "mend"),
    [
        ({"by": "thief"}, "signature", "pin the new certificate beside the old one."),
        ({"valid_until": NOW - 1}, "metadata_expired", "The operator of the address can mend this."),
        ({"valid_until": NOW + 99 * DAY}, "metadata_far", "The operator of the address can mend this."),
        ({"country": "LV"}, "metadata_country", "Mend the registration that names the address."),
        ({"entity_id": "https://other.example"}, "metadata_entity", "Mend the registration that names the address."),
    ],
)
def test_metadata_that_is_refused_exits_1_and_says_who_can_mend_it(
    run: Run, nl: Neighbour, changes: dict[str, object], check: str, mend: str
) -> None:
    nl.publish(**changes)
    found = run("fetch", "nl")
    assert found.exit_code == 1
    assert f"Refused ({check}): " in found.stderr
    assert mend in found.stderr
    error = said(run("fetch", "nl", "--json"))["error"]
    assert isinstance(error, dict)
    assert error["check"] == check
    assert mend in str(error["mend"])


# -- pending and approve


def test_pending_shows_each_addition_and_the_digest_over_all(run: Run, nl: Neighbour) -> None:
    run("fetch", "nl")
    found = run("pending")
    assert found.exit_code == 0
    assert f"nl (NL), {nl.url}: nothing of it was approved before." in found.stdout
    assert f"  digest {digest_of(nl)}" in found.stdout
    (one,) = listed(said(run("pending", "--json"))["pending"])
    assert (one["peer"], one["entity_id"], one["country"], one["digest"]) == ("nl", nl.url, "NL", digest_of(nl))
    assert one["first"] is True
    assert any("a protocol version: 1.2" in str(addition) for addition in listed(one["additions"]))


@pytest.mark.parametrize("digest", ["0" * 64, "", "nonsense"])
def test_another_digest_than_the_pending_one_is_refused_and_not_recorded(run: Run, sending: Path, digest: str) -> None:
    run("fetch", "nl")
    found = run("approve", "nl", "--digest", digest)
    assert found.exit_code == 1
    assert "has another digest: look at it again." in found.stderr
    assert said(run("approve", "nl", "--digest", digest, "--json"))["ok"] is False
    assert said(run("show", "nl", "--json"))["approved_digest"] is None
    assert records(sending) == 0


@pytest.fixture
def standing(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """From its call on no COMMIT ends, as where a standby is away; at the end of the test all do."""
    begun, go_on = threading.Event(), threading.Event()
    threads = set(threading.enumerate())

    def hold(_connection: object) -> None:
        if threading.current_thread() in threads - {threading.main_thread()}:
            return  # a broker of another test lives on in this process
        begun.set()
        assert go_on.wait(60)

    def stand() -> None:
        monkeypatch.setattr("idp.store.writer.COMMIT_SECONDS", 0.2)
        event.listen(Engine, "commit", hold)
        late.enter_context(given_up_when(begun.is_set))

    with ExitStack() as late:
        yield stand
    go_on.set()
    for thread in set(threading.enumerate()) - threads:
        if thread.name in ("ledger-writer", "act"):
            thread.join(60)
    event.remove(Engine, "commit", hold)


@pytest.mark.spec("security.md §3 I7")
@pytest.mark.parametrize("act", ["approve", "forget"])
def test_an_act_that_nobody_knows_of_is_told_and_counts_for_nothing_yet(
    run: Run, nl: Neighbour, standing: Callable[[], None], act: str
) -> None:
    run("fetch", "nl")
    standing()
    words = (act, "nl", *(("--digest", digest_of(nl)) if act == "approve" else ()))
    found = run(*words)
    assert (found.exit_code, found.stdout) == (2, "")
    assert "It is not known whether this will count" in found.stderr
    assert "It does not count yet." in found.stderr
    assert said(run("show", "nl", "--json"))["approved_digest"] is None
    # The first one has its turn still, so this one wrote nothing
    detail = "the database is slow: nothing was written"
    assert said(run(*words, "--json"))["error"] == {"code": "store_unavailable", "detail": detail}


# -- forget


def test_a_copy_that_should_never_have_come_is_forgotten_recorded_and_replaced(
    run: Run, sending: Path, nl: Neighbour
) -> None:
    run("fetch", "nl")
    run("approve", "nl", "--digest", digest_of(nl))
    honest = nl.metadata
    nl.publish(signing=("thief",), valid_until=NOW + 14 * DAY)  # with a key for metadata that was stolen
    run("fetch", "nl")
    nl.metadata = honest
    assert "Refused (metadata_old)" in run("fetch", "nl").stderr
    found = run("forget", "nl")
    assert found.exit_code == 0, found.output
    assert "Forgotten and recorded: nl." in found.stdout
    assert records(sending) == 2
    assert run("show", "nl").exit_code == 1
    assert said(run("pending", "--json")) == {"ok": True, "pending": [], "service_list": None, "never_fetched": ["nl"]}
    assert run("fetch", "nl").exit_code == 0
    assert run("approve", "nl", "--digest", digest_of(nl)).exit_code == 0
    assert said(run("show", "nl", "--json"))["usable"] is True
    assert records(sending) == 3


def test_a_running_server_sees_that_a_copy_was_forgotten(
    run: Run, sending: Path, loaded: BrokerKeys, nl: Neighbour
) -> None:
    run("fetch", "nl")
    run("approve", "nl", "--digest", digest_of(nl))
    settings = load_settings(sending)
    engine = open_engine(settings.database_url)
    served = peers_of(StoredCopies(engine=engine, tenant=settings.tenant, keys=loaded.ledger), nl.peer())
    assert served.available(nl.entity_id, NOW)
    assert said(run("forget", "nl", "--json")) == {"ok": True, "peer": "nl", "entity_id": nl.url, "time": NOW}
    served.refresh(nl.entity_id, NOW)
    assert not served.available(nl.entity_id, NOW)
    assert len(served.pending(NOW)) == 1
    engine.dispose()


# -- show


def test_show_says_what_is_held_what_is_approved_and_that_it_asked_nobody(run: Run, nl: Neighbour) -> None:
    run("fetch", "nl")
    nl.does = "fail"
    found = run("show", "nl")
    assert found.exit_code == 0
    assert "valid_until          2026-10-01T14:13:20Z" in found.stdout
    assert "approved_digest      nothing" in found.stdout
    assert sha256(signer("messages").certificate).hexdigest() in found.stdout
    assert "see `ciconia metadata pending`" in found.stdout
    assert "only a running server knows" in found.stdout
    run("approve", "nl", "--digest", digest_of(nl))
    told = said(run("show", "nl", "--json"))
    assert (told["approved_digest"], told["usable"], told["why_not"]) == (digest_of(nl), True, None)
    assert "What is approved of it can be used." in run("show", "nl").stdout


# -- own


@pytest.mark.parametrize("role", ["sending", "receiving"])
def test_own_says_what_a_partner_needs_and_the_digest_that_they_will_see(
    request: pytest.FixtureRequest, tmp_path: Path, role: str
) -> None:
    folder: Path = request.getfixturevalue(role)
    run, file = run_in(folder), tmp_path / "ours.pem"
    found = said(run("own", "--certificate", str(file), "--json"))
    assert found["metadata_url"] == f"{load_settings(folder).issuer}/eidas/metadata"
    assert found["certificate"] == str(file)
    der = load_pem_x509_certificate(file.read_bytes()).public_bytes(Encoding.DER)
    assert found["certificate_sha256"] == sha256(der).hexdigest()
    assert found["digest"] == digest_by_a_peer(folder, der, role)


def digest_by_a_peer(folder: Path, certificate: bytes, role: str) -> str:
    """The digest of what the server serves, as the other node reads it."""
    if role == "sending":
        pinned = forge.metadata(forge.rsa_party(), entity_id="https://idp.example.ee/metadata")
        (folder / "metadata" / "national.xml").write_bytes(pinned)
    application = Application(folder, clock=lambda: NOW)
    octets = application.site.metadata["/eidas/metadata"](NOW)
    application.stop()
    message = verify(octets, [key_of_certificate(certificate, EIDAS)], METADATA, EIDAS)
    assert isinstance(message, SignedMessage)
    return read_peer(message.signed, "proxy" if role == "sending" else "connector").digest


def test_own_of_a_city_that_is_no_node_exits_2_and_names_what_is_missing(tmp_path: Path, own_keys: Path) -> None:
    folder = made(tmp_path / "city", own_keys, 'issuer = "https://city.example"\n')
    found = run_in(folder)("own")
    assert found.exit_code == 2
    assert "country" in found.stderr
    assert "organization" in found.stderr
    (folder / "ciconia.toml").write_text('issuer = "https://city.example"\n\ncountry = ""\n', encoding="utf-8")
    assert f"{folder / 'ciconia.toml'}:3: country: " in run_in(folder)("own").stderr


Rotate = Callable[[KeyKind], BrokerKeys]


@pytest.fixture
def rotate(receiving: Path, monkeypatch: pytest.MonkeyPatch) -> Rotate:
    """The keys of the city, of whose kind a second one counts already."""

    def rotated(kind: KeyKind) -> BrokerKeys:
        make(receiving / "keys", kind, NOW - 60, host="node.localhost", now=int(time.time()), production=False)
        keys = load_keys(receiving / "keys", "node.localhost:8443/log")
        monkeypatch.setattr("idp.application.load.load_keys", lambda _folder, _origin, _index: keys)
        return keys

    return rotated


def revoke(folder: Path, keys: BrokerKeys, key_id: str) -> None:
    with opened(folder) as (store, _):
        board = Switchboard(engine=store.engine, tenant=store.tenant, keys=keys.ledger, commits=store)
        board.set_switch(KEY, key_id, off=True, reason="Stolen", now=NOW)


def test_own_hands_out_the_next_certificate_before_its_key_takes_over(
    receiving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, signs = run_in(receiving), said(run_in(receiving)("own", "--json"))["certificate_sha256"]
    nothing = run("own", "--next")
    assert nothing.exit_code == 1
    assert "ciconia keys new node-metadata" in nothing.stderr
    make(receiving / "keys", NODE_METADATA, NOW + DAY, host="node.localhost", now=int(time.time()), production=False)
    coming = load_keys(receiving / "keys", "node.localhost:8443/log")
    monkeypatch.setattr("idp.application.load.load_keys", lambda _folder, _origin, _index: coming)
    assert coming.node is not None
    found = said(run("own", "--next", "--json"))
    der = coming.node.metadata.scheduled[0].key.certificate
    assert (found["certificate_sha256"], found["signs_from"]) == (sha256(der).hexdigest(), written((NOW + DAY) // 60 * 60))
    assert said(run("own", "--json"))["certificate_sha256"] == signs


def test_own_hands_out_no_certificate_of_a_key_that_is_revoked(receiving: Path, rotate: Rotate, tmp_path: Path) -> None:
    keys, run, file = rotate(NODE_METADATA), run_in(receiving), tmp_path / "ours.pem"
    assert keys.node is not None
    second, first = (each.key for each in keys.node.metadata.scheduled)
    assert said(run("own", "--json"))["certificate_sha256"] == sha256(second.certificate).hexdigest()
    revoke(receiving, keys, second.key_id)
    found = said(run("own", "--certificate", str(file), "--json"))
    der = load_pem_x509_certificate(file.read_bytes()).public_bytes(Encoding.DER)
    assert der == first.certificate
    assert found["certificate_sha256"] == sha256(der).hexdigest()
    assert found["revocations_known"] is True
    assert found["digest"] == digest_by_a_peer(receiving, der, "receiving")
    revoke(receiving, keys, first.key_id)
    nothing = run("own")
    assert nothing.exit_code == 2
    assert "every key of this kind is revoked" in nothing.stderr


# -- all countries at once


def test_countries_says_what_each_offers_and_how_its_metadata_and_keys_stand(receiving: Path) -> None:
    run = run_in(receiving)
    (never,) = json.loads(run("countries", "--json").stdout)["countries"]
    assert (never["metadata"]["fetched"], never["metadata"]["usable"], never["levels"]) == (None, False, [])
    assert "never fetched" in run("countries").stdout


def test_countries_of_a_sending_node_ask_it(sending: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("idp.cli.metadata.countries"), "system_clock", lambda: NOW + 120)
    assert run("fetch", "nl").exit_code == 0
    (found,) = json.loads(run("countries", "--json").stdout)["countries"]
    assert (found["country"], found["persons"], found["last_success"]) == ("NL", ["natural"], None)
    metadata = found["metadata"]
    assert (metadata["age"], metadata["usable"], metadata["version"]) == (120, False, None)
    assert metadata["pending"]
    assert run("approve", "nl", "--digest", said(run("pending", "--json"))["pending"][0]["digest"]).exit_code == 0  # type: ignore[index]  # JSON
    (found,) = json.loads(run("countries", "--json").stdout)["countries"]
    assert (found["metadata"]["usable"], found["metadata"]["version"], found["metadata"]["pending"]) == (True, "1.4", [])
    change(sending / "ciconia.db", "INSERT INTO successes SELECT tenant, 'nl', 20000 FROM peers")
    assert "last used   2024-10-04" in run("countries").stdout


# -- a list of all nodes


def test_a_node_rests_on_a_list_whose_certificate_is_approved_and_recorded(
    sending: Path, nl: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (COMMANDS, import_module("idp.cli.metadata.node_list")):
        monkeypatch.setattr(module, "system_clock", lambda: LISTED)
    nl.publish(valid_until=LISTED + DAY)
    run, place = run_in(sending), Place("NL", "connector", nl.url, certificates=[signer("metadata").certificate])
    with origin(body(signed(text(place, issued=LISTED - DAY, until=LISTED + DAY)))) as published:
        file = sending / "nodes" / "one.toml"
        file.write_text(file.read_text().replace('metadata_certificate = "metadata/nl.pem"', "service_list = true"))
        assert run("fetch", "nl").exit_code == 2  # there is no list to rest on
        (sending / "metadata" / "list.pem").write_text(DER_cert_to_PEM_cert(publisher().certificate))
        (sending / "service_list.toml").write_text(
            f'url = "{published.url}"\nsigners = "metadata/list.pem"\nnetworks = ["127.0.0.0/8"]\n'
        )
        assert "certificate that the list has for it is approved" in run("fetch", "nl").stderr
        waiting = json.loads(run("pending", "--json").stdout)["service_list"]
        shown = run("pending").stdout
        assert waiting["digest"] in shown
        assert sha256(signer("metadata").certificate).digest().hex(":").upper() in shown
        assert run("approve", "service-list", "--digest", "0" * 64).exit_code == 1
        assert run("approve", "service-list", "--digest", waiting["digest"]).exit_code == 0
        assert said(run("fetch", "nl", "--json"))["digest"] == digest_of(nl)
        assert said(run("show", "service-list", "--json"))["nodes"] == {"nl": None}
        assert records(sending) == 1
        published.answer = body(signed(text(issued=LISTED - DAY + 1, until=LISTED + DAY)))
        assert run("fetch", "service-list").exit_code == 0
        assert "does not name it" in run("show", "service-list").stdout
        assert run("fetch", "nl").exit_code == 1


# -- what could not be tried


@pytest.mark.parametrize("words", [("fetch", "ee"), ("show", "ee"), ("approve", "ee", "--digest", "0" * 64)])
def test_a_node_that_nobody_registered_exits_2_and_the_others_are_named(run: Run, words: tuple[str, ...]) -> None:
    found = run(*words)
    assert found.exit_code == 2
    assert "There is no node ee. Nodes: nl." in found.stderr


def test_the_installed_command_says_one_object_and_logs_beside_it(sending: Path, nl: Neighbour) -> None:
    nl.publish(valid_until=int(time.time()) + DAY)
    assert json_of(ciconia("metadata", "fetch", "nl", "--json", "--config", sending))["ok"] is True
    change(sending / "ciconia.db", "UPDATE peers SET fetched = fetched + 1")
    found = ciconia("metadata", "pending", "--json", "--config", sending)
    assert json_of(found) == {"ok": True, "pending": [], "service_list": None, "never_fetched": ["nl"]}
    assert "peer_row_changed" in found.stderr
