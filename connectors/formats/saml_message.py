"""The messages of SAML 2.0, once they are read: what their readers give, and nothing that they do."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NameIdentifier:
    """A NameID (§2.2.3). `name_format` is `unspecified` where the message has none."""

    value: str = field(repr=False)
    name_format: str
    name_qualifier: str
    sp_name_qualifier: str


@dataclass(frozen=True, slots=True)
class SubjectConfirmation:
    """A SubjectConfirmation (§2.4.1.1). Times are seconds since the epoch; what is absent is None or empty."""

    method: str
    recipient: str
    in_response_to: str
    not_before: int | None
    not_on_or_after: int | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """Conditions (§2.5). Each restriction's audiences are a tuple of their own: all restrictions hold together."""

    not_before: int | None
    not_on_or_after: int | None
    audiences: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Authentication:
    """An AuthnStatement (§2.7.2)."""

    instant: int
    session_not_on_or_after: int | None
    context_class: str
    authorities: tuple[str, ...] = ()  # entity ids of those who were involved, besides the issuer
    session_index: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class WireAttribute:
    """An Attribute (§2.7.3.1) as it stood. A value that is nil is left out; FriendlyName is not read.

    `name_ids` are the NameIDs among its values: `values` has the text of each as well.
    """

    name: str
    name_format: str
    values: tuple[str, ...] = field(repr=False)
    name_ids: tuple[NameIdentifier, ...] = ()


@dataclass(frozen=True, slots=True)
class AssertionMessage:
    """An Assertion (§2.3.3), read from signed octets alone."""

    assertion_id: str
    issue_instant: int
    issuer: str
    subject: NameIdentifier | None
    confirmations: tuple[SubjectConfirmation, ...]
    conditions: Conditions
    authentications: tuple[Authentication, ...]
    attributes: tuple[WireAttribute, ...]


@dataclass(frozen=True, slots=True)
class ResponseMessage:
    """A Response (§3.3.3). `issuer`, `destination` and `in_response_to` are empty where the message has none."""

    response_id: str
    issue_instant: int
    issuer: str
    destination: str
    in_response_to: str
    status: str
    sub_status: str
    assertions: tuple[AssertionMessage, ...]
    encrypted: int = 0  # how many EncryptedAssertions stand in it, where they are taken at all
