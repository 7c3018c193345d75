"""Check a service's receipt of a Ciconia broker: one file to copy. It needs Python 3.11 and `cryptography`, and no network.

    found = verify(octets, keys, login=id_token_claims)     # raises ReceiptRefused
    if found.index is None:                                 # promised by found.by: later ask /log/proof?leaf=, and then
        found = verify(octets, keys, login=id_token_claims, proof=answer)

`keys` is the text of /log/vkey, which you fetched before and keep. The broker's docs/receipt-format.md has every rule; the
numbers in brackets are its sections. `ciconia-receipt.mjs` is the same for JavaScript. Licence: Apache-2.0.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any  # JSON as it comes

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z
_COUNT = r"0|[1-9][0-9]{0,18}"
_LOG_KEY, _WITNESS_KEY = 1, 4  # types of C2SP signed-note and tlog-cosignature
_NO_CONSENT = "This release does not rest on consent, so there is no consent to withdraw."
_OBJECT = f"{_NO_CONSENT} One can object to the processing at the controller (GDPR Article 21)."
_WITHDRAWAL = {
    "consent": "Consent can be withdrawn at any time, at the controller. "
    "What was done until then remains lawful (GDPR Article 7(3)).",
    "contract": _NO_CONSENT,
    "legal_obligation": _NO_CONSENT,
    "vital_interests": _NO_CONSENT,
    "public_task": _OBJECT,
    "legitimate_interests": _OBJECT,
}
# Type and state of the event: a service's receipt does not open how it was decided, so it may have any
_CONSENTED = {("expressed consent", "given"), ("release of what was consented to before", "given before")}
_APPROVED = {
    ("approval of a release that does not rest on consent", "approved"),
    ("information about a release that does not rest on consent", "informed"),
    ("release of what was approved before, and does not rest on consent", "approved before"),
}
_MEMBERS = {"v", "for", "log", "leaf", "openings", "record", "proof", "promise", "signature"}
_CONTENTS = {
    "login": {"aud", "iss", "nonce", "sub"},
    "sent": {"basis", "client", "loa", "names", "policy", "purpose", "record", "time"},
}
_RECORD = {"schema_version", "record_id", "receipt_id", "pii_principal_id", "processing", "events"}
_PROCESSING = {
    *("privacy_notice", "purposes", "pii_information", "collection_method", "pii_controllers"),
    *("recipient_third_parties", "jurisdiction", "retention_period", "storage_locations", "withdrawal_method"),
}
_COMPARTMENTS = ("decision", "login", "sent", "subject", "values")
_COMMITMENTS = ",".join(f'"{name}":"([^"]*)"' for name in _COMPARTMENTS)
_LEAF = re.compile(rf'\{{"commitments":\{{{_COMMITMENTS}\}},"tag":"([^"]*)","v":1\}}')


class ReceiptRefused(ValueError):
    """A rule of the format does not hold. The text says which, and quotes nothing of the file."""


@dataclass(frozen=True, slots=True)
class CheckedReceipt:
    """A receipt whose every rule held. `sent` has record, client, purpose, basis, level, time, and names with their forms.

    `index` and `size` are the leaf's place and the tree's size. A promise has neither, but `by`: the time until which the
    log may take. `cosigned` names those of your witnesses that cosigned the checkpoint.
    """

    log: str
    sent: Mapping[str, Any]
    leaf_hash: str
    index: int | None = None
    size: int | None = None
    by: int | None = None
    cosigned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Key:
    name: str
    key_id: bytes
    kind: int
    public: Ed25519PublicKey


def verify(
    octets: bytes,
    keys: str,
    *,
    login: Mapping[str, object] | None,
    proof: bytes | None = None,
    witnesses: Sequence[str] = (),
    quorum: int = 0,
) -> CheckedReceipt:
    """Check a receipt, and that it is of your login.

    `login` has the claims of the ID token that you checked before: `iss`, `aud`, `sub`, and your request's `nonce`. Over
    SAML: the broker's address, your id there, the pairwise-id before its `@`, and the ID of your request. None compares
    nothing: that is for those who had no login, such as auditors.

    `proof` is the answer of /log/proof to a promise. `quorum` of the `witnesses` (C2SP verifier keys of type 4, one of each
    operator) must have cosigned the checkpoint. Lines of other witnesses count for nothing. Raises `ReceiptRefused`.
    """
    receipt = _read(octets)
    log, counting = _read_keys(keys)
    trusted = [_read_key(each, _WITNESS_KEY) for each in witnesses]
    _must(0 <= quorum <= len({each.name for each in trusted} - {log}), "a quorum that these witnesses cannot reach")
    _has_members(receipt, _MEMBERS)
    _must((receipt["v"], receipt["for"], receipt["log"]) == (1, "relying_party", log), "another version, holder or log")
    signature = _decoded(receipt.pop("signature"), 64)
    message = b"ciconia/receipt/v1\n" + _jcs(receipt).encode()
    _must(any(_holds(key, signature, message) for key in counting), "no key of the log signed it")
    leaf = _decoded(receipt["leaf"], None)
    committed, sent = _openings(receipt["openings"], _commitments(leaf))
    _check_record(receipt["record"], sent, committed["sub"])
    _check_login(committed, login)
    hashed = hashlib.sha256(b"\0" + leaf).digest()
    index, size, by, cosigned = _standing(receipt, hashed, proof, [*counting, *trusted])
    _must(by is not None or len(cosigned) >= quorum, "fewer witnesses cosigned than the quorum")
    return CheckedReceipt(log, sent, hashed.hex(), index, size, by, cosigned)


def check_values(octets: bytes, values: Mapping[str, object]) -> None:
    """Check that a receipt that held commits to these values, by the names of `sent`. Raises `ReceiptRefused`."""
    receipt = _read(octets)
    nonce = _decoded(receipt["openings"]["values"]["nonce"])
    found = hmac.digest(nonce, _jcs(dict(values)).encode(), "sha256")
    _must(hmac.compare_digest(found, _commitments(_decoded(receipt["leaf"], None))["values"]), "it commits to other values")


def _must(holds: object, what: str) -> None:
    if not holds:
        raise ReceiptRefused(what)


def _has_members(value: Any, names: set[str]) -> None:
    _must(isinstance(value, dict) and set(value) == names, "an object with other members than the format has")


def _decoded(text: Any, size: int | None = 32) -> bytes:
    _must(isinstance(text, str), "not a text")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ReceiptRefused("not base64") from None
    _must(base64.b64encode(data).decode() == text and size in {None, len(data)}, "base64 of another spelling or size")
    return data


def _jcs(value: Any) -> str:
    """The canonical spelling (RFC 8785) of texts, whole numbers, truth values, null, lists and objects."""
    if isinstance(value, dict):
        ordered = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_jcs(name)}:{_jcs(value[name])}" for name in ordered) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_jcs, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _read(octets: bytes) -> dict[str, Any]:
    """[1] The file."""
    _must(len(octets) <= 262_144, "too large")
    hooks: dict[str, Any] = dict.fromkeys(("parse_int", "parse_float", "parse_constant"), _number)
    try:
        text = octets.decode()
        found = json.loads(text, object_pairs_hook=_members, **hooks)
        canonical = f"{_jcs(found)}\n".encode()
    except (ValueError, RecursionError):
        raise ReceiptRefused("not strict JSON of texts and whole numbers") from None
    _must(isinstance(found, dict) and canonical == octets, "not one object in its canonical spelling")
    words = re.findall("[a-z]+", re.sub(r'"(?:[^"\\]|\\.)*"', "", text))
    _must(words == ["null"], "a truth value, or another null than that of proof or promise")
    return dict(found)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _must(len(found := dict(pairs)) == len(pairs), "a member twice")
    return found


def _number(text: str) -> int:
    _must(text.isdecimal() and len(text) <= 16 and int(text) <= 2**53 - 1, "a number that is not whole, or too large")
    return int(text)


def _read_keys(text: str) -> tuple[str, list[_Key]]:
    """[2] The log's name, and its keys that are not revoked."""
    listed: list[tuple[str, _Key, list[str]]] = []
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("— ") and listed:
            listed[-1][2].append(line)
        else:
            listed.append((line, _read_key(line.removeprefix("revoked "), _LOG_KEY), []))
    keys = [key for _, key, _ in listed]
    _must(len({key.name for key in keys}) == 1 and len(keys) <= 1000, "keys of two logs, or more than a log has")
    _must(len({line.removeprefix("revoked ") for line, *_ in listed}) == len(keys), "a key twice")
    before, over = keys[0], "ciconia/log-keys/v1\n"
    for line, key, lines in listed:
        over += line.removeprefix("revoked ") + "\n"
        signed = [_signer(each, [before, key]) for each in lines]
        _must(all(each and _holds(each, data, over.encode()) for each, data in signed), "another key vouches for a key")
        ids = [each.key_id for each, _ in signed if each]
        _must(len(set(ids)) == len(ids), "a key vouches twice")
        _must(key == before or before.key_id in ids, "the key before does not vouch for a key")
        before = key if key.key_id in ids else before
    counting = [key for line, key, _ in listed if not line.startswith("revoked ")]
    _must(counting, "every key of the log is revoked")
    return before.name, counting


