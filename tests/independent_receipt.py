"""A second verifier of receipts, written from docs/receipt-format.md alone, on the standard library and pyca's Ed25519.

It shares no code with the product. `python -m tests.independent_receipt RECEIPT VKEY [PROOF]` prints the leaf's place, or
that it is promised, or why the receipt is refused. Numbers in brackets are the sections of that page.
"""

import base64
import binascii
import hashlib
import hmac
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any  # JSON as it comes

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MOST = 2**53 - 1
HEX = re.compile(r"[0-9a-f]+")
NO_CONSENT = "This release does not rest on consent, so there is no consent to withdraw."
OBJECT = f"{NO_CONSENT} One can object to the processing at the controller (GDPR Article 21)."
GIVEN = ("expressed consent", "given")
APPROVED = ("approval of a release that does not rest on consent", "approved")
EVENTS = {
    "page": (GIVEN, APPROVED),
    "informed": (GIVEN, ("information about a release that does not rest on consent", "informed")),
    "remembered": (GIVEN, APPROVED),
    "offline": (
        ("release of what was consented to before", "given before"),
        ("release of what was approved before, and does not rest on consent", "approved before"),
    ),
}
EVENTS |= dict.fromkeys(("unasked", "silent"), EVENTS["offline"])
WITHDRAWAL = {
    "consent": "Consent can be withdrawn at any time, at the controller. "
    "What was done until then remains lawful (GDPR Article 7(3)).",
    "contract": NO_CONSENT,
    "legal_obligation": NO_CONSENT,
    "vital_interests": NO_CONSENT,
    "public_task": OBJECT,
    "legitimate_interests": OBJECT,
}
CONTENTS = {
    "sent": {"basis", "client", "loa", "names", "policy", "purpose", "record", "time"},
    "login": {"aud", "iss", "nonce", "sub"},
    "decision": {"asked", "bits", "kind", "notice", "path", "record", "source", "time", "unknown", "withheld"},
    "subject": {"record", "subject"},
}
LISTS = ("asked", "authorities", "names", "sources", "transfer", "unknown", "withheld")
OPENED = {"citizen": ("decision", "login", "sent", "subject"), "relying_party": ("login", "sent")}
PROCESSING = {
    *("privacy_notice", "purposes", "pii_information", "collection_method", "pii_controllers"),
    *("recipient_third_parties", "jurisdiction", "retention_period", "storage_locations", "withdrawal_method"),
}
LEAF = re.compile(
    r'\{"commitments":\{"decision":"([^"]*)","login":"([^"]*)","sent":"([^"]*)","subject":"([^"]*)","values":"([^"]*)"\},'
    r'"tag":"([^"]*)","v":1\}'
)

Key = tuple[bytes, Ed25519PublicKey]


class Refused(Exception):
    """A rule of the page does not hold."""


def must(holds: object, what: str) -> None:
    if not holds:
        raise Refused(what)


def decoded(text: Any, size: int | None = 32) -> bytes:
    """Base64 in its one spelling."""
    must(type(text) is str, "not a text of base64")
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused("not base64") from None
    must(base64.b64encode(data).decode() == text, "base64 in another spelling")
    must(size is None or len(data) == size, "base64 of another size")
    return data


# -- [1] the file


def jcs(value: Any) -> str:
    if isinstance(value, dict):
        ordered = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{jcs(name)}:{jcs(value[name])}" for name in ordered) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(jcs, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def canonical(value: Any) -> bytes:
    return jcs(value).encode()


def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    must(len({name for name, _ in pairs}) == len(pairs), "a member twice")
    return dict(pairs)


def number(text: str) -> int:
    must(text.isdecimal() and int(text) <= MOST, "a number that is not whole, below 0 or too large")
    return int(text)


def no_fraction(_text: str) -> None:
    raise Refused("a number with a fraction")


def read(octets: bytes) -> dict[str, Any]:
    must(len(octets) <= 262_144, "too large")
    try:
        found = json.loads(
            octets, object_pairs_hook=members, parse_int=number, parse_float=no_fraction, parse_constant=no_fraction
        )
        same = canonical(found) + b"\n" == octets
    except (ValueError, RecursionError):
        raise Refused("not JSON") from None
    must(isinstance(found, dict) and same, "not one object in its canonical spelling")
    must(not any(map(has_no_kind, found.values())), "a truth value, or null below the first members")
    return dict(found)


