"""The demo's witness, on this machine and for practice: it cosigns the city's log as another operator's would.

It counts for nobody (decision 0057): its name is under `.localhost`, and whoever runs the demo runs it, too.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from idp.demo.browser import WalkError
from idp.demo.loopback import client, send
from idp.ledger.checkpoint import VerifierKey, open_cosigned_note
from idp.ledger.cosignature import WitnessKey, WitnessPolicy
from idp.system.clock import system_clock
from idp.witnessing.seen import WitnessMemory
from idp.witnessing.service import WitnessApplication
from idp.witnessing.witness import WitnessService

NAME = "practice.localhost"
SECONDS = 20.0
POLL_SECONDS = 0.05
PRACTICE = "practice"


class PracticeWitness:
    """A witness with a fresh key and an empty memory in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._signer = Ed25519PrivateKey.generate()
        self._memory = folder / "witness.db"
        self.key = WitnessKey.of(NAME, self._signer)

    def app(self, keys: Sequence[VerifierKey]) -> WitnessApplication:
        """The application, for the log of these keys."""
        logs = {keys[0].name: tuple(keys)}
        seen = WitnessMemory(self._memory)
        return WitnessApplication(
            WitnessService(name=NAME, signers=(self._signer,), logs=logs, seen=seen, clock=system_clock)
        )


def cosigned_by(issuer: str, keys: Sequence[VerifierKey], policy: WitnessPolicy) -> str:
    """Waits until the published checkpoint has a cosignature, and verifies it. "practice": no other operator made one."""
    until = time.monotonic() + SECONDS
    with client() as http:
        while time.monotonic() < until:
            answer = send(http, "GET", f"{issuer}/log/checkpoint")
            if answer.status_code == 200:  # noqa: PLR2004 - OK
                _, text, others = open_cosigned_note(answer.content, *keys)
                if (found := policy.judge(text, others)).witnesses:
                    return ", ".join(sorted(found.operators())) or PRACTICE
            time.sleep(POLL_SECONDS)
    raise WalkError(f"the witness cosigned no checkpoint within {SECONDS:.0f} seconds")
