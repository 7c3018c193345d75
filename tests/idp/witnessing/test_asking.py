"""A broker asks a witness: what each answer leads to, and that a lie, a hang or a lost memory stops nothing."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from idp.config.witness_settings import WitnessAddress, WitnessRule
from idp.ledger.cosignature import WitnessKey, cosign
from idp.sequencer.sequencer import Sequencer
from idp.store.store import Store
from idp.witnessing import asking
from idp.witnessing.asking import WitnessFailed
from idp.witnessing.witness import Request
from policies.errors import Closed
from tests.idp.store.units import TENANT, Clock, edit, refusal, release, unit
from tests.idp.witnessing.neighbour import NAME, OPERATOR, Neighbour, address_of, cosigning, name_of, recorded
from tests.listening import Handler, Listening

SIGNER = Ed25519PrivateKey.generate()
KEY = WitnessKey.of(NAME, SIGNER)


class Odd:
    """A witness that answers as the test says: status, body, content type. It remembers each request."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.answers: list[tuple[int, bytes, str]] = []
        odd = self

        class Answers(Handler):
            def post(self, body: bytes) -> None:
                odd.asked.append(Request.read(body))
                status, octets, kind = odd.answers.pop(0) if len(odd.answers) > 1 else odd.answers[0]
                self.reply(status, octets, Content_Type=kind)

        self._server = Listening(Answers)
        self.address = address_of(f"http://odd.localhost:{self._server.server_port}", KEY)

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def odd() -> Iterator[Odd]:
    found = Odd()
    yield found
    found.close()


def refused(store: Store, clock: Clock, address: WitnessAddress) -> str:
    """The code of the failure; nothing may be kept."""
    with pytest.raises(WitnessFailed) as caught:
        cosigning(store, clock, address).ask(name_of(address.key))
    newest = store.checkpoint(TENANT)
    assert newest is not None
    assert newest.cosignatures == ()
    assert caught.value.code in asking.FIXES
    return caught.value.code


def signed(text: str, at: int, signer: Ed25519PrivateKey = SIGNER, name: str = NAME) -> bytes:
    return f"{cosign(name, signer, text, at)}\n".encode()


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *((status, "witness_refused") for status in (400, 403, 404)),
        (422, "witness_unproved"),
        *((status, "witness_unreachable") for status in (204, 500, 503)),
    ],
)
@pytest.mark.spec("C2SP tlog-witness: add-checkpoint")
def test_a_refusal_is_named_and_keeps_nothing(
    store: Store, sequencer: Sequencer, clock: Clock, odd: Odd, status: int, code: str
) -> None:
    recorded(store)
    sequencer.step()
    odd.answers = [(status, b"", "text/plain")]
    assert refused(store, clock, odd.address) == code
    assert len(odd.asked) == 1, "nothing is asked twice"


def test_a_conflict_is_answered_once_from_the_size_that_it_names(
    store: Store, sequencer: Sequencer, clock: Clock, neighbour: Neighbour, folder: Path
) -> None:
    asks = cosigning(store, clock, neighbour.address)
    for _ in range(3):
        recorded(store, 3)
        sequencer.step()
        assert asks.ask(name_of(neighbour.key))
        clock.now += 10
    # Our memory of what it cosigned is gone, its own is not
    edit(folder, "DELETE FROM cosignatures")
    recorded(store, 2)
    sequencer.step()
    assert asks.ask(name_of(neighbour.key))


@pytest.mark.parametrize("named", [b"", b"-1\n", b"1e3\n", b"9" * 30, "٣\n".encode(), b"0\n"])
def test_a_conflict_that_names_no_other_size_is_a_lie(
    store: Store, sequencer: Sequencer, clock: Clock, odd: Odd, named: bytes
) -> None:
    recorded(store)
    sequencer.step()
    odd.answers = [(409, named, "text/x.tlog.size")]
    assert refused(store, clock, odd.address) == "witness_lies"
    assert len(odd.asked) == 1


def test_a_witness_that_says_it_saw_more_than_we_have_is_not_believed_and_named(
    store: Store, sequencer: Sequencer, clock: Clock, odd: Odd
) -> None:
    recorded(store, 4)
    sequencer.step()
    odd.answers = [(409, b"5\n", "text/x.tlog.size")]
    assert refused(store, clock, odd.address) == "witness_ahead"
    assert store.halted == "", "a claim without a signature stops nothing"


