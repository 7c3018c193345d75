"""The desk at which a configuration is changed: who wants it, who agrees, and then what is in force.

An approval, and one that was refused, is in the release ledger before it counts; so is a change. Somebody who may not agree
is told why, and so is whoever reads the ledger later.
"""

import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from connectors.formats.grammar import written
from idp.application.operator_acts import Unsure, place, within
from idp.application.planning import GONE, Candidate, judged, plan_against, read_candidate
from idp.application.proposed import candidate_over, proposals_of
from idp.changes.assents import Assents, SignedAssent
from idp.changes.guard import WHOLE, Assent, Requirement, missing
from idp.changes.history import Applied, History, Overtaken
from idp.changes.plan import Plan
from idp.changes.proposals import take_up
from idp.changes.sshsig import MAX_SIGNATURE, read_private, sign, signer
from idp.config.settings import Settings
from idp.keys.folder import load_keys
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.operator_records import APPROVED, REFUSED, draft_plan_act
from idp.ledger.record_contents import new_record
from idp.ports import Unit
from idp.protocols.eidas.receiving_node import crossing_problems
from idp.store.store import Store
from idp.system.clock import system_clock
from idp.system.files import MAX_TEXT, read_whole
from policies.errors import Misconfigured, Problem, StoreUnavailable
from policies.load.table import IDENTIFIER
from policies.operators import Operators

# So many changes before the newest one are looked at, to say what happened since a plan was made
LOOKED_AT = 100
SHOWN = 10


class ActRefused(Exception):
    """An operator's act that is not done: its text says why, and what to do."""


class ApprovalMissing(Exception):
    """A plan that waits for somebody who agrees: `needs` has what for, its text who may."""

    def __init__(self, detail: str, needs: Sequence[Requirement]) -> None:
        super().__init__(detail)
        self.needs = tuple(needs)


@dataclass(frozen=True, slots=True)
class Identity:
    """The means by which somebody says who they are: a private key's file, or a signature's, and perhaps a name."""

    name: str = ""
    key: Path | None = None
    signature: Path | None = None


@dataclass(frozen=True, slots=True)
class Applying:
    """A change that is in force, its plan, and whether its record is known to have its place in the ledger."""

    applied: Applied
    plan: Plan
    who: str
    placed: bool
    # of a proposal: the files that the folder does not have, since it has others, or takes none from this account
    left: tuple[str, ...] = ()