def has_no_kind(value: Any) -> bool:
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        return any(each is None or has_no_kind(each) for each in inside)
    return isinstance(value, bool)


# -- [2] the keys


def read_keys(text: str) -> tuple[str, list[Key]]:
    """The log's name, and its keys that are not revoked, each with its id."""
    lines = text.removesuffix("\n").split("\n")
    listed: list[tuple[str, bool, list[str]]] = []
    for line in lines:
        if line.startswith("— "):
            must(listed, "a signature line above all keys")
            listed[-1][2].append(line)
        else:
            listed.append((line.removeprefix("revoked "), line.startswith("revoked "), []))
    names, found, over = set(), [], "ciconia/log-keys/v1\n"
    before: Key | None = None
    seen: set[str] = set()
    for vkey, revoked, signatures in listed:
        name, key = read_key(vkey)
        must(vkey not in seen, "a key twice")
        seen.add(vkey)
        names.add(name)
        over += f"{vkey}\n"
        signers = {key[0]: key[1]} if before is None else {key[0]: key[1], before[0]: before[1]}
        signed = [signature_line(line, name, signers, over.encode()) for line in signatures]
        must(len(set(signed)) == len(signed), "a key signed twice")
        must(before is None or before[0] in signed, "the key before does not vouch")
        if before is None or key[0] in signed:
            before = key
        found += [] if revoked else [key]
    must(len(names) == 1, "keys of two logs")
    must(found, "no key that is not revoked")
    return names.pop(), found


def read_key(vkey: str) -> tuple[str, Key]:
    parts = vkey.split("+", 2)
    must(len(parts) == 3, "not a key")
    name, key_id, encoded = parts
    must(name and name.isprintable() and not any(sign.isspace() for sign in name), "not a log's name")
    octets = decoded(encoded, 33)
    must(octets[0] == 1, "a key of another kind")
    expected = hashlib.sha256(name.encode() + b"\n" + octets).digest()[:4]
    must(expected.hex() == key_id, "a key whose id is another's")
    return name, (expected, Ed25519PublicKey.from_public_bytes(octets[1:]))


def signature_line(line: str, name: str, signers: dict[bytes, Ed25519PublicKey], message: bytes) -> bytes:
    """The id of the key that signed."""
    parts = line.split(" ")
    must(len(parts) == 3 and parts[0] == "—" and parts[1] == name, "not a signature line of this log")
    data = decoded(parts[2], 68)
    must(data[:4] in signers, "a signature of another key")
    holds(signers[data[:4]], data[4:], message)
    return data[:4]


def holds(key: Ed25519PublicKey, signature: bytes, message: bytes) -> None:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        raise Refused("a signature does not hold") from None


# -- [3] to [8]


def check(octets: bytes, keys: str, proof: bytes | None = None) -> int | None:
    """The leaf's place; None where it is promised, and no proof was given. Raises `Refused`."""
    receipt = read(octets)
    name, counting = read_keys(keys)
    has_members(receipt, {"v", "for", "log", "leaf", "openings", "record", "proof", "promise", "signature"})
    must(receipt["v"] == 1 and receipt["for"] in OPENED and receipt["log"] == name, "another version, holder or log")
    signature = decoded(receipt["signature"], 64)
    unsigned = {member: value for member, value in receipt.items() if member != "signature"}
    signed_by_one(counting, signature, b"ciconia/receipt/v1\n" + canonical(unsigned))
    leaf = decoded(receipt["leaf"], None)
    opened = openings(receipt["openings"], receipt["for"], commitments(leaf))
    readable(receipt["record"], receipt["for"], opened)
    must((receipt["proof"] is None) != (receipt["promise"] is None), "not exactly one of proof and promise")
    hashed = hashlib.sha256(b"\0" + leaf).digest()
    index = None
    if receipt["proof"] is not None:
        has_members(receipt["proof"], {"index", "path", "checkpoint"})
        given = receipt["proof"]
        index = placed(hashed, (given["index"], given["path"], given["checkpoint"]), name, counting)
    else:
        has_members(receipt["promise"], {"leaf_hash", "by"})
        must(decoded(receipt["promise"]["leaf_hash"]) == hashed, "a promise of another leaf")
        time_text(receipt["promise"]["by"])
    if proof is not None:
        index = placed(hashed, tlog_proof(proof), name, counting)
    return index


