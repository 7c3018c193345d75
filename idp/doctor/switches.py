"""Named deviations that are on, or off since their messages failed, rows that somebody changed, and disowned sign-ins."""

import shlex
from collections.abc import Iterator
from contextlib import suppress

from sqlalchemy import select

from connectors.deviations import named
from idp.doctor.database import our_rows, place_of
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from idp.keys.kinds import own_encryptions
from idp.ledger.person_records import DISOWNED
from idp.protocols.saml.deviation_guard import switch_name
from idp.store import tables
from idp.store.switches.switch import DEVIATION
from idp.store.switches.switches import Switches, faults_of_switches, fix_of_switch
from policies.deviations import AES_CBC, SHA1_SIGNATURE
from policies.errors import StoreUnavailable
from policies.parties import Source


def deviations(case: Examination) -> Iterator[DoctorFinding]:
    """Finds deviations that are on or switched off, and keys of a provider's own that nothing uses."""
    configuration = case.configuration
    for provider in configuration.providers.values():
        yield from _registered(provider.source, provider.deviations)
        if provider.peer is not None:
            yield from _registered(provider.peer.source, provider.peer.deviations)
    for node in configuration.nodes.values():
        yield from _registered(node.peer.source, node.peer.deviations)
    yield from _switched_off(case)
    if not case.configuration_problems:
        yield from _unused_keys(case)


def _registered(source: Source, names: frozenset[str]) -> Iterator[DoctorFinding]:
    for one in named(names):
        what, why = f"`{one.name}` is switched on. {one.what}", f"{one.forbidden_by} {one.bound}"
        fix = "Ask its operator to mend it, and remove the name when they have."
        # What others call broken is an alarm, until it is gone
        yield (WARNING if one.name == SHA1_SIGNATURE else NOTICE)(source, "deviations", what, why, fix)


def _switched_off(case: Examination) -> Iterator[DoctorFinding]:
    registered = {
        switch_name(one.provider_id, name): one for one in case.configuration.providers.values() for name in one.deviations
    }
    with our_rows(case) as found, suppress(StoreUnavailable):  # its own check names a database that fails
        if found is None or not registered:
            return
        engine, keys = found
        current = Switches(engine=engine, tenant=case.settings.tenant, keys=keys).current()
        for name, provider in registered.items():
            switch = current.get((DEVIATION, name))
            if switch is not None and switch.off:
                what = f"the deviation {name} is switched off: {switch.reason}."
                why = "Every answer that needs it is refused."
                command = f'ciconia party enable {shlex.quote(name)} --kind {DEVIATION} --reason "..."'
                fix = f"Find out why answers failed: the provider may encrypt to another key. Then: {command}"
                yield ERROR(provider.source, "deviations", what, why, fix)


def _unused_keys(case: Examination) -> Iterator[DoctorFinding]:
    folder = case.settings.key_folder
    for provider_id, kind in own_encryptions(folder).items() if folder.is_dir() else ():
        provider = case.configuration.providers.get(provider_id)
        if provider is None or AES_CBC not in provider.deviations:
            what = f"it is the own key of {provider_id}, and no registration of that id has {AES_CBC}."
            why = "It opens nothing: answers of a provider without the deviation are opened with the common key."
            fix = f'Write deviations = ["{AES_CBC}"] into the registration, or remove the key.'
            for file in kind.files(folder):
                yield NOTICE(case.name(folder / file), file, what, why, fix)


_CHANGED = "Somebody else wrote to the database, or a command died before its last step."
_LOST = "Run `ciconia ledger verify`, and restore the database from its backup."


def switches(case: Examination) -> Iterator[DoctorFinding]:
    """Finds each switch whose row was deleted, turned back or changed since its act in the release ledger."""
    with our_rows(case) as found, suppress(StoreUnavailable):  # its own check names a database that fails
        if found is None:
            return
        engine, keys = found
        with engine.connect() as connection:
            for kind, name, what in faults_of_switches(connection, tenant=case.settings.tenant, keys=keys):
                fix = fix_of_switch(kind, name) if name else _LOST
                yield ERROR(place_of(case), f"{kind} {name}".strip(), what, _CHANGED, fix)


SHOWN = 5
_WHY = "Somebody may sign in as other people. What was alive of these sign-ins has ended, and their services are told."


def disowned(case: Examination) -> Iterator[DoctorFinding]:
    """Finds those of the last thirty days, by the records of what the persons said."""
    with our_rows(case, sealed=False) as found:
        if found is None:
            return
        table = tables.marks.c
        query = select(table.digest).where(table.tenant == case.settings.tenant, table.kind == DISOWNED)
        with found[0].connect() as connection:
            records = [digest.hex() for digest in connection.scalars(query.order_by(table.ends.desc()))]
    if records:
        named = ", ".join(records[:SHOWN]) + (f" and {len(records) - SHOWN} more" if len(records) > SHOWN else "")
        count = "1 sign-in" if len(records) == 1 else f"{len(records)} sign-ins"
        what = f"Of {count} in the last thirty days the person said that they did not make it: records {named}."
        fix = f"Look at each: `ciconia ledger show {records[0]}`. Then ask the country's sign-in service."
        yield WARNING(place_of(case), "sign_in_disowned", what, _WHY, fix)