@pytest.mark.spec("C2SP tlog-witness: add-checkpoint")
def test_a_witness_that_lost_its_memory_gets_no_proof_from_before_what_it_cosigned(
    store: Store, sequencer: Sequencer, clock: Clock, odd: Odd
) -> None:
    recorded(store, 4)
    sequencer.step()
    asks = cosigning(store, clock, odd.address)
    newest = store.checkpoint(TENANT)
    assert newest is not None
    text = newest.note.rpartition("\n\n")[0] + "\n"
    odd.answers = [(200, signed(text, int(clock.now)), "text/plain")]
    assert asks.ask(name_of(KEY))
    clock.now += 10
    recorded(store, 3)
    sequencer.step()
    odd.answers = [(409, b"3\n", "text/x.tlog.size")]
    with pytest.raises(WitnessFailed) as caught:
        asks.ask(name_of(KEY))
    assert caught.value.code == "witness_went_back"
    assert [each.old for each in odd.asked] == [0, 4], "it is asked from where it was, and from nowhere before"


def test_conflicts_without_end_are_answered_once(store: Store, sequencer: Sequencer, clock: Clock, odd: Odd) -> None:
    recorded(store, 4)
    sequencer.step()
    odd.answers = [(409, b"1\n", "text/x.tlog.size"), (409, b"2\n", "text/x.tlog.size")]
    assert refused(store, clock, odd.address) == "witness_unreachable"
    assert [each.old for each in odd.asked] == [0, 1]


Lie = Callable[[str, int], bytes]
OTHER = Ed25519PrivateKey.generate()


def _renamed(line: bytes) -> bytes:
    """The line with the key id of the right witness."""
    head, _, encoded = line.decode().removesuffix("\n").rpartition(" ")
    return f"{head} {base64.b64encode(KEY.key_id + base64.b64decode(encoded)[4:]).decode()}\n".encode()


