"""Whether witnesses of other operators cosign the log, and whether that is lately enough."""

from collections.abc import Iterator

from idp.config.witness_settings import WitnessRule
from idp.doctor.database import our_rows
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from idp.store.records.cosignatures import Cosignatures

_WHY = (
    "Whoever holds the log's key could show one record to a citizen and another to an auditor. Receipts say that no other "
    "operator saw the tree."
)


def witnesses(case: Examination) -> Iterator[DoctorFinding]:
    """Finds a broker without a witness of another operator, unless it is a demo, and witnesses that are silent."""
    if case.settings.demo or not case.knows("demo", "witnesses", "witness_policy", "issuer", "organization"):
        return
    with our_rows(case) as found:
        if found is None:
            return
        engine, keys = found
        rows = Cosignatures(engine=engine, tenant=case.settings.tenant, keys=keys)
        if rows.numbered_checkpoint() is None:
            return  # nothing was signed, so nobody was shown anything
        rule = case.settings.witness_policy
        lately = rows.since(case.now - rule.max_age_seconds) if rule is not None else ()
    yield from _judged(case, rule, case.settings.witness_rules.operators_of((each.number, each.witness) for each in lately))


def _judged(case: Examination, rule: WitnessRule | None, signed: frozenset[str]) -> Iterator[DoctorFinding]:
    policy = case.settings.witness_rules
    if not policy.operators or rule is None:
        idle = ", ".join(each.key.name for each in policy.witnesses)
        what = "no witness of another operator cosigns the log" + (
            f": {idle} is for practice, or your own." if idle else "."
        )
        fix = "Ask another organisation to run one, and write [[witnesses]] and [witness_policy]: docs/witnesses.md."
        yield case.setting(NOTICE, "witnesses", what, why=_WHY, fix=fix)
        return
    closed = rule.fail == "closed"
    if closed and len(policy.operators) == policy.quorum:
        what = f"all {policy.quorum} of the operators that count must cosign, and releases stop if one is away."
        fix = 'Name a witness of one operator more, or write fail = "open".'
        yield case.setting(NOTICE, "witness_policy", what, why="A witness is another's machine: it has days off.", fix=fix)
    if len(signed) < rule.quorum:
        what = f"{len(signed)} of {rule.quorum} operators cosigned a checkpoint within {rule.max_age_seconds} seconds."
        why = "Nothing is released until enough have." if closed else _WHY
        fix = "Start a server if none runs. Else its log names the witness, and why: docs/witnesses.md."
        yield case.setting(ERROR if closed else WARNING, "witness_policy", what, why=why, fix=fix)
