"""The steps that every peer of SAML can be told to do, so that one suite judges them all.

A peer holds the key `theirs` and knows ours. What it cannot do at all is not in its `abilities`, and no test asks for it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

from connectors.connector import Inbound

# Debian's program
XMLSEC1 = Path("/usr/bin/xmlsec1")
Ability = Literal[
    "reads requests by post",  # it verifies our AuthnRequest before it answers
    "reads requests by redirect",
    "answers",  # it makes a Response
    "answers encrypted",  # with AES-GCM
    "asks by post",  # it makes an AuthnRequest
    "asks by redirect",
    "hears",  # it reads our Response
    "hears encrypted",
    "begins logout by post",  # it makes a LogoutRequest
    "begins logout by redirect",
    "hears logout by post",  # it verifies and reads our LogoutResponse
    "hears logout by redirect",
    "ends logout by post",  # it reads our LogoutRequest, and makes a LogoutResponse
    "ends logout by redirect",
]


class Refused(Exception):
    """A peer did not believe a message, in its own words."""


class SamlPeer(Protocol):
    """One peer, open. Each method raises `Refused` for a message that the peer does not believe, and for nothing else."""

    def answer(self, request: Inbound, request_id: str, signed_at: str, *, encrypted: bool) -> Inbound:
        """Read our AuthnRequest, and answer it as `forge.IDP`. `request_id` is for those who read nothing of it."""

    def ask(self, binding: str) -> Inbound:
        """An AuthnRequest of `forge.SP`."""

    def hear(self, answer: Inbound) -> str:
        """Read our Response to the last AuthnRequest; the NameID that it says."""

    def begin_logout(self, binding: str) -> Inbound:
        """A LogoutRequest for the subject."""

    def hear_logout(self, answer: Inbound) -> str:
        """Read our LogoutResponse to the last LogoutRequest; what it was in response to, or "" from who does not tell."""

    def end_logout(self, request: Inbound) -> Inbound:
        """Read our LogoutRequest, and answer it by the same binding."""

    def close(self) -> None:
        """End whatever runs."""


class Opening(Protocol):
    """How a peer begins: skips, or fails in CI, where it is not installed."""

    def __call__(self, folder: Path) -> SamlPeer:
        """Its keys and settings go into `folder`."""


@dataclass(frozen=True, slots=True)
class Known:
    """A peer of the table. `role` is who it is in a logout: `forge.IDP` or `forge.SP`."""

    name: str
    opening: Opening
    abilities: frozenset[Ability]
    role: str


def all_but(*without: Ability) -> frozenset[Ability]:
    """Every ability but these."""
    return frozenset(get_args(Ability)) - frozenset(without)
