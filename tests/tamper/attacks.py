"""The ways in which an operator could cheat, each carried out against a copy of an honest ledger.

`says` is for an attack that nobody notices: the words with which docs/threats.md says so.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any  # a field of a login, of any type

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.signatures.key_ring import Scheduled
from idp.ledger.checkpoint import TreeHead, sign_note
from idp.ledger.leaf import erasure_mark, new_salt, open_opening
from idp.ledger.ledger_keys import LogKey, LogKeys
from idp.ledger.merkle_tree import leaf_hash
from idp.ledger.operator_records import draft_configuration
from idp.ledger.person_records import DONE, draft_erasure
from idp.ledger.record_contents import CANCELLATION, DecidedBy, draft_refusal, new_record
from policies.attributes import EXACT, Address
from policies.purposes import Basis
from policies.release import Decision
from tests.idp.store.units import NOW, TENANT, decided, refusal, request, ruling
from tests.tamper.observers import ask_witness
from tests.tamper.stage import DAY, JUHAN, MARI, OLDER, Login, Stage

LATER = NOW + 4 * DAY


@dataclass(frozen=True, slots=True)
class Attack:
    """One way to cheat: with the ledger's keys or by writing to the database alone."""

    name: str
    run: Callable[[Stage], object]
    keys: bool
    says: str = ""


ATTACKS: list[Attack] = []


def _by_sql(name: str, *statements: str) -> None:
    """An attack of somebody without keys. `M1` stands for Mari's first record, and so on."""

    def run(stage: Stage) -> None:
        for statement in statements:
            stage.sql(_named(stage, statement))

    ATTACKS.append(Attack(name, run, keys=False))


def _named(stage: Stage, statement: str) -> str:
    for name, login in zip(("M1", "J1", "M2", "M3", "J2"), stage.logins, strict=True):
        leaf = f"(SELECT leaf_hash FROM records WHERE record = {name})"  # noqa: S608  our names
        statement = statement.replace(f"{name}.leaf", leaf)
        statement = statement.replace(name, f"x'{login.record.hex()}'")
    return statement.replace("MARI", f"x'{MARI.hex()}'").replace("JUHAN", f"x'{JUHAN.hex()}'")


def _attack(
    name: str, *, keys: bool = True, says: str = ""
) -> Callable[[Callable[[Stage], object]], Callable[[Stage], object]]:
    def add(run: Callable[[Stage], object]) -> Callable[[Stage], object]:
        ATTACKS.append(Attack(name, run, keys, says))
        return run

    return add


# -- without keys: rows are changed

