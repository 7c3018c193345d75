"""Where the fuzzer starts: the cases of the self-test, spoken by the fuzzer's own parties.

Names are put in the place of the generator's, and the fuzzer signs anew, so that what was refused for one reason alone is a
short way from being accepted.
"""

import base64
import binascii
import re
from collections.abc import Iterator

from connectors.attacks.attack_case import AttackCase
from connectors.attacks.messages import message_cases
from connectors.attacks.metadata_text import IDP
from connectors.attacks.queries import query_cases
from connectors.attacks.responses import response_cases
from connectors.attacks.responses.parties import ACS, SP
from connectors.attacks.tokens import token_cases
from connectors.attacks.tokens.token_benches import CLIENT, OP, US
from tests.connectors import forge

# As many of each as are read in some seconds
MOST = 400
_ANSWERS = re.compile(rb'InResponseTo="[^"]*"')


def responses() -> Iterator[bytes]:
    """Responses as they stand, and to be signed at the response, or encrypted."""
    for case in _some(list(response_cases(forge.NOW))):
        if case.octets.startswith(b"<") and len(case.octets) < 32 * 1024:
            said = case.octets
            for theirs, ours in ((IDP, forge.IDP), (SP, forge.SP), (ACS, forge.ACS)):
                said = said.replace(theirs.encode(), ours.encode())
            said = _ANSWERS.sub(f'InResponseTo="{forge.REQUEST}"'.encode(), said)
            yield b"\x01" + said
            yield b"\x05" + said


def queries() -> Iterator[bytes]:
    """Queries as they stand, and messages to be put into one."""
    yield from (b"\x00" + case.octets for case in _some(list(query_cases(forge.NOW))) if len(case.octets) < 32 * 1024)
    for case in _some(list(message_cases(forge.NOW))):
        if case.octets.startswith(b"<") and len(case.octets) < 32 * 1024:
            yield b"\x01" + case.octets


def tokens() -> Iterator[bytes]:
    """Tokens as they stand, and their headers and claims to be signed."""
    for case in _some(list(token_cases(forge.NOW))):
        if len(case.octets) > 8 * 1024:
            continue
        yield b"\x00" + case.octets
        try:
            header, claims = (base64.urlsafe_b64decode(part + b"==") for part in case.octets.split(b".")[:2])
        except (ValueError, binascii.Error):
            continue
        for theirs, ours in ((OP, forge.IDP), (US, forge.SP), (f'"{CLIENT}"', '"client"')):
            claims = claims.replace(theirs.encode(), ours.encode())
        yield b"\x01" + re.sub(rb'"kid" ?: ?"[^"]*", ?', b"", header) + b"\x00" + claims


def _some(cases: list[AttackCase]) -> list[AttackCase]:
    """At most so many, from everywhere."""
    return cases[:: len(cases) // MOST + 1]
