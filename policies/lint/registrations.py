"""Registrations and purposes that do not fit: what is registered and not needed, what is needed and nobody has."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from policies.attributes import AttributeName, Form
from policies.catalogue import Catalogue
from policies.federation.categories import lets
from policies.lint.case import LintCase
from policies.lint.finding import WHY, Finding
from policies.load import Configuration
from policies.parameters import amount, entries
from policies.parties import PurposeId, RelyingParty, Source
from policies.persons import said_kinds
from policies.purposes import Need, Purpose
from policies.visible import is_visible

# `# ciconia: allow REASON`: a comment on a line of a file that accepts one finding there, and says why.

_MARK = b"ciconia:"
_ALLOW = re.compile(r"#\s*ciconia:\s*allow\b[ \t:]*([^#\r\n]*)")
_FIX = "Write `# ciconia: allow REASON` with the reason, or remove it."


def accept(findings: Sequence[Finding], files: Mapping[str, bytes]) -> Iterator[Finding]:
    """The findings, those accepted with their reason, and one for each comment that has none.

    A reason that begins with a kind (`allow missing_retention: ...`) accepts this kind alone. One that does not accepts the
    finding of its line where there is one, and none where there are several.
    """
    allowed: dict[Source, list[str]] = {}
    for source, reason in _comments(files):
        if is_visible(_without_code(reason)[1]):
            allowed.setdefault(source, []).append(reason)
        else:
            what = "the comment accepts a finding and says no reason."
            yield Finding("allow_without_reason", source, "# ciconia: allow", what, _FIX)
    on_line: dict[Source, set[str]] = {}
    for one in findings:
        on_line.setdefault(one.source, set()).add(one.code)
    for one in findings:
        reason = ""
        for each in allowed.get(one.source, ()):
            code, said = _without_code(each)
            if code == one.code or (not code and len(on_line[one.source]) == 1):
                reason = said
        several = one.source in allowed and not reason
        yield replace(one, accepted=reason, fix=f"{one.fix} {_name(one.code)}" if several else one.fix)


def _name(code: str) -> str:
    return f"To accept it, name its kind: `# ciconia: allow {code}: REASON`."


def _without_code(reason: str) -> tuple[str, str]:
    """The kind that a reason begins with, "" for none, and the rest."""
    word, _, rest = reason.partition(" ")
    code = word.rstrip(":")
    return (code, rest.strip()) if code in WHY else ("", reason)


def _comments(files: Mapping[str, bytes]) -> Iterator[tuple[Source, str]]:
    for file, content in sorted(files.items()):
        if not file.endswith(".toml") or _MARK not in content:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), start=1):
            for match in _ALLOW.finditer(line):
                yield Source(file, number), match[1].strip()


def wider(configuration: Configuration) -> Iterator[Finding]:
    """Finds attributes of a registration that say more than each of its purposes needs."""
    for party in configuration.parties.values():
        purposes = [configuration.purposes[one] for one in party.purposes if one in configuration.purposes]
        if len(purposes) == len(party.purposes):
            yield from _wider(party, purposes, configuration.catalogue)


def _wider(party: RelyingParty, purposes: Sequence[Purpose], catalogue: Catalogue) -> Iterator[Finding]:
    for name, rule in party.attributes.items():
        needs = list(dict.fromkeys(purpose.needs[name].form for purpose in purposes if name in purpose.needs))
        key = f"attributes.{name}"
        if not needs:
            what = f"it may have {name}, and none of its purposes ({', '.join(party.purposes)}) needs it."
            fix = f"Remove {name}, or name the purpose that needs it."
            yield Finding("registered_unneeded", rule.source, key, what, fix)
        elif all(catalogue.meet(name, rule.form, need) != rule.form for need in needs):
            forms = " and ".join(f'"{need}"' for need in needs)
            what = f'"{rule.form}" says more than any of its purposes needs: {forms}.'
            fix = (
                f"Write {name} = {forms}." if len(needs) == 1 else "Register a service for each purpose, with its own form."
            )
            yield Finding("registered_wider", rule.source, key, what, fix)


def outside_categories(configuration: Configuration) -> Iterator[Finding]:
    """Finds attributes of a registration that the service's entity categories never let go."""
    for party in configuration.parties.values():
        marks, known = party.federation.marks, configuration.catalogue.attributes
        outside = [name for name in party.attributes if not lets(marks, known[name].saml)]
        if outside:
            what = f"none of the service's entity categories has {', '.join(outside)}: always withheld."
            rule, fix = party.attributes[outside[0]], f"Remove {' and '.join(outside)}."
            yield Finding("outside_categories", rule.source, f"attributes.{outside[0]}", what, fix)


