"""The two libraries for services against the product, over one corpus: each of the three refuses what the others refuse."""

import base64
import hashlib
import itertools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import idp.receipts.library.ciconia_receipt as library
from idp.ledger.checkpoint import VerifierKey
from idp.ledger.cosignature import WitnessKey, WitnessPolicy, known_witnesses
from idp.ledger.key_list import read_keys
from idp.receipts.library.ciconia_receipt import ReceiptRefused, check_values, verify
from idp.receipts.receipt import signed_receipt
from idp.receipts.receipt_verify import verify_receipt
from policies.errors import SignatureInvalid
from tests.idp.ledger.issued import PROMISED
from tests.idp.receipts import library_corpus as corpus
from tests.idp.receipts.library_corpus import FIRST, LOG, LOGIN, PROMISE, PROOF, PROVED, VKEY, Case
from tests.idp.store.units import ORIGIN
from tests.peers import require_peer

FOLDER = Path(library.__file__).parent
Found = list[object] | None


def in_python(case: Case) -> Found:
    try:
        found = verify(
            case.octets, case.keys, login=case.login, proof=case.proof, witnesses=case.witnesses, quorum=case.quorum
        )
    except ReceiptRefused:
        return None
    return [found.leaf_hash, found.index, found.size, found.by, list(found.cosigned)]