def _read_key(vkey: str, kind: int) -> _Key:
    name, _, rest = vkey.partition("+")
    key_id, _, encoded = rest.partition("+")
    octets = _decoded(encoded, 33)
    _must(name and name.isprintable() and " " not in name and octets[0] == kind, "a key without a name, or of another kind")
    expected = hashlib.sha256(name.encode() + b"\n" + octets).digest()[:4]
    _must(expected.hex() == key_id, "a key whose id is another's")
    return _Key(name, expected, kind, Ed25519PublicKey.from_public_bytes(octets[1:]))


def _signer(line: str, keys: Sequence[_Key]) -> tuple[_Key | None, bytes]:
    """The key that a signature line names, None if it is none of these; and the signature."""
    mark, name, encoded = line.split(" ") if line.count(" ") == 2 else ("", "", "")
    data = _decoded(encoded, None)
    _must(mark == "—" and name and name.isprintable() and "+" not in name and len(data) > 4, "not a signature line")
    return next((key for key in keys if (key.name, key.key_id) == (name, data[:4])), None), data[4:]


def _holds(key: _Key, signature: bytes, message: bytes) -> bool:
    if key.kind == _WITNESS_KEY:
        time, signature = int.from_bytes(signature[:8]), signature[8:]
        message = f"cosignature/v1\ntime {time}\n".encode() + message
        _must(0 < time < 2**63, "a cosignature without a time")
    try:
        key.public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _commitments(leaf: bytes) -> dict[str, bytes]:
    """[4] The leaf."""
    found = _LEAF.fullmatch(leaf.decode("ascii", "replace"))
    _must(found, "not a leaf")
    return dict(zip(_COMPARTMENTS, map(_decoded, found.groups() if found else ()), strict=False))


