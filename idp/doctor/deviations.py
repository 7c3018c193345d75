"""Named deviations that registrations switch on, and those that were switched off since their messages failed."""

import shlex
from collections.abc import Iterator

from idp.doctor.case import Case
from idp.doctor.database import ours, read_only
from idp.doctor.finding import Finding, Severity
from idp.keys.kinds import own_encryptions
from idp.protocols.saml.deviation_guard import switch_name
from idp.store.switches.switch import DEVIATION
from idp.store.switches.switches import Switches
from policies.deviations import AES_CBC, named
from policies.errors import StoreUnavailable
from policies.parties import Source


def deviations(case: Case) -> Iterator[Finding]:
    """A notice for each that is on, an error for each that is off, and keys of a provider's own that nothing uses."""
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


def _registered(source: Source, names: frozenset[str]) -> Iterator[Finding]:
    for one in named(names):
        what, why = f"`{one.name}` is switched on. {one.what}", f"{one.forbidden_by} {one.bound}"
        fix = "Ask its operator to mend it, and remove the name when they have."
        yield Finding(Severity.NOTICE, source.file, source.line, "deviations", what, why, fix)


def _switched_off(case: Case) -> Iterator[Finding]:
    registered = {
        switch_name(one.provider_id, name): one for one in case.configuration.providers.values() for name in one.deviations
    }
    if not registered or case.ledger is None or not case.knows("issuer", "database"):
        return
    with read_only(case) as engine:
        if engine is None or not ours(case, engine):
            return
        try:
            current = Switches(engine=engine, tenant=case.settings.tenant, keys=case.ledger).current()
        except StoreUnavailable:
            return  # the check of the database names it
    for name, provider in registered.items():
        switch = current.get((DEVIATION, name))
        if switch is not None and switch.off:
            what = f"the deviation {name} is switched off: {switch.reason}."
            why = "Every answer that needs it is refused."
            command = f'ciconia party enable {shlex.quote(name)} --kind {DEVIATION} --reason "..."'
            fix = f"Find out why answers failed: the provider may encrypt to another key. Then: {command}"
            yield Finding(Severity.ERROR, provider.source.file, provider.source.line, "deviations", what, why, fix)


def _unused_keys(case: Case) -> Iterator[Finding]:
    folder = case.settings.key_folder
    for provider_id, kind in own_encryptions(folder).items() if folder.is_dir() else ():
        provider = case.configuration.providers.get(provider_id)
        if provider is None or AES_CBC not in provider.deviations:
            what = f"it is the own key of {provider_id}, and no registration of that id has {AES_CBC}."
            why = "It opens nothing: answers of a provider without the deviation are opened with the common key."
            fix = f'Write deviations = ["{AES_CBC}"] into the registration, or remove the key.'
            for file in kind.files(folder):
                yield Finding(Severity.NOTICE, case.name(folder / file), 0, file, what, why, fix)
