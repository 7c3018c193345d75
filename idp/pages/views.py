"""The view of each page: frozen, already in the reader's language, and with nothing that the page does not show.

Templates escape every text from a configuration or a person.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.purposes import Basis


class PageKind(StrEnum):
    """The kind of a page decides its headers: see `idp.pages.headers`."""

    PLAIN = "plain"  # it has text and links
    FORM = "form"  # it has a form that posts to us
    POST = "post"  # it has a form that posts a protocol message to somebody else


@dataclass(frozen=True, slots=True)
class PageOwner:
    """The operator at the foot of each page: a name, web addresses, a mail address; "" for each that is not known."""

    name: str = ""
    address: str = ""
    contact: str = ""
    privacy: str = ""
    accessibility: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a configuration with its language (BCP 47), which may differ from the page's."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class RegisterText:
    """A register that vouches for an attribute: its title, and the titles of what it is told to find the person by."""

    title: Text
    found_by: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One attribute that would go, in words.

    `title` names what goes (`Are you 18 or older?`), and `value` has its lines. If a weaker form goes, `only` says what it
    tells, and `stays` names what stays behind (`Date of birth`).
    """

    name: AttributeName
    title: Text
    value: tuple[str, ...] = field(repr=False)
    only: str
    stays: Text | None
    why: Text
    required: bool
    # of one that may be left out: whether its box is ticked, since the citizen ticked it before
    ticked: bool = False
    # the register that vouches for it; None where whoever signed the citizen in does
    source: RegisterText | None = None
    # for programs that read the page: the form asked for, the one that goes, its claim, and the reason by its stable name
    asked: str = ""
    form: str = ""
    claim: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class WithheldItem:
    """One attribute that was asked for and does not go, and a sentence that says why."""

    title: Text
    reason: str
    # for programs that read the page: the catalogue's name, and the reason by its stable name
    name: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Further:
    """More about a question: how much it tells, and what the purpose says becomes of it; "" and () for nothing.

    `rights` has the key of each right (`object`, `complain`, `withdraw`) and where to use it: words or an address.
    """

    tells: tuple[str, ...]
    retention: str
    recipients: tuple[Text, ...]
    rights: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """The question to the citizen. The form posts `decided`, the sealed login, to `action` on our own origin.

    The form's fields: `login`, `decided`, `choice` (`approve` or `refuse`; `continue` or `cancel` if the page `informs`;
    `continue` or `refuse` if it is `shortened`) and `share.NAME` for each optional attribute that was ticked.
    `refusable`: who refuses loses nothing. `arrived` names what the country sent and what is not passed on.
    `crossed`: the country's node sent it.
    `receipt` is the path of the receipt that an approval leaves, or empty. The form is posted to `rewording` with
    `language` in place of `choice` to get the page in that language; it is empty if there is no other one.

    `away` is how long the service can have the same again without the citizen, or empty. `vouchers` names who signed the
    citizen in, if the service hears of it. `acting_for` names whom they act for, or is empty,
    and `named_by` is the register that says so, if it is one.
    `transfer` is the ground on which the answers go to another legal sphere.

    `remembers` labels the box `remember`, or is empty. `earlier` is the date of an approval that is remembered, or empty.
    `shortened`: the same would go as then, so one line and two buttons are enough, and the rest is folded up.
    The form is posted to `rewording` with `page` (`whole` or `every_time`) for the whole question.

    The question has these whole `minutes` left. If it may last `longer`, the form is posted there with `page=longer`.
    """

    kind: ClassVar[PageKind] = PageKind.FORM
    language: str
    login: str
    decided: str = field(repr=False)
    action: str
    service: Text
    purpose: Text
    basis: Basis
    law: Text
    controller: Text
    contact: str
    loa: LevelOfAssurance
    items: tuple[Item, ...]
    kept: tuple[WithheldItem, ...]
    arrived: tuple[Text, ...] = ()
    crossed: bool = False
    receipt: str = ""
    rewording: str = ""
    informs: bool = False
    refusable: bool = False
    further: Further | None = None
    shortened: bool = False
    earlier: str = ""
    remembers: str = ""
    away: str = ""
    vouchers: tuple[str, ...] = ()
    acting_for: str = ""
    named_by: RegisterText | None = None
    transfer: Text | None = None
    minutes: int = 5
    longer: bool = False

    @property
    def required(self) -> tuple[Item, ...]:
        """The items that go with every approval."""
        return tuple(item for item in self.items if item.required)

    @property
    def ticked(self) -> tuple[Item, ...]:
        """The optional items that the citizen ticked before they signed in. They can untick them."""
        return tuple(item for item in self.items if item.ticked and not item.required)

    @property
    def optional(self) -> tuple[Item, ...]:
        """The items that the citizen may add."""
        return tuple(item for item in self.items if not item.required and not item.ticked)


class SpType(StrEnum):
    """The kind of the service that another country's node asks for (SPType)."""

    PUBLIC = "public"
    PRIVATE = "private"


