"""Checks what `ciconia ledger prove --out` wrote: one record, or many. It shares no code with the product.

    python check_proof.py PROOF LOG.VKEY [WITNESS.VKEY...]

It needs Python 3.11 and `cryptography`. It prints each record and who cosigned, or why the file is refused (exit code 1).
"""

import base64
import hashlib
import hmac
import json
import re
import sys
from pathlib import Path
from typing import Any  # JSON as it comes

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ONE = {"v", "proves", "ok", "log", "checkpoint", "leaf_hash", "index", "leaf", "openings", "path"}
HEAD = {"v", "proves", "log", "checkpoint", "first", "end", "filter"}
ROW = {"index", "leaf", "openings", "path"}
B = '"([^"]*)"'
FORM = r'{"commitments":{"decision":B,"login":B,"sent":B,"subject":B,"values":B},"tag":B,"v":1}'
LEAF = re.compile(FORM.replace("B", '"([^"]*)"'))
Keys = dict[bytes, Ed25519PublicKey]


def must(holds: object, what: str) -> None:
    """Refuse the file unless this holds."""
    if not holds:
        raise ValueError(what)


def decoded(text: Any, size: int | None = 32) -> bytes:
    """So many bytes, from their one spelling in base64."""
    must(type(text) is str and text.isascii(), "not base64")
    data = base64.b64decode(text)
    must(base64.b64encode(data).decode() == text and size in (None, len(data)), "base64 of another spelling or size")
    return data


def jcs(value: Any) -> str:
    """Canonical JSON (RFC 8785) of texts, whole numbers, lists, objects and true."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
        return "{" + ",".join(f"{jcs(name)}:{jcs(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(jcs, value)) + "]"
    must(value is None or isinstance(value, (str, bool)) or type(value) is int, "a number that is not whole")
    return json.dumps(value, ensure_ascii=False)


def read(line: bytes) -> dict[str, Any]:
    """One object, in its canonical spelling and with a line feed: so no member is there twice."""
    found = json.loads(line)
    must(isinstance(found, dict) and (jcs(found) + "\n").encode() == line, "not one object in its canonical spelling")
    return dict(found)


def members(value: Any, names: set[str]) -> Any:
    """The object, which has these members and no other."""
    must(isinstance(value, dict) and set(value) == names, f"not an object of exactly {sorted(names)}")
    return value


def read_key(vkey: str, kind: int) -> tuple[str, bytes, Ed25519PublicKey]:
    """The name, id and key of a line NAME+ID+BASE64. Kind 1 signs a log, kind 4 cosigns."""
    name, key_id, text = vkey.split("+", 2)
    octets = decoded(text, 33)
    must(octets[0] == kind, "a key of another kind")
    found = hashlib.sha256(name.encode() + b"\n" + octets).digest()[:4]
    must(found.hex() == key_id, "a key whose id is another's")
    return name, found, Ed25519PublicKey.from_public_bytes(octets[1:])


def read_signature(line: str) -> tuple[str, bytes, bytes]:
    """The name, key id and signature of a signature line."""
    dash, name, text = line.split(" ")
    must(dash == "—", "not a signature line")
    return name, decoded(text, None)[:4], decoded(text, None)[4:]


def read_keys(text: str) -> tuple[str, Keys]:
    """The log's name and its keys. Each but the first counts if the key before it signed the list down to it."""
    name, keys, over = "", Keys(), "ciconia/log-keys/v1\n"
    before: tuple[bytes, Ed25519PublicKey] | None = None
    for entry in re.split(r"\n(?!— )", text.removesuffix("\n")):
        first, *lines = entry.split("\n")
        found, key_id, key = read_key(first.removeprefix("revoked "), 1)
        must(found == (name or found), "keys of two logs")
        name, over = found, over + first.removeprefix("revoked ") + "\n"
        signers = Keys([(key_id, key), *([before] if before else [])])
        signed = set()
        for line in lines:
            signer, signer_id, signature = read_signature(line)
            must(signer == name and signer_id in signers, "a key is vouched for by another than the one before")
            signers[signer_id].verify(signature, over.encode())
            signed.add(signer_id)
        must(before is None or before[0] in signed, "the key before does not vouch")
        before = (key_id, key) if before is None or key_id in signed else before
        if not first.startswith("revoked "):
            keys[key_id] = key
    must(keys, "every key is revoked")
    return name, keys