def check_values(octets: bytes, values: dict[str, Any]) -> None:
    """Raise `Refused` where these are not the values that a receipt, which was checked before, commits to."""
    receipt = read(octets)
    committed = commitments(decoded(receipt["leaf"], None))["values"]
    nonce = decoded(receipt["openings"]["values"]["nonce"])
    must(set(values) == {each for each, _ in receipt["openings"]["sent"]["content"]["names"]}, "other names")
    must(hmac.digest(nonce, canonical(values), "sha256") == committed, "other values")


def has_members(value: Any, names: set[str]) -> None:
    must(isinstance(value, dict) and set(value) == names, f"not an object of exactly {sorted(names)}")


def signed_by_one(keys: list[Key], signature: bytes, message: bytes) -> None:
    for _, key in keys:
        try:
            return holds(key, signature, message)
        except Refused:
            continue
    raise Refused("no key of the log signed it")


def commitments(leaf: bytes) -> dict[str, bytes]:
    found = LEAF.fullmatch(leaf.decode("ascii", "replace"))
    must(found, "not a leaf")
    parts = [decoded(each) for each in found.groups()] if found else []
    return dict(zip(("decision", "login", "sent", "subject", "values"), parts, strict=False))


def openings(given: Any, holder: str, committed: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    has_members(given, {*OPENED[holder], "values"})
    has_members(given["values"], {"nonce"})
    must((holder, given["values"]["nonce"]) == ("citizen", "") or decoded(given["values"]["nonce"]), "no nonce")
    opened = {}
    for name in OPENED[holder]:
        has_members(given[name], {"nonce", "content"})
        content = given[name]["content"]
        has_members(
            content,
            CONTENTS[name] | ({"authorities", "sources", "transfer"} & set(content) if name == "decision" else set()),
        )
        found = hmac.digest(decoded(given[name]["nonce"]), canonical(content), "sha256")
        must(found == committed[name], f"{name} does not open its commitment")
        for member, value in content.items():
            kind = int if member == "time" else list if member in LISTS else str
            must(type(value) is kind, f"{name}.{member} is of another kind")
        opened[name] = content
    sent, login = opened["sent"], opened["login"]
    must(sent["basis"] in WITHDRAWAL and sent["loa"] in ("low", "substantial", "high"), "no basis or level")
    must(len(sent["record"]) == 32 and HEX.fullmatch(sent["record"]), "no id of a record")
    must(all(is_pair(each) for each in sent["names"]), "a name without a form")
    told = [each for each in sent.values() if type(each) is str] + [each for pair in sent["names"] for each in pair]
    must(all(each.isprintable() for each in told), "a sign that is not printable")
    must(login["aud"] == sent["client"], "a login at another relying party")
    if holder == "citizen":
        decision, subject = opened["decision"], opened["subject"]
        must({decision["record"], subject["record"]} == {sent["record"]}, "openings of two records")
        must(decision["time"] == sent["time"] and decision["kind"] == "release", "of another time, or no release")
    return opened


def is_pair(value: Any) -> bool:
    return isinstance(value, list) and [type(each) for each in value] == [str, str]


def readable(record: Any, holder: str, opened: dict[str, dict[str, Any]]) -> None:
    has_members(record, {"schema_version", "record_id", "receipt_id", "pii_principal_id", "processing", "events"})
    said, sent = record["processing"], opened["sent"]
    has_members(said, PROCESSING)
    notice = "as shown to the citizen; its hash is in the citizen's receipt"
    words = {path: pair[sent["basis"] != "consent"] for path, pair in EVENTS.items()}
    if holder == "citizen":
        must(opened["decision"]["path"] in words, "decided in no way that is known")
        words = {"": words[opened["decision"]["path"]]}
    kind, state = next((each for each in words.values() if record["events"] == [event(sent, *each)]), ("", ""))
    purpose, recipient = only(said["purposes"]), only(said["recipient_third_parties"])
    equal = [
        (record["schema_version"], "ciconia/receipt/v1, with names after ISO/IEC TS 27560:2023"),
        (record["record_id"], sent["record"]),
        (record["receipt_id"], f"{sent['record']}/{holder}"),
        (record["pii_principal_id"], opened["login"]["sub"]),
        (said["privacy_notice"], opened["decision"]["notice"] if holder == "citizen" else notice),
        (purpose.get("purpose"), sent["purpose"]),
        (purpose.get("lawful_basis"), sent["basis"]),
        (recipient.get("party_id"), sent["client"]),
        (said["withdrawal_method"], WITHDRAWAL[sent["basis"]]),
        (record["events"], [event(sent, kind, state)]),
    ]
    for words, opening in equal:
        must(words == opening, "the readable record says something else than what it opens")
    listed = said["pii_information"]
    must(isinstance(listed, list) and len(listed) == len(sent["names"]), "more or fewer attributes")
    for each, (name, form) in zip(listed, sent["names"], strict=True):
        has_members(each, {"attribute", "pii_type", "pii_attribute_id"})
        must((each["attribute"], each["pii_type"]) == (name, form), "another attribute or form")


def event(sent: dict[str, Any], kind: str, state: str) -> dict[str, str]:
    return {"event_time": time_text(sent["time"]), "event_type": kind, "event_state": state}


def only(value: Any) -> dict[str, Any]:
    must(isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict), "not a list of one object")
    return dict(value[0])


