"""What verifying costs: `python -m tests.benchmarks.signatures [--json] [--markdown PAGE] [--rounds N]`.

One message of 8.5 KB, signed as a whole by RSA-2048, is taken to its typed result, and held against the raw operation of
pyca with the same key, against other libraries, against larger messages and refused ones; then tokens, hostile messages and
several processes. All that is compared runs in turns on one core. Ratios are of the least times. Exit 0 where every target
is met, 1 where one is missed, 2 where it could not run.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import SubprocessError

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from connectors.formats.saml import read_signed_assertion, read_signed_response
from connectors.profiles import SAML2INT
from connectors.saml import RESPONSE
from connectors.signatures.signed import Signed, SignedMessage
from connectors.signatures.xmldsig import verify
from idp.keys.file import RSA_BITS
from policies.errors import AssertionRejected
from tests.benchmarks import tokens
from tests.benchmarks.measure import Figure, Report, Taken, Target, cores, could_not_run, in_turns, stay_on_one_core
from tests.benchmarks.signatures_hostile import Spent, spent_elsewhere
from tests.benchmarks.signatures_made import World, expectation, posted
from tests.benchmarks.signatures_peers import LIBRARIES, peers
from tests.benchmarks.signatures_refused import refused
from tests.benchmarks.signatures_steps import steps
from tests.benchmarks.signatures_workers import Work, rates

OURS = ("ciconia", "lxml", "cryptography", "python-jose")
SIZES = (4, 16, 64, 256)
WORKER_SECONDS = 0.7
RAW, TYPED, RECEIVED = "raw RSA-2048 verification", "response, to the typed result", "response, posted and judged"
PRIVATE, DECRYPTED = f"raw RSA-{RSA_BITS} decryption", "encrypted response, posted and judged"


def _signed(world: World, message: bytes) -> Signed:
    found = verify(message, world.keys, RESPONSE, SAML2INT)
    if not isinstance(found, SignedMessage):
        raise TypeError("a message that nobody signed")
    return found.signed


def _typed(world: World, message: bytes) -> Callable[[], object]:
    return lambda: read_signed_response(_signed(world, message))


def _refusal(world: World, message: bytes) -> Callable[[], object]:
    connector, inbound, awaited = world.connector(), posted(message), expectation(world)

    def judge() -> None:
        try:
            connector.receive(inbound, awaited, world.now)
        except AssertionRejected:
            return
        raise ValueError("a message that should be refused was not")

    return judge


def _ours(world: World) -> dict[str, Callable[[], object]]:
    """Raw operations and what we make of them."""
    octets, message = world.message[:700], world.message
    signature = world.key.sign(octets, PKCS1v15(), SHA256())
    on_curve = world.curve_key.sign(octets, ECDSA(SHA256()))
    public, public_on_curve = world.key.public_key(), world.curve_key.public_key()
    assertion = world.signed(world.reply, "assertion")
    connector, inbound, awaited = world.connector(), posted(message), expectation(world)
    return {
        RAW: lambda: public.verify(signature, octets, PKCS1v15(), SHA256()),
        "raw P-256 verification": lambda: public_on_curve.verify(on_curve, octets, ECDSA(SHA256())),
        TYPED: _typed(world, message),
        "response, its assertion signed too": _typed(world, world.signed(world.reply, "both")),
        "assertion alone signed, to the typed result": lambda: read_signed_assertion(_signed(world, assertion)),
        RECEIVED: lambda: connector.receive(inbound, awaited, world.now),
    }


def _times(taken: Mapping[str, Taken]) -> list[Figure]:
    found = []
    for name, one in taken.items():
        found.append(Figure(f"{name}, least", round(one.least * 1e6, 2), "µs"))
        found.append(Figure(f"{name}, median", round(one.median * 1e6, 2), "µs"))
    return found


def _compared(world: World, rounds: int) -> tuple[list[Figure], list[Target]]:
    """Raw, ours and the peers."""
    theirs = peers(world, world.message)
    taken = in_turns({**_ours(world), **theirs}, rounds)
    raw, ours = taken[RAW].least, taken[TYPED].least

    def times_as_fast(name: str, target: str, limit: float) -> Target:
        return Target(target, taken[name].least / ours, at_least=limit)

    targets = [
        Target("response_vs_raw", ours / raw, at_most=9),
        times_as_fast("python-xmlsec, cached key, signature only", "response_vs_xmlsec", 1.4),
        times_as_fast("signxml", "response_vs_signxml", 3.5),
        times_as_fast("python3-saml", "response_vs_python3_saml", 15),
        times_as_fast("pysaml2", "response_vs_pysaml2", 90),
    ]
    ratios = [Figure(f"{name}, over raw", round(one.least / raw, 2), "times") for name, one in taken.items()]
    return [Figure("size of the message", len(world.message), "octets"), *_times(taken), *ratios], targets


def _encrypted(world: World, rounds: int) -> tuple[list[Figure], list[Target]]:
    """Verified, decrypted and judged, over what the private key alone takes: on the clock of the CPU, as calls are long."""
    oaep = OAEP(MGF1(SHA256()), SHA256(), None)
    wrapped = world.our_key.public_key().encrypt(bytes(32), oaep)
    connector, inbound, awaited = world.connector(world.unwrapper), posted(world.encrypted), expectation(world)
    contestants: dict[str, Callable[[], object]] = {
        PRIVATE: lambda: world.our_key.decrypt(wrapped, oaep),
        DECRYPTED: lambda: connector.receive(inbound, awaited, world.now),
    }
    taken = in_turns(contestants, rounds, time.thread_time)
    ratio = taken[DECRYPTED].least / taken[PRIVATE].least
    return _times(taken), [Target("encrypted_vs_private", ratio, at_most=1.7)]


def _tokens(rounds: int) -> tuple[list[Figure], list[Target]]:
    """id_tokens, as rates over the raw rate."""
    figures, targets = [], []
    for measured, limit in ((tokens.rs256(), 0.55), (tokens.es256(), 0.65)):
        taken = in_turns(measured.contestants, rounds)
        figures += _times({f"{measured.alg}: {name}": one for name, one in taken.items()})
        targets.append(Target(f"{measured.alg.lower()}_vs_raw", taken["raw"].least / taken["ours"].least, at_least=limit))
    return figures, targets


def _growth(world: World, rounds: int) -> tuple[list[Figure], list[Target]]:
    """The same with more and more attributes, an octet's share."""
    messages = {f"response of {size} KB": world.of_size(size * 1024) for size in SIZES}
    taken = in_turns({name: _typed(world, message) for name, message in messages.items()}, rounds, time.thread_time)
    share = {name: taken[name].least / len(message) * 1e9 for name, message in messages.items()}
    figures = [Figure(f"{name}, for each octet", round(share[name], 2), "ns") for name in messages]
    growth = share[f"response of {SIZES[-1]} KB"] / share["response of 16 KB"]
    return [*_times(taken), *figures], [Target("linear_growth", growth, at_most=1.3)]


