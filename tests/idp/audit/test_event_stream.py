"""The stream of events: in order, without a gap over crashes and outages, over TLS alone, and without a citizen's value."""

import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from idp.audit.events.event_types import Event
from idp.audit.events.sender import BATCH, EventSender
from idp.audit.events.sinks import MOST_OCTETS, FileSink, SyslogSink, syslog_message
from idp.ledger import operator_records as acts
from idp.ledger.record_contents import new_record
from idp.sequencer.sequencer import Sequencer
from idp.store.store import Store
from tests.connectors.metadata.origin import Authority
from tests.idp.store.units import KEYS, NOW, release, unit
from tests.peers import require_peer
from tests.ports import free_port

# RFC 5424 §6, with no structured data
MESSAGE = re.compile(rb"<(1\d\d)>1 (\S+Z) (\S+) ciconia - ([a-z_.]{1,32}) - \xef\xbb\xbf(\{.*\})", re.DOTALL)
CANARY = "CANARY-of-a-citizen"


class Receiver:
    """A receiver of syslog over TLS (RFC 5425). With `rude`, it reads that many octets, and resets."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.octets, self.rude, self._context = b"", 0, context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def messages(self) -> list[bytes]:
        found, rest = [], self.octets
        while rest:
            length, _, rest = rest.partition(b" ")
            found.append(rest[: int(length)])
            rest = rest[int(length) :]
        return found

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                plain = self._socket.accept()[0]
                with suppress(OSError), plain, self._context.wrap_socket(plain, server_side=True) as secured:
                    if self.rude:
                        secured.recv(self.rude)
                        secured.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                        continue
                    while piece := secured.recv(65536):
                        self.octets += piece


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def ca_of(authority: Authority) -> Path:
    file = authority._folder / "ca.pem"
    file.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    return file


@pytest.fixture
def receiver(authority: Authority) -> Iterator[Receiver]:
    made = Receiver(authority.server("localhost"))
    yield made
    made.close()


def act(store: Store, number: int) -> None:
    draft = acts.draft_act(
        record=new_record(), time=NOW + number, act=acts.KEY_MADE, about=f"key {number}", who="root", reason="planned"
    )
    store.commit(unit(record=draft))


def fill(store: Store, numbers: Sequence[int]) -> None:
    for number in numbers:
        store.commit(unit(record=release(sub=CANARY)))
        act(store, number)
        sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, lease_seconds=0.01)
        sequencer.step()
        sequencer.stop()


def sender(store: Store, sink: object) -> EventSender:
    return EventSender(store, KEYS, sink, elsewhere=lambda: False, monotonic=time.monotonic)  # type: ignore[arg-type]


def syslog(authority: Authority, receiver: Receiver) -> SyslogSink:
    return SyslogSink("localhost", receiver.port, "login.city.example", ca=ca_of(authority))


def told(messages: Sequence[bytes]) -> list[str]:
    found = []
    for message in messages:
        matched = MESSAGE.fullmatch(message)
        assert matched, message
        assert int(matched[1]) // 8 == 13
        found.append(str(json.loads(matched[5])["facts"]["about"]))
    return found


def test_events_go_in_order_once_and_say_nothing_of_a_citizen(
    store: Store, authority: Authority, receiver: Receiver
) -> None:
    fill(store, range(5))
    sending = sender(store, syslog(authority, receiver))
    sending.step()
    assert told(receiver.messages()) == [f"key {number}" for number in range(5)]
    fill(store, range(5, 7))
    sending.step()
    sending.step()
    assert told(receiver.messages()) == [f"key {number}" for number in range(7)]
    assert CANARY.encode() not in receiver.octets
    assert b"Storkhaven" not in receiver.octets


def test_after_a_crash_another_worker_goes_on_without_a_gap(store: Store, authority: Authority, receiver: Receiver) -> None:
    fill(store, range(3))
    sender(store, syslog(authority, receiver)).step()
    fill(store, range(3, 6))

    class Dies(FileSink):
        def send(self, events: Sequence[Event]) -> None:
            syslog(authority, receiver).send(events)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sender(store, Dies(Path())).step()
    sender(store, syslog(authority, receiver)).step()
    found = told(receiver.messages())
    assert found == [f"key {number}" for number in (0, 1, 2, 3, 4, 5, 3, 4, 5)], "twice rather than never"


@pytest.mark.parametrize("what", ["away", "resets", "another host's certificate", "a stranger's certificate"])
def test_a_receiver_that_did_not_have_it_gets_it_again(
    store: Store, authority: Authority, receiver: Receiver, tmp_path: Path, what: str
) -> None:
    fill(store, range(2))
    good = syslog(authority, receiver)
    bad = good
    if what == "away":
        bad = SyslogSink("localhost", free_port(), "login.city.example", ca=ca_of(authority))
    elif what == "resets":
        receiver.rude = 10
    elif what == "another host's certificate":
        bad = SyslogSink("127.0.0.1", receiver.port, "login.city.example", ca=ca_of(authority))
    else:
        (tmp_path / "stranger").mkdir()
        bad = SyslogSink("localhost", receiver.port, "login.city.example", ca=ca_of(Authority(tmp_path / "stranger")))
    sender(store, bad).step()
    assert receiver.messages() == []
    receiver.rude = 0
    sender(store, good).step()
    assert told(receiver.messages()) == ["key 0", "key 1"]


def test_a_file_gets_json_lines_and_more_than_a_batch(store: Store, tmp_path: Path) -> None:
    for number in range(BATCH + 3):
        act(store, number)
    for _ in range(3):
        sequencer = Sequencer(store, KEYS, checkpoint_seconds=0, lease_seconds=0.01)
        sequencer.step()
        sequencer.stop()
    file = tmp_path / "events.jsonl"
    sender(store, FileSink(file)).step()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len({line["record"] for line in lines}) == len(lines) == BATCH + 3
    assert [line["index"] for line in lines] == sorted(line["index"] for line in lines)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_message_that_is_too_long_names_its_leaf() -> None:
    event = Event(7, b"r" * 16, NOW, "configuration.applied", 5, "anna", "", {"widened": ["x" * 100] * 200})
    message = syslog_message(event, "login.city.example")
    assert len(message) < MOST_OCTETS
    assert json.loads(message.partition(b"\xef\xbb\xbf")[2])["facts"] == {"leaf": 7}


@pytest.mark.peer
def test_rsyslog_of_debian_takes_them(store: Store, authority: Authority, tmp_path: Path) -> None:
    program = shutil.which("rsyslogd") or "/usr/sbin/rsyslogd"
    drivers = list(Path("/usr/lib").glob("*/rsyslog/lmnsd_gtls.so"))
    require_peer("rsyslog with GnuTLS", present=Path(program).exists() and bool(drivers))
    port, out = free_port(), tmp_path / "received.log"
    authority.server("localhost")
    certificate = key = tmp_path / "localhost.pem"
    configuration = tmp_path / "rsyslog.conf"
    configuration.write_text(
        f'global(workDirectory="{tmp_path}" defaultNetstreamDriver="gtls" '
        f'defaultNetstreamDriverCAFile="{ca_of(authority)}" '
        f'defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}" maxMessageSize="16k")\n'
        'module(load="imtcp" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="anon")\n'
        f'input(type="imtcp" port="{port}" address="127.0.0.1")\n'
        'template(name="whole" type="string" string="%pri% %hostname% %app-name% %msgid% %msg%\\n")\n'
        f'action(type="omfile" file="{out}" template="whole")\n'
    )
    command = [program, "-n", "-f", str(configuration), "-i", str(tmp_path / "pid")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        fill(store, range(4))
        sender(store, SyslogSink("localhost", port, "login.city.example", ca=ca_of(authority))).step()
        with store.engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT position FROM event_positions").scalar() == 8, "it was had in order"
        until = time.monotonic() + 60
        while time.monotonic() < until and not (out.exists() and out.read_text().count("\n") >= 4):
            time.sleep(0.1)
    finally:
        process.terminate()
        process.wait(60)
    lines = [line for line in out.read_text(encoding="utf-8").splitlines() if " ciconia " in line]
    assert [re.findall(r'"about": "([^"]+)"', line)[0] for line in lines] == [f"key {number}" for number in range(4)]
    assert all(line.startswith("109 login.city.example ciconia key.made ") for line in lines)
