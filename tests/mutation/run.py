"""Does the corpus see each check? Run as `python -m tests.mutation.run [--module NAME...] [--json]`.

Each check of the verification is removed or inverted, one at a time, in a process that has the whole corpus of
`connectors.attacks` before it; the corpus must turn red: something is accepted that should not be, or refused by another
check, or refused though it is good. What stays green is a survivor, and each has its reason in survivors.toml.

Exit codes: 0 every survivor has a reason and they are less than 2 %, 1 not so, 2 it could not run.
"""

import argparse
import gc
import json
import os
import signal
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import _lru_cache_wrapper
from pathlib import Path

from rich.progress import Progress

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.verdict import verdict_of
from idp.selftest.report import TriedCase
from idp.selftest.run import GENERATORS
from tests.mutation.mutants import Mutant, apply, mutants_of

MODULES = (
    "connectors.signatures.parse",
    "connectors.signatures.xmldsig",
    "connectors.signatures.profile",
    "connectors.signatures.pinned_keys",
    "connectors.signatures.certificates",
    "connectors.signatures.pss_keys",
    "connectors.signatures.rsa_keys",
    "connectors.signatures.redirect",
    "connectors.signatures.xmlenc.grammar",
    "connectors.signatures.xmlenc.form",
    "connectors.signatures.xmlenc.decryption",
    "connectors.signatures.xmlenc.agreement",
    "connectors.signatures.jws",
    "connectors.signatures.jws_joserfc",
    "connectors.signatures.jwk",
    "connectors.signatures.jwe",
    "connectors.response_checks",
    "connectors.saml_sp.connector",
    "connectors.eidas",
    "connectors.eidas_checks",
    "connectors.id_token",
    "connectors.client_assertion",
    "connectors.logout_token",
    "connectors.logout_checks",
    "connectors.authn_request_checks",
    "connectors.request_checks",
    "connectors.registered_claims",
    "connectors.signed_messages",
    "connectors.formats.saml",
    "connectors.formats.saml_head",
    "connectors.formats.grammar",
    "connectors.metadata.judgement",
)
# What refuses in what we send, and judges nothing that comes in: tests of its own see to it, and no message can
OURS: Mapping[str, str] = {
    "connectors.signatures.jws:sign": "our own tokens: a signer of ours that does not fit its algorithm",
    "connectors.signatures.jwe:encrypt": "our own encryption, to a key that was judged when it was registered",
    "connectors.signatures.jwk:public_jwk": "our own JWKS and names of keys, of keys that were judged before",
    "connectors.signatures.rsa_keys:check_own_rsa": "our own keys, when they are loaded",
    "connectors.saml_sp.connector:SamlConnector.request": "our own question: the level that is asked is there",
    "connectors.eidas:EidasConnector.request": "our own question to a node",
    "connectors.eidas:_requester_id": "our own question: whether a node is told who asks",
    "connectors.eidas_checks:levels_to_ask": "our own question: that a node publishes the level that is asked",
}
MOST_SURVIVORS = 0.02
# A mutant that loops is seen too
MOST_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Tried:
    """A mutant and the case that saw it, "" where none did."""

    mutant: Mutant
    seen_by: str


def wrong(case: AttackCase) -> bool:
    """Whether a case ends otherwise than it says."""
    verdict = verdict_of(case.entrance.judge, case.octets)
    return TriedCase(case.name, case.family, case.kind, case.entrance.name, case.check, verdict).outcome.wrong


def try_all(mutants: Sequence[Mutant], cases: Sequence[AttackCase], workers: int) -> Iterator[Tried]:
    """Each mutant in a process of its own, which has everything prepared: a fork of this one."""
    waiting, running = list(reversed(mutants)), dict[int, tuple[Mutant, int]]()
    while waiting or running:
        while waiting and len(running) < workers:
            mutant = waiting.pop()
            process, pipe = _begun(mutant, cases)
            running[process] = (mutant, pipe)
        process, status = os.wait()
        mutant, pipe = running.pop(process)
        with os.fdopen(pipe, "rb") as said:
            seen = said.read().decode()
        yield Tried(mutant, seen if status == 0 else "the process ended")


