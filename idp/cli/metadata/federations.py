"""`ciconia metadata` about federations: fetch one with progress, show what is held, compare, and let what waits count."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from connectors.addresses import FetchError
from connectors.fetch import Fetcher
from connectors.formats.entity_facts import SHIBMD
from connectors.formats.grammar import written
from connectors.metadata.federation_index import Index
from connectors.metadata.federation_source import come
from connectors.metadata.federations import INDEX, WAITING, FederationCopy, Federations, put
from connectors.metadata.members import Providers, known_as
from connectors.signatures.aggregate import signed_entity
from connectors.signatures.parse import attributes
from connectors.signatures.profile import DS
from connectors.wire.names import saml
from idp.application.federations import TenantFederations, federations_of
from idp.application.operator_acts import within
from idp.cli.console import NO, YES, answer, doing, say
from idp.cli.metadata.desk import NodeDesk
from idp.ledger.operator_records import draft_approval
from idp.ledger.record_contents import new_record
from idp.ports import Unit
from idp.protocols.saml.federation_child import Job
from idp.protocols.saml.federation_sources import FederationSources, seal_of, tried
from idp.store.store import open_store
from idp.system.clock import system_clock
from policies.errors import AssertionRejected, RequestRefused
from policies.federations import FederationId
from policies.parties import EntityId

_EVERY = 8 * 1024 * 1024
_MEGABYTE = 1024 * 1024
_SCOPE = f"{{{SHIBMD}}}Scope"


def federations(desk: NodeDesk) -> TenantFederations:
    """The federations of a desk's configuration."""
    return federations_of(desk.settings, desk.configuration, desk.keys)


def fetch_federation(desk: NodeDesk, name: str) -> int:
    """Fetch now, show how far it is, judge it as the server does, and say what came. The exit code."""
    federation_id, now, found = FederationId(name), system_clock(), federations(desk)
    with _progress(name, as_json=desk.as_json) as heard:

        def here(job: Job) -> Index | None:
            fetcher = Fetcher(demo=job.demo)
            return come(job.federation, job.folder, held=job.held, fetcher=fetcher, now=job.now, progress=heard)

        sources = FederationSources(found.held, seal_of(desk.keys.ledger), demo=desk.settings.demo, run=here)
        try:
            sources.refresh(federation_id, now, due=True)
        except FetchError as error:
            if desk.as_json:
                told = {"check": error.check, "detail": error.detail, "mend": error.mend}
                print(json.dumps({"ok": False, "federation": name, "error": told}))
            else:
                say(f"{name}: Refused ({error.check}): {error.detail} {error.mend}", error=True)
            return NO
    _show(desk, name, found.held)
    return YES


def show_federation(desk: NodeDesk, name: str, entity: str | None) -> None:
    """Show what is held, or the verified metadata of one entity of it."""
    held = federations(desk).held
    if entity is None:
        _show(desk, name, held)
        return
    found = held.entity(EntityId(entity), system_clock())
    text = found.octets.decode()
    # By its file, or as the member of a family: so an operator switches it off, and reads a log
    ids = [one.provider_id for one in known_as(Providers(desk.configuration.providers, held), entity)]
    told = {"entity_id": entity, "federation": found.federation, "providers": ids, "metadata": text}
    lines = [text, *(f"provider: {one}" for one in ids)]
    answer({**told, "valid_until": written(found.valid_until)}, *lines, as_json=desk.as_json)


