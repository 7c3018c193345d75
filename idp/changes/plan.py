"""The plan of a change: another configuration beside the one that is in force, before anything happens.

It says in citizens' words who would learn more and who less, which certificates and keys change, who could no longer sign
in, which settings take effect, and whose approval it needs (decision 0034). It needs no key of the broker.

A person signs `Plan.document`, which whoever has both configurations makes again, octet by octet.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from connectors.formats.service_provider import read_service_provider
from idp.changes.bundle import SETTINGS, Bundle
from idp.changes.guard import FOUR_EYES, WHOLE, Requirement, requirements
from idp.changes.trust import KeyChange, key_changes
from idp.ledger.canonical_json import Json, jcs
from policies.identifiability import about_one_in, bits_needed
from policies.load import Configuration, examine
from policies.operators import Operators
from policies.parties import PurposeId, RelyingParty
from policies.simulation.compare import Change, Comparison, compare
from policies.simulation.worlds import sources_of


def stopped(old: Configuration, new: Configuration) -> Iterator[str]:
    """A sentence for each thing that worked before and would stop."""
    for provider_id, provider in old.providers.items():
        if provider_id not in new.providers:
            yield f"Nobody can sign in with {provider.title['en']} ({provider.country}) any more."
    for node_id, node in old.nodes.items():
        if node_id not in new.nodes:
            yield f"{node.title['en']} ({node.peer.country}) can no longer ask."
    for client_id, party in old.parties.items():
        name = f"{party.title['en']} ({client_id})"
        if client_id not in new.parties:
            yield f"{name} is no longer registered."
            continue
        after = new.parties[client_id]
        yield from (f"{name} gets no answer at {uri} any more." for uri in party.redirect_uris if not after.takes(uri))
        yield from (f"{name} gets no answer at {uri} any more." for uri in _answered(party) - _answered(after))
        for purpose_id in party.purposes:
            if purpose_id not in after.purposes:
                yield f"{name} can no longer ask for {purpose_id}."
            elif lost := _countries(party, purpose_id, old) - _countries(after, purpose_id, new):
                yield f"{name} can no longer be used for {purpose_id} by citizens of {', '.join(sorted(lost))}."


def _answered(party: RelyingParty) -> set[str]:
    """The addresses of a service that speaks SAML, by its metadata."""
    try:
        facts = read_service_provider(party.saml.metadata) if party.saml is not None else None
    except ValueError:
        facts = None
    return {*facts.acs_urls.values(), *facts.artifact_urls.values()} if facts else set()


def _countries(party: RelyingParty, purpose_id: PurposeId, configuration: Configuration) -> set[str]:
    """The countries some of whose citizens can end a login for a purpose: their source has all that it requires."""
    purpose = configuration.purposes.get(purpose_id)
    if purpose is None:
        return set()
    required = {name: need.form for name, need in purpose.needs.items() if need.required}
    meets = configuration.catalogue.meet
    rules = {name: party.attributes[name].form for name in required if name in party.attributes}
    if any(name not in rules or meets(name, rules[name], form) is None for name, form in required.items()):
        return set()
    sources = sources_of(
        configuration.providers.values(), purpose, configuration.catalogue, configuration.registers
    ).values()
    return {
        provider.country
        for reach, provider in sources
        if reach.loa >= purpose.minimum_assurance and required.keys() <= {name for name, _, _ in reach.wires}
    }


VERSION = 1


@dataclass(frozen=True, slots=True)
class PlanBase:
    """A configuration with its place in the history: the number and digest under which it was put in force."""

    number: int
    digest: str
    configuration: Configuration = field(repr=False)
    settings: Mapping[str, Json]


NOTHING = PlanBase(0, "", examine({})[0], {})


@dataclass(frozen=True, slots=True)
class Meter:
    """The most that a purpose says about somebody, in bits, before and after."""

    purpose_id: str
    title: str
    before: float
    after: float

    @property
    def sentence(self) -> str:
        """The meter in words."""
        like = f"about as much as one in {about_one_in(self.after)} people"
        return f"{self.title}: at most {self.after:.1f} bits in place of {self.before:.1f}, {like}."


@dataclass(frozen=True, slots=True)
class Plan:
    """All that would change. `base` is in force now (`NOTHING` before the first), `after` the digest of what would be."""

    issuer: str
    base: PlanBase
    after: str
    comparison: Comparison
    meters: tuple[Meter, ...]
    keys: tuple[KeyChange, ...]
    stops: tuple[str, ...]
    settings: tuple[str, ...]
    needs: tuple[Requirement, ...]

    @property
    def digest(self) -> str:
        """The name of the plan: SHA-256 of what would be put in the place of what, at which broker (hex)."""
        return self.made_against(self.base.number, self.base.digest)

    def made_against(self, number: int, digest: str) -> str:
        """The name that the plan would have if something else were in force."""
        return hashlib.sha256(jcs(self._named(number, digest))).hexdigest()

    def _named(self, number: int, digest: str) -> dict[str, Json]:
        base: Json = {"digest": digest, "number": number}
        return {"after": self.after, "base": base, "issuer": self.issuer, "v": VERSION}

    @property
    def operators(self) -> Operators:
        """The persons who may apply and approve: those of what is in force."""
        return self.base.configuration.operators

    @property
    def changes(self) -> bool:
        """Whether it is another configuration than the one in force."""
        return self.after != self.base.digest

    @property
    def widened(self) -> tuple[str, ...]:
        """A sentence for each thing that more would leave of."""
        return tuple(change.sentence for change in self.comparison.wider)

    def told(self) -> dict[str, Json]:
        """All of it for machines."""
        return {
            **self._named(self.base.number, self.base.digest),
            "plan": self.digest,
            "wider": [told_change(one) for one in self.comparison.wider],
            "narrower": [told_change(one) for one in self.comparison.narrower],
            "meters": [
                {"purpose": one.purpose_id, "before": f"{one.before:.1f}", "after": f"{one.after:.1f}"}
                for one in self.meters
            ],
            "keys": [{"file": one.file, "what": one.what, "added": one.added} for one in self.keys],
            "stops": list(self.stops),
            "settings": list(self.settings),
            "approvals": [{"for": need.name, "why": list(need.why)} for need in self.needs],
        }

    def document(self, name: str = WHOLE) -> bytes:
        """The octets that a person signs who approves the plan, or the requirement of this name."""
        return jcs({**self.told(), "for": name}) + b"\n"


def make_plan(issuer: str, base: PlanBase, after: Bundle, configuration: Configuration) -> Plan:
    """The plan to put a bundle, whose files were judged, in the place of `base`."""
    comparison = compare(base.configuration, configuration)
    settings = tuple(_settings(base.settings, settings_of(after))) if base.number else ()
    needs = requirements(
        base.configuration,
        configuration,
        four_eyes=base.settings.get(FOUR_EYES) is True,
        wider=[change.sentence for change in comparison.wider],
        settings=settings,
    )
    return Plan(
        issuer=issuer,
        base=base,
        after=after.digest,
        comparison=comparison,
        meters=tuple(_meters(base.configuration, configuration)),
        keys=key_changes(base.configuration, configuration),
        stops=tuple(stopped(base.configuration, configuration)),
        settings=settings,
        needs=needs,
    )


def base_of(number: int, bundle: Bundle) -> PlanBase:
    """A bundle that is in force. What this version of the program cannot read of it counts as not allowed yet."""
    return PlanBase(number, bundle.digest, examine(bundle.files)[0], settings_of(bundle))


def settings_of(bundle: Bundle) -> dict[str, Json]:
    """The settings that a bundle keeps."""
    found = json.loads(bundle.files.get(SETTINGS, b"{}"))
    return found if isinstance(found, dict) else {}


def told_change(change: Change) -> dict[str, Json]:
    """A change for machines. Bits are text, since canonical JSON has no fractions here."""
    return {
        "client": change.client_id,
        "service": change.service,
        "purpose": change.purpose_id,
        "attribute": change.attribute,
        "before": None if change.before is None else str(change.before),
        "after": None if change.after is None else str(change.after),
        "when": change.when,
        "countries": list(change.countries),
        "basis": change.basis.value,
        "bits": f"{change.bits:.1f}",
        "sentence": change.sentence,
        "file": change.source.file,
        "line": change.source.line,
    }


def _settings(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[str]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            yield f"{name}: {json.dumps(old.get(name))} becomes {json.dumps(new.get(name))}."


def _meters(old: Configuration, new: Configuration) -> Iterator[Meter]:
    for purpose_id, purpose in new.purposes.items():
        known = old.purposes.get(purpose_id)
        before, after = bits_needed(known) if known else 0.0, bits_needed(purpose)
        if before != after:
            yield Meter(purpose_id, purpose.title["en"], before, after)
