"""The second verifier, which was written from docs/receipt-format.md alone: it takes our receipts, and one test a rule."""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any  # JSON that a test takes apart

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from idp.ledger.checkpoint import TreeHead, VerifierKey, sign_note
from idp.ledger.key_list import begun_with
from idp.ledger.ledger_keys import LogKey
from idp.receipts.receipt import ReceiptHolder, signed_receipt
from idp.receipts.receipt_verify import verify_receipt
from policies.errors import SignatureInvalid
from tests.idp.ledger.issued import PROMISED, SmallLog
from tests.idp.store.units import KEYS, ORIGIN
from tests.independent_receipt import Refused, check

LOG = SmallLog()
FIRST = KEYS.log.at(0)
VKEY = str(FIRST.verifier)
NEXT = LogKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(b"n" * 32))
SIGNERS = {FIRST.verifier: FIRST.signer, NEXT.verifier: NEXT.signer}
BOTH = begun_with(FIRST.verifier).followed_by(NEXT.verifier, SIGNERS).text
ZERO = base64.b64encode(bytes(32)).decode()

Change = Callable[[dict[str, Any]], object]


@pytest.mark.spec("issue 4, real parts")
@pytest.mark.parametrize("holder", ReceiptHolder)
def test_a_second_verifier_that_shares_no_code_finds_the_same_place(holder: ReceiptHolder) -> None:
    for index in range(LOG.size):
        assert check(LOG.receipt(index, holder), VKEY) == index
    promise = LOG.receipt(holder=holder, standing=PROMISED)
    assert check(promise, BOTH) is None
    assert check(promise, BOTH, LOG.placed(3).text.encode()) == 3


def test_the_second_verifier_imports_nothing_of_ours() -> None:
    source = (Path(__file__).parents[2] / "independent_receipt.py").read_text(encoding="utf-8")
    imported = re.findall(r"^\s*(?:import|from)\s+(\w+)", source, re.MULTILINE)
    assert set(imported) & {"idp", "connectors", "policies", "tests"} == set()
    assert "cryptography" in imported


def resigned(change: Change, holder: ReceiptHolder = ReceiptHolder.CITIZEN, standing: int | None = None) -> bytes:
    """A receipt that the log signed after somebody changed it: what is left to refuse is that one thing."""
    receipt = json.loads(LOG.receipt(holder=holder, standing=standing))
    del receipt["signature"]
    change(receipt)
    return signed_receipt(receipt, FIRST.signer)


def at(*path: str | int, to: object) -> Change:
    def change(receipt: dict[str, Any]) -> None:
        inside: Any = receipt
        for step in path[:-1]:
            inside = inside[step]
        inside[path[-1]] = to

    return change


def without(*path: str | int) -> Change:
    def change(receipt: dict[str, Any]) -> None:
        inside: Any = receipt
        for step in path[:-1]:
            inside = inside[step]
        del inside[path[-1]]

    return change


def checkpoint(text: str, key: Ed25519PrivateKey = FIRST.signer, name: str = ORIGIN) -> Change:
    return at("proof", "checkpoint", to=sign_note(text, name, key))


HEAD = TreeHead.read(LOG.note(LOG.size).partition("\n\n")[0] + "\n")
PROCESSING = ("record", "processing")
# Of section 3 on: what is signed by the log, and refused
RULES: dict[str, Change] = {
    "3 another version": at("v", to=2),
    "3 another holder": at("for", to="auditor"),
    "3 another log": at("log", to="other.example/log"),
    "3 a member more": at("more", to=""),
    "3 a member less": without("promise"),
    "3 both proof and promise": at("promise", to={"leaf_hash": ZERO, "by": PROMISED}),
    "3 neither": at("proof", to=None),
    "4 not a leaf": at("leaf", to=ZERO),
    "4 the leaf of another record": at("leaf", to=base64.b64encode(LOG.leaves[0]).decode()),
    "5 an opening more": at("openings", "more", to={}),
    "5 an opening less": without("openings", "decision"),
    "5 a member more": at("openings", "sent", "more", to=""),
    "5 the values themselves": at("openings", "values", "content", to={}),
    "5 another nonce": at("openings", "sent", "nonce", to=ZERO),
    "5 another nonce's size": at("openings", "values", "nonce", to=base64.b64encode(bytes(31)).decode()),
    "5 another content": at("openings", "sent", "content", "client", to="other"),
    "5 a content's member more": at("openings", "login", "content", "more", to=""),
    "6 a member more": at("record", "more", to=""),
    "6 a member of processing less": without(*PROCESSING, "jurisdiction"),
    "6 schema_version": at("record", "schema_version", to="2"),
    "6 record_id": at("record", "record_id", to="0" * 32),
    "6 receipt_id": at("record", "receipt_id", to="0"),
    "6 pii_principal_id": at("record", "pii_principal_id", to="another"),
    "6 privacy_notice": at(*PROCESSING, "privacy_notice", to="0" * 64),
    "6 purpose": at(*PROCESSING, "purposes", 0, "purpose", to="marketing"),
    "6 two purposes": at(*PROCESSING, "purposes", to=[{}, {}]),
    "6 lawful_basis": at(*PROCESSING, "purposes", 0, "lawful_basis", to="consent"),
    "6 party_id": at(*PROCESSING, "recipient_third_parties", 0, "party_id", to="other"),
    "6 withdrawal_method": at(*PROCESSING, "withdrawal_method", to=""),
    "6 an attribute less": without(*PROCESSING, "pii_information", 0),
    "6 another attribute": at(*PROCESSING, "pii_information", 0, "attribute", to="email"),
    "6 another form": at(*PROCESSING, "pii_information", 0, "pii_type", to="year"),
    "6 event_time": at("record", "events", 0, "event_time", to="2026-01-01T00:00:00Z"),
    "6 event_state": at("record", "events", 0, "event_state", to="given"),
    "6 two events": at("record", "events", to=[]),
    "7 a member more": at("proof", "more", to=""),
    "7 another index": at("proof", "index", to=2),
    "7 an index beyond the tree": at("proof", "index", to=LOG.size),
    "7 a hash less": without("proof", "path", 0),
    "7 another hash": at("proof", "path", 0, to=ZERO),
    "7 another root": checkpoint(replace(HEAD, root=bytes(32)).text),
    "7 another size": checkpoint(replace(HEAD, size=4).text),
    "7 a size in another spelling": checkpoint(f"{ORIGIN}\n07\n{HEAD.text.splitlines()[2]}\n"),
    "7 a fourth line": checkpoint(f"{HEAD.text}more\n"),
    "7 another log's": checkpoint(HEAD.text.replace(ORIGIN, "other.example/log")),
    "7 another key's": checkpoint(HEAD.text, NEXT.signer),
    "7 another name's line": checkpoint(HEAD.text, name="other.example/log"),
    "7 two of the log": at("proof", "checkpoint", to=LOG.note(7) + sign_note("", ORIGIN, NEXT.signer).lstrip("\n")),
    "7 a line that is none": at("proof", "checkpoint", to=LOG.note(7) + "— witness.example\n"),
}
PROMISES: dict[str, Change] = {
    "8 of another leaf": at("promise", "leaf_hash", to=ZERO),
    "8 a member more": at("promise", "more", to=""),
    "8 no time": at("promise", "by", to="soon"),
    "8 a time that no calendar has": at("promise", "by", to=2**52),
}