class ChangeDesk:
    """One tenant's. Methods raise `ActRefused`, `StoreUnavailable`, and `Unsure` where nobody knows whether it counts."""

    def __init__(self, settings: Settings, store: Store, ledger: LedgerKeys) -> None:
        self._settings, self._store, self._ledger = settings, store, ledger
        self._history = History(engine=store.engine, tenant=settings.tenant, keys=ledger, commits=store)
        self._assents = Assents(engine=store.engine, tenant=settings.tenant, keys=ledger)

    def listed(self) -> tuple[Applied, ...]:
        """Every configuration that was put in force, the newest first."""
        newest = self._history.newest()
        known = map(self._history.at, range(newest.number if newest else 0, 0, -1))
        return tuple(filter(None, known))

    def earlier(self, number: int = 0) -> Candidate:
        """The configuration of this number; without one, the one before what is in force."""
        newest = self._history.newest()
        last = newest.number if newest else 0
        number = number or last - 1
        found = self._history.at(number) if number > 0 else None
        if found is None:
            known = map(self._history.at, range(max(1, last - SHOWN), last + 1))
            there = "; ".join(map(_told, filter(None, known))) or "none"
            raise ActRefused(f"there is no configuration {number} to go back to. There are: {there}.")
        bundle = self._history.bundle(found.digest)
        if bundle is None:
            raise StoreUnavailable(GONE)
        return judged(self._settings, bundle)

    def candidate(self, digest: str, folder: Path) -> Candidate:
        """The candidate of a plan: a proposal of the operator's pages, else what lies in the folder."""
        found = proposals_of(self._settings, self._ledger).find(digest)
        return candidate_over(self._settings, self._history, found) if found else read_candidate(folder)

    def plan(self, candidate: Candidate) -> Plan:
        """The plan against what is in force."""
        return plan_against(self._history, candidate)[0]

    def assents(self, plan: Plan) -> tuple[Assent, ...]:
        """Everybody who signed a plan."""
        return self._assents.of(plan)

    def apply(self, digest: str, candidate: Candidate, identity: Identity) -> Applying:
        """Put a configuration in force whose plan has this digest. Raises `ApprovalMissing` where somebody has to agree."""
        plan, newest = plan_against(self._history, candidate)
        if plan.digest != digest:
            raise ActRefused(self._changed(digest, plan, newest))
        if not plan.changes:
            raise ActRefused("nothing changes: the same configuration is in force.")
        try:
            who, signature = _who(plan, WHOLE, identity)
        except ValueError as error:
            raise ActRefused(f"nobody is known by this key or signature: {error}.") from None
        mine, others = Assent(WHOLE, who, planner=True), self._others(plan, candidate)
        if left := missing(plan.needs, (*others, mine)):
            if signature:
                self._assents.add(plan, SignedAssent(mine, signature))
            raise ApprovalMissing(_who_may(plan, who), left)
        approved = sorted({one.who for one in others if not one.planner} - {who}) if plan.needs else []
        applied = self._put(plan, newest, candidate, who, approved)
        try:
            placed = within(lambda: place(self._settings, self._store, self._ledger, self._history.record(applied.number)))
            self._assents.forget(applied.number)
        except StoreUnavailable:
            placed = False
        return Applying(applied, plan, who, placed, self._taken_up(plan, candidate))

    def approve(
        self, digest: str, candidate: Candidate, part: str, identity: Identity
    ) -> tuple[str, Sequence[Requirement]]:
        """Agree to a plan, or to one part of it. Returns who did, and what is still to be agreed to."""
        plan, newest = plan_against(self._history, candidate)
        if plan.digest != digest:
            self._refuse(digest, identity, "it is of another plan", self._changed(digest, plan, newest))
        if part not in {need.name for need in plan.needs}:
            known = ", ".join(need.name for need in plan.needs if need.name) or "none"
            what = f"parts that need one of their own: {known}."
            self._refuse(digest, identity, "the plan needs no such approval", what)
        if not plan.operators:
            self._refuse(digest, identity, "nobody is named who may approve", _who_may(plan, ""))
        try:
            who, signature = _who(plan, part, identity)
        except ValueError as error:
            self._refuse(digest, identity, "nobody is known by this key or signature", f"{error}.")
        others = self._others(plan, candidate)
        if candidate.proposal and candidate.proposal.author.casefold() == who.casefold():
            self._refuse(digest, identity, "nobody approves what they proposed", "another person has to approve it.", who)
        if any(one.who == who and one.planner for one in others):
            self._refuse(digest, identity, "nobody approves their own plan", "another person has to approve it.", who)
        if any(one.who == who and one.name == part for one in others):
            self._refuse(digest, identity, "they approved it already", "another person has to approve it.", who)
        # Log first: an approval that counts is known to whoever reads the ledger
        self._record(APPROVED, digest, who, f"part {part}" if part else "the whole plan")
        signed = SignedAssent(Assent(part, who, planner=False), signature)
        self._assents.add(plan, signed)
        return who, missing(plan.needs, (*others, signed.assent))

    def _others(self, plan: Plan, candidate: Candidate) -> tuple[Assent, ...]:
        """Everybody who signed. Whoever proposed a plan counts as one who planned it, and approves nothing of it."""
        author = candidate.proposal.author.casefold() if candidate.proposal else ""
        found = self._assents.of(plan)
        return tuple(replace(one, planner=one.planner or one.who.casefold() == author) for one in found)

    def _taken_up(self, plan: Plan, candidate: Candidate) -> tuple[str, ...]:
        """Write a proposal that is in force into the folder: else the next reload finds what was there before."""
        if candidate.proposal is None:
            return ()
        files = candidate.proposal.files
        try:
            before = self._history.bundle(plan.base.digest)
            left = tuple(take_up(self._settings.folder, before, files)) if before else tuple(files)
            proposals_of(self._settings, self._ledger).remove(plan.digest)
        except (StoreUnavailable, Misconfigured):
            return tuple(files)
        return left

    def _put(self, plan: Plan, newest: Applied | None, candidate: Candidate, who: str, approved: Sequence[str]) -> Applied:
        try:
            return within(
                lambda: self._history.put(
                    candidate.bundle,
                    who=who,
                    now=int(system_clock()),
                    before=newest,
                    widened=plan.widened,
                    approved=approved,
                )
            )
        except Overtaken as error:
            raise ActRefused(self._changed(plan.digest, plan, error.newest)) from None
        except Unsure:
            raise
        except StoreUnavailable as error:
            raise Unsure(error.detail) from error

    def _changed(self, digest: str, plan: Plan, newest: Applied | None) -> str:
        """Sentences that say what changed since a plan was made."""
        last = newest.number if newest else 0
        for number in range(last - 1, max(-1, last - LOOKED_AT), -1):
            before = self._history.at(number) if number else None
            if plan.made_against(number, before.digest if before else "") == digest and newest:
                since = ", ".join(map(_told, filter(None, map(self._history.at, range(number + 1, newest.number + 1)))))
                return f"since this plan was made, something else was put in force: {since}. Plan again: ciconia plan."
        now = f"in force is {_told(newest)}" if newest else "nothing is in force yet"
        return (
            f"this is not the plan of what would change now: the files are others than then, or the plan is of another "
            f"broker; {now}, and the plan is {plan.digest}. See: ciconia plan."
        )

    def _refuse(self, digest: str, identity: Identity, reason: str, what: str, who: str = "") -> NoReturn:
        """Record that an approval was refused, and say why. Who was not proven to be somebody is the account."""
        claimed = f" (as {identity.name})" if not who and IDENTIFIER.fullmatch(identity.name) else ""
        self._record(REFUSED, digest, who or account(), f"{reason}{claimed}")
        raise ActRefused(f"The approval is refused, and that is on record: {reason}: {what}")

    def _record(self, act: str, digest: str, who: str, reason: str) -> None:
        now = int(system_clock())
        draft = draft_plan_act(record=new_record(), time=now, act=act, plan=digest, who=who, reason=reason)
        within(lambda: self._store.commit(Unit(tenant=self._settings.tenant, record=draft)))
        try:
            within(lambda: place(self._settings, self._store, self._ledger, draft.record))
        except StoreUnavailable:
            return