def read_checkpoint(note: str, name: str, keys: Keys, witnesses: list[str]) -> tuple[int, bytes, list[str]]:
    """The size and root that a key of the log signed, and the witnesses (of those that were given) who cosigned."""
    text, gap, lines = note.rpartition("\n\n")
    must(gap and lines.endswith("\n"), "not a signed note")
    origin, size, root = text.split("\n")
    must(origin == name and re.fullmatch("0|[1-9][0-9]{0,18}", size), "a checkpoint of another log, or without a size")
    message, signed, cosigned = (text + "\n").encode(), False, []
    given = {(who, key_id): key for who, key_id, key in (read_key(each, 4) for each in witnesses)}
    for line in lines[:-1].split("\n"):
        who, key_id, data = read_signature(line)
        if who == name and key_id in keys:
            keys[key_id].verify(data, message)
            signed = True
        elif (who, key_id) in given:
            said = b"cosignature/v1\ntime %d\n" % int.from_bytes(data[:8])
            given[who, key_id].verify(data[8:], said + message)
            cosigned.append(who)
    must(signed, "no key of the log signed the checkpoint")
    return int(size), decoded(root), cosigned


def check_record(row: dict[str, Any], size: int, root: bytes) -> dict[str, Any]:
    """One record: it opens what its leaf commits to, and the leaf has its place (RFC 9162 §2.1.3.2)."""
    leaf = decoded(row["leaf"], None)
    found = LEAF.fullmatch(leaf.decode())
    must(found, "not a leaf")
    parts = [decoded(each) for each in found.groups()] if found else []
    opened = {}
    for name, committed in (("decision", parts[0]), ("sent", parts[2])):
        opening = members(members(row["openings"], {"decision", "sent"})[name], {"nonce", "content"})
        content = jcs(opening["content"]).encode()
        must(hmac.digest(decoded(opening["nonce"]), content, "sha256") == committed, f"{name} opens another leaf")
        opened[name] = opening["content"]
    must(all(opened["sent"][each] == opened["decision"][each] for each in ("record", "time")), "openings of two records")
    hashed = hashlib.sha256(b"\0" + leaf).digest()
    fn, sn, computed = row["index"], size - 1, hashed
    must(type(fn) is int and 0 <= fn < size and isinstance(row["path"], list), "an index beyond the tree")
    for step in map(decoded, row["path"]):
        must(sn, "too long a path")
        if fn % 2 or fn == sn:
            computed = hashlib.sha256(b"\1" + step + computed).digest()
            while fn % 2 == 0 and fn:
                fn, sn = fn // 2, sn // 2
        else:
            computed = hashlib.sha256(b"\1" + computed + step).digest()
        fn, sn = fn // 2, sn // 2
    must(sn == 0 and computed == root, "the path does not lead to the root")
    return {"index": row["index"], "leaf_hash": hashed.hex(), **opened}


def check(lines: list[bytes], keys: str, witnesses: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The records of a file that holds, and the witnesses who cosigned."""
    name, log = read_keys(keys)
    head = read(lines[0])
    one = head.get("proves") == "record"
    members(head, ONE if one else HEAD)
    must(head["v"] == 1 and head["log"] == name and head["proves"] in {"record", "records"}, "of another log or version")
    size, root, cosigned = read_checkpoint(head["checkpoint"], name, log, witnesses)
    if one:
        found = check_record(head, size, root)
        must(len(lines) == 1 and head["ok"] is True and head["leaf_hash"] == found["leaf_hash"], "not of one record")
        return [found], cosigned
    rows = [check_record(members(read(line), ROW), size, root) for line in lines[1:-1]]
    places = [head["first"] - 1, *(row["index"] for row in rows), head["end"]]
    must(places == sorted(set(places)) and head["end"] <= size, "records out of order")
    must(head["filter"] or places == list(range(head["first"] - 1, head["end"] + 1)), "a record is missing")
    asked = head["filter"]
    must(set(asked) <= {"client", "purpose", "kind", "since", "until"}, "another filter")
    for row in rows:
        said = {"since": asked.get("since"), "until": asked.get("until"), **row["sent"], "kind": row["decision"]["kind"]}
        must(all(said.get(each) == asked[each] for each in asked), "a record of another filter")
        must(asked.get("since", 0) <= said["time"] < asked.get("until", 2**53), "a record of another time")
    last = members(read(lines[-1]), {"rows", "digest", "signature"})
    signature, digest = decoded(last.pop("signature"), 64), hashlib.sha256(b"".join(lines[:-1])).digest()
    must(last["rows"] == len(rows) and decoded(last["digest"]) == digest, "a record is missing or changed")
    for key in log.values():
        try:
            key.verify(signature, b"ciconia/records/v1\n" + jcs(last).encode())
        except InvalidSignature:
            continue
        return rows, cosigned
    raise ValueError("no key of the log signed the file")


if __name__ == "__main__":
    proof, vkey, *others = [Path(each).read_bytes() for each in sys.argv[1:]]
    try:
        texts = [each.decode().removesuffix("\n") for each in others]
        found, cosigners = check(proof.splitlines(keepends=True), vkey.decode(), texts)
        print("\n".join([*map(jcs, found), *(f"cosigned by {each}" for each in cosigners)]))
    except (InvalidSignature, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        sys.exit(f"refused: {error or type(error).__name__}")
