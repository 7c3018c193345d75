"""What each page is given. Frozen, in the reader's language already, and holding nothing that the page does not show.

Every text from a configuration or from a person is escaped by the templates, in every place.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.purposes import Basis


class PageKind(StrEnum):
    """What a page does decides which headers it gets: see `idp.pages.headers`."""

    PLAIN = "plain"  # it shows, and links
    FORM = "form"  # it has a form that posts to us
    POST = "post"  # it has a form that posts a protocol message to somebody else


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a configuration, and the language that it is in (BCP 47): not always the page's."""

    text: str
    language: str


@dataclass(frozen=True, slots=True)
class CountryChoice:
    """One identity provider on the picker: a link to `url` on our own origin, its country (ISO 3166-1) and its title.

    One that is not `available` is shown without a link; one that is `suspended` is not, because our operator says so. The
    one that is `remembered` in this browser stands first.
    """

    url: str
    country: str
    provider: Text
    available: bool = True
    remembered: bool = False
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class PickerView:
    """Which country's eID? `cancel` is the path that a cancelling form posts to.

    `address` is the picker's own path, which its searching form and its links about remembering lead to; empty for a
    picker that has neither; so do those to other languages. `searchable` shows the form, and `sought` is what it found
    `countries` by. `remembering`: the links that are shown keep the choice in this browser. `narrowed`: the service or its
    purpose takes some countries only.
    """

    language: str
    service: Text
    purpose: Text
    countries: tuple[CountryChoice, ...]
    cancel: str
    address: str = ""
    searchable: bool = False
    sought: str = field(default="", repr=False)
    remembering: bool = False
    narrowed: bool = False

    @property
    def kind(self) -> PageKind:
        """The kind of this page."""
        return PageKind.FORM


@dataclass(frozen=True, slots=True)
class Item:
    """One attribute that would go, in words.

    `title` names what goes (`You are over 18`), `value` has its lines. `only` says what a weaker form tells, and `stays`
    names what it stands in for (`Date of birth`); both are empty where the whole attribute goes.
    """

    name: AttributeName
    title: Text
    value: tuple[str, ...] = field(repr=False)
    only: str
    stays: Text | None
    why: Text
    required: bool
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
class ApprovalView:
    """The question to the citizen. `decided` is the sealed login; the form posts it to `action` on our own origin.

    The form's fields: `login`, `decided`, `choice` (`approve`, `refuse` or `cancel`) and `share.NAME` for each optional
    attribute that was ticked. `arrived` names what another country's node sent to this one and what stays here.
    `receipt` is the path of the receipt that an approval leaves, empty where there is none. `rewording` is the path that
    the form is posted to with `language` in place of `choice`, for the page in that language; empty where there is none.
    """

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
    receipt: str = ""
    rewording: str = ""

    @property
    def kind(self) -> PageKind:
        """The kind of this page."""
        return PageKind.FORM

    @property
    def required(self) -> tuple[Item, ...]:
        """What goes with an approval."""
        return tuple(item for item in self.items if item.required)

    @property
    def optional(self) -> tuple[Item, ...]:
        """What the citizen may add."""
        return tuple(item for item in self.items if not item.required)


class Requester(StrEnum):
    """The kinds of service that another country's node asks for (SPType)."""

    PUBLIC = "public"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class InformView:
    """The sending node's page: what goes to another country's node, and that it goes encrypted to it.

    `country` (ISO 3166-1) and `node` say which node asks. `named` is the service as that country calls it (ProviderName):
    nobody here checked it; empty where none was sent. Of `items`, those that are `required` travel with every sign-in
    between countries. `decided` is the sealed login; the form posts to `action` on our own origin the fields `login`,
    `decided` and `choice` (`continue` or `cancel`).
    """

    language: str
    login: str
    decided: str = field(repr=False)
    action: str
    country: str
    node: Text
    requester: Requester
    named: str
    loa: LevelOfAssurance
    items: tuple[Item, ...]

    @property
    def kind(self) -> PageKind:
        """The kind of this page."""
        return PageKind.FORM

    @property
    def always(self) -> tuple[Item, ...]:
        """What travels with every sign-in between countries."""
        return tuple(item for item in self.items if item.required)

    @property
    def additional(self) -> tuple[Item, ...]:
        """What was asked for beside that, and is there."""
        return tuple(item for item in self.items if not item.required)


