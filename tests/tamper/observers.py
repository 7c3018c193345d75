"""Observers: each looks at a stage with what they have, and says what they saw; "" if they saw nothing."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any  # JSON of a receipt

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from idp.audit.questions.ledger_summary import summarise
from idp.audit.questions.services_receipts import compare_receipts
from idp.audit.verify import verify_ledger
from idp.citizen.history import Histories
from idp.ledger.leaf import commitment, read_leaf
from idp.ledger.ledger_keys import LedgerKeys
from idp.ledger.merkle_tree import consistency_spans, positions, proof_hashes
from idp.receipts.inclusion_proof import decoded
from idp.receipts.receipt_verify import verify_receipt
from idp.store.engine import open_engine
from idp.store.reads import read_checkpoint, read_hashes
from idp.witnessing.seen import WitnessMemory
from idp.witnessing.witness import Request, WitnessService
from policies.errors import BrokerError, SignatureInvalid
from tests.idp.store.units import KEYS, NOW, ORIGIN, TENANT
from tests.tamper.stage import JUHAN, MARI, SUBS, Login, Stage

# The witness of another operator, with a key that the operator of the log does not have
_WITNESS = Ed25519PrivateKey.from_private_bytes(b"another operator's key of 32 byt")


def witness_of(folder: Path, keys: LedgerKeys = KEYS) -> WitnessService:
    """`ciconia witness serve` of somebody else, with its own memory. It knows the keys that vouch for one another."""
    return WitnessService(
        name="witness.neighbour.example",
        signers=[_WITNESS],
        logs={ORIGIN: keys.log.known},
        seen=WitnessMemory(folder / "witness.db"),
        clock=lambda: NOW,
    )


def ask_witness(stage: Stage) -> str:
    """Show the newest checkpoint to the witness, with the best proof that the database gives."""
    seen = WitnessMemory(stage.folder / "witness.db").newest(ORIGIN)
    old = 0 if seen is None else seen.head.size
    engine = open_engine(f"sqlite:///{stage.database}")
    try:
        with engine.connect() as connection:
            newest = read_checkpoint(connection, TENANT)
            if newest is None:
                return "no checkpoint comes any more"
            spans = consistency_spans(old, newest.size) if old <= newest.size else []
            hashes = read_hashes(connection, TENANT, positions(spans))
        proof = tuple(proof_hashes(spans, hashes)) if old < newest.size else ()
    except (BrokerError, KeyError) as error:
        return f"no proof comes any more ({type(error).__name__})"
    finally:
        engine.dispose()
    requests = [Request(old, proof, newest.note.encode())]
    if stage.asked:
        requests.append(Request(old, (), stage.shown.encode()))
    answers = [witness_of(stage.folder, stage.keys).add_checkpoint(each.body).status for each in requests]
    return next((f"it answers {status}" for status in answers if status != 200), "")


def verify(stage: Stage) -> str:
    """`ciconia ledger verify`, run by somebody honest on the operator's own machine, without a witness."""
    engine = open_engine(f"sqlite:///{stage.database}")
    try:
        report = verify_ledger(engine, tenant=TENANT, keys=stage.keys, role="city")
    finally:
        engine.dispose()
    return "" if report.holds else str(report.findings[0])


def service(stage: Stage) -> str:
    """A service that keeps its receipts, and knows who signed in when and what came; the auditor compares its folder."""
    mine = [login for login in stage.logins if login.honest]
    for login in mine:
        octets = stage.receipts.get(login.record) or stage.receipt(login.record)
        if octets is None:
            return "it gets no receipt of a login that it saw"
        if why := _unlike(octets, login, stage):
            return why
    folder = [(login.record.hex(), stage.receipts[login.record]) for login in mine if login.record in stage.receipts]
    try:
        with stage.store() as store:
            auditor = stage.auditor(store)
            found = compare_receipts(auditor, summarise(auditor, processes=1), folder, stage.keys.log.known)
    except BrokerError as error:
        return f"its receipts cannot be compared ({error.code})"
    return found.disagreements[0].what if found.disagreements else ""


def _unlike(octets: bytes, login: Login, stage: Stage) -> str:
    """Why a receipt is not of the login that the service saw."""
    try:
        proved = verify_receipt(octets, stage.keys.log.known)
    except SignatureInvalid as error:
        return f"its receipt does not hold ({error.check})"
    opened: Mapping[str, Any] = json.loads(octets)["openings"]
    got = replace(login, decision=login.went or login.decision)
    said = (opened["login"]["content"]["sub"], proved.purpose, [list(pair) for pair in proved.names])
    if said != (SUBS[login.person], login.purpose, got.names):
        return "its receipt says something else than it got"
    if abs(proved.time - login.time) > 60:
        return "its receipt says another time"
    nonce = decoded(json.loads(octets)["openings"]["values"]["nonce"])
    committed = read_leaf(decoded(json.loads(octets)["leaf"], None))[0]["values"]
    values = next(opening.content for opening in got.draft().openings if opening.compartment == "values")
    if commitment(nonce, values) != committed:
        return "its receipt commits to other values than it got"
    return "the promised place never came" if proved.index is None and stage.receipt(login.record) is None else ""


def citizen(stage: Stage) -> str:
    """Mari and Juhan look at their own page, and know where they signed in, for what, and what they approved."""
    for person in (MARI, JUHAN):
        try:
            with (stage.page or stage).store() as store:
                found = Histories(engine=store.engine, tenant=TENANT, keys=stage.keys).whole(person)
        except BrokerError as error:
            return f"the page does not come ({error.code})"
        if found.missing:
            return f"number {found.missing[0]} is missing"
        shown = Counter(
            (each.sent["time"], each.sent["purpose"], each.sent["basis"], each.decision["path"], str(each.sent["names"]))
            for each in found.entries
        )
        mine = Counter(
            (login.time, login.purpose, login.basis.value, login.path.value, str(login.names))
            for login in stage.logins
            if login.person == person
        )
        if gone := mine - shown:
            return f"{gone.total()} of their logins are not there as they were"
        if more := shown - mine:
            return f"{more.total()} logins are there that they never made"
    return ""


OBSERVERS: Mapping[str, Callable[[Stage], str]] = {
    "verify": verify,
    "witness": ask_witness,
    "service": service,
    "citizen": citizen,
}
