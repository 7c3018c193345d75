"""A second verifier of receipts: written from RFC 8785, RFC 6962 and C2SP signed-note alone, on pyca's Ed25519.

It shares no code with the product. `python -m tests.independent_receipt RECEIPT VKEY` prints the leaf's place or raises.
"""

import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path
from typing import Any  # JSON as it comes

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def canonical(value: Any) -> bytes:
    # RFC 8785 for objects whose names are ASCII and whose numbers are whole
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def check(octets: bytes, vkey: str) -> int:
    """The leaf's index. Raises whatever stops it: this program explains nothing."""
    name, _, rest = vkey.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    material = base64.b64decode(encoded, validate=True)
    assert material[0] == 1
    assert hashlib.sha256(name.encode() + b"\n" + material).digest()[:4].hex() == key_id
    key = Ed25519PublicKey.from_public_bytes(material[1:])
    # the file is canonical, and signed as a whole
    receipt = json.loads(octets)
    assert canonical(receipt) + b"\n" == octets
    unsigned = {k: v for k, v in receipt.items() if k != "signature"}
    key.verify(base64.b64decode(receipt["signature"], validate=True), b"ciconia/receipt/v1\n" + canonical(unsigned))
    # each opening opens its commitment
    leaf = base64.b64decode(receipt["leaf"], validate=True)
    commitments = json.loads(leaf)["commitments"]
    for part, opening in receipt["openings"].items():
        if "content" in opening:
            found = hmac.digest(base64.b64decode(opening["nonce"]), canonical(opening["content"]), "sha256")
            assert base64.b64encode(found).decode() == commitments[part], part
    # the signed note
    text, _, signatures = receipt["proof"]["checkpoint"].rpartition("\n\n")
    (line,) = signatures.splitlines()
    dash, signer, blob = line.split(" ")
    signature = base64.b64decode(blob, validate=True)
    assert (dash, signer, signature[:4].hex()) == ("—", name, key_id)
    key.verify(signature[4:], (text + "\n").encode())
    # RFC 9162 §2.1.3.2
    origin, size, root = text.splitlines()
    assert origin == name == receipt["log"]
    fn, sn, r = receipt["proof"]["index"], int(size) - 1, hashlib.sha256(b"\0" + leaf).digest()
    assert fn <= sn
    for step in receipt["proof"]["path"]:
        p = base64.b64decode(step, validate=True)
        assert sn > 0
        if fn & 1 or fn == sn:
            r = hashlib.sha256(b"\1" + p + r).digest()
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = hashlib.sha256(b"\1" + r + p).digest()
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    assert base64.b64encode(r).decode() == root
    return int(receipt["proof"]["index"])


if __name__ == "__main__":
    print(check(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]).read_text("utf-8")))
