"""Asks one witness for its cosignature over our newest checkpoint (the client of C2SP tlog-witness).

1. the request names the size that the witness cosigned last, and proves that our tree extends that
2. 409 names another size: asked once more from there, but never from a smaller one than it cosigned before
3. the answer has its signature line, which holds, and whose time is now
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from connectors.addresses import FetchError
from connectors.fetch import Channel, HttpAnswer
from idp.ledger.checkpoint import MAX_SIGNATURES, MAX_SIZE_DIGITS, SIGNATURE_MARK, read_signature
from idp.ledger.cosignature import OperatorWitness, WitnessPolicy
from idp.witnessing.witness import SIZE_TYPE, Request
from policies.errors import SignatureInvalid

ANSWER_SECONDS = 5.0
MAX_ANSWER = 64 * 1024
# Clocks of two operators. A time far ahead would count as fresh for long
APART_SECONDS = 300
OK, CONFLICT = 200, 409
_SAYS = {
    400: "it takes our request for none",
    403: "it does not know the key that signed our checkpoint",
    404: "it does not know our log",
    422: "our tree does not extend the one that it cosigned: it saw another one",
}
# The operator's next step for each code
FIXES = {
    "witness_refused": "give the witness's operator this log's /log/vkey",
    "witness_unproved": "ciconia ledger verify, and ask the witness's operator for the checkpoint that it has",
    "witness_ahead": "ciconia ledger verify: is this an older database?",
    "witness_went_back": "ask the witness's operator: its memory is lost, or older than it was",
    "witness_unreachable": "look at the network between, or ask the witness's operator",
    "witness_lies": "ask the witness's operator",
}


class WitnessFailed(Exception):
    """A witness gave no cosignature. `code` is a stable name of `FIXES`, `detail` a sentence for operators."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


@dataclass(frozen=True, slots=True)
class CheckpointAsked:
    """A checkpoint to be cosigned: its note's octets and text, its size, and the proof from a smaller tree to it."""

    note: bytes
    text: str
    size: int
    prove: Callable[[int], Sequence[bytes]]


def ask(
    witness: OperatorWitness, url: str, channel: Channel, asked: CheckpointAsked, *, known: int, now: int
) -> tuple[str, int]:
    """The witness's signature line over a checkpoint, and its time. Raises `WitnessFailed`.

    `known` is the size of the newest checkpoint of ours that it cosigned, 0 if none is known.
    """
    try:
        answer = _sent(url, channel, asked, known)
        if answer.status == CONFLICT:
            answer = _sent(url, channel, asked, _named(answer, asked.size, known))
    except FetchError as error:
        raise WitnessFailed("witness_unreachable", f"{error.detail}") from error
    if answer.status != OK:
        said = _SAYS.get(answer.status, f"it answers {answer.status}")
        code = {422: "witness_unproved", 403: "witness_refused", 404: "witness_refused", 400: "witness_refused"}
        raise WitnessFailed(code.get(answer.status, "witness_unreachable"), f"{said}.")
    return _cosignature(witness, answer.body, asked.text, now)


def _sent(url: str, channel: Channel, asked: CheckpointAsked, old: int) -> HttpAnswer:
    body = Request(old, tuple(asked.prove(old)), asked.note).body
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    return channel.ask(f"{url}/add-checkpoint", content=body, headers=headers, limit=MAX_ANSWER, timeout=ANSWER_SECONDS)


def _named(answer: HttpAnswer, size: int, known: int) -> int:
    """The size that a conflict names, from which we may prove. Raises `WitnessFailed`."""
    text = answer.body.decode("ascii", "replace").removesuffix("\n")
    if answer.headers.get("content-type") != SIZE_TYPE or not text.isdecimal() or len(text) > MAX_SIZE_DIGITS:
        raise WitnessFailed("witness_lies", "it says that it has another tree, and not of which size.")
    named = int(text)
    if named < known:
        raise WitnessFailed("witness_went_back", f"it cosigned {known} leaves of ours, and now says that it knows {named}.")
    if named > size:
        raise WitnessFailed("witness_ahead", f"it says that it cosigned {named} leaves, and we have {size}.")
    if named == known:
        raise WitnessFailed("witness_lies", f"it says that it has {named} leaves, and refuses a proof from there.")
    return named


def _cosignature(witness: OperatorWitness, body: bytes, text: str, now: int) -> tuple[str, int]:
    """The witness's own line of an answer, and its time. Other lines are strangers'."""
    try:
        lines = body.decode("utf-8").removesuffix("\n").split("\n")[: MAX_SIGNATURES + 1]
        own = [line for line in lines if read_signature(line)[:2] == (witness.key.name, witness.key.key_id)]
        cosigned = WitnessPolicy((witness,)).judge(text, own)
    except (UnicodeDecodeError, SignatureInvalid) as error:
        raise WitnessFailed("witness_lies", "its answer has no cosignature that holds.") from error
    if not cosigned.witnesses or len(lines) > MAX_SIGNATURES or not own[0].startswith(SIGNATURE_MARK):
        raise WitnessFailed("witness_lies", "its answer has no cosignature of the key that is set for it.")
    time = cosigned.witnesses[0][1]
    if abs(time - now) > APART_SECONDS:
        raise WitnessFailed("witness_lies", f"its cosignature says a time {abs(time - now)} seconds from our clock's.")
    return own[0], time
