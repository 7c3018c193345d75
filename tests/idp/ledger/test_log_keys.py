"""The keys of a log take turns: what each signed holds, as long as nobody revoked it."""

from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.signatures.key_ring import Scheduled
from idp.audit.verify import verify_ledger
from idp.keys.ledger_files import create_ledger_keys, create_log_key, list_log_keys, load_ledger_keys, vouch_for_log_keys
from idp.ledger.checkpoint import VerifierKey, open_note, open_own_note, sign_note, signature_line
from idp.ledger.key_list import begun_with, read_keys
from idp.ledger.ledger_keys import LedgerKeys, LogKey, LogKeys
from idp.receipts.issue import MERGE_SECONDS, Receipts
from idp.receipts.receipt import ReceiptHolder
from idp.receipts.receipt_verify import ProvedReceipt, verify_receipt
from idp.sequencer.sequencer import HALTING, Sequencer
from idp.sequencer.witness import Witness
from idp.store.records.release_record import Releases
from idp.store.store import Store
from policies.errors import AllRevoked, Misconfigured, SignatureInvalid, StoreUnavailable
from tests.idp.house import configuration
from tests.idp.store.conftest import folder, migrated, store
from tests.idp.store.units import KEYS, NOW, ORIGIN, TENANT, decided, release, unit

__all__ = ["folder", "migrated", "store"]
CONFIGURED = configuration()
FIRST, SECOND, THIRD = (LogKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)) for seed in (1, 2, 3))
BEGINS = NOW + 100
pytestmark = pytest.mark.spec("issue 5 item 4: signing keys for id_tokens, SAML, metadata and log with overlap")


def log(*keys: LogKey, revoked: dict[str, int] | None = None, gone: tuple[LogKey, ...] = ()) -> LogKeys:
    """The first of these keys signs from the beginning, the others from BEGINS on, each 10,000 seconds after the last."""
    begins = [0, *range(BEGINS, BEGINS + 10_000 * len(keys), 10_000)]
    made = LogKeys(map(Scheduled, begins, keys), [key.verifier for key in gone])
    made.ring.obey(lambda key_id: (revoked or {}).get(key_id, 0))
    return made


class Ledger:
    """A store, and what is done with it under whichever keys a test says."""

    def __init__(self, held: Store) -> None:
        self.store, self.now, self.number = held, NOW, count()
        self.draft = release(decision=decided())

    def keys(self, log: LogKeys) -> LedgerKeys:
        return replace(KEYS, log=log)

    def grows(self, log: LogKeys, *, at: int, witness: Path | None = None) -> str:
        """One record more, and the checkpoint over it."""
        self.store.commit(unit(record=self.draft if not next(self.number) else release()))
        keys = self.keys(log)
        looks = None if witness is None else Witness(witness, keys)
        sequencer = Sequencer(self.store, keys, checkpoint_seconds=0, clock=lambda: float(at), witness=looks)
        try:
            sequencer.step()
        finally:
            sequencer.stop()
        found = self.store.checkpoint(TENANT)
        assert found is not None
        return found.note

    def fits(self, log: LogKeys) -> list[str]:
        return [str(finding) for finding in verify_ledger(self.store.engine, tenant=TENANT, keys=self.keys(log)).findings]

    def receipt(self, log: LogKeys, *, at: int) -> bytes:
        receipts = Receipts(
            tenant=TENANT,
            country="NL",
            keys=self.keys(log),
            log=self.store,
            records=Releases(engine=self.store.engine, tenant=TENANT, keys=KEYS),
            configuration=CONFIGURED,
            checkpoint_seconds=10.0,
        )
        return receipts.issue(ReceiptHolder.CITIZEN, self.draft.record, self.draft.nonce("values"), at).octets


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """A folder of a witness."""
    (tmp_path / "witness").mkdir()
    return tmp_path / "witness"


# -- the log as it goes on


def test_the_next_key_signs_from_its_minute_on_and_the_log_is_the_same(ledger: Ledger, seen: Path) -> None:
    keys = log(FIRST, SECOND)
    open_own_note(ledger.grows(keys, at=BEGINS - 1, witness=seen).encode(), FIRST.verifier)
    open_own_note(ledger.grows(keys, at=BEGINS, witness=seen).encode(), SECOND.verifier)
    assert ledger.fits(keys) == []
    assert [head.size for head in Witness(seen, ledger.keys(keys)).seen()] == [2]


