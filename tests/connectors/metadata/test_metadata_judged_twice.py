"""Every document of metadata that is accepted is judged a second time; a disagreement refuses, and tells the operator."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from structlog.testing import capture_logs

from connectors.metadata import judgement
from connectors.metadata.pinned_provider import pinned_provider
from connectors.signatures import second_opinion as opinion
from connectors.signatures import second_reading as reading
from idp.protocols.eidas.peer_refresh import Watch
from policies.errors import Misconfigured
from policies.parties import EntityId, Source, Tenant
from tests.connectors import forge
from tests.connectors.metadata import node
from tests.connectors.metadata.world import NODE, World, peers

SOURCE = Source("providers/ee.toml", 3)


def deaf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let libxmlsec refuse everything."""
    monkeypatch.setattr(opinion, "_verifies", lambda *_: False)


def blind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expat reads something else."""
    monkeypatch.setattr(reading, "of_expat", lambda *_: [("text", "something else")])


def test_a_refusal_of_libxmlsec_refuses_metadata_and_names_the_document(
    sending: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    octets = node.octets(node.proxy(valid_until=sending.now + 2 * node.DAY))
    sending.publish(octets)
    deaf(monkeypatch)
    error = sending.refused()
    assert error.check == "second_opinion"
    assert "libxmlsec" in error.detail
    assert sha256(octets).hexdigest() in error.mend
    assert "do not work around it" in error.mend
    sending.still_there()
    monkeypatch.undo()
    sending.refresh()


def test_another_reading_refuses_metadata(sending: World, monkeypatch: pytest.MonkeyPatch) -> None:
    blind(monkeypatch)
    error = sending.refused()
    assert (error.check, "expat" in error.detail) == ("second_reading", True)
    sending.still_there()


def test_what_a_database_kept_is_judged_twice_too(sending: World, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf(monkeypatch)
    again = peers(sending.peer, sending.copies)
    fault = again.fault_of_held(NODE)
    assert fault is not None
    assert fault.check == "second_opinion"
    assert not again.available(NODE, sending.now)


def test_a_login_asks_nobody_twice(sending: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("second_opinion", "verify"):
        monkeypatch.setattr(judgement, name, lambda *_: pytest.fail("metadata was judged on a login"))
    use = sending.peers.current(NODE, sending.now)
    assert use.signing_keys(sending.now)
    assert sending.peers.available(NODE, sending.now)


@pytest.mark.parametrize(("make", "check"), [(deaf, "second_opinion")])
def test_the_log_names_the_peer_the_check_and_the_document(
    sending: World, make: Callable[[pytest.MonkeyPatch], None], check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    octets = node.octets(node.proxy())
    sending.publish(octets)
    make(monkeypatch)
    watch = Watch(sending.peers, [NODE], tenant=Tenant("city"), clock=lambda: sending.now, seconds=3600)
    with capture_logs() as lines:
        watch.start()
        for _ in range(6000):
            if any(line["event"] == "peer_refused" and line["peer"] == NODE for line in lines):
                break
            watch._stopping.wait(0.01)
        watch.stop()
    # Logs are the process's: a watch of another test may speak of another document meanwhile
    digest = sha256(octets).hexdigest()
    (line,) = [line for line in lines if line["event"] == "peer_refused" and digest in line["fix"]]
    assert (line["peer"], line["check"], line["log_level"]) == (NODE, check, "warning")
    assert node.ENTITY.encode() in octets


def test_a_pinned_file_is_read_twice_whether_it_is_signed_or_not(
    idp: forge.SigningParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = forge.metadata(idp)
    with_mark = b"\xef\xbb\xbf" + plain
    for octets in (plain, with_mark):
        assert pinned_provider(octets, EntityId(forge.IDP), SOURCE).keys
    blind(monkeypatch)
    with pytest.raises(Misconfigured, match="expat and lxml differ") as caught:
        pinned_provider(plain, EntityId(forge.IDP), SOURCE)
    assert "providers/ee.toml:3: metadata:" in caught.value.detail
