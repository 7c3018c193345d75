"""A witness: it cosigns a checkpoint that extends every one of that log that it cosigned before (C2SP tlog-witness).

1. the request has its one form: `old SIZE`, at most 63 hashes, an empty line, a checkpoint            else 400
2. the log is one of ours                                                                               else 404
3. a key of that log signed the checkpoint, and no known key's signature fails                          else 403
4. the old size is not above the new one                                                                else 400
5. the old size is that of the newest checkpoint that we cosigned                      else 409, with that size
6. the proof leads from that one to the new one                                                         else 422
7. the new one is on the disk, and then cosigned

A checkpoint that passed 3 is the log's own word. It is kept for ever, whatever follows: another root of its size, today or
in ten years, proves with it that the log shows two trees.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from idp.ledger.checkpoint import MAX_NOTE, MAX_SIZE_DIGITS, TreeHead, VerifierKey, open_note, read_base64, read_signature
from idp.ledger.cosignature import Signer, cosign
from idp.ledger.merkle_tree import EMPTY_ROOT, HASH_BYTES, extends
from idp.witnessing.seen import WitnessMemory
from policies.errors import SignatureInvalid

MAX_PROOF = 63  # C2SP tlog-witness
MAX_REQUEST = MAX_NOTE + 4096
OLD = "old "
SIZE_TYPE = "text/x.tlog.size"
TEXT_TYPE = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class WitnessRequest:
    """The answer to a request."""

    status: int
    body: str
    media_type: str = TEXT_TYPE


class _Refused(Exception):
    """A request that gets no cosignature."""

    def __init__(self, status: int, why: str, *, size: int | None = None) -> None:
        super().__init__(why)
        self.answer = WitnessRequest(status, f"{why}\n") if size is None else WitnessRequest(status, f"{size}\n", SIZE_TYPE)


@dataclass(frozen=True, slots=True)
class Request:
    """A request in its one form."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    @property
    def body(self) -> bytes:
        """Its octets."""
        hashes = "".join(f"{base64.b64encode(each).decode()}\n" for each in self.proof)
        return f"{OLD}{self.old}\n{hashes}\n".encode() + self.note

    @classmethod
    def read(cls, body: bytes) -> "Request":
        """Read a request. Raises `SignatureInvalid`."""
        if len(body) > MAX_REQUEST:
            raise SignatureInvalid("request", "a request that is too long")
        head, gap, note = body.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise SignatureInvalid("request", "a head that is not ASCII") from error
        size = first.removeprefix(OLD)
        if not gap or not first.startswith(OLD) or not size.isdecimal() or len(size) > MAX_SIZE_DIGITS:
            raise SignatureInvalid("request", "it does not begin with `old SIZE` and its proof")
        if str(int(size)) != size or len(lines) > MAX_PROOF:
            raise SignatureInvalid("request", "another spelling of the old size, or a proof of more than 63 hashes")
        proof = tuple(read_base64(line) for line in lines)
        if any(len(each) != HASH_BYTES for each in proof):
            raise SignatureInvalid("request", "a line of the proof is no hash")
        return cls(int(size), proof, note)


class WitnessService:
    """A witness of several logs. `logs` has each log's keys by its origin. For any thread."""

    def __init__(
        self,
        *,
        name: str,
        signers: Sequence[Signer],
        logs: Mapping[str, Sequence[VerifierKey]],
        seen: WitnessMemory,
        clock: Callable[[], int],
    ) -> None:
        if not signers or not all(logs.values()):
            raise ValueError("a witness without a key, or a log without one")
        self._name, self._signers, self._logs, self._seen, self._clock = name, signers, logs, seen, clock

    def add_checkpoint(self, body: bytes) -> WitnessRequest:
        """Answer `add-checkpoint`. Raises `sqlite3.Error` and OSError if the memory fails: then nothing was cosigned."""
        try:
            return self._cosigned(body)
        except _Refused as refused:
            return refused.answer

    def _cosigned(self, body: bytes) -> WitnessRequest:
        # 1. the form
        try:
            request = Request.read(body)
            origin = request.note.split(b"\n", 1)[0].decode()
        except (SignatureInvalid, UnicodeDecodeError) as error:
            raise _Refused(400, "This is no request to add a checkpoint (C2SP tlog-witness).") from error
        # 2. the log
        if origin not in self._logs:
            raise _Refused(404, "This witness does not know the log.")
        # 3. its signature
        try:
            text = open_note(request.note, *self._logs[origin])
        except SignatureInvalid as error:
            raise _Refused(403, "No key of the log that this witness knows signed the checkpoint.") from error
        try:
            head = TreeHead.of_any_log(text)
        except SignatureInvalid as error:
            raise _Refused(400, "The log signed something that is no checkpoint.") from error
        # 4. to 7. the tree, the disk, the cosignature. It goes to nobody unless the transaction is on the disk
        now = self._clock()
        lines = "".join(f"{cosign(self._name, signer, text, now)}\n" for signer in self._signers)
        note = _without_others(request.note, text, self._logs[origin])
        try:
            fork = self._seen.extend(head, note + lines.encode(), now, lambda newest: _judge(request, head, newest))
        except _Refused:
            self._tell(head, fork=self._seen.keep(head, note, now))
            raise
        self._tell(head, fork=fork)
        return WitnessRequest(200, lines)

    @staticmethod
    def _tell(head: TreeHead, *, fork: bool) -> None:
        if fork:
            structlog.get_logger().critical("witness_fork", log=head.origin, size=head.size, fix="ciconia witness show")

    def checkpoint(self, origin_hash: str) -> WitnessRequest:
        """The newest checkpoint of a log, by the SHA-256 of its origin in hex: signed by the log, and by us."""
        for origin in self._logs:
            if (
                hashlib.sha256(origin.encode()).hexdigest() == origin_hash
                and (newest := self._seen.newest(origin)) is not None
            ):
                return WitnessRequest(200, newest.note.decode())
        return WitnessRequest(404, "This witness cosigned no checkpoint of such a log.\n")


def _judge(request: Request, head: TreeHead, newest: TreeHead) -> None:
    """Raise `_Refused` unless the request leads from the newest checkpoint to its own."""
    if request.old > head.size:
        raise _Refused(400, "The old size is above the checkpoint's.")
    if request.old != newest.size:
        raise _Refused(409, "", size=newest.size)
    empty = head.size == 0 and head.root != EMPTY_ROOT
    if empty or not extends(newest.size, newest.root, head.size, head.root, request.proof):
        raise _Refused(422, "The proof does not lead from the tree that this witness cosigned last to this one.")


def _without_others(note: bytes, text: str, keys: Sequence[VerifierKey]) -> bytes:
    """The note with the log's own signature lines alone: nobody checked the others."""
    known = {(key.name, key.key_id) for key in keys}
    lines = note.decode().removeprefix(f"{text}\n").splitlines(keepends=True)
    own = [line for line in lines if read_signature(line.removesuffix("\n"))[:2] in known]
    return f"{text}\n{''.join(own)}".encode()
