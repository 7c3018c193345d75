"""A receipt: what it proves, and everything that it is refused for."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any  # JSON that a test takes apart

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from idp.ledger.canonical_json import jcs
from idp.ledger.checkpoint import VerifierKey
from idp.ledger.leaf import commitment
from idp.ledger.ledger_keys import ledger_keys
from idp.ledger.merkle_tree import leaf_hash
from idp.receipts.receipt import MAX_RECEIPT, ReceiptHolder
from idp.receipts.receipt_record import WITHDRAWAL
from idp.receipts.receipt_verify import ProvedReceipt, verify_receipt
from policies.errors import SignatureInvalid
from policies.purposes import Basis
from tests.idp.ledger.issued import LIVES, PROMISED, SmallLog
from tests.idp.store.units import KEYS, ORIGIN

LOG = SmallLog()
CITIZEN = LOG.receipt()
PARTY = LOG.receipt(holder=ReceiptHolder.RELYING_PARTY)
PROMISE = LOG.receipt(standing=PROMISED)
KEY = KEYS.log.at(0).verifier
OTHER_KEY = Ed25519PrivateKey.from_private_bytes(b"b made-up key of thirty-two byte")


def refused(octets: bytes, key: VerifierKey = KEY, proof: bytes | None = None) -> str:
    """The check that refuses. Whatever it says is one line, and quotes nothing of the file."""
    with pytest.raises(SignatureInvalid) as caught:
        verify_receipt(octets, [key], proof)
    assert "\n" not in caught.value.detail
    return caught.value.check


def parsed(octets: bytes) -> dict[str, Any]:
    found = json.loads(octets)
    assert isinstance(found, dict)
    return found


def proved(octets: bytes) -> ProvedReceipt:
    return verify_receipt(octets, KEYS.log.known)


# -- what holds


def test_a_citizens_receipt_proves_these_commitments_at_this_place_in_this_log() -> None:
    found = proved(CITIZEN)
    assert (found.holder, found.log, found.index, found.size) == (ReceiptHolder.CITIZEN, ORIGIN, 3, 7)
    assert found.names == (("address", "exact"), ("birthdate", "age_over(18)"))
    assert found.leaf_hash == leaf_hash(LOG.leaves[3])
    said = " ".join(found.sentences)
    for word in (
        ORIGIN,
        found.leaf_hash.hex(),
        "age_over(18)",
        "parking",
        "public_task",
        "index 3, counted from 0, in the tree of 7",
    ):
        assert word in said


@pytest.mark.spec("decisions.md I")
@pytest.mark.parametrize("octets", [CITIZEN, PARTY, PROMISE], ids=["citizen", "party", "promise"])
def test_it_says_what_it_does_not_prove(octets: bytes) -> None:
    limits = " ".join(proved(octets).limits)
    assert "the values were true" in limits
    assert "a person meant it" in limits
    assert "can try guesses" in limits
    assert "keep it like the data" in limits
    assert ("no other operator's witness" in limits) != ("stands in the log" in limits)


def test_a_promise_proves_a_promise_and_says_so() -> None:
    found = proved(PROMISE)
    assert (found.index, found.size, found.by) == (None, None, PROMISED)
    assert "promised" in found.sentences[-1]
    assert "2026-09-21T" in found.sentences[-1]


def test_a_promise_is_redeemed_by_the_proof_that_everybody_can_ask_for() -> None:
    found = verify_receipt(PROMISE, KEYS.log.known, LOG.placed(3).text.encode())
    assert (found.index, found.size, found.by) == (3, 7, None)


def test_every_leaf_of_every_tree_proves_its_place() -> None:
    for size in range(1, 8):
        for index in range(size):
            assert proved(LOG.receipt(index, standing=LOG.placed(index, size))).index == index


def test_the_file_is_canonical_and_names_its_parts() -> None:
    assert jcs(parsed(CITIZEN)) + b"\n" == CITIZEN
    assert set(parsed(CITIZEN)["openings"]) == {"decision", "login", "sent", "subject", "values"}


@pytest.mark.spec("design §5; decisions.md 19")
def test_the_relying_partys_has_no_decision_no_subject_and_nothing_that_was_withheld() -> None:
    receipt = parsed(PARTY)
    assert set(receipt["openings"]) == {"login", "sent", "values"}
    text = PARTY.decode()
    for word in ("email", "family_name", "not_chosen", "not_needed", '"source"', '"ee"'):
        assert word not in text
        assert word in CITIZEN.decode()


@pytest.mark.spec("decisions.md 22")
def test_no_value_is_in_it_but_their_holder_can_prove_them() -> None:
    assert LIVES.encode() not in PARTY + CITIZEN
    assert LIVES.encode() in LOG.openings(3)["values"].content
    receipt = parsed(PARTY)
    nonce = base64.b64decode(receipt["openings"]["values"]["nonce"])
    values = LOG.openings(3)["values"].content
    committed = json.loads(base64.b64decode(receipt["leaf"]))["commitments"]["values"]
    assert base64.b64encode(commitment(nonce, values)).decode() == committed


@pytest.mark.spec("consent.md §2")
def test_its_record_has_the_names_of_ts_27560_and_the_basis_that_applied() -> None:
    record = parsed(PARTY)["record"]
    assert {"schema_version", "record_id", "receipt_id", "pii_principal_id", "processing", "events"} == set(record)
    assert record["record_id"] == LOG.drafts[3].record.hex()
    assert record["pii_principal_id"] == "PAIRWISE"
    processing = record["processing"]
    assert processing["purposes"][0]["lawful_basis"] == "public_task"
    assert processing["pii_information"][1] == {
        "attribute": "birthdate",
        "pii_attribute_id": "age_over_18",
        "pii_type": "age_over(18)",
    }
    assert "no consent to withdraw" in processing["withdrawal_method"]
    assert "object" in processing["withdrawal_method"]
    assert processing["retention_period"].startswith("The recipient says that it keeps this for P1Y (ISO 8601). The log")
    assert record["events"] == [
        {
            "event_time": "2026-09-21T14:13:20Z",
            "event_type": "approval of a release that does not rest on consent",
            "event_state": "approved",
        }
    ]


# -- bits and bytes


def flip(octets: bytes, bits: range) -> None:
    for bit in bits:
        changed = bytearray(octets)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SignatureInvalid):
            verify_receipt(bytes(changed), KEYS.log.known)


@pytest.mark.spec("issue 4, shown by")
@pytest.mark.parametrize("octets", [CITIZEN, PARTY, PROMISE], ids=["citizen", "party", "promise"])
def test_a_flipped_bit_is_refused_wherever_it_is(octets: bytes) -> None:
    flip(octets, range(0, len(octets) * 8, 101))


@pytest.mark.slow
@pytest.mark.spec("issue 4, shown by")
@pytest.mark.parametrize("octets", [CITIZEN, PROMISE], ids=["citizen", "promise"])
def test_a_flipped_bit_of_every_byte_is_refused(octets: bytes) -> None:
    flip(octets, range(0, len(octets) * 8, 7))


def test_every_truncation_and_every_addition_is_refused() -> None:
    for length in range(0, len(CITIZEN), 97):
        assert refused(CITIZEN[:length])
    assert refused(CITIZEN[:-1]) == "canonical"
    for more in (b"\n", b" ", b"\0", b"{}", CITIZEN):
        assert refused(CITIZEN + more) in {"canonical", "json"}
    assert refused(b"\xef\xbb\xbf" + CITIZEN) == "json"
    assert refused(b" " + CITIZEN) == "canonical"


def test_what_is_no_receipt_at_all_is_refused() -> None:
    for octets, check in [
        (b"", "json"),
        (b"\n", "json"),
        (b"no json", "json"),
        (b"[]\n", "json"),
        (b"null\n", "json"),
        (b"{}\n", "shape"),
        (b"\xff\xfe\n", "json"),
        (b"\x1f\x8b\x08\x00" * 100, "json"),
        (b"[" * 100_000, "json"),
        (b'{"a":' * 40_000 + b"1" + b"}" * 40_000 + b"\n", "json"),
        (b" " * (MAX_RECEIPT + 1), "size"),
        (b"9" * 10_000_000, "size"),
    ]:
        assert refused(octets) == check


def test_base64_that_decodes_the_same_but_is_spelt_otherwise_is_refused() -> None:
    receipt = parsed(CITIZEN)
    signature = receipt["signature"]
    assert signature.endswith("==")
    # the last two bits before the padding are nobody's: another letter decodes to the same octets
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = signature[:-3] + letters[letters.index(signature[-3]) ^ 1] + "=="
    assert base64.b64decode(other) == base64.b64decode(signature)
    for spelt in (other, signature.rstrip("="), signature + "=", signature + "\n", signature[:10] + "\n" + signature[10:]):
        assert refused(jcs({**receipt, "signature": spelt}) + b"\n") == "shape"


# -- another key, another place


def test_another_logs_key_a_key_of_the_same_name_and_none_at_all_are_refused() -> None:
    public = OTHER_KEY.public_key().public_bytes_raw()
    assert refused(CITIZEN, VerifierKey("other.example/log", public)) == "log"
    assert refused(CITIZEN, VerifierKey(ORIGIN, public)) == "note_signature"
    assert refused(PROMISE, VerifierKey(ORIGIN, public)) == "signature"
    assert refused(CITIZEN, VerifierKey(ORIGIN, bytes(32))) == "note_signature"
    assert refused(CITIZEN, VerifierKey("other.example/log", KEYS.log.at(0).verifier.public)) == "log"


Change = Callable[[dict[str, Any]], object]


def _set(*path: str | int, to: object) -> Change:
    def change(receipt: dict[str, Any]) -> None:
        at: Any = receipt  # whatever stands there
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to

    return change


def _drop(*path: str) -> Change:
    def change(receipt: dict[str, Any]) -> None:
        at: Any = receipt  # as above
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]

    return change


PURPOSE = ("record", "processing", "purposes", 0)
INFORMATION = ("record", "processing", "pii_information", 1)
OTHER_NONCE = base64.b64encode(b"n" * 32).decode()
SENT = ("openings", "sent", "content")


# What a log may sign and nobody may believe, and the check that refuses it
LIES: tuple[tuple[Change, str], ...] = (
    # the proof
    (_set("proof", "path", to=[base64.b64encode(each).decode() for each in LOG.placed(2).path]), "inclusion"),
    (_set("proof", "index", to=2), "inclusion"),
    (_set("proof", "index", to=True), "json"),
    (_set("proof", "index", to="3"), "shape"),
    (_set("proof", "index", to=-1), "json"),
    (_set("proof", "path", to=[]), "inclusion"),
    (_set("proof", "path", to=[OTHER_NONCE] * 200), "inclusion"),
    (_set("proof", "path", to=[1]), "shape"),
    (_set("proof", "checkpoint", to=LOG.note(6)), "inclusion"),
    (_set("proof", "checkpoint", to=LOG.note(3)), "inclusion"),
    (_set("proof", "checkpoint", to=""), "note"),
    (_set("proof", "more", to=1), "shape"),
    (_set("proof", to=None), "shape"),
    (_set("promise", to={"by": PROMISED, "leaf_hash": OTHER_NONCE}), "shape"),
    # members
    (_set("more", to=1), "shape"),
    (_drop("record"), "shape"),
    (_set("v", to=2), "shape"),
    (_set("v", to=True), "json"),
    (_set("for", to="auditor"), "shape"),
    (_set("for", to="relying_party"), "openings"),
    (_set("log", to="other.example/log"), "log"),
    (_set("leaf", to=base64.b64encode(LOG.leaves[2]).decode()), "commitment"),
    (_set("leaf", to=base64.b64encode(LOG.leaves[3] + b" ").decode()), "shape"),
    (_set("leaf", to=base64.b64encode(b"[1]").decode()), "shape"),
    # openings
    (_drop("openings", "subject"), "openings"),
    (_set("openings", "values", "content", to={"address": "x"}), "openings"),
    (_set("openings", "values", "nonce", to="QQ=="), "shape"),
    (_set("openings", "sent", "nonce", to=OTHER_NONCE), "commitment"),
    (_set(*SENT, "client", to="budget"), "commitment"),
    (_set(*SENT, "time", to=PROMISED), "commitment"),
    (_set(*SENT, "more", to=1), "openings"),
    (_drop(*SENT, "basis"), "openings"),
    (_set("openings", "sent", to=[]), "shape"),
    (_set("openings", "decision", "content", "withheld", to=[]), "commitment"),
    # a readable part that says something else than what it opens
    (_set("record", "record_id", to="0" * 32), "record"),
    (_set("record", "receipt_id", to="x"), "record"),
    (_set("record", "schema_version", to="ISO"), "record"),
    (_set("record", "pii_principal_id", to="SOMEBODY"), "record"),
    (_set("record", "processing", "privacy_notice", to="2" * 64), "record"),
    (_set("record", "processing", "withdrawal_method", to=WITHDRAWAL[Basis.CONSENT]), "record"),
    (_set("record", "processing", "recipient_third_parties", 0, "party_id", to="budget"), "record"),
    (_set("record", "processing", "recipient_third_parties", to=[]), "record"),
    (_set("record", "processing", to=7), "record"),
    (_set("record", "processing", "more", to=7), "record"),
    (_set(*PURPOSE, "purpose", to="anything"), "record"),
    (_set(*PURPOSE, "lawful_basis", to="consent"), "record"),
    (_set(*INFORMATION, "pii_type", to="exact"), "record"),
    (_set(*INFORMATION, "attribute", to="email"), "record"),
    (_set(*INFORMATION, "pii_attribute_id", to="birthdate"), "record"),
    (_set(*INFORMATION, to={}), "record"),
    (_set("record", "processing", "pii_information", to=[]), "record"),
    (_set("record", "events", 0, "event_state", to="given"), "record"),
    (_set("record", "events", 0, "event_time", to="2026-09-21T14:13:21Z"), "record"),
    (_set("record", "events", to=[]), "record"),
    (_drop("record", "events"), "record"),
)


def test_even_where_the_log_signed_it_what_does_not_fit_is_refused() -> None:
    for change, check in LIES:
        assert refused(LOG.resigned(CITIZEN, change)) == check


@pytest.mark.spec("issue 4: a receipt's checkpoint carries only lines that its verifier knows")
def test_a_line_of_an_unknown_key_in_the_logs_name_and_a_checkpoint_of_unknown_keys_only_are_refused() -> None:
    unknown = VerifierKey(ORIGIN, OTHER_KEY.public_key().public_bytes_raw())
    line = f"— {ORIGIN} {base64.b64encode(unknown.key_id + b's' * 64).decode()}\n"
    text, _, ours = LOG.note(7).rpartition("\n\n")
    for note in (f"{text}\n\n{ours}{line}", f"{text}\n\n{line}{ours}", f"{text}\n\n{line}", f"{text}\n\n{ours}{ours}"):
        assert refused(LOG.resigned(CITIZEN, _set("proof", "checkpoint", to=note))) == "note_signature"


def test_a_log_that_opens_two_records_at_once_is_refused() -> None:
    # commitments that fit, of parts that do not belong together: the log itself would have to lie
    mixed = SmallLog()
    for compartment in ("subject", "decision", "login"):
        openings = {**mixed.openings(3), compartment: mixed.openings(2)[compartment]}
        if compartment == "login":
            content = jcs({"aud": "budget", "iss": "i", "nonce": "n", "sub": "s"})
            openings["login"] = replace(openings["login"], content=content)
        draft = replace(mixed.drafts[3], openings=tuple(openings.values()))
        lying = SmallLog(size=4)
        lying.drafts[3] = draft
        leaf = json.loads(lying.leaves[3])
        for name, opening in openings.items():
            leaf["commitments"][name] = base64.b64encode(commitment(opening.nonce, opening.content)).decode()
        lying.leaves[3] = jcs(leaf)
        assert refused(lying.receipt(standing=PROMISED)) == "openings"


def test_a_log_that_commits_to_signs_that_a_terminal_obeys_is_refused() -> None:
    for sign in ["\x1b[2K", "\n", "\u202e", "\x9b", "\u2028"]:
        for member in ["client", "purpose", "names", "form"]:
            lying = SmallLog(size=4)
            openings = lying.openings(3)
            sent, login = json.loads(openings["sent"].content), json.loads(openings["login"].content)
            if member in ("names", "form"):
                sent["names"][0][member == "form"] += sign
            else:
                sent[member] += sign
            login["aud"] = sent["client"]
            openings["sent"] = replace(openings["sent"], content=jcs(sent))
            openings["login"] = replace(openings["login"], content=jcs(login))
            lying.drafts[3] = replace(lying.drafts[3], openings=tuple(openings.values()))
            leaf = json.loads(lying.leaves[3])
            for name, opening in openings.items():
                leaf["commitments"][name] = base64.b64encode(commitment(opening.nonce, opening.content)).decode()
            lying.leaves[3] = jcs(leaf)
            assert refused(lying.receipt(standing=PROMISED)) == "shape"


@pytest.mark.spec("decisions.md E")
def test_what_the_log_signs_as_a_receipt_is_no_checkpoint_and_no_receipt_of_another_log() -> None:
    other = ledger_keys("other.example/log", KEYS.log.at(0).signer, b"m" * 32)
    assert refused(SmallLog(keys=other).receipt()) == "log"
