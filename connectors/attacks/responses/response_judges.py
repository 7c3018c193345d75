"""A case's file at an entrance: a parameter of a POST, or everything that came with it."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from connectors.connector import Expectation, Inbound
from policies.authentication import Assertion
from policies.errors import AssertionRejected, BrokerError
from policies.parties import ProviderId


class Receiving(Protocol):
    """A connector, as far as it receives."""

    def receive(self, inbound: Inbound, expectation: Expectation, now: int) -> Assertion:
        """Judge an answer, or raise: `connectors.connector.Connector`."""


Judging = Callable[[Receiving, Expectation, int], Callable[[bytes], None]]


@dataclass(frozen=True, slots=True)
class ByPost:
    """Octets as `ciconia inspect` reads them (idp/inspect/response_judges.py), judged as a login judges a parameter."""

    connector: Receiving
    expectation: Expectation
    now: int

    def __call__(self, octets: bytes) -> None:
        """Raise what the connector raises."""
        text = base64.b64encode(octets).decode() if octets.startswith(b"<") else octets.decode("utf-8", "replace")
        self.connector.receive(Inbound("post", {"SAMLResponse": text}), self.expectation, self.now)


@dataclass(frozen=True, slots=True)
class AsItCame:
    """A whole answer of `came`: how it came, at whose address, with which parameters."""

    connector: Receiving
    expectation: Expectation
    now: int

    def __call__(self, octets: bytes) -> None:
        """Raise what the connector raises."""
        said = json.loads(octets)
        expectation = self.expectation
        if said["provider"] is not None:
            expectation = replace(expectation, provider_id=ProviderId(said["provider"]))
        self.connector.receive(Inbound(said["binding"], said["parameters"]), expectation, self.now)


def came(parameters: Mapping[str, str], *, binding: str = "post", provider: str | None = None) -> bytes:
    """The octets that `AsItCame` reads. `provider` is whom the login had asked, None: whom it is registered for."""
    return json.dumps({"binding": binding, "provider": provider, "parameters": dict(parameters)}).encode()


@dataclass(frozen=True, slots=True)
class AsTold:
    """Judges as another, and says the code of a refusal in place of its check: which of our sentences is shown."""

    judge: Callable[[bytes], None] = field(repr=False)

    def __call__(self, octets: bytes) -> None:
        """Raise `BrokerError` with that code."""
        try:
            self.judge(octets)
        except AssertionRejected as error:
            raise BrokerError(error.detail, code=error.code) from None
