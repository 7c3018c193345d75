"""`ciconia metadata propagation`: who has our metadata of today, and where an older copy is still in use."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import typer

from connectors.addresses import FetchError
from connectors.fetch import Fetcher
from connectors.formats.grammar import written
from connectors.formats.metadata import entity_id_of, entity_of
from connectors.metadata.federation_source import come
from connectors.metadata.federations import FederationCopy, put
from connectors.metadata.uptake import signing, uptake
from idp.application.revocations import check_revocations
from idp.application.saml_services import metadata_for_all, metadata_for_providers
from idp.cli.console import NO, YES, answer, doing
from idp.cli.metadata.desk import NodeDesk, node_desk
from idp.cli.options import AsJson, Folder
from idp.protocols.saml.federation_sources import seal_of
from idp.system.addresses import entity_id, idp_entity_id
from idp.system.clock import system_clock
from policies.errors import AssertionRejected
from policies.federations import MDQ, Federation, FederationFilter
from policies.parties import EntityId

CURRENT, BEHIND, ABSENT, UNREAD, UNSEEN = "current", "behind", "absent", "unread", "unseen"
# As `connectors.fetch` says it
_NOT_FOUND = " answers 404."
_SAYS = {
    CURRENT: "has it as it is today",
    BEHIND: "has an older copy",
    ABSENT: "does not have it: its members know it in another way, or not at all",
    UNREAD: "could not be read",
    UNSEEN: "has a copy that its operator took: ask them",
}


@dataclass(frozen=True, slots=True)
class _View:
    """How a federation has one entity of ours. `until` is the end of its copy, None where it has none."""

    federation: str
    entity_id: str
    state: str
    lacks: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    until: str | None = None
    detail: str | None = None


def propagation(config: Folder, *, as_json: AsJson = False) -> None:
    """Look in each federation for our own metadata, and say whose copy has not our keys and addresses of today.

    Use it before a key takes over, and before the last one is deleted. What a federation publishes now is fetched and
    verified, and nothing of it is kept. Of a peer that pinned a file of ours nobody can see which one.

    Example: ciconia metadata propagation --config city
    """
    with node_desk(config, as_json=as_json) as desk:
        check_revocations(desk.settings, desk.keys)
        now = system_clock()
        ours = _ours(desk, now)
        known = desk.configuration.federations.values()
        with doing(as_json=as_json) as told:
            views: list[_View] = []
            for one in known:
                told(one.federation_id)
                views += _views(desk, one, ours, now)
        peers = list(_peers(desk, views))
    begins = _begins(desk, now)
    lines = [line for view in views for line in _lines(view, begins)]
    lines += [f"{peer['kind']} {peer['id']}: {_by(peer)}" for peer in peers]
    answer(
        {"entities": [asdict(view) for view in views], "peers": peers, "next_keys": begins},
        *(lines or ["No federation is registered, and no peer that speaks SAML."]),
        as_json=as_json,
    )
    raise typer.Exit(NO if any(view.state in (BEHIND, UNREAD) for view in views) else YES)


def _ours(desk: NodeDesk, now: int) -> Mapping[str, bytes]:
    """Our entities, as we publish them now. Of an identity provider with a key of its own the common one counts."""
    publish = metadata_for_all if desk.settings.role == "city" else metadata_for_providers
    found: dict[str, bytes] = {}
    for made in publish(desk.settings, desk.configuration, desk.keys).values():
        octets = made(now)
        found.setdefault(entity_id_of(entity_of(octets)), octets)
    return found


def _views(desk: NodeDesk, federation: Federation, ours: Mapping[str, bytes], now: int) -> Iterator[_View]:
    """How a federation has each. Of an aggregate the whole is fetched once, with no filter: ours may be none of it."""
    whole = replace(federation, only=FederationFilter())
    if federation.kind != MDQ:
        yield from _compared(desk, whole, ours, now)
        return
    for name, octets in ours.items():
        yield from _compared(desk, replace(whole, wanted=(name,)), {name: octets}, now)


def _compared(desk: NodeDesk, federation: Federation, ours: Mapping[str, bytes], now: int) -> Iterator[_View]:
    name, seal = federation.federation_id, seal_of(desk.keys.ledger)
    place = Path(tempfile.mkdtemp(prefix="ciconia-"))
    try:
        came = come(federation, place, held=None, fetcher=Fetcher(demo=desk.settings.demo), now=now)
        assert came is not None  # noqa: S101 - without a copy of before something came
        put(place, came, seal)
        copy = FederationCopy(place, seal)
        for one, octets in ours.items():
            if not copy.has([one]):
                yield _View(name, one, ABSENT)
                continue
            found = copy.judged(EntityId(one), name, demo=desk.settings.demo)
            told = uptake(octets, found.octets, _ending(desk, now))
            state = BEHIND if told.lacks else CURRENT
            yield _View(name, one, state, told.lacks, told.still, written(found.valid_until))
    except (FetchError, AssertionRejected, ValueError) as error:
        detail = str(error) if isinstance(error, ValueError) else f"{error.detail} ({error.check})"
        gone = federation.kind == MDQ and _NOT_FOUND in detail
        for one in ours:
            yield _View(name, one, ABSENT) if gone else _View(name, one, UNREAD, detail=detail)
    finally:
        shutil.rmtree(place)


def _ending(desk: NodeDesk, now: int) -> frozenset[str]:
    """The keys that signed before the one of now: still published, and nobody has to learn them any more."""
    began = next(one.begins for one in desk.keys.saml.scheduled if one.key.key_id == desk.keys.saml.at(now).key_id)
    return frozenset(one.key.key_id for one in desk.keys.saml.scheduled if one.begins < began)


def _begins(desk: NodeDesk, now: int) -> dict[str, str]:
    """The keys that sign later, and from when."""
    return {signing(one.key.key_id): written(one.begins) for one in desk.keys.saml.scheduled if one.begins > now}


def _peers(desk: NodeDesk, views: list[_View]) -> Iterator[dict[str, object]]:
    """Each peer that speaks SAML, and whose copy of ours it goes by."""
    state = {(view.federation, view.entity_id): view.state for view in views}
    asked = [one for one in desk.configuration.providers.values() if one.protocol == "saml"]
    known = [("provider", str(one.provider_id), entity_id(desk.settings.issuer), one.federation) for one in asked]
    parties = [(one.client_id, one.saml) for one in desk.configuration.parties.values() if one.saml is not None]
    known += [("service", str(name), idp_entity_id(desk.settings.issuer), one.federation) for name, one in parties]
    for kind, name, ours, federation in known:
        found = state.get((federation, ours), UNSEEN)
        yield {"kind": kind, "id": name, "entity_id": ours, "federation": federation or None, "state": found}


def _lines(view: _View, begins: Mapping[str, str]) -> Iterator[str]:
    until = f", until {view.until}" if view.until else ""
    yield f"{view.federation}: {_SAYS[view.state]}{until}: {view.entity_id}{f'. {view.detail}' if view.detail else ''}"
    for one in view.lacks:
        yield f"  - lacks {one}{f', which signs from {begins[one]} on' if one in begins else ''}"
    yield from (f"  + still has {one}" for one in view.still)


def _by(peer: Mapping[str, object]) -> str:
    return f"by {peer['federation']}, which {_SAYS[str(peer['state'])]}" if peer["federation"] else _SAYS[UNSEEN]
