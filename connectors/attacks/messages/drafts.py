"""Requests and messages of single logout as text, each part of which may be changed before it is signed, or afterwards.

```xml
<samlp:AuthnRequest ID="…" …> `issuer` `children` </samlp:AuthnRequest>
```
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from xml.sax.saxutils import quoteattr

from connectors.attacks.attack_case import CaseBench, CaseKind
from connectors.attacks.key_holders import KeyHolder
from connectors.attacks.xml_signer import Signing, sign
from connectors.formats.grammar import written
from connectors.wire.names import SAML, SAMLP


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """A message that is not signed yet. `attributes` have their values as they are meant, not escaped."""

    name: str
    attributes: Mapping[str, str] = field(repr=False)
    issuer: str
    children: str = field(repr=False)
    namespaces: str = f'xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}"'

    @property
    def message_id(self) -> str:
        """Its ID."""
        return self.attributes["ID"]

    @property
    def xml(self) -> bytes:
        """The message."""
        attributes = "".join(f" {name}={quoteattr(value)}" for name, value in self.attributes.items())
        return f"<samlp:{self.name} {self.namespaces}{attributes}>{self.issuer}{self.children}</samlp:{self.name}>".encode()

    def said(self, **attributes: str | None) -> "MessageDraft":
        """With other attributes; None leaves one out."""
        changed = {**self.attributes, **attributes}
        return replace(self, attributes={name: value for name, value in changed.items() if value is not None})

    def swapped(self, old: str, new: str) -> "MessageDraft":
        """With another text in its children. ValueError where it does not stand there: it would attack nothing."""
        if old not in self.children:
            raise ValueError(f"nothing to swap: {old}")
        return replace(self, children=self.children.replace(old, new, 1))


def draft(name: str, issuer: str, children: str, now: int, **attributes: str) -> MessageDraft:
    """A message of now, with a new ID."""
    head = {"ID": fresh(), "Version": "2.0", "IssueInstant": written(now), **attributes}
    return MessageDraft(name, head, f"<saml:Issuer>{issuer}</saml:Issuer>", children)


def fresh() -> str:
    """SAML Core 2.0 §1.3.4."""
    return f"_{secrets.token_hex(20)}"


@dataclass(frozen=True, slots=True)
class MessageBench(CaseBench):
    """One kind of message, judged by POST: a good one, made anew each time, who signs it and how.

    `following` is the sender's next key, on P-256, and `strange` one that nobody pinned; `other` makes good messages of
    another kind by the same sender.
    """

    kind = CaseKind.MESSAGE
    parameter: str
    holder: KeyHolder
    following: KeyHolder
    how: Signing
    draft: Callable[[], MessageDraft]
    strange: KeyHolder
    other: Callable[[], MessageDraft]
    now: int

    def signed(self, message: MessageDraft | None = None, how: Signing | None = None) -> bytes:
        """A message, signed by its sender; a good one, and as it should be, unless something else is given."""
        drafted = message or self.draft()
        return sign(drafted.xml, drafted.message_id, self.holder, how or self.how)

    def outermost(self, how: Signing) -> bytes:
        """A good message, signed so."""
        return self.signed(how=how)