class Towards(StrEnum):
    """Whom a way onward leads to. For a node, the name beside it is its country's, in the reader's language."""

    PROVIDER = "provider"
    SERVICE = "service"
    NODE = "node"


class Ending(StrEnum):
    """How a login ended without a release."""

    REFUSED = "refused"  # the citizen said no
    CANCELLED = "cancelled"  # the citizen left
    BLOCKED = "blocked"  # what the service cannot do without cannot go


@dataclass(frozen=True, slots=True)
class RefusedView:
    """A login that ended, or is about to end, without a release.

    One of these ways leads on:

    - `target` alone: the relying party's verified address with our answer; by link, and by refresh where the citizen chose
      the end. One who was stopped reads why first.
    - `target` and `fields`: the answer is posted there (response mode form_post).
    - `action` and `fields`: a button posts `fields` to a path of ours, which records the end and then answers.
    - nothing: there is no address that is safe.

    `towards` another country's node, `service` is that country's name.
    """

    language: str
    ending: Ending
    service: Text
    target: str = field(default="", repr=False)
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    missing: tuple[WithheldItem, ...] = ()
    action: str = ""
    towards: Towards = Towards.SERVICE

    @property
    def kind(self) -> PageKind:
        """The kind of this page."""
        if self.action:
            return PageKind.FORM
        return PageKind.POST if self.fields else PageKind.PLAIN

    @property
    def at_once(self) -> bool:
        """Whether the browser goes on by itself."""
        return not self.action and self.ending is not Ending.BLOCKED


@dataclass(frozen=True, slots=True)
class LeavingView:
    """Approved and recorded: on to the relying party's verified address `target`, with the answer in its query.

    `receipt` is the path of the citizen's receipt, empty where there is none.
    """

    language: str
    service: Text
    target: str = field(repr=False)
    receipt: str = ""

    @property
    def kind(self) -> PageKind:
        """The kind of this page."""
        return PageKind.PLAIN


@dataclass(frozen=True, slots=True)
class PostView:
    """A protocol message that the browser posts to `target`: a verified address, never one that a request named.

    `receipt` is the path of the citizen's receipt, empty where there is none.
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
        return PageKind.POST


@dataclass(frozen=True, slots=True)
class ReceiptShown:
    """What a receipt says, in words. `leaf` is the hash of its leaf (hex); `proved` where the file has the leaf's place.

    `file` and `key` are paths of ours: the receipt and the log's key.
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


@dataclass(frozen=True, slots=True)
class OtherReceipt:
    """Another receipt of this browser: for which service, when, and the path of its page."""

    service: Text
    when: str
    path: str


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """The citizen's receipt, None where this browser holds none. `forget` is the path that a form posts to."""

    language: str
    shown: ReceiptShown | None
    forget: str
    others: tuple[OtherReceipt, ...] = ()

    @property
    def kind(self) -> PageKind:
        """The kind of this page."""
        return PageKind.FORM if self.shown else PageKind.PLAIN


@dataclass(frozen=True, slots=True)
class ErrorView:
    """What went wrong: a code of `policies.errors` or of `idp.pages.wording.MOVES`, and the reference in our log.

    `back` is a verified address of the service with its answer, empty where there is none that is safe; with `fields` the
    answer is posted there. `towards` another country's node, `service` is that country's name. `again` is a path of ours
    where the citizen can choose another country, while the login lives. `documentation` is the address of the page that
    explains the codes, empty where the operator names none.
    """

    language: str
    code: str
    reference: str
    back: str = field(default="", repr=False)
    service: Text | None = None
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    towards: Towards = Towards.SERVICE
    again: str = ""
    documentation: str = ""

    @property
    def kind(self) -> PageKind:
        """The kind of this page."""
        return PageKind.POST if self.fields else PageKind.PLAIN