def _openings(given: Any, committed: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, Any]]:
    """[5] The contents of `login` and `sent`."""
    _has_members(given, {*_CONTENTS, "values"})
    _has_members(given["values"], {"nonce"})
    _decoded(given["values"]["nonce"])
    for name, members in _CONTENTS.items():
        _has_members(given[name], {"nonce", "content"})
        content = given[name]["content"]
        _has_members(content, members)
        found = hmac.digest(_decoded(given[name]["nonce"]), _jcs(content).encode(), "sha256")
        _must(found == committed[name], "an opening does not open its commitment")
        for member, value in content.items():
            kind = int if member == "time" else list if member == "names" else str
            _must(type(value) is kind, "a member of another kind")
    login, sent = given["login"]["content"], given["sent"]["content"]
    _must(sent["basis"] in _WITHDRAWAL and sent["loa"] in {"low", "substantial", "high"}, "no known basis or level")
    _must(re.fullmatch("[0-9a-f]{32}", sent["record"]), "no id of a record")
    _must(all(isinstance(each, list) and [*map(type, each)] == [str, str] for each in sent["names"]), "no pairs of names")
    told = [each for each in sent.values() if isinstance(each, str)] + [each for pair in sent["names"] for each in pair]
    _must(all(each.isprintable() for each in told), "a sign that is not printable")
    _must(login["aud"] == sent["client"], "a login at another relying party")
    return login, sent


def _check_login(committed: Mapping[str, str], login: Mapping[str, object] | None) -> None:
    """Compare the login that the log committed to with the one that the service saw."""
    seen = {"nonce": "", **(committed if login is None else login)}
    for name in ("iss", "aud", "sub", "nonce"):
        same = seen.get(name) == committed[name] or (name == "aud" and seen.get(name) == [committed[name]])
        _must(same, f"it is of another login than yours: {name} differs")


def _check_record(record: Any, sent: Mapping[str, Any], sub: str) -> None:
    """[6] The readable record."""
    _has_members(record, _RECORD)
    said = record["processing"]
    _has_members(said, _PROCESSING)
    lists = (said["purposes"], said["recipient_third_parties"], record["events"])
    _must(all(isinstance(each, list) and [*map(type, each)] == [dict] for each in lists), "not a list of one object")
    (purpose,), (recipient,), (event,) = lists
    _has_members(event, {"event_time", "event_type", "event_state"})
    equal = [
        (record["schema_version"], "ciconia/receipt/v1, with names after ISO/IEC TS 27560:2023"),
        (record["record_id"], sent["record"]),
        (record["receipt_id"], f"{sent['record']}/relying_party"),
        (record["pii_principal_id"], sub),
        (said["privacy_notice"], "as shown to the citizen; its hash is in the citizen's receipt"),
        (purpose.get("purpose"), sent["purpose"]),
        (purpose.get("lawful_basis"), sent["basis"]),
        (recipient.get("party_id"), sent["client"]),
        (said["withdrawal_method"], _WITHDRAWAL[sent["basis"]]),
        (event["event_time"], _time_text(sent["time"])),
    ]
    _must(all(words == opening for words, opening in equal), "the readable record differs from what it opens")
    known = _CONSENTED if sent["basis"] == "consent" else _APPROVED
    _must([event["event_type"], event["event_state"]] in [[*each] for each in known], "an event of another basis")
    listed = said["pii_information"]
    _must(isinstance(listed, list) and len(listed) == len(sent["names"]), "more or fewer attributes than it opens")
    for each, pair in zip(listed, sent["names"], strict=True):
        _has_members(each, {"attribute", "pii_type", "pii_attribute_id"})
        _must([each["attribute"], each["pii_type"]] == pair, "another attribute or form than it opens")