LIES: dict[str, Lie] = {
    "nothing": lambda _text, _now: b"",
    "no line": lambda _text, _now: b"thank you\n",
    "no text": lambda _text, _now: b"\xff\xfe\n",
    "a stranger's alone": lambda text, now: signed(text, now, OTHER),
    "another key's under its id": lambda text, now: _renamed(signed(text, now, OTHER)),
    "another tree's": lambda text, now: signed(text.replace("\n4\n", "\n5\n"), now),
    "of last hour": lambda text, now: signed(text, now - 3600),
    "of next hour": lambda text, now: signed(text, now + 3600),
    "twice": lambda text, now: signed(text, now) * 2,
    "a thousand": lambda text, now: signed(text, now) + signed(text, now, OTHER) * 200,
    "too much": lambda text, now: signed(text, now) + b"x" * 100_000,
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_without_its_own_cosignature_of_now_is_no_cosignature(
    store: Store, sequencer: Sequencer, clock: Clock, odd: Odd, lie: str
) -> None:
    recorded(store, 4)
    sequencer.step()
    newest = store.checkpoint(TENANT)
    assert newest is not None
    odd.answers = [(200, LIES[lie](newest.note.rpartition("\n\n")[0] + "\n", int(clock.now)), "text/plain")]
    assert refused(store, clock, odd.address) == ("witness_unreachable" if lie == "too much" else "witness_lies")


def test_a_strangers_line_beside_its_own_is_left_behind(store: Store, sequencer: Sequencer, clock: Clock, odd: Odd) -> None:
    recorded(store, 4)
    sequencer.step()
    newest = store.checkpoint(TENANT)
    assert newest is not None
    text = newest.note.rpartition("\n\n")[0] + "\n"
    own = signed(text, int(clock.now))
    odd.answers = [(200, signed(text, int(clock.now), OTHER, "stranger.example") + own, "text/plain")]
    assert cosigning(store, clock, odd.address).ask(name_of(KEY))
    newest = store.checkpoint(TENANT)
    assert newest is not None
    assert newest.cosigned_note == newest.note + own.decode()


def test_a_witness_that_hangs_or_is_gone_keeps_nobody_waiting(
    store: Store, sequencer: Sequencer, clock: Clock, neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other witness answers, releases go on, and the log says once what is wrong."""
    monkeypatch.setattr(asking, "ANSWER_SECONDS", 5)
    still = threading.Event()

    class Hangs(Handler):
        def post(self, _body: bytes) -> None:
            still.wait(30)

    hanging, gone = Listening(Hangs), Listening(Hangs)
    gone.close()
    names = {"hanging.example": hanging.server_port, "gone.example": gone.server_port}
    others = [
        address_of(f"http://x.localhost:{port}", WitnessKey.of(name, Ed25519PrivateKey.generate()), name)
        for name, port in names.items()
    ]
    asks = cosigning(store, clock, *others, neighbour.address)
    recorded(store)
    sequencer.step()
    with capture_logs() as lines:
        asks.start()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            newest = store.checkpoint(TENANT)
            said = {line.get("witness") for line in lines if line["event"] == "witness_unreachable"}
            if newest is not None and newest.cosignatures and said == set(names):
                break
            time.sleep(0.05)
        recorded(store)
        asks.stop()
    still.set()
    hanging.close()
    assert newest is not None
    assert len(newest.cosignatures) == 1
    assert said == set(names)
    assert store.halted == ""


# -- fail = "closed"

CLOSED = WitnessRule(quorum=1, fail="closed", max_age_seconds=60)


def releases(store: Store) -> bool:
    try:
        store.commit(unit(record=release()))
    except Closed:
        return False
    return True


def test_closed_releases_nothing_until_a_witness_cosigned_and_nothing_when_that_is_old(
    store: Store, sequencer: Sequencer, clock: Clock, neighbour: Neighbour
) -> None:
    recorded(store)
    sequencer.step()
    asks = cosigning(store, clock, neighbour.address, rule=CLOSED, leads=False)
    asks.start()
    assert not releases(store), "a worker that heard no witness yet releases nothing"
    assert "0 of 1 witnesses" in store.halted
    with pytest.raises(Closed):
        store.check_open()
    store.commit(unit(record=refusal()))  # only releases wait: what a person does is recorded
    asks.ask(name_of(neighbour.key))
    asks.look()
    assert releases(store)
    clock.now += 61
    asks.look()
    assert not releases(store)
    # In a quiet night the same checkpoint is cosigned again
    assert asks.ask(name_of(neighbour.key))
    asks.look()
    assert releases(store)
    asks.stop()


@pytest.mark.parametrize("leads", [True, False])
def test_closed_begins_an_empty_log_once_so_that_something_can_be_cosigned(
    store: Store, sequencer: Sequencer, clock: Clock, neighbour: Neighbour, *, leads: bool
) -> None:
    asks = cosigning(store, clock, neighbour.address, rule=CLOSED, leads=leads)
    for _ in range(3):
        asks.look()
    sequencer.step()
    newest = store.checkpoint(TENANT)
    assert (newest is not None and newest.size) == (1 if leads else False)
    if leads:
        assert asks.ask(name_of(neighbour.key))
        asks.look()
    assert releases(store) == leads


def test_closed_counts_operators_and_only_others(store: Store, sequencer: Sequencer, clock: Clock, tmp_path: Path) -> None:
    made = [
        ("one.example", OPERATOR),
        ("two.example", f"  {OPERATOR.upper()} "),
        ("practice.localhost", "Somebody"),
        (TENANT, "Ourselves"),
        ("three.example", "Ministry"),
    ]
    neighbours = [Neighbour(tmp_path / name, clock, name=name, operator=operator) for name, operator in made]
    recorded(store)
    sequencer.step()
    rule = WitnessRule(quorum=2, fail="closed", max_age_seconds=60)
    asks = cosigning(store, clock, *(each.address for each in neighbours), rule=rule)
    for count, each in enumerate(neighbours, 1):
        assert asks.ask(name_of(each.key))
        asks.look()
        assert releases(store) == (count == len(neighbours)), each.name
    for each in neighbours:
        each.close()


def test_closed_wants_cosignatures_of_one_checkpoint(
    store: Store, sequencer: Sequencer, clock: Clock, tmp_path: Path
) -> None:
    first, second = (Neighbour(tmp_path / name, clock, name=name, operator=name) for name in ("a.example", "b.example"))
    rule = WitnessRule(quorum=2, fail="closed", max_age_seconds=60)
    asks = cosigning(store, clock, first.address, second.address, rule=rule)
    for each in (first, second):
        recorded(store)
        sequencer.step()
        assert asks.ask(name_of(each.key))
        clock.now += 10
    asks.look()
    assert store.withheld.startswith("1 of 2")
    assert asks.ask(name_of(first.key))
    asks.look()
    assert not store.withheld
    first.close()
    second.close()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE cosignatures SET line = x'78'",
        "UPDATE cosignatures SET time = time + 30",
        "UPDATE cosignatures SET number = 2",
        "UPDATE cosignatures SET witness = 'x'",
        "UPDATE cosignatures SET seal = x'00'",
    ],
)
def test_a_row_that_somebody_else_wrote_counts_for_nothing_and_is_shown_to_nobody(
    store: Store, sequencer: Sequencer, clock: Clock, neighbour: Neighbour, folder: Path, change: str
) -> None:
    recorded(store)
    sequencer.step()
    asks = cosigning(store, clock, neighbour.address, rule=CLOSED)
    assert asks.ask(name_of(neighbour.key))
    edit(folder, change)
    asks.look()
    assert store.withheld
    newest = store.checkpoint(TENANT)
    assert newest is not None
    assert newest.cosignatures == ()


def test_open_goes_on_without_any_witness(store: Store, sequencer: Sequencer, clock: Clock, odd: Odd) -> None:
    odd.answers = [(404, b"", "text/plain")]
    asks = cosigning(store, clock, odd.address)
    asks.start()
    assert releases(store)
    sequencer.step()
    assert releases(store)
    asks.stop()
