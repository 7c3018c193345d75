"""The cost of a key in a token: each operation of a login in SoftHSM2, beside the same key in a file.

A token of hardware adds its own time and its network's, which a program cannot show.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from connectors.signatures.jws import sign
from idp.keys.file import FileSigner, create_saml_key, load_signer
from idp.keys.hsm.address import read_key_address
from idp.keys.hsm.private_keys import TokenMac, token_key
from idp.ledger.checkpoint import sign_note
from policies.parties import Sector, SubjectNamespace, Tenant
from policies.pseudonyms import PairwiseKey, pairwise_subject
from tests.benchmarks.id_tokens import CLAIMS
from tests.benchmarks.measure import Figure, Report, Taken, in_turns, stay_on_one_core
from tests.softhsm import SoftHsm, name_instead, softhsm

NOTE = "city.example/log\n1042\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
IN_FILE, IN_TOKEN = "in a file", "in SoftHSM2"


def contestants(token: SoftHsm, folder: Path) -> dict[str, Callable[[], object]]:
    """Each operation, in a file and in the token."""
    found: dict[str, Callable[[], object]] = {}
    curve = token_key(read_key_address(token.generate("es256", "EC:prime256v1").encode()))
    assert isinstance(curve, ec.EllipticCurvePrivateKey)
    for where, key in ((IN_FILE, ec.generate_private_key(ec.SECP256R1())), (IN_TOKEN, curve)):
        found[f"id_token, ES256, {where}"] = _token(FileSigner(key, key.public_key(), b"", "k1"), "ES256")
    file = folder / "saml.pem"
    create_saml_key(file)
    here = load_signer(file)
    name_instead(file, token.bring("saml", file))
    for where, signer in ((IN_FILE, here), (IN_TOKEN, load_signer(file))):
        found[f"id_token or SAML message, RSA-3072, {where}"] = _token(signer, "RS256")
    edwards = token_key(read_key_address(token.generate("log", "EC:edwards25519").encode()))
    assert isinstance(edwards, ed25519.Ed25519PrivateKey)
    for where, log in ((IN_FILE, ed25519.Ed25519PrivateKey.generate()), (IN_TOKEN, edwards)):
        found[f"checkpoint or receipt, Ed25519, {where}"] = _note(log)
    code = TokenMac(read_key_address(token.generate("pairwise", "GENERIC:32").encode()))
    for where, secret in ((IN_FILE, b"k" * 32), (IN_TOKEN, code)):
        found[f"identifier, HMAC-SHA256, {where}"] = _identifier(secret)
    return found


def measured(taken: dict[str, Taken]) -> list[Figure]:
    """The figures in microseconds."""
    found = []
    for name, each in taken.items():
        found.append(Figure(f"{name}, least", round(each.least * 1e6, 1), "µs"))
        found.append(Figure(f"{name}, median", round(each.median * 1e6, 1), "µs"))
    return found


def _token(signer: FileSigner, algorithm: str) -> Callable[[], object]:
    return lambda: sign(CLAIMS, signer, alg=algorithm, typ="JWT")


def _note(key: ed25519.Ed25519PrivateKey) -> Callable[[], object]:
    return lambda: sign_note(NOTE, "city.example/log", key)


def _identifier(key: PairwiseKey) -> Callable[[], object]:
    return lambda: pairwise_subject(key, Tenant("city"), Sector("parking"), SubjectNamespace("ee"), "EE/NL/4711")


def main() -> int:
    """Measure and print. The exit code."""
    parser = argparse.ArgumentParser(description="what a key in a token costs")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of a table")
    parser.add_argument("--rounds", type=int, default=200, help="turns of each")
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="a page whose figures are written anew")
    chosen = parser.parse_args()
    stay_on_one_core()
    with tempfile.TemporaryDirectory() as folder, softhsm(Path(folder) / "hsm") as token:
        taken = in_turns(contestants(token, Path(folder)), chosen.rounds)
    report = Report("hsm", ("ciconia", "cryptography", "python-pkcs11"), measured(taken))
    return report.finish(as_json=chosen.json, page=chosen.markdown)


if __name__ == "__main__":
    sys.exit(main())