def _time_text(seconds: Any) -> str:
    _must(type(seconds) is int and seconds <= _LAST_SECOND, "not a time")
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_Standing = tuple[int | None, int | None, int | None, tuple[str, ...]]


def _standing(receipt: Mapping[str, Any], hashed: bytes, proof: bytes | None, keys: Sequence[_Key]) -> _Standing:
    """[7, 8] The index and the tree's size, or the time of a promise; and the witnesses that cosigned."""
    given, promise, log = receipt["proof"], receipt["promise"], receipt["log"]
    _must((given is None) != (promise is None), "not exactly one of proof and promise")
    if given is not None:
        _has_members(given, {"index", "path", "checkpoint"})
        found = _placed(hashed, (given["index"], given["path"], given["checkpoint"]), log, keys)
    else:
        _has_members(promise, {"leaf_hash", "by"})
        _must(_decoded(promise["leaf_hash"]) == hashed, "a promise of another leaf")
        _time_text(promise["by"])
        found = None, None, promise["by"], ()
    return found if proof is None else _placed(hashed, _read_proof(proof), log, keys)


def _placed(hashed: bytes, proof: tuple[Any, Any, Any], log: str, keys: Sequence[_Key]) -> _Standing:
    index, path, checkpoint = proof
    _must(type(index) is int and isinstance(path, list) and len(path) <= 63, "not a proof")
    size, root, cosigned = _read_checkpoint(checkpoint, log, keys)
    _must(index < size, "an index beyond the tree")
    fn, sn, found = index, size - 1, hashed
    for step in path:
        p = _decoded(step)
        _must(sn != 0, "too long a path")
        if fn % 2 or fn == sn:
            found = hashlib.sha256(b"\1" + p + found).digest()
            while fn % 2 == 0 and fn:
                fn, sn = fn // 2, sn // 2
        else:
            found = hashlib.sha256(b"\1" + found + p).digest()
        fn, sn = fn // 2, sn // 2
    _must(sn == 0 and found == root, "the path does not lead from the leaf to the checkpoint's root")
    return index, size, None, cosigned


def _read_checkpoint(note: Any, log: str, keys: Sequence[_Key]) -> tuple[int, bytes, tuple[str, ...]]:
    """The tree's size and root, and the witnesses that cosigned."""
    _must(isinstance(note, str) and len(note.encode()) <= 65_536, "too large a checkpoint")
    lines = note.split("\n")
    _must(6 <= len(lines) <= 105 and lines[3] == lines[-1] == "", "not the lines of a checkpoint")
    _must(lines[0] == log and re.fullmatch(_COUNT, lines[1]), "a checkpoint of another log, or without a size")
    text = "".join(f"{line}\n" for line in lines[:3]).encode()
    signed = [_signer(line, keys) for line in lines[4:-1]]
    _must(all(key is None or _holds(key, data, text) for key, data in signed), "a checkpoint's signature does not hold")
    _must(sum(line.startswith(f"— {log} ") for line in lines) == 1, "the log did not sign a checkpoint once")
    witnesses = [key.name for key, _ in signed if key and key.kind == _WITNESS_KEY]
    own = any(key and key.kind == _LOG_KEY for key, _ in signed)
    _must(own and len(set(witnesses)) == len(witnesses), "no key of the log signed a checkpoint, or a witness did twice")
    return int(lines[1]), _decoded(lines[2]), tuple(witnesses)


def _read_proof(octets: bytes) -> tuple[int, list[str], str]:
    """Index, path and checkpoint of a C2SP tlog-proof."""
    _must(len(octets) <= 69_632, "too large a proof")
    head, gap, checkpoint = octets.decode("utf-8", "replace").partition("\n\n")
    first, number, *path = [*head.split("\n"), ""]
    _must(gap and first == "c2sp.org/tlog-proof@v1" and re.fullmatch(f"index ({_COUNT})", number), "not a tlog-proof")
    return int(number.removeprefix("index ")), path[:-1], checkpoint
