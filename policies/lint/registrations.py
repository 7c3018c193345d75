"""Registrations and purposes that do not fit: what is registered and not needed, what is needed and nobody has."""

from collections.abc import Iterator, Sequence

from policies.attributes import Form
from policies.catalogue import Catalogue
from policies.lint.finding import Finding
from policies.load import Configuration
from policies.parameters import amount, entries
from policies.parties import RelyingParty
from policies.purposes import Purpose


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


def unused(configuration: Configuration) -> Iterator[Finding]:
    """Finds purposes that no service has, and attributes of a purpose that none of its services is registered for."""
    served: dict[str, list[RelyingParty]] = {}
    for party in configuration.parties.values():
        for purpose_id in party.purposes:
            served.setdefault(purpose_id, []).append(party)
    for purpose_id, purpose in configuration.purposes.items():
        if configuration.parties and purpose_id not in served:
            fix = "Name it in a service's purposes, or remove the file."
            yield Finding("unused_purpose", purpose.source, "id", "no service is registered for this purpose.", fix)
        for name, need in purpose.needs.items() if purpose_id in served else ():
            # A required one is an error of the service: its logins fail
            if not need.required and not any(name in party.attributes for party in served[purpose_id]):
                what = f"it needs {name}, and no service of it is registered for {name}."
                fix = f"Remove it from the purpose, or register a service for {name}."
                yield Finding("unused_attribute", need.source, f"attributes.{name}", what, fix)


def close_thresholds(configuration: Configuration) -> Iterator[Finding]:
    """Finds thresholds in two purposes of one sector that lie a year, or a hundredth of an amount, apart."""
    sectors: dict[str, set[str]] = {}
    for party in configuration.parties.values():
        sectors.setdefault(party.sector, set()).update(party.purposes)
    told: set[tuple[object, ...]] = set()
    for sector, purpose_ids in sorted(sectors.items()):
        purposes = [one for purpose_id, one in configuration.purposes.items() if purpose_id in purpose_ids]
        for later, purpose in enumerate(purposes):
            for name, need in purpose.needs.items():
                for before in purposes[:later]:
                    other = before.needs.get(name)
                    pair = (before.purpose_id, purpose.purpose_id, name)
                    if other and pair not in told and _are_close(need.form, other.form):
                        told.add(pair)
                        what = f"{need.form} here and {other.form} at {other.source}: both are of the sector {sector}."
                        fix = "Take one threshold for both, or give the services different sectors."
                        yield Finding("close_thresholds", need.source, f"attributes.{name}", what, fix)


def _are_close(a: Form, b: Form) -> bool:
    """Whether some threshold of one lies beside one of the other, and is not the same."""
    if {a.name, b.name} <= {"age_over", "age_in"}:
        return any(abs(one - other) == 1 for one in _ages(a) for other in _ages(b))
    if {a.name, b.name} <= {"below", "above"} and (one := amount(a.parameter)) and (other := amount(b.parameter)):
        return one[1] == other[1] and 0 < abs(one[0] - other[0]) <= max(one[0], other[0]) / 100
    return False


def _ages(form: Form) -> tuple[int, ...]:
    """The birthdays at which the answer changes: those of `age_in(A,B)` are A and B + 1."""
    first, *last = map(int, entries(form.parameter))
    return (first, *(one + 1 for one in last))