def refused(octets: bytes, keys: str = VKEY, proof: bytes | None = None) -> None:
    with pytest.raises(Refused):
        check(octets, keys, proof)


def test_a_receipt_that_breaks_one_rule_is_refused_by_both() -> None:
    for rule in [*RULES, *PROMISES]:
        octets = resigned(RULES[rule]) if rule in RULES else resigned(PROMISES[rule], standing=PROMISED)
        refused(octets)
        with pytest.raises(SignatureInvalid):
            verify_receipt(octets, [FIRST.verifier])


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "1 no line feed": lambda octets: octets.rstrip(),
    "1 two line feeds": lambda octets: octets + b"\n",
    "1 a space": lambda octets: octets.replace(b'"v":1', b'"v": 1'),
    "1 a fraction": lambda octets: octets.replace(b'"v":1', b'"v":1.0'),
    "1 a member twice": lambda octets: octets.replace(b'"v":1', b'"v":1,"v":1'),
    "1 a truth value": lambda octets: octets.replace(b'"promise":null', b'"promise":false'),
    "1 too large": lambda octets: octets.ljust(262_145),
    "1 an escape that is none": lambda octets: octets.replace(b"Kanal", b"Kana\\u006c").replace(b"City", b"Cit\\u0079"),
    "3 the signature over something else": lambda octets: octets.replace(b"City of Storkhaven", b"City of Storkhavem"),
    "not JSON": lambda octets: octets[:-40],
}


def test_a_file_in_another_spelling_is_refused_by_both() -> None:
    for spelled in SPELLINGS.values():
        octets = spelled(LOG.receipt())
        assert octets != LOG.receipt()
        refused(octets)
        with pytest.raises(SignatureInvalid):
            verify_receipt(octets, [FIRST.verifier])


LINES = BOTH.splitlines()
LISTS = {
    "2 nobody vouches": "\n".join((LINES[0], LINES[1])),
    "2 the later key alone": "\n".join((LINES[0], LINES[1], LINES[3])),
    "2 signed over another list": "\n".join((LINES[0], str(VerifierKey(ORIGIN, b"k" * 32)), *LINES[2:])),
    "2 another order": "\n".join((*LINES[1:], LINES[0])),
    "2 two logs": "\n".join((LINES[0], str(VerifierKey("other.example/log", NEXT.verifier.public)))),
    "2 a key twice": "\n".join((LINES[0], LINES[0])),
    "2 a signature twice": "\n".join((*LINES[:3], LINES[2])),
    "2 every key revoked": f"revoked {LINES[0]}",
    "2 the signer revoked": f"revoked {BOTH}",
    "2 another id": LINES[0].replace(f"+{FIRST.key_id}+", "+00000000+"),
    "2 no key": "",
    "2 another dash": BOTH.replace("—", "-"),
}


def test_a_list_of_keys_that_breaks_one_rule_is_refused() -> None:
    for keys in LISTS.values():
        assert check(LOG.receipt(), BOTH) == 3
        refused(LOG.receipt(), keys)


def test_a_proof_in_another_spelling_redeems_no_promise() -> None:
    changes: list[Callable[[str], str]] = [
        lambda text: text.replace("index 3", "index 03"),
        lambda text: text.replace("index 3", "index 2"),
        lambda text: text.replace("tlog-proof@v1", "tlog-proof@v2"),
        lambda text: text.replace("\n\n", "\n", 1),
        lambda text: text.removesuffix("\n"),
        lambda text: f"{text}\n",
    ]
    for change in changes:
        refused(LOG.receipt(standing=PROMISED), VKEY, change(LOG.placed(3).text).encode())
