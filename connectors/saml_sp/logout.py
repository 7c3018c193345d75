"""A provider's word that a session of its ended, and our name of such a session (SAML Core 2.0 §3.7.1)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from connectors.connector import Connector, Inbound, Outbound
from connectors.formats.entity_facts import LogoutService
from connectors.formats.logout import LogoutRequest
from connectors.formats.saml_message import NameIdentifier
from policies.authentication import SourceSession


@dataclass(frozen=True, slots=True)
class HeardLogout:
    """A LogoutRequest that holds, its RelayState, and where its sender takes answers, by binding."""

    request: LogoutRequest
    relay_state: str = field(repr=False)
    answers: Mapping[str, LogoutService]


@runtime_checkable
class HearsLogout(Protocol):
    """Connectors whose providers can say that a session ended."""

    def logged_out(self, inbound: Inbound, here: str, now: int) -> HeardLogout:
        """Judge a LogoutRequest that came to the address `here`. Raises `AssertionRejected`, and `PeerUnavailable`."""

    def logout_answered(self, inbound: Inbound, here: str, asked: str, now: int) -> bool:
        """Judge the answer to our request of this ID: whether all has ended. Raises as `logged_out`."""

    def log_out(self, session: SourceSession, now: int) -> tuple[Outbound, str] | None:
        """The browser's way to ask for the end of a session there, and the ID of the request; None where there is no way.

        Raises `PeerUnavailable`.
        """


class SamlAsking(Connector, HearsLogout, Protocol):
    """Connectors of SAML 2.0: alone, by a federation's metadata, or guarded."""

    @property
    def is_away(self) -> bool:
        """Whether the provider, where we fetch its answers, did not answer the last few times."""


def session_name(name: NameIdentifier | None, index: str) -> str:
    """A digest of NameID and SessionIndex, so that neither is kept; "" where one of them is not said."""
    if name is None or not index:
        return ""
    return hashlib.sha256(json.dumps([name.value, index]).encode()).hexdigest()