_by_sql("a release's record is deleted", "DELETE FROM records WHERE record = M2")
_by_sql(
    "a release's record and its leaf are deleted",
    "DELETE FROM leaves WHERE leaf_hash = M2.leaf",
    "DELETE FROM records WHERE record = M2",
)
_by_sql("the leaf of a release is deleted", "DELETE FROM leaves WHERE leaf_hash = M1.leaf")
_by_sql("the last leaf is deleted", "DELETE FROM leaves WHERE leaf_index = (SELECT max(leaf_index) FROM leaves)")
_by_sql("what was sent is changed by a byte", "UPDATE records SET sent_opening = zeroblob(1068) WHERE record = M1")
_by_sql(
    "what was sent is exchanged for another record's",
    "UPDATE records SET sent_opening = (SELECT sent_opening FROM records WHERE record = M2) WHERE record = M1",
)
_by_sql(
    "the decision of a release is exchanged for the sent part",
    "UPDATE records SET decision_opening = sent_opening WHERE record = J1",
)
_by_sql("the login of a release is taken away", "UPDATE records SET login_opening = NULL WHERE record = M1")
_by_sql("a release is dated back by a month", "UPDATE records SET time = time - 2678400 WHERE record = M1")
_by_sql("a release is dated back by a second", "UPDATE records SET time = time - 1 WHERE record = M1")
_by_sql(
    "a release is put under another person",
    "UPDATE records SET subject = JUHAN, position = 3 WHERE record = M3",
    "UPDATE subjects SET counter = 3 WHERE subject = JUHAN",
    "UPDATE subjects SET counter = 2 WHERE subject = MARI",
)
_by_sql(
    "two releases of one person change their numbers",
    "UPDATE records SET position = 99 WHERE record = M1",
    "UPDATE records SET position = 1 WHERE record = M2",
    "UPDATE records SET position = 2 WHERE record = M1",
)
_by_sql("a person is removed", "DELETE FROM subjects WHERE subject = MARI")
_by_sql(
    "the newest release of a person is removed, with its number",
    "UPDATE subjects SET counter = counter - 1 WHERE subject = MARI",
    "DELETE FROM records WHERE record = M3",
)
_by_sql("a person's salt is replaced", "UPDATE subjects SET salt = zeroblob(64) WHERE subject = MARI")
_by_sql(
    "a release is made to look erased",
    "UPDATE records SET subject = NULL, position = NULL, login_opening = NULL, subject_opening = zeroblob(32) "
    "WHERE record = M1",
)
_by_sql("a leaf is overwritten", "UPDATE leaves SET leaf = zeroblob(400) WHERE leaf_index = 2")
_by_sql("the hash of a leaf is overwritten", "UPDATE leaves SET leaf_hash = zeroblob(32) WHERE leaf_index = 2")
_by_sql(
    "two leaves change places",
    "UPDATE leaves SET leaf_index = 99 WHERE leaf_index = 0",
    "UPDATE leaves SET leaf_index = 0 WHERE leaf_index = 1",
    "UPDATE leaves SET leaf_index = 1 WHERE leaf_index = 99",
)
_by_sql(
    "a leaf is added that has no record",
    "INSERT INTO leaves SELECT tenant, 7, leaf, zeroblob(32) FROM leaves WHERE leaf_index = 0",
)
_by_sql("a node of the tree is overwritten", "UPDATE nodes SET hash = zeroblob(32) WHERE level = 1 AND node_index = 0")
_by_sql("the nodes of the tree are removed", "DELETE FROM nodes")
_by_sql("a node is added", "INSERT INTO nodes SELECT tenant, level, 9, hash FROM nodes WHERE level = 2")
_by_sql("the tree's state says fewer leaves", "UPDATE trees SET size = 4")
_by_sql("the tree's state is removed", "DELETE FROM trees")
_by_sql("the newest checkpoint is removed", "DELETE FROM checkpoints WHERE number = 2")
_by_sql(
    "the newest checkpoint says the older tree",
    "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE number = 1) WHERE number = 2",
)
_by_sql("a checkpoint gets another time", "UPDATE checkpoints SET time = time + 60 WHERE number = 1")
_by_sql(
    "a release stands there twice",
    "INSERT INTO records SELECT tenant, zeroblob(16), time, zeroblob(32), NULL, NULL, sent_opening, decision_opening, "
    "NULL, NULL FROM records WHERE record = M1",
)
_by_sql(
    "a trigger is left behind that forgets releases",
    "CREATE TRIGGER gone AFTER INSERT ON records BEGIN DELETE FROM records; END",
)
_by_sql("an operator's act is removed", "DELETE FROM records WHERE subject IS NULL AND record != zeroblob(16)")


@_attack("the whole database is put back as it was yesterday", keys=False)
def _older(stage: Stage) -> None:
    for each in stage.folder.glob("ciconia.db*"):
        each.unlink()
    shutil.copy(stage.folder / OLDER, stage.database)


@_attack("a release is removed before it has its place, with its person's number", keys=False)
def _staged(stage: Stage) -> None:
    login = stage.happen(Login(MARI, LATER))
    _forget_staged(stage, login.record)
    stage.sql("UPDATE subjects SET counter = counter - 1 WHERE subject = ?", MARI)
    stage.sequence()


@_attack("a refusal is removed before it has its place", keys=False, says="removes a refusal before it is sequenced")
def _staged_refusal(stage: Stage) -> None:
    draft = refusal(LATER)
    stage.commit(draft)
    _forget_staged(stage, draft.record)
    stage.sequence()