def assert_servable(candidate: Candidate) -> None:
    """Raises `Misconfigured` with what keeps this broker, with its own keys, from serving a configuration."""
    if candidate.settings is not None:
        mine = candidate.settings
        keys = load_keys(mine.key_folder, mine.origin, mine.index_folder)
        if found := crossing_problems(candidate.settings, candidate.configuration, keys):
            raise Misconfigured(tuple(found))


def account() -> str:
    """The account that the program runs as: who that is says the machine alone."""
    try:
        return f"unix:{pwd.getpwuid(os.geteuid()).pw_name}"
    except KeyError:
        return f"unix:{os.geteuid()}"


def _who(plan: Plan, part: str, identity: Identity) -> tuple[str, bytes]:
    """The person who signs a plan or a part of it, and the signature; the account where operators/ names nobody."""
    return read_signed(plan.operators, plan.document(part), identity) if plan.operators else (account(), b"")


def read_signed(operators: Operators, content: bytes, identity: Identity) -> tuple[str, bytes]:
    """The person who signs this, and the signature. Raises ValueError where nobody does."""
    if identity.signature is not None:
        signature = _read(identity.signature, "--signature", MAX_SIGNATURE)
    elif identity.key is not None:
        signature = sign(read_private(_read(identity.key, "--key", MAX_TEXT)), content)
    else:
        names = ", ".join(sorted(set(operators.values())))
        raise ValueError(f"say who you are ({names}) with --key FILE or --signature FILE")
    who = signer(operators, signature, content)
    if identity.name not in ("", who):
        raise ValueError(f"the key is of {who}")
    return who, signature


def _read(path: Path, key: str, most: int) -> bytes:
    try:
        return read_whole(path, most)
    except OSError as error:
        what = f"cannot be read: {error.strerror}."
        raise Misconfigured((Problem(str(path), 0, key, what, "name a file that you can read."),)) from None


def _who_may(plan: Plan, who: str) -> str:
    names = ", ".join(sorted(set(plan.operators.values()) - {who}))
    if not names:
        return "operators/ of what is in force names nobody else. Put a second person's key there first, and apply that."
    return f"it waits for the approval of one of: {names}."


def _told(applied: Applied) -> str:
    return f"configuration {applied.number} ({applied.who}, {written(applied.time)})"
