"""Ways to make an answer in a setting: a good one of which one thing is otherwise."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from connectors.attacks.responses.response_draft import ResponseDraft
from connectors.attacks.responses.settings import Make, Setting
from connectors.attacks.xml_signer import Edit, Signing, swap, swap_octets

T = TypeVar("T")
M = TypeVar("M")


class SignedShape(Protocol):
    """Whatever has an outermost Signature: an answer in a setting, a message, metadata."""

    @property
    def how(self) -> Signing:
        """The way in which its party signs."""

    def outermost(self, how: Signing, /) -> bytes:
        """A good one, whose outermost Signature is made so."""


ShapeMake = Callable[[SignedShape], bytes]
ShapeMakes = Mapping[str, ShapeMake]
ShapeTable = Mapping[str, ShapeMakes]
Change = Callable[[Setting, ResponseDraft], ResponseDraft]


def each(way: Callable[[T], M], rows: Mapping[str, T]) -> Mapping[str, M]:
    """Rows of what it is, each made in one way."""
    return {what: way(one) for what, one in rows.items()}


def sent(**edits: Any) -> Make:  # Any: parameters of `Setting.sent`
    """A good answer that is edited on its way: see `Setting.sent`."""
    return lambda setting: setting.sent(**edits)


def said(change: Change | None = None, /, **fields: Any) -> Make:  # Any: fields of an answer, or functions that give them
    """An answer that says something else, signed as it says it. A field is given, or made of setting and answer."""

    def make(setting: Setting) -> bytes:
        answer = setting.good if change is None else change(setting, setting.good)
        return setting.sent(_with(setting, answer, fields))

    return make


def confirmed(**fields: Any) -> Make:  # Any: fields of a confirmation, or functions that give them
    """An answer whose bearer confirmation says something else."""
    return said(confirmation=lambda setting, answer: _with(setting, answer.confirmation, fields))


def also(*attributes: str) -> Make:
    """An answer with attributes more."""
    return said(attributes=lambda _, answer: (*answer.attributes, *attributes))


def alone(**fields: str) -> Make:
    """A signed Response without an assertion."""
    return lambda setting: setting.around("", _with(setting, setting.good, fields))


def signed(**how: Any) -> Make:  # Any: fields of `Signing`
    """An answer whose innermost Signature is made in another way."""
    return lambda setting: setting.sent(how=replace(setting.how, **how))


def outermost(**how: Any) -> ShapeMake:  # Any: fields of `Signing`
    """Whatever is signed, its outermost Signature made in another way."""
    return lambda shape: shape.outermost(replace(shape.how, **how))


def throughout(**how: Any) -> Make:  # Any: fields of `Signing`
    """An answer whose every Signature is made in another way."""

    def make(setting: Setting) -> bytes:
        changed = replace(setting.how, **how)
        return setting.sent(how=changed, response_how=changed)

    return make


def finished(edit: Edit) -> ShapeMake:
    """A good one whose outermost Signature is edited after it was made."""
    return outermost(finished=edit)


def informed(edit: Edit) -> ShapeMake:
    """A good one whose outermost SignedInfo is edited, and then signed."""
    return outermost(info=edit)


def sealed(**changes: Any) -> Make:  # Any: fields of the setting's encryption
    """A good answer that is encrypted in another way."""

    def make(setting: Setting) -> bytes:
        if setting.encryption is None:
            raise TypeError(f"{setting.where} encrypts nothing")
        return setting.sent(encryption=replace(setting.encryption, **changes))  # type: ignore[type-var] # both kinds are dataclasses

    return make


def edited(edit: Edit) -> Make:
    """A good answer whose EncryptedAssertion is edited before the Response is signed."""
    return sealed(edit=edit)


def holding(plaintext: Callable[[Setting], bytes]) -> Make:
    """A signed Response around whatever is encrypted."""
    return lambda setting: setting.around(setting.encryption_here.xml(plaintext(setting)))


def late(old: str, new: str) -> Make:
    """A good answer in whose assertion `old` became `new` after everything in it was signed."""
    return sent(late=swap_octets(old, new))


def spelled(old: str, new: str) -> Make:
    """An assertion that is spelled otherwise before it is signed."""
    return sent(spelled=swap(old, new))


def _with(setting: Setting, of: Any, fields: Mapping[str, Any]) -> Any:  # Any: an answer or a confirmation, and its fields
    given = {name: value(setting, of) if callable(value) else value for name, value in fields.items()}
    return replace(of, **given)