def time_text(seconds: Any) -> str:
    must(type(seconds) is int, "not a time")
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        raise Refused("a time that no calendar has") from None


def placed(hashed: bytes, proof: tuple[Any, Any, Any], name: str, keys: list[Key]) -> int:
    """The place of a leaf, by index, path and checkpoint."""
    index, path, checkpoint = proof
    must(type(index) is int and isinstance(path, list) and type(checkpoint) is str, "not a proof")
    must(len(checkpoint.encode()) <= 65_536, "too large a checkpoint")
    lines = checkpoint.split("\n")
    must(6 <= len(lines) <= 105 and lines[3] == "" and lines[-1] == "", "not the lines of a checkpoint")
    must(lines[0] == name, "a checkpoint of another log")
    must(re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1]), "not a size")
    root = decoded(lines[2])
    own = [line for line in lines[4:-1] if line.startswith(f"— {name} ")]
    must(len(own) == 1, "not one signature of the log")
    signature_line(own[0], name, dict(keys), "".join(f"{line}\n" for line in lines[:3]).encode())
    for line in lines[4:-1]:
        parts = line.split(" ")
        must(len(parts) == 3 and parts[0] == "—" and len(decoded(parts[2], None)) > 4, "not a signature line")
        must(parts[1] and parts[1].isprintable() and "+" not in parts[1], "not a witness's name")
    size, found = int(lines[1]), hashed
    must(0 <= index < size, "an index beyond the tree")
    fn, sn = index, size - 1
    for step in path:
        p = decoded(step)
        must(sn != 0, "too long a path")
        if fn % 2 or fn == sn:
            found = hashlib.sha256(b"\1" + p + found).digest()
            while fn % 2 == 0 and fn:
                fn, sn = fn // 2, sn // 2
        else:
            found = hashlib.sha256(b"\1" + found + p).digest()
        fn, sn = fn // 2, sn // 2
    must(sn == 0 and found == root, "the path does not lead to the root")
    return int(index)


def tlog_proof(octets: bytes) -> tuple[int, list[str], str]:
    """Index, path and checkpoint."""
    must(len(octets) <= 69_632, "too large a proof")
    try:
        head, gap, checkpoint = octets.decode().partition("\n\n")
    except UnicodeDecodeError:
        raise Refused("not UTF-8") from None
    lines = head.split("\n")
    must(gap and len(lines) >= 2 and lines[0] == "c2sp.org/tlog-proof@v1", "not a proof")
    must(re.fullmatch(r"index (0|[1-9][0-9]{0,18})", lines[1]) and len(lines) <= 65, "not a proof")
    return int(lines[1].removeprefix("index ")), lines[2:], checkpoint


if __name__ == "__main__":
    receipt_file, key_file, *proof_file = map(Path, sys.argv[1:])
    try:
        place = check(
            receipt_file.read_bytes(), key_file.read_text("utf-8"), proof_file[0].read_bytes() if proof_file else None
        )
    except Refused as error:
        sys.exit(f"refused: {error}")
    print("promised" if place is None else place)
