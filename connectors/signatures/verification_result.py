"""The result of a verification: octets that a signature covered, and whose key made it."""

from dataclasses import dataclass, field

from connectors.signatures.parse import Element, parse_canonical


@dataclass(frozen=True, slots=True)
class Signed:
    """Canonical octets (exclusive C14N, no comments, its own Signature cut out) whose signature held.

    Constructed in `connectors.signatures` alone. Readers read `octets`, or the tree of them, and look at nothing else.
    """

    octets: bytes = field(repr=False)
    # RFC 7638 thumbprint of the key that verified
    key_id: str
    _parsed: list[Element] = field(default_factory=list, init=False, repr=False, compare=False)

    def tree(self) -> Element:
        """The root of `octets`, which are parsed once, whoever reads them first. Nobody changes it."""
        if not self._parsed:
            self._parsed.append(parse_canonical(self.octets))
        return self._parsed[0]


@dataclass(frozen=True, slots=True)
class SignedMessage:
    """A message of which every signature that stands held.

    `signed` is the whole message where the root is signed, else its one inner element (an assertion). In that second case
    `unverified_envelope` is the message without the inner element, which nobody vouches for: it may be held against what
    we expect, and nothing in it may be believed. It is empty where the root is signed.
    """

    signed: Signed
    unverified_envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UnsignedMessage:
    """A message with no signature and no inner element, such as a failure status. Nothing in it may be believed."""

    unverified_octets: bytes = field(repr=False)