def diff_federation(desk: NodeDesk, name: str) -> None:
    """Compare what is held with what waits, or with what the federation publishes now, of which nothing is taken."""
    federation_id, found, seal = FederationId(name), federations(desk), seal_of(desk.keys.ledger)
    federation, folder = found.held.registered[federation_id], found.held.folder(federation_id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = found.held.copy(federation_id)
    place = Path(tempfile.mkdtemp(prefix=".diff-", dir=folder))
    try:
        if found.held.waiting(federation_id) is not None:
            after = FederationCopy(folder, seal, name=WAITING)
        else:
            try:
                came = come(federation, place, held=None, fetcher=Fetcher(demo=desk.settings.demo), now=system_clock())
            except FetchError as error:
                desk.refuse(name, error.check, f"{error.detail} {error.mend}")
            assert came is not None  # noqa: S101 - without a copy of before something came
            put(place, came, seal)
            after = FederationCopy(place, seal, name=INDEX)
        _say_diff(desk, name, before, after)
    finally:
        shutil.rmtree(place)


def approve_federation(desk: NodeDesk, name: str, digest: str) -> None:
    """Record an approval, and then let what waits count."""
    federation_id, found, now = FederationId(name), federations(desk), system_clock()
    waiting = found.held.waiting(federation_id)
    if waiting is None or waiting.head.digest != digest:
        desk.refuse(name, "approval_refused", f"Nothing of {name} that waits has this digest: see `ciconia metadata diff`.")
    settings, record = desk.settings, draft_approval(record=new_record(), time=now, peer=EntityId(name), digest=digest)
    with closing(
        within(lambda: open_store(settings.database_url, tenant=settings.tenant, ledger_keys=desk.keys.ledger))
    ) as store:
        within(lambda: store.commit(Unit(tenant=settings.tenant, record=record)))
    try:
        found.sources.approve(federation_id, digest)
    except RequestRefused as error:
        desk.refuse(name, error.code, error.detail)
    text = f"Approved and recorded: {name} as {digest}. A running server sees it at its next look."
    answer({"federation": name, "digest": digest, "time": now}, text, as_json=desk.as_json)


def _show(desk: NodeDesk, name: str, held: Federations) -> None:
    (state,) = [one for one in held.states(system_clock()) if one.federation_id == name]
    head, last = state.head, tried(held.folder(state.federation_id))
    told: dict[str, object] = {"federation": name, "usable": not state.why, "why_not": state.why or None}
    rows = [f"{name}: {state.why}" if state.why else f"{name}: what is held of it counts."]
    if head is not None:
        facts: Mapping[str, object] = {
            "fetched": written(head.fetched),
            "valid_until": written(head.valid_until),
            "digest": head.digest,
            "entities": head.entities,
            "left_out": dict(head.left_out),
            "signed_by": head.key_id,
        }
        told |= facts
        rows += [f"  {label:<12} {value}" for label, value in facts.items()]
    if state.waiting:
        told["waiting"] = state.waiting
        rows.append(f"  {'waiting':<12} {state.waiting}: see `ciconia metadata diff {name}`.")
    if last is not None and last.failures:
        told["last_refusal"] = asdict(last)
        rows.append(f"  The last fetch was refused ({last.check}): {last.detail} {last.mend}")
    answer(told, *rows, as_json=desk.as_json)


def _say_diff(desk: NodeDesk, name: str, before: FederationCopy | None, after: FederationCopy) -> None:
    old = {row.entity_id: row for row in before.rows()} if before is not None else {}
    new = {row.entity_id: row for row in after.rows()}
    added, removed = sorted(new.keys() - old.keys()), sorted(old.keys() - new.keys())
    changed: dict[str, list[str]] = {}
    for entity_id in sorted(old.keys() & new.keys()):
        if before is not None and old[entity_id].digest != new[entity_id].digest:
            changed[entity_id] = list(_changes(_trusted(before, entity_id), _trusted(after, entity_id)))
    told = {"federation": name, "digest": after.head.digest, "added": added, "removed": removed, "changed": changed}
    lines = [f"+ {one}" for one in added] + [f"- {one}" for one in removed]
    for entity_id, what in changed.items():
        lines += [f"~ {entity_id}", *(f"    {one}" for one in what)]
    counted = f"{len(added)} added, {len(removed)} removed, {len(changed)} changed; digest {after.head.digest}."
    answer(told, *lines, counted, as_json=desk.as_json)


def _trusted(copy: FederationCopy, entity_id: str) -> frozenset[str]:
    """The facts by which an entity is trusted: its certificates, addresses, scopes and attributes."""
    head = copy.head
    try:
        root = signed_entity(head.head.encode(), copy.octets(entity_id), head.tail.encode(), head.key_id).tree()
    except AssertionRejected as error:
        return frozenset({f"cannot be read ({error.check}): nobody of it is asked or answered"})
    certificates = ("".join((one.text or "").split()) for one in root.iter(f"{{{DS}}}X509Certificate"))
    found = {f"certificate, SHA-256 of its text {sha256(one.encode()).hexdigest()}" for one in certificates}
    for one in root.iter("{*}*"):
        told = attributes(one)
        found |= {f"address {told[key]}" for key in ("Location", "ResponseLocation") if key in told}
        if one.tag == _SCOPE:
            regexp = " (a pattern)" if told.get("regexp") in {"true", "1"} else ""
            found.add(f"scope {(one.text or '').strip()}{regexp}")
        elif one.tag == saml("Attribute"):
            values = sorted(
                "".join(map(str, value.itertext())).strip() for value in one.iterchildren(saml("AttributeValue"))
            )
            found |= {f"attribute {told.get('Name', '')} {value}" for value in values}
    return frozenset(found)


def _changes(before: frozenset[str], after: frozenset[str]) -> Iterator[str]:
    yield from (f"+ {one}" for one in sorted(after - before))
    yield from (f"- {one}" for one in sorted(before - after))
    if before == after:
        yield "other things than certificates, addresses, scopes and attributes"


@contextmanager
def _progress(name: str, *, as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """How far it is, by octets and entities."""
    last = 0

    def told(octets: int, entities: int) -> None:
        nonlocal last
        if octets // _EVERY != last // _EVERY:
            print(json.dumps({"progress": name, "octets": octets, "entities": entities}), flush=True)
        last = octets

    with doing(as_json=as_json) as now:
        seen = time.monotonic()

        def said(octets: int, entities: int) -> None:
            nonlocal seen
            if time.monotonic() - seen > 0.5:  # noqa: PLR2004 - twice a second
                seen = time.monotonic()
                now(f"{name}: {octets // _MEGABYTE} MB, {entities} entities")

        yield told if as_json else said