def test_what_a_key_signed_that_nobody_knows_here_is_not_gone_on_from(ledger: Ledger, seen: Path) -> None:
    ledger.grows(log(FIRST), at=NOW, witness=seen)
    forgotten = log(SECOND)
    with pytest.raises(StoreUnavailable, match=r"copy it, and log\.vkey") as caught:
        ledger.grows(forgotten, at=BEGINS)
    assert caught.value.code not in HALTING, "it may come in a moment"
    with pytest.raises(StoreUnavailable, match="no checkpoint that our key signed"):
        ledger.grows(forgotten, at=BEGINS, witness=seen)
    assert any("no key of this folder signed its note" in found for found in ledger.fits(forgotten))


def test_a_log_goes_on_from_what_a_revoked_key_signed_and_that_key_signs_nothing_more(ledger: Ledger) -> None:
    ledger.grows(log(FIRST), at=NOW)
    stolen = log(FIRST, SECOND, revoked={FIRST.key_id: NOW})
    open_own_note(ledger.grows(stolen, at=NOW + 1).encode(), SECOND.verifier)
    assert ledger.fits(stolen) == []


def test_where_every_key_is_revoked_nothing_is_signed_and_nothing_is_lost(ledger: Ledger) -> None:
    ledger.grows(log(FIRST), at=NOW)
    with pytest.raises(AllRevoked):
        ledger.grows(log(FIRST, revoked={FIRST.key_id: NOW}), at=NOW + 1)
    open_own_note(ledger.grows(log(FIRST, SECOND), at=BEGINS).encode(), SECOND.verifier)
    assert ledger.fits(log(FIRST, SECOND)) == []


# -- receipts


def proved(octets: bytes, keys: LogKeys, at: int) -> ProvedReceipt:
    return verify_receipt(octets, keys.published(at))


def test_a_receipt_of_a_key_that_was_replaced_holds_and_says_whose_key_it_was(ledger: Ledger) -> None:
    keys = log(FIRST, SECOND)
    ledger.grows(keys, at=NOW)
    old = ledger.receipt(keys, at=NOW)
    # The newest checkpoint is the last key's still, and the new one signs the receipt over it
    new = ledger.receipt(keys, at=BEGINS)
    for octets, key in ((old, FIRST), (new, SECOND)):
        assert proved(octets, keys, BEGINS).keys[0] == key.verifier
        assert proved(octets, log(SECOND, gone=(FIRST,)), BEGINS).size == 1
    with pytest.raises(SignatureInvalid):
        verify_receipt(new, [FIRST.verifier])


def test_after_a_revocation_a_receipt_is_a_promise_until_another_key_signed(ledger: Ledger) -> None:
    ledger.grows(log(FIRST), at=NOW)
    stolen = log(FIRST, SECOND, revoked={FIRST.key_id: NOW})
    promise = proved(ledger.receipt(stolen, at=NOW + 1), stolen, NOW + 1)
    assert (promise.keys[0], promise.by) == (SECOND.verifier, NOW + 10 + MERGE_SECONDS)
    ledger.grows(stolen, at=NOW + 2)
    assert proved(ledger.receipt(stolen, at=NOW + 3), stolen, NOW + 3).size == 2


def test_a_revoked_key_counts_for_nobody_who_asks_again(ledger: Ledger) -> None:
    ledger.grows(log(FIRST), at=NOW)
    old = ledger.receipt(log(FIRST), at=NOW)
    for keys in (
        log(FIRST, SECOND, revoked={FIRST.key_id: NOW}),
        log(SECOND, gone=(FIRST,), revoked={FIRST.key_id: NOW}),
    ):
        assert keys.published(NOW) == (SECOND.verifier,)
        with pytest.raises(SignatureInvalid):
            proved(old, keys, NOW)


# -- what is published


# -- the files


def files(folder: Path) -> LedgerKeys:
    return load_ledger_keys(folder, ORIGIN)