class Towards(StrEnum):
    """The receiver that a page leads on to. A node is called by its country's name, in the reader's language."""

    PROVIDER = "provider"
    SERVICE = "service"
    NODE = "node"
    # a service to which a logout brings our word
    LOGOUT = "logout"


class Ending(StrEnum):
    """How a login ended without a release."""

    REFUSED = "refused"  # the citizen said no
    CANCELLED = "cancelled"  # the citizen left
    BLOCKED = "blocked"  # a required attribute cannot be released


@dataclass(frozen=True, slots=True)
class BlockedView:
    """A login that the policy stops. The citizen reads why, and then goes on.

    One of these ways leads on:

    - `target` alone: a link to the relying party's verified address with our answer.
    - `target` and `fields`: the answer is posted there (response mode form_post).
    - `action` and `fields`: a button posts `fields` to a path of ours, which records the end and then answers.
    - nothing: no address is safe.

    If `towards` is a node, `service` is its country's name.
    """

    language: str
    service: Text
    target: str = field(default="", repr=False)
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    missing: tuple[WithheldItem, ...] = ()
    action: str = ""
    towards: Towards = Towards.SERVICE
    rewording: str = ""

    @property
    def kind(self) -> PageKind:
        """The kind of this page."""
        if self.action:
            return PageKind.FORM
        return PageKind.POST if self.fields else PageKind.PLAIN


@dataclass(frozen=True, slots=True)
class LeavingView:
    """The way on after an approval that shows no last page, to the relying party's verified address `target`.

    `receipt` is the path of the citizen's receipt, or empty.
    """

    kind: ClassVar[PageKind] = PageKind.PLAIN
    language: str
    service: Text
    target: str = field(repr=False)
    receipt: str = ""


@dataclass(frozen=True, slots=True)
class PostView:
    """A protocol message that the browser posts to `target`: a verified address, never one from a request.

    Without `fields` the page leads there by a link, and by itself.

    `receipt` is the path of the citizen's receipt, or empty.
    """

    language: str
    towards: Towards
    name: Text
    target: str
    fields: tuple[tuple[str, str], ...] = field(repr=False)
    receipt: str = ""

    @property
    def kind(self) -> PageKind:
        """The kind of this page."""
        return PageKind.POST if self.fields else PageKind.PLAIN


@dataclass(frozen=True, slots=True)
class ReceiptShown:
    """A receipt in words. `leaf` is the hash of its leaf (hex); `proved`: the file proves the leaf's place in the log.

    `file`, `key` and `checker` are the paths of the receipt, of the log's key, and of the page that checks both.
    `retention` says how long the service keeps it, or "". `away` is how long it can have the same again, or "".
    `operators` are others whose witnesses cosigned the log.
    """

    service: Text
    purpose: Text
    basis: Basis
    when: str
    went: tuple[Text, ...]
    kept: tuple[WithheldItem, ...]
    leaf: str
    proved: bool
    file: str
    key: str
    retention: str = ""
    away: str = ""
    operators: tuple[str, ...] = ()
    checker: str = ""


@dataclass(frozen=True, slots=True)
class OtherReceipt:
    """A link to another receipt of this browser: its service, time and path."""

    service: Text
    when: str
    path: str


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """The citizen's receipt; None if this browser holds none. A form that removes it posts to the path `forget`.

    If the approval is remembered, a form that ends that posts the receipt's `number` to the path `ask`.
    """

    language: str
    shown: ReceiptShown | None
    forget: str
    others: tuple[OtherReceipt, ...] = ()
    ask: str = ""
    number: int = 1
    # our path of this page
    address: str = ""
    kind: ClassVar[PageKind] = PageKind.FORM


@dataclass(frozen=True, slots=True)
class Stronger:
    """The levels of a sign-in that was not secure enough, by their labels, and whoever offers enough.

    `reached` is "" where nobody knows it, `needed` where it is no level of its own. Each of `means` has its country
    (ISO 3166-1), its title, and our path to it.
    """

    reached: str
    needed: str
    means: tuple[tuple[str, Text, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorView:
    """An error: its code, one of `idp.pages.wording.MOVES`, and its reference in our log.

    `back` is a verified address of the service with its answer, or empty if none is safe; with `fields` the answer is
    posted there. If `towards` is a node, `service` is its country's name. `again` is a path of ours where the citizen can
    choose another country while the login lives. `leave` is a path of ours to which a button posts, in place of `back`: it
    ends the login and answers. `retry` is a path of ours at which the sign-in begins anew. `stronger` is there if
    the level was too low. `documentation` is the address of the page that explains the codes, or empty if the operator
    names none. `register` is one that does not answer: `helper` answers for it, and is reached at `contact`.
    """

    language: str
    code: str
    reference: str
    back: str = field(default="", repr=False)
    service: Text | None = None
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    towards: Towards = Towards.SERVICE
    again: str = ""
    leave: str = ""
    retry: str = ""
    stronger: Stronger | None = None
    documentation: str = ""
    register: Text | None = None
    helper: Text | None = None
    contact: str = ""

    @property
    def kind(self) -> PageKind:
        """The kind of this page."""
        return PageKind.POST if self.fields and not self.leave else PageKind.FORM