def _begun(mutant: Mutant, cases: Sequence[AttackCase]) -> tuple[int, int]:
    reader, writer = os.pipe()
    process = os.fork()
    if process:
        os.close(writer)
        return process, reader
    os.close(reader)
    try:
        signal.alarm(MOST_SECONDS)
        apply(mutant)
        _forget()
        seen = next((case.name for case in _ordered(mutant, cases) if wrong(case)), "")
        os.write(writer, seen.encode())
        os._exit(0)
    finally:
        os._exit(1)


def _forget() -> None:
    """Empty the caches: they hold answers of the functions as they were."""
    for found in gc.get_objects():
        if isinstance(found, _lru_cache_wrapper):
            found.cache_clear()


def _ordered(mutant: Mutant, cases: Sequence[AttackCase]) -> Sequence[AttackCase]:
    """Those whose check the refusal names first, then the valid ones: most mutants end at them."""
    return sorted(cases, key=lambda case: (case.check not in mutant.checks, case.check is not None))


def reasons() -> Mapping[str, str]:
    """The mutants that survive for a reason: mutant -> why."""
    found = tomllib.loads(Path(__file__).with_name("survivors.toml").read_text(encoding="utf-8"))
    return {str(name): str(reason) for name, reason in found.items()}


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="tests.mutation.run", description="Remove each check, and see whether it is missed."
    )
    parser.add_argument("--module", action="append", choices=MODULES, help="only these")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    cases = [case for generator in GENERATORS.values() for case in generator(int(time.time()))]
    if red := [case.name for case in cases if wrong(case)]:
        print(f"The corpus is red without any change: {', '.join(red)}", file=sys.stderr)
        return 2
    _forget()
    modules = asked.module or MODULES
    made = [mutant for module in modules for mutant in mutants_of(module)]
    excused = {*(mutant.name for mutant in made), *map(_place, made)}
    if gone := [name for name in (*reasons(), *OURS) if name.partition(":")[0] in modules and name not in excused]:
        print(f"There is a reason for what is not there: {', '.join(gone)}", file=sys.stderr)
        return 2
    mutants = [mutant for mutant in made if _place(mutant) not in OURS]
    with Progress(disable=not sys.stderr.isatty()) as progress:
        trying = try_all(mutants, cases, min(2, os.cpu_count() or 1))
        tried = list(progress.track(trying, total=len(mutants), description="Removing checks"))
    return _tell(tried, modules, as_json=asked.json)


def _place(mutant: Mutant) -> str:
    return f"{mutant.module}:{mutant.function}"


def _tell(tried: Sequence[Tried], modules: Sequence[str], *, as_json: bool) -> int:
    known = reasons()
    survivors = [one.mutant for one in tried if not one.seen_by]
    rows = {
        module: (
            sum(one.mutant.module == module for one in tried),
            [mutant for mutant in survivors if mutant.module == module],
        )
        for module in modules
    }
    share = len(survivors) / len(tried)
    if as_json:
        found = [{"name": mutant.name, "line": mutant.line, "reason": known.get(mutant.name)} for mutant in survivors]
        said = {"mutants": len(tried), "survivors": found, "not_counted": dict(OURS), "share": round(share, 4)}
        print(json.dumps(said, indent=1))
    else:
        for module, (number, left) in rows.items():
            print(f"{module:<40}{number:>5} checks removed or inverted, {len(left)} not seen")
            for mutant in left:
                print(f"    line {mutant.line}: {mutant.function}: {mutant.change}")
                print(f"        {known.get(mutant.name, 'NO REASON')}")
        for place, reason in OURS.items():
            if place.partition(":")[0] in modules:
                print(f"not counted: {place}: {reason}")
        print(f"{len(tried)} mutants, {len(survivors)} survivors: {share:.1%} (at most {MOST_SURVIVORS:.0%})")
    return 0 if share < MOST_SURVIVORS and all(mutant.name in known for mutant in survivors) else 1


if __name__ == "__main__":
    sys.exit(main())