def _refusals(world: World, rounds: int) -> tuple[list[Figure], list[Target]]:
    """Refusals of messages as large as one that is accepted."""
    connector, inbound, awaited = world.connector(), posted(world.message), expectation(world)
    accepted = "accepted"
    contestants: dict[str, Callable[[], object]] = {accepted: lambda: connector.receive(inbound, awaited, world.now)}
    contestants |= {f"refused: {name}": _refusal(world, message) for name, message in refused(world).items()}
    taken = in_turns(contestants, rounds)
    longest = max(one.least for name, one in taken.items() if name != accepted)
    return _times(taken), [Target("refusal_vs_acceptance", longest / taken[accepted].least, at_most=1.2)]


def _hostile() -> tuple[list[Figure], list[Target]]:
    spent: Mapping[str, Spent] = spent_elsewhere()
    figures = [Figure(f"hostile: {name}", round(one.ms, 2), "ms") for name, one in spent.items()]
    figures += [Figure(f"hostile: {name}", round(one.mb, 1), "MB") for name, one in spent.items()]
    return figures, [
        Target("hostile_ms", max(one.ms for one in spent.values()), at_most=50),
        Target("hostile_mb", max(one.mb for one in spent.values()), at_most=50),
    ]


def _workers(world: World) -> tuple[list[Figure], list[Target]]:
    """Two and four processes, where there are as many cores."""
    wanted = {2: ("two_workers", 1.9), 4: ("four_workers", 3.5)}
    counts = [1, *(count for count in wanted if count <= len(cores()))]
    found = rates(Work(world.message, world.metadata, WORKER_SECONDS), counts)
    figures = [Figure(f"responses of {count} processes", round(rate), "1/s") for count, rate in found.items()]
    return figures, [
        Target(name, found[count] / found[1], at_least=limit) for count, (name, limit) in wanted.items() if count in found
    ]


def measured(rounds: int) -> Report:
    """Everything, in this order: what wants other cores first, then what stays on one."""
    world = World()
    figures, targets = _workers(world)
    stay_on_one_core()
    for more_figures, more_targets in (
        _compared(world, rounds),
        _encrypted(world, rounds),
        (_times(in_turns(steps(world), rounds)), []),
        _tokens(rounds),
        _growth(world, rounds),
        _refusals(world, rounds),
        _hostile(),
    ):
        figures += more_figures
        targets += more_targets
    return Report("signatures", (*OURS, *LIBRARIES), figures, targets)


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