def _forget_staged(stage: Stage, record: bytes) -> None:
    stage.sql("DELETE FROM staged WHERE record = ?", record)
    stage.sql("DELETE FROM records WHERE record = ?", record)


# -- with keys: the past is written anew


@_attack("a release is removed, and the tree and its checkpoints are signed anew")
def _remove(stage: Stage) -> None:
    stage.take_out(stage.logins[2].record, renumber=False)


@_attack("a release is removed, all is signed anew, and the person's later releases get new numbers")
def _remove_and_renumber(stage: Stage) -> None:
    stage.take_out(stage.logins[2].record, renumber=True)


@_attack("the newest release of a person is removed, and all is signed anew")
def _remove_last(stage: Stage) -> None:
    stage.take_out(stage.logins[4].record, renumber=True)


@_attack("an operator's act is removed, and all is signed anew")
def _remove_act(stage: Stage) -> None:
    acts = "SELECT record FROM records WHERE subject IS NULL AND record IN ({})"
    drafts = [each for each in stage.drafts.values() if each.kind == "switch"]
    record = drafts[0].record
    stage.one(acts.format("?"), record)
    index = stage.index(record)
    stage.sql("DELETE FROM records WHERE record = ?", record)
    stage.rebuild(lambda leaves: leaves.pop(index))


@_attack("a refusal is removed, and all is signed anew")
def _remove_refusal(stage: Stage) -> None:
    record = next(each.record for each in stage.drafts.values() if each.kind == "refusal")
    index = stage.index(record)
    stage.sql("DELETE FROM records WHERE record = ?", record)
    stage.rebuild(lambda leaves: leaves.pop(index))


def _rewritten(name: str, **changes: Any) -> None:
    def run(stage: Stage) -> None:
        login = stage.logins[0]
        fields = {
            each: getattr(login, each) for each in ("person", "time", "purpose", "basis", "path", "decision", "record")
        }
        stage.rewrite(Login(**{**fields, **changes}).draft())

    ATTACKS.append(Attack(name, run, keys=True))


FEWER = Decision(rulings=decided().rulings[1:])
_rewritten("a release gets another purpose, and all is signed anew", purpose="library-card")
_rewritten("a release gets another basis, and all is signed anew", basis=Basis.CONSENT)
_rewritten("a release is dated back, and all is signed anew", time=NOW - DAY)
_rewritten("an attribute is left out of a release, and all is signed anew", decision=FEWER)
_rewritten("a release gets other values, and all is signed anew", decision=decided(Address(locality="Elsewhere")))
_rewritten("a release that nobody was asked for is said to be approved, and all is signed anew", path=DecidedBy.INFORMED)


@_attack("two leaves change places, and all is signed anew")
def _swap(stage: Stage) -> None:
    stage.rebuild(lambda leaves: leaves.insert(0, leaves.pop(3)))


@_attack("all is signed anew by a key that no other key vouches for")
def _strange_key(stage: Stage) -> None:
    stage.rebuild(key=Ed25519PrivateKey.generate())


@_attack("the log takes a new key, which the old one vouches for, and a release is removed under it")
def _next_key(stage: Stage) -> None:
    old, new = stage.keys.log.at(NOW), LogKey(stage.keys.origin, Ed25519PrivateKey.generate())
    signers = {old.verifier: old.signer, new.verifier: new.signer}
    log = LogKeys(
        [Scheduled(0, old), Scheduled(NOW + 1, new)], listed=stage.keys.log.listed.followed_by(new.verifier, signers)
    )
    stage.keys = replace(stage.keys, log=log)
    record = stage.logins[2].record
    index = stage.index(record)
    stage.sql("DELETE FROM records WHERE record = ?", record)
    stage.rebuild(lambda leaves: leaves.pop(index), key=new.signer)


@_attack("the database of yesterday is put back, and new logins are signed on it")
def _older_and_on(stage: Stage) -> None:
    _older(stage)
    stage.sequence()
    for _ in range(4):
        stage.happen(Login(JUHAN, LATER))
    stage.sequence()


