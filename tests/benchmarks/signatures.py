"""The cost of verifying: `python -m tests.benchmarks.signatures [--json] [--markdown PAGE] [--rounds N]`.

One message of 8.5 KB, signed as a whole by RSA-2048, is taken to its typed result, and held against the raw operation of
pyca with the same key and against other libraries; then come an encrypted message and tokens. All that is compared runs in
turns on one core. Ratios are of the least times. Exit 0: every target is met; 1: one is missed; 2: it could not run.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import SubprocessError

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from connectors.formats.saml import read_signed_response
from connectors.profiles import SAML2INT
from connectors.signatures.shapes import RESPONSE
from connectors.signatures.verification_result import SignedMessage
from connectors.signatures.xmldsig import verify
from idp.keys.file import RSA_BITS
from tests.benchmarks import id_tokens
from tests.benchmarks.measure import Figure, Report, Taken, Target, could_not_run, in_turns, stay_on_one_core
from tests.benchmarks.signatures_made import World, expectation, posted
from tests.benchmarks.signatures_peers import LIBRARIES, peers

OURS = ("ciconia", "lxml", "cryptography", "python-jose")
RAW, TYPED = "raw RSA-2048 verification", "response, to the typed result"
PRIVATE, DECRYPTED = f"raw RSA-{RSA_BITS} decryption", "encrypted response, posted and judged"


def _typed(world: World) -> object:
    found = verify(world.message, world.keys, RESPONSE, SAML2INT)
    if not isinstance(found, SignedMessage):
        raise TypeError("a message that nobody signed")
    return read_signed_response(found.signed)


def _times(taken: Mapping[str, Taken]) -> list[Figure]:
    found = []
    for name, one in taken.items():
        found.append(Figure(f"{name}, least", round(one.least * 1e6, 2), "µs"))
        found.append(Figure(f"{name}, median", round(one.median * 1e6, 2), "µs"))
    return found


def _compared(world: World, rounds: int) -> tuple[list[Figure], list[Target]]:
    """Raw, ours and the peers."""
    octets, public = world.message[:700], world.key.public_key()
    signature = world.key.sign(octets, PKCS1v15(), SHA256())
    contestants: dict[str, Callable[[], object]] = {
        RAW: lambda: public.verify(signature, octets, PKCS1v15(), SHA256()),
        TYPED: lambda: _typed(world),
    }
    taken = in_turns({**contestants, **peers(world, world.message)}, rounds)
    ours = taken[TYPED].least
    targets = [Target("response_vs_raw", ours / taken[RAW].least, at_most=14)]
    for name, target, limit in (
        ("python-xmlsec, signature only", "response_vs_xmlsec", 0.9),
        ("signxml, signature only", "response_vs_signxml", 1.6),
        ("python3-saml", "response_vs_python3_saml", 9),
        ("pysaml2", "response_vs_pysaml2", 70),
    ):
        targets.append(Target(target, taken[name].least / ours, at_least=limit))
    return [Figure("size of the message", len(world.message), "octets"), *_times(taken)], targets


def _encrypted(world: World, rounds: int) -> tuple[list[Figure], list[Target]]:
    """Verified, decrypted and judged, over what the private key alone takes: on the clock of the CPU, as calls are long."""
    oaep = OAEP(MGF1(SHA256()), SHA256(), None)
    wrapped = world.our_key.public_key().encrypt(bytes(32), oaep)
    connector, inbound, awaited = world.connector(), posted(world.encrypted), expectation(world)
    contestants: dict[str, Callable[[], object]] = {
        PRIVATE: lambda: world.our_key.decrypt(wrapped, oaep),
        DECRYPTED: lambda: connector.receive(inbound, awaited, world.now),
    }
    taken = in_turns(contestants, rounds, time.thread_time)
    ratio = taken[DECRYPTED].least / taken[PRIVATE].least
    return _times(taken), [Target("encrypted_vs_private", ratio, at_most=2.0)]


def _tokens(rounds: int) -> tuple[list[Figure], list[Target]]:
    """id_tokens, as rates over the raw rate."""
    figures, targets = [], []
    for alg, contestants, limit in (("RS256", id_tokens.rs256(), 0.55), ("ES256", id_tokens.es256(), 0.65)):
        taken = in_turns(contestants, rounds)
        figures += _times({f"{alg}: {name}": one for name, one in taken.items()})
        targets.append(Target(f"{alg.lower()}_vs_raw", taken["raw"].least / taken["ours"].least, at_least=limit))
    return figures, targets


def measured(rounds: int) -> Report:
    """Everything, on one core."""
    world = World()
    stay_on_one_core()
    parts = (_compared(world, rounds), _encrypted(world, rounds), _tokens(rounds))
    figures = [figure for found, _ in parts for figure in found]
    return Report("signatures", (*OURS, *LIBRARIES), figures, [target for _, found in parts for target in found])


def main() -> int:
    """Measure and print. The exit code."""
    parser = argparse.ArgumentParser(description="What verifying a signed response costs, against raw and other libraries")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of a table")
    parser.add_argument(
        "--markdown", type=Path, metavar="PAGE", help="write the tables into this page, between its markers"
    )
    parser.add_argument("--rounds", type=int, default=60, help="turns of each contestant")
    chosen = parser.parse_args()
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    try:
        return measured(chosen.rounds).finish(as_json=chosen.json, page=chosen.markdown)
    except (OSError, ValueError, TypeError, RuntimeError, SubprocessError) as error:
        return could_not_run(error)


if __name__ == "__main__":
    sys.exit(main())
