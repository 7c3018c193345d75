"""The views of the citizen's page."""

from dataclasses import dataclass
from typing import ClassVar

from idp.pages.views import PageKind, RegisterText, Text, WithheldItem
from policies.purposes import Basis


@dataclass(frozen=True, slots=True)
class WentShown:
    """An attribute that went, in its form, and from whom it came."""

    title: Text
    source: Text


@dataclass(frozen=True, slots=True)
class ReleaseShown:
    """One release in words: names and forms, never values. `more` names what the service asked for and did not get so.

    `file` is our path of its receipt.
    """

    number: int
    service: Text
    purpose: Text
    basis: Basis
    when: str
    went: tuple[WentShown, ...]
    kept: tuple[WithheldItem, ...]
    more: tuple[Text, ...]
    file: str
    # what the citizen can do about it, and whether they did so and have not agreed anew since
    acts: tuple[str, ...] = ()
    stopped: bool = False
    # its answer never left
    unsent: bool = False
    # whom an objection goes to
    controller: str = ""
    # the citizen acted for somebody else
    acting: bool = False
    # seen by everybody who may see the page
    level: ClassVar[str] = ""
    what: ClassVar[str] = ""

    @property
    def over(self) -> bool:
        """Whether the service asked for more than it got."""
        return bool(self.more or self.kept)


@dataclass(frozen=True, slots=True)
class HiddenShown:
    """A record of a sign-in at a higher level: the page says that it is there, and the level that shows it."""

    number: int
    level: str


@dataclass(frozen=True, slots=True)
class ActShown:
    """An act of the citizen on this page, in the word of its record (`what`)."""

    number: int
    what: str
    service: Text
    purpose: Text
    when: str
    file: str
    level: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class ApprovalShown:
    """A remembered approval. `client` and `purpose_id` are what its off switch posts."""

    service: Text
    purpose: Text
    given: str
    client: str
    purpose_id: str


@dataclass(frozen=True, slots=True)
class GrantShown:
    """A grant of two officers that reaches records of the citizen, in words. `period` is "" where it is for them alone."""

    auditor: str
    reason: str
    officers: str
    begins: str
    ends: str
    period: str
    used: int
    used_last: str
    # waiting, open or ended
    state: str


@dataclass(frozen=True, slots=True)
class LinkShown:
    """A link of this identity to an `earlier` or a `new` one, of which `country` is. `record` is what its undo posts.

    `side` is `waits` or `claims` while an officer has to confirm it: then `record` is the number that they need.
    It is "" where links count for nothing (`matching = false`): nothing but the undo is left.
    """

    side: str
    country: str
    made: str
    record: str


@dataclass(frozen=True, slots=True)
class AskableRegister:
    """A register that may know an earlier identifier: what such a sign-in posts, its title, and what it is told."""

    purpose: str
    level: str
    register: RegisterText | None


@dataclass(frozen=True, slots=True)
class MatchView:
    """What the page says of links, and the way to make one: `beside` is what a sign-in by earlier means posts.

    `country` vouched for that sign-in in this browser, "" before it. `earlier` is what the link posts, "" where none may.
    `registers` may be asked instead. `register` is the one that was asked, None where nobody was.
    """

    links: tuple[LinkShown, ...]
    beside: str
    country: str
    earlier: str
    link: str
    unlink: str
    registers: tuple[AskableRegister, ...] = ()
    register: RegisterText | None = None


@dataclass(frozen=True, slots=True)
class CitizenView:
    """The citizen's page. `country` vouched for them until `until`. `missing` are the numbers of lost records.

    `older` and `newer` are our paths of the pages before and after this one, "" where there is none.
    """

    language: str
    country: str
    until: str
    count: int
    shown: tuple[ReleaseShown | ActShown | HiddenShown, ...]
    missing: tuple[int, ...]
    sign_in: str
    end: str
    # our paths to which the forms of acts and of approvals post, and of the file with all that is kept
    act: str = ""
    switch: str = ""
    export: str = ""
    # our path at which records are erased
    erase: str = ""
    # the numbers of records whose retention is over
    over: tuple[int, ...] = ()
    approvals: tuple[ApprovalShown, ...] = ()
    # the grants that reach these records; or the level at which they are shown
    grants: tuple[GrantShown, ...] = ()
    grants_at: str = ""
    match: MatchView | None = None
    older: str = ""
    newer: str = ""
    # our path of this page
    address: str = ""
    kind: ClassVar[PageKind] = PageKind.FORM


@dataclass(frozen=True, slots=True)
class CitizenDoorView:
    """The page before a sign-in: a button that begins one. `ended`: the session that there was is over."""

    language: str
    sign_in: str
    ended: bool = False
    address: str = ""
    kind: ClassVar[PageKind] = PageKind.FORM


@dataclass(frozen=True, slots=True)
class CitizenEnteredView:
    """The page after a sign-in for the citizen's page: on to it, at the address `target`."""

    language: str
    target: str
    kind: ClassVar[PageKind] = PageKind.PLAIN


@dataclass(frozen=True, slots=True)
class RecipientShown:
    """A service that got something for a purpose. `further` are those to whom that one passes it."""

    service: Text
    purpose: Text
    controller: str
    retention: str
    further: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class CitizenCopyView:
    """All that is kept about the citizen: each thing, and until when. `file` is our path of the same as a file."""

    language: str
    file: str
    back: str
    kept: tuple[tuple[str, str], ...]
    recipients: tuple[RecipientShown, ...]
    rights: tuple[str, ...]
    address: str = ""
    kind: ClassVar[PageKind] = PageKind.FORM


@dataclass(frozen=True, slots=True)
class CitizenErasureView:
    """The question whether to erase a person's records. With `due`, when they are, the button stops it."""

    language: str
    action: str
    back: str
    due: str = ""
    address: str = ""
    kind: ClassVar[PageKind] = PageKind.FORM