@_attack(
    "another tree is signed, and shown to one viewer who compares it with nothing", says="shows another tree to one viewer"
)
def _fork(stage: Stage) -> None:
    head = TreeHead(stage.keys.origin, 7, leaf_hash(b"another tree"))
    stage.shown = sign_note(head.text, stage.keys.origin, stage.keys.log.at(NOW).signer)


@_attack("another tree is signed, and shown to one viewer who asks the witness")
def _fork_asked(stage: Stage) -> None:
    _fork(stage)
    stage.asked = True


@_attack(
    "a login is not recorded, and the citizens' page is made of another tree, where the service works with the operator",
    says="shows another tree to one viewer",
)
def _forged_page(stage: Stage) -> None:
    login = Login(MARI, LATER, honest=False)
    stage.page = stage.copied(stage.folder / "page")
    stage.page.happen(login)
    stage.page.sequence()
    stage.happen(login, record=False)
    for _ in range(2):
        stage.happen(Login(JUHAN, LATER))
    stage.sequence()
    for juhans in stage.logins[-2:]:
        stage.page.happen(juhans, stage.drafts[juhans.record])
    stage.page.sequence()
    stage.shown = stage.page.newest()


@_attack("the same, and the citizen asks the witness about the checkpoint of their receipt")
def _forged_page_asked(stage: Stage) -> None:
    _forged_page(stage)
    assert ask_witness(stage) == ""
    stage.asked = True


@_attack("records of a person are erased although nobody asked, with the leaf that an erasure has")
def _erase(stage: Stage) -> None:
    rows = [(login.record, leaf) for login in stage.logins if login.person == MARI for leaf in [_leaf_of(stage, login)]]
    cleared = "subject = NULL, position = NULL, login_opening = NULL, subject_opening = ?"
    for record, leaf in rows:
        mark = erasure_mark(stage.keys, TENANT, record, leaf)
        stage.sql(f"UPDATE records SET {cleared} WHERE record = ?", mark, record)  # noqa: S608  our names
    stage.sql("DELETE FROM subjects WHERE subject = ?", MARI)
    said = draft_erasure(record=new_record(), time=LATER, act=DONE, who=["person"], leaves=len(rows), backups=LATER)
    stage.commit(said)
    stage.sequence()


def _leaf_of(stage: Stage, login: Login) -> bytes:
    (leaf,) = stage.one("SELECT leaf_hash FROM records WHERE record = ?", login.record)
    assert isinstance(leaf, bytes)
    return leaf


@_attack("a person's salt is replaced by one of ours, so that nothing of theirs opens any more")
def _new_salt(stage: Stage) -> None:
    stage.sql("UPDATE subjects SET salt = ? WHERE subject = ?", new_salt(stage.keys, TENANT, MARI), MARI)


# -- with keys, at the moment of the login: something else is recorded than happens


def _lied(name: str, *, honest: bool = True, says: str = "", **changes: Any) -> None:
    def run(stage: Stage) -> None:
        login = Login(MARI, LATER, honest=honest)
        fields = {
            each: getattr(login, each) for each in ("person", "time", "purpose", "basis", "path", "decision", "record")
        }
        stage.happen(login, Login(**{**fields, **changes}).draft(sub="MARI"))
        stage.sequence()

    ATTACKS.append(Attack(name, run, keys=True, says=says))


_lied("a login is recorded under another purpose", purpose="library-card")
_lied("a login is recorded on another basis", basis=Basis.CONSENT)
_lied("a login is recorded as of last week", time=LATER - 7 * DAY)
_lied("fewer attributes are recorded than went", decision=FEWER)
_lied(
    "fewer attributes are recorded than the citizen approved, for a service that works with the operator",
    decision=FEWER,
    honest=False,
)
_lied("other values are recorded than went", decision=decided(Address(locality="Elsewhere")))
_lied("a login that nobody was asked for is recorded as approved on a page", path=DecidedBy.UNASKED)
_lied("a login is recorded under another person's key", person=JUHAN)
_lied(
    "a login is recorded under another person's key, for a service that works with the operator", person=JUHAN, honest=False
)