@pytest.mark.parametrize(
    "line", ["no key", "", f"{ORIGIN}+00000000+AAAA", str(VerifierKey("other.example/log", b"k" * 32))]
)
def test_a_line_that_is_no_key_of_this_log_counts_for_nothing_and_is_left_alone(tmp_path: Path, line: str) -> None:
    create_ledger_keys(tmp_path, ORIGIN)
    path = tmp_path / "log.vkey"
    path.write_text(f"{line}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
    assert len(files(tmp_path).log.known) == 1
    create_log_key(tmp_path / "log-20991231T2359Z.key")
    list_log_keys(tmp_path, ORIGIN)
    assert path.read_text(encoding="utf-8").startswith(f"{line}\n")
    assert len(files(tmp_path).log.known) == 2


def three(folder: Path) -> list[str]:
    """The lines of a folder with three keys, each of which vouched for the next."""
    create_ledger_keys(folder, ORIGIN)
    for year in (2098, 2099):
        create_log_key(folder / f"log-{year}1231T2359Z.key")
        list_log_keys(folder, ORIGIN)
    return (folder / "log.vkey").read_text(encoding="utf-8").splitlines()


def thief(*lines: str) -> tuple[str, str, str]:
    """A key that somebody made, its own signature line behind a list, and one over something else."""
    signer = Ed25519PrivateKey.generate()
    key = VerifierKey(ORIGIN, signer.public_key().public_bytes_raw())
    keys = [line for line in lines if not line.startswith("—")]
    over = "ciconia/log-keys/v1\n" + "".join(f"{line}\n" for line in (*keys, str(key)))
    return str(key), signature_line(ORIGIN, signer, over.encode()), signature_line(ORIGIN, signer, b"")


def added(lines: list[str], how: str) -> list[str]:
    """The lines with somebody's key among them."""
    key, own, _ = thief(*lines)
    first, _own, _ = thief()
    match how:
        case "behind":
            return [*lines, key]
        case "behind, signed by itself":
            return [*lines, key, own]
        case "behind, with the line of another":
            return [*lines, key, lines[2], own]
        case "before":
            return [first, *lines]
        case "between":
            return [*lines[:1], first, *lines[1:]]
        case "in place of the list":
            return [first]
        case "with less of the list":
            return lines[:4]
        case "with a signature less":
            return [*lines[:2], *lines[3:]]
        case "with the key's own signature less":
            return lines[:-1]
        case _:
            return [*lines[:1], *lines[4:7], *lines[1:4]]


ADDED = (
    "behind",
    "behind, signed by itself",
    "behind, with the line of another",
    "before",
    "between",
    "in place of the list",
    "with less of the list",
    "with a signature less",
    "with the key's own signature less",
    "in another order",
)


@pytest.mark.spec("security.md §3 I4")
@pytest.mark.parametrize("how", ADDED)
def test_a_key_that_somebody_adds_to_log_vkey_is_refused_with_the_file(tmp_path: Path, how: str) -> None:
    lines = added(three(tmp_path), how)
    (tmp_path / "log.vkey").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with pytest.raises(Misconfigured) as refused:
        files(tmp_path)
    assert {problem.key for problem in refused.value.problems} == {"log.vkey"}
    known = load_ledger_keys(tmp_path, ORIGIN, any_log_key=True).log.known
    assert len(known) == 3, "who switches something off in an emergency goes on with the private keys that are here"


@pytest.mark.spec("security.md §3 I4")
@pytest.mark.parametrize("how", ["before", "behind"])
def test_a_key_beside_the_only_one_is_refused_although_nobody_vouched_for_that(tmp_path: Path, how: str) -> None:
    create_ledger_keys(tmp_path, ORIGIN)
    path = tmp_path / "log.vkey"
    lines = path.read_text(encoding="utf-8").splitlines()
    key, own, _ = thief(*lines)
    other, _, _ = thief()
    made = [*lines, key, own] if how == "behind" else [other, *lines]
    path.write_text("".join(f"{line}\n" for line in made), encoding="utf-8")
    with pytest.raises(Misconfigured, match="vouch"):
        files(tmp_path)


def test_keys_that_nobody_vouched_for_are_vouched_for_once_by_those_that_are_here(tmp_path: Path) -> None:
    bare = [line for line in three(tmp_path) if not line.startswith("—")]
    stranger, _, _ = thief()
    path = tmp_path / "log.vkey"
    path.write_text("".join(f"{line}\n" for line in (*bare, stranger)), encoding="utf-8")
    (tmp_path / "log.key").unlink()
    gone, strange = bare[0].split("+")[1], stranger.split("+")[1]
    with pytest.raises(Misconfigured, match="vouch"):
        files(tmp_path)
    with pytest.raises(Misconfigured, match=f"{gone}, {strange}"):
        vouch_for_log_keys(tmp_path, ORIGIN, ())
    with pytest.raises(Misconfigured, match=strange):
        vouch_for_log_keys(tmp_path, ORIGIN, (gone,))
    path.write_text("".join(f"{line}\n" for line in bare), encoding="utf-8")
    vouch_for_log_keys(tmp_path, ORIGIN, (gone,))
    assert {str(key) for key in files(tmp_path).log.known} == set(bare)
    create_log_key(tmp_path / "log-21001231T2359Z.key")
    list_log_keys(tmp_path, ORIGIN)
    assert len(read_keys(path.read_text(encoding="utf-8"))) == 4
    path.write_text(f"{path.read_text(encoding='utf-8')}{stranger}\n", encoding="utf-8")
    with pytest.raises(Misconfigured):
        files(tmp_path)


def test_a_revoked_key_stands_in_what_is_published_and_counts_for_nothing(tmp_path: Path) -> None:
    three(tmp_path)
    keys = files(tmp_path).log
    second = keys.ring.scheduled[1].key
    keys.ring.obey(lambda key_id: int(key_id == second.key_id))
    published = keys.published_list(NOW).text
    assert f"revoked {second.verifier}\n" in published
    assert set(read_keys(published)) == set(keys.known) - {second.verifier}
    with pytest.raises(SignatureInvalid):
        read_keys(published.replace(f"revoked {second.verifier}\n", ""))


# -- notes under several keys

LIST = begun_with(FIRST.verifier).followed_by(
    SECOND.verifier, {FIRST.verifier: FIRST.signer, SECOND.verifier: SECOND.signer}
)


def both(text: str, *keys: LogKey) -> bytes:
    return f"{text}\n{''.join(sign_note(text, ORIGIN, key.signer).partition(chr(10) * 2)[2] for key in keys)}".encode()


def test_a_note_holds_under_whichever_of_its_keys_is_known() -> None:
    note = both("said\n", FIRST, SECOND)
    for known in ([FIRST], [SECOND], [FIRST, SECOND], [SECOND, THIRD]):
        assert open_note(note, *[key.verifier for key in known]) == "said\n"
    for known in ([], [THIRD]):
        with pytest.raises(SignatureInvalid):
            open_note(note, *[key.verifier for key in known])


def test_a_signature_of_a_known_key_that_does_not_hold_spoils_the_note_whatever_another_says() -> None:
    good = both("said\n", FIRST, SECOND)
    spoiled = good.replace(both("said\n", SECOND)[6:], both("other\n", SECOND)[7:])
    assert spoiled != good
    assert open_note(spoiled, FIRST.verifier) == "said\n"
    for known in ((FIRST, SECOND), (SECOND,)):
        with pytest.raises(SignatureInvalid):
            open_note(spoiled, *[key.verifier for key in known])


def test_what_is_no_list_of_one_logs_keys_is_refused() -> None:
    for text in [
        "",
        "\n",
        f"{FIRST.verifier}\n{FIRST.verifier}\n",
        f"{FIRST.verifier}\n{SECOND.verifier}\n",
        f"{FIRST.verifier}\n{VerifierKey('other.example/log', SECOND.verifier.public)}\n",
        f"revoked {FIRST.verifier}\n",
        f"{FIRST.verifier}\n\n",
        f"\n{FIRST.verifier}\n",
        LIST.text.replace("\n", "\r\n"),
        LIST.text.replace("— ", "- "),
    ]:
        with pytest.raises(SignatureInvalid):
            read_keys(text)