def unused(case: LintCase) -> Iterator[Finding]:
    """Finds purposes that no service has, and attributes of a purpose that none of its services is registered for."""
    for purpose in case.configuration.purposes.values():
        served = case.parties(purpose)
        if not served and case.configuration.parties and purpose.matching is None:
            fix = "Name it in a service's purposes, or remove the file."
            yield Finding("unused_purpose", purpose.source, "id", "no service is registered for this purpose.", fix)
        for name, need in purpose.needs.items() if served else ():
            # A required one is an error of the service: its logins fail
            kinds = case.configuration.catalogue.attributes[name].persons
            if kinds.isdisjoint(purpose.persons):
                what = f"it needs {name}, which none of its persons can have: {said_kinds(purpose.persons)}."
                fix = f"Remove it, or write persons with one of {', '.join(sorted(kinds))}."
                yield Finding("unused_attribute", need.source, f"attributes.{name}", what, fix)
            elif not need.required and not any(name in party.attributes for party in served):
                what = f"it needs {name}, and no service of it is registered for {name}."
                fix = f"Remove it from the purpose, or register a service for {name}."
                yield Finding("unused_attribute", need.source, f"attributes.{name}", what, fix)


def unused_registers(configuration: Configuration) -> Iterator[Finding]:
    """Finds registers that no purpose takes anything from, and attributes that none takes from them."""
    for register in configuration.registers.values():
        taken = {
            name
            for purpose in configuration.purposes.values()
            for name, need in purpose.needs.items()
            if register.register_id in need.registers
        }
        if rest := sorted(register.says - taken):
            what = (
                f"no purpose takes {', '.join(rest)} from this register." if taken else "no purpose takes anything from it."
            )
            fix = "Remove it from [attributes]: what is not there is never asked for." if taken else "Remove the file."
            yield Finding("unused_register", register.source, "attributes" if taken else "id", what, fix)


def close_thresholds(configuration: Configuration) -> Iterator[Finding]:
    """Finds thresholds in two purposes of one sector that lie a year, or a hundredth of an amount, apart."""
    sectors: dict[str, set[PurposeId]] = {}
    for party in configuration.parties.values():
        sectors.setdefault(party.sector, set()).update(party.purposes)
    for sector, purpose_ids in sorted(sectors.items()):
        # By attribute and unit: each value, and the first need that has it
        scales: dict[tuple[AttributeName, str], dict[Decimal, Need]] = {}
        for purpose_id in sorted(purpose_ids & configuration.purposes.keys()):
            for name, need in configuration.purposes[purpose_id].needs.items():
                for unit, value in _thresholds(need.form):
                    scales.setdefault((name, unit), {}).setdefault(value, need)
        for (name, unit), values in scales.items():
            for lower, upper in pairwise(sorted(values)):
                here, there = values[lower], values[upper]
                if here is not there and upper - lower <= (upper / 100 if unit else 1):
                    what = f"{here.form} here and {there.form} at {there.source}: both are of the sector {sector}."
                    fix = "Take one threshold for both, or give the services different sectors."
                    yield Finding("close_thresholds", here.source, f"attributes.{name}", what, fix)


def _thresholds(form: Form) -> Iterator[tuple[str, Decimal]]:
    """Where the answer changes, with the unit ("" for birthdays): at A, and for `age_in(A,B)` at B + 1, too."""
    if form.name in {"age_over", "age_in"}:
        first, *last = map(Decimal, entries(form.parameter))
        yield from (("", one) for one in (first, *(each + 1 for each in last)))
    elif form.name in {"below", "above"} and (limit := amount(form.parameter)):
        yield limit[1], limit[0]