@_attack("a login is not recorded, at a service that asks for its receipt")
def _unrecorded(stage: Stage) -> None:
    stage.happen(Login(MARI, LATER), record=False)
    stage.sequence()


@_attack("a login is not recorded, at a service that works with the operator")
def _unrecorded_together(stage: Stage) -> None:
    stage.happen(Login(MARI, LATER, honest=False), record=False)
    stage.sequence()


@_attack("a login is recorded as a refusal")
def _as_refusal(stage: Stage) -> None:
    stage.happen(Login(MARI, LATER), record=False)
    stage.commit(refusal(LATER))
    stage.sequence()


@_attack("a receipt promises a place, and the leaf never gets it")
def _promise(stage: Stage) -> None:
    login = stage.happen(Login(MARI, LATER))
    octets = stage.receipt(login.record)
    assert octets is not None
    stage.receipts[login.record] = octets
    _forget_staged(stage, login.record)
    stage.sql("UPDATE subjects SET counter = counter - 1 WHERE subject = ?", MARI)
    stage.sequence()


@_attack("a login is invented, and recorded under a person's key")
def _invented(stage: Stage) -> None:
    stage.commit(Login(MARI, LATER).draft())
    stage.sequence()


@_attack("a login of a person whom nobody is is invented", says="invents a login under a key that is nobody's")
def _nobodys(stage: Stage) -> None:
    stage.commit(Login(b"n" * 32, LATER).draft(sub="NOBODY"))
    stage.sequence()


@_attack("a refusal is invented", says="invents a refusal, or calls it a cancellation")
def _invented_refusal(stage: Stage) -> None:
    stage.commit(refusal(LATER))
    stage.sequence()


@_attack("a refusal is recorded as a cancellation", says="invents a refusal, or calls it a cancellation")
def _cancelled(stage: Stage) -> None:
    draft = draft_refusal(
        record=new_record(), time=LATER, request=request(), basis=Basis.PUBLIC_TASK, policy="0" * 64, kind=CANCELLATION
    )
    stage.commit(draft)
    stage.sequence()


MORE = Decision(rulings=(*decided().rulings, ruling("family_name", EXACT, "Maasikas")))
ELSEWHERE = decided(Address(locality="Elsewhere"))


@_attack("more goes than was approved and recorded")
def _more(stage: Stage) -> None:
    stage.happen(Login(MARI, LATER, went=MORE))
    stage.sequence()


@_attack(
    "more goes than was approved and recorded, to a service that works with the operator",
    says="sends more than was approved",
)
def _more_together(stage: Stage) -> None:
    stage.happen(Login(MARI, LATER, went=MORE, honest=False))
    stage.sequence()


@_attack("a false value goes to the service, and is recorded so", says="sends and records a false value")
def _false(stage: Stage) -> None:
    login = Login(MARI, LATER, went=ELSEWHERE)
    stage.happen(login, replace(login, decision=ELSEWHERE).draft())
    stage.sequence()


@_attack("an officer's approval is recorded that nobody gave", says="records an approval that an officer never gave")
def _approval(stage: Stage) -> None:
    stage.commit(
        draft_configuration(
            record=new_record(),
            time=LATER,
            number=2,
            who="mari.maasikas",
            before="0" * 64,
            after="1" * 64,
            widened=["resident-parking may get email"],
            approved=["juhan.tamm"],
        )
    )
    stage.sequence()


@_attack(
    "everybody's records are opened by hand, with the keys, and nobody is told",
    says="reads every record with the keys, unrecorded",
)
def _read(stage: Stage) -> None:
    login = stage.logins[0]
    sealed, salt = stage.one(
        "SELECT subject_opening, salt FROM records JOIN subjects USING (tenant, subject) WHERE record = ?", login.record
    )
    assert isinstance(sealed, bytes)
    assert isinstance(salt, bytes)
    key = stage.keys.subject_key(TENANT, MARI, salt)
    assert MARI.hex().encode() in open_opening(key, TENANT, login.record, "subject", sealed).content