def in_node(cases: Iterable[Case]) -> list[Found]:
    node = shutil.which("node")
    require_peer("node", present=node is not None)
    told = "".join(f"{json.dumps(case.as_json())}\n" for case in cases)
    words = [str(node), "--no-warnings", str(Path(__file__).parent / "judge.mjs"), str(FOLDER / "ciconia-receipt.mjs")]
    done = subprocess.run(words, input=told, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def broken() -> Iterable[Case]:
    """All that is not sound, and the few that hold in spite of a change."""
    changed = (corpus.changed_fields(octets) for octets in (PROVED, PROMISE))
    return itertools.chain(
        *changed,
        corpus.recommitted(PROVED),
        corpus.consistent(),
        corpus.spelt(),
        corpus.key_lists(),
        corpus.proofs(),
        corpus.checkpoints(),
    )


def is_claim(case: Case) -> bool:
    """Whether the claim of a standard attribute was changed, which only the product knows: the page leaves it out."""
    return "'pii_attribute_id'" in case.name


# -- agreement


@pytest.mark.spec("issue 31 item 5")
def test_all_agree_on_sound_receipts() -> None:
    for case in corpus.sound():
        expected = corpus.judged(case)
        assert expected is not None, case.name
        assert in_python(case) == [*expected, []], case.name


@pytest.mark.spec("issue 31 item 5")
def test_python_agrees_with_the_product_wherever_a_receipt_is_broken() -> None:
    held = 0
    for case in broken():
        expected = corpus.judged(case)
        held += expected is not None
        if not is_claim(case):
            assert in_python(case) == (None if expected is None else [*expected, []]), case.name
    # What no opening has is the log's word alone: those changes hold where the log signed them
    assert 100 < held < 300


@pytest.mark.spec("issue 31 item 5")
def test_python_refuses_a_bit_of_any_byte_as_the_product_does() -> None:
    for case in itertools.chain(corpus.flipped(PROVED), corpus.flipped(PROMISE)):
        assert corpus.judged(case) is None, case.name
        assert in_python(case) is None, case.name


@pytest.mark.peer
@pytest.mark.spec("issue 31 item 5")
def test_node_agrees_with_python_on_the_whole_corpus() -> None:
    cases = [*corpus.sound(), *broken(), *corpus.flipped(PROVED), *corpus.flipped(PROMISE), *logins(), *cosigned()]
    assert len(cases) > 8000
    for case, found in zip(cases, in_node(cases), strict=True):
        assert found == in_python(case), case.name


# -- the login


def logins() -> Iterable[Case]:
    """The corpus's receipt beside logins: the first four are its own."""
    told: list[Mapping[str, object]] = [
        LOGIN,
        {**LOGIN, "acr": "substantial", "exp": 1},
        {**LOGIN, "aud": [LOGIN["aud"]]},
        LOGIN | {},
        *[{**LOGIN, name: other} for name in LOGIN for other in (f"{LOGIN[name]}x", "", None, 1, [], [LOGIN[name], "x"])],
        *[{name: value for name, value in LOGIN.items() if name != gone} for gone in LOGIN],
        {**LOGIN, "sub": [LOGIN["sub"]]},
        {},
    ]
    for number, login in enumerate(told):
        yield Case(f"login {number}", PROVED, login=login)


@pytest.mark.spec("issue 31 item 5; decisions.md 20")
def test_a_receipt_of_another_login_is_refused_and_says_what_differs() -> None:
    for number, case in enumerate(logins()):
        assert (in_python(case) is not None) == (number < 4), case.name
    for name in LOGIN:
        with pytest.raises(ReceiptRefused, match=f"another login than yours: {name}"):
            verify(PROVED, VKEY, login={**LOGIN, name: "another"})


def test_a_request_without_a_nonce_is_the_login_of_an_empty_one() -> None:
    receipt = json.loads(PROMISE)
    bare = next(case for case in corpus.recommitted(PROVED) if case.name == "login ('nonce',) empty")
    login = {name: value for name, value in LOGIN.items() if name != "nonce"}
    assert verify(bare.octets, VKEY, login=login).by == receipt["promise"]["by"]
    with pytest.raises(ReceiptRefused):
        verify(bare.octets, VKEY, login=LOGIN)


def test_nobody_forgets_the_login() -> None:
    with pytest.raises(TypeError):
        verify(PROVED, VKEY)  # type: ignore[call-arg]


# -- promises and values


def test_a_promise_is_told_from_a_proof_and_is_redeemed() -> None:
    promised = verify(PROMISE, VKEY, login=LOGIN)
    assert (promised.index, promised.size, promised.by) == (None, None, PROMISED)
    redeemed = verify(PROMISE, VKEY, login=LOGIN, proof=PROOF)
    assert (redeemed.index, redeemed.size, redeemed.by) == (3, 7, None)
    assert promised.leaf_hash == redeemed.leaf_hash
    assert redeemed.sent["purpose"] == "resident-parking"


def test_who_has_the_values_checks_them() -> None:
    values = json.loads(LOG.openings(3)["values"].content)
    check_values(PROVED, values)
    for other in ({}, {**values, "birthdate": False}, {**values, "more": ""}, {**values, "birthdate": "true"}):
        with pytest.raises(ReceiptRefused):
            check_values(PROVED, other)


# -- witnesses


class Witness:
    """A witness of another operator, which cosigns as C2SP tlog-cosignature says."""

    def __init__(self, name: str) -> None:
        self.name, self.key = name, Ed25519PrivateKey.generate()
        octets = b"\x04" + self.key.public_key().public_bytes_raw()
        self.key_id = hashlib.sha256(name.encode() + b"\n" + octets).digest()[:4]
        self.vkey = f"{name}+{self.key_id.hex()}+{base64.b64encode(octets).decode()}"

    def line(self, text: str, time: int = 1_790_000_000) -> str:
        signature = self.key.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
        data = base64.b64encode(self.key_id + time.to_bytes(8) + signature).decode()
        return f"— {self.name} {data}\n"


ONE, TWO, STRANGER = Witness("one.example"), Witness("two.example/witness"), Witness("stranger.example")
TEXT = LOG.note(LOG.size).partition("\n\n")[0] + "\n"


def with_lines(*lines: str) -> bytes:
    receipt = json.loads(PROVED)
    del receipt["signature"]
    receipt["proof"]["checkpoint"] += "".join(lines)
    return signed_receipt(receipt, FIRST.signer)


def cosigned() -> Iterable[Case]:
    """Cosigned receipts and quorums: the first four hold."""
    both = with_lines(ONE.line(TEXT), TWO.line(TEXT))
    vkeys = [ONE.vkey, TWO.vkey]
    yield Case("two of two", both, witnesses=vkeys, quorum=2)
    yield Case("one of two", with_lines(TWO.line(TEXT)), witnesses=vkeys, quorum=1)
    yield Case("a promise waits", PROMISE, witnesses=vkeys, quorum=2)
    yield Case("a stranger beside one of two", with_lines(STRANGER.line(TEXT), ONE.line(TEXT)), witnesses=vkeys, quorum=1)
    yield Case("one of two, and both are wanted", with_lines(TWO.line(TEXT)), witnesses=vkeys, quorum=2)
    yield Case("none", PROVED, witnesses=vkeys, quorum=1)
    yield Case("more than there are", both, witnesses=vkeys, quorum=3)
    yield Case("less than none", both, witnesses=vkeys, quorum=-1)
    yield Case("one twice", with_lines(ONE.line(TEXT), ONE.line(TEXT, 1)), witnesses=vkeys, quorum=1)
    yield Case("one witness named twice", both, witnesses=[ONE.vkey, ONE.vkey], quorum=2)
    yield Case("another text", with_lines(ONE.line(f"{TEXT}x\n")), witnesses=vkeys, quorum=1)
    yield Case("a bare signature", with_lines(ONE.line(TEXT)[:60] + "\n"), witnesses=vkeys, quorum=1)
    yield Case("a stranger alone", with_lines(STRANGER.line(TEXT)), witnesses=vkeys, quorum=1)
    own = Witness(ORIGIN)
    yield Case("the log as its own witness", with_lines(own.line(TEXT)), witnesses=[own.vkey], quorum=1)
    yield Case("the log as its own witness, without a quorum", with_lines(own.line(TEXT)), witnesses=[own.vkey])
    yield Case("at no time", with_lines(ONE.line(TEXT, 0)), witnesses=vkeys)
    yield Case("after all times", with_lines(ONE.line(TEXT, 2**63)), witnesses=vkeys)
    yield Case("a redeemed promise without them", PROMISE, proof=PROOF, witnesses=vkeys, quorum=1)
    log_key = str(VerifierKey("one.example", ONE.key.public_key().public_bytes_raw()))
    yield Case("a log's key as a witness", both, witnesses=[log_key], quorum=1)
    yield Case("a log's key as a witness, and no quorum", PROVED, witnesses=[log_key])


@pytest.mark.spec("issue 31 item 5; decisions.md 23")
def test_a_quorum_of_the_callers_own_witnesses_must_have_cosigned() -> None:
    for number, case in enumerate(cosigned()):
        assert (in_python(case) is not None) == (number < 4), case.name
    assert in_python(next(iter(cosigned()))) == [
        *(corpus.judged(Case("", PROVED)) or []),
        ["one.example", "two.example/witness"],
    ]


@pytest.mark.spec("issue 31 item 5")
def test_the_product_judges_cosignatures_alike() -> None:
    # A promise that nobody could cosign yet; a number of witnesses that there are not; an operator's witness named twice;
    # a key that is no witness's
    apart = {"a promise waits", "less than none", "one witness named twice", "a log's key as a witness"}
    apart |= {"a log's key as a witness, and no quorum"}
    for case in cosigned():
        if case.name in apart:
            continue
        named = [(WitnessKey.read(each), each.partition("+")[0]) for each in case.witnesses]
        policy = WitnessPolicy(known_witnesses(named, origin=ORIGIN), case.quorum)
        try:
            found = verify_receipt(case.octets, read_keys(case.keys), case.proof, policy)
        except SignatureInvalid:
            assert in_python(case) is None, case.name
            continue
        names = [witness.key.name for witness, _ in found.cosigned.witnesses]
        assert in_python(case) == [found.leaf_hash.hex(), found.index, found.size, found.by, names], case.name


# -- the files themselves


@pytest.mark.spec("issue 31 item 5")
def test_each_library_is_one_short_file_that_needs_nothing_of_ours() -> None:
    source = (FOLDER / "ciconia_receipt.py").read_text(encoding="utf-8")
    imported = set(re.findall(r"^\s*(?:import|from)\s+(\w+)", source, re.MULTILINE))
    assert imported - sys.stdlib_module_names == {"cryptography"}
    script = (FOLDER / "ciconia-receipt.mjs").read_text(encoding="utf-8")
    assert not re.findall(r"\b(?:import|require)\b", script.replace("importKey", ""))
    assert max(len(text.splitlines()) for text in (source, script)) < 430


def test_a_refusal_quotes_nothing_of_the_file() -> None:
    said = set()
    for case in itertools.islice(broken(), 0, None, 7):
        try:
            verify(case.octets, case.keys, login=None, proof=case.proof)
        except ReceiptRefused as error:
            said.add(str(error))
    assert len(said) > 20
    assert not [words for words in said if re.search(r"PAIRWISE|parking|[0-9a-f]{8}", words)]
