"""Says which approvals a change needs, and whether the signatures are enough (decision 0034).

Where the configuration in force says `four_eyes = true`, whatever could tell somebody more waits for a second person: what
the comparison finds, and everything whose effect on citizens it cannot see, such as an address, a key, or a provider's
table; also a title, a law or rights, which tell a citizen who asks. What only takes away goes at once, and so do
explanations.

An attribute that a purpose says it will never have needs an approval that names it, whatever `four_eyes` says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from connectors.signatures.x509_lists import read_list
from policies.load import Configuration
from policies.purposes import AskRule, Show

# The approval of the plan as a whole
WHOLE = ""
FOUR_EYES = "four_eyes"
_TOLD = frozenset({"source"})
# The comparison decides about these, or they say more or less about the same release
_OF_PURPOSES = _TOLD | {
    "needs", "minimum_assurance", "countries", "digest", "dpv_purpose", "dpv_processing", "never"
}  # fmt: skip
_OF_PARTIES = _TOLD | {"attributes", "purposes"}
# Of these lists less is never more for anybody; of others an empty one means all
_LISTS = frozenset({"redirect_uris", "origins", "recipients", "deviations"})
_SAFEST: Mapping[str, object] = {
    "enforce": True,
    "pkce_required": True,
    "blind": True,
    "claims_in_id_token": False,
    "tell_refusal": False,
    "refusable_without_loss": True,
    "cross_device": False,
    "offline": False,
    "ask": AskRule(),
    "show": Show.ASK,
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """An approval that a plan needs: `WHOLE`, or `PURPOSE/ATTRIBUTE` of one that was never to be added; and why."""

    name: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Assent:
    """A person's signature over a plan, as its planner or not, for the requirement of this name."""

    name: str
    who: str
    planner: bool


def requirements(
    old: Configuration, new: Configuration, *, four_eyes: bool, wider: Sequence[str], settings: Sequence[str]
) -> tuple[Requirement, ...]:
    """The approvals that a change needs. `four_eyes` is of what is in force; `settings` has a sentence for each change."""
    promises = [(purpose_id, name) for purpose_id, one in old.purposes.items() for name in one.never]
    persons = ["operators/ has other persons or keys."] if old.operators != new.operators else []
    why = [*wider, *_unseen(old, new), *persons, *settings]
    if not four_eyes:
        # Else one person could give themselves a second one; where only one is named, nobody else could agree
        why = persons if promises and len(set(old.operators.values())) > 1 else []
    broken = [
        Requirement(f"{purpose_id}/{name}", (f"{purpose_id} says that it never has {name}.",))
        for purpose_id, name in promises
        if purpose_id not in new.purposes or name not in new.purposes[purpose_id].never
    ]
    return (*([Requirement(WHOLE, tuple(why))] if why else []), *broken)


def missing(needs: Iterable[Requirement], assents: Sequence[Assent]) -> tuple[Requirement, ...]:
    """The approvals that are not there yet: two persons agreed to the plan, and one who did not plan it to each part."""
    planners = {one.who for one in assents if one.planner}
    agreed = {one.who for one in assents if one.name == WHOLE}

    def given(need: Requirement) -> bool:
        approved = {one.who for one in assents if one.name == need.name and one.who not in planners}
        return any(agreed - {who} for who in approved)

    return tuple(need for need in needs if not given(need))


def _unseen(old: Configuration, new: Configuration) -> Iterator[str]:
    """Changes that could tell somebody more, and that no comparison of releases sees."""
    if old.catalogue != new.catalogue:
        yield "catalogue.toml says something else."
    # Any: each kind has ids of its own
    kinds: tuple[tuple[str, Mapping[Any, object], Mapping[Any, object], frozenset[str]], ...] = (
        ("purpose", old.purposes, new.purposes, _OF_PURPOSES),
        ("service", old.parties, new.parties, _OF_PARTIES),
        ("source", old.providers, new.providers, _TOLD),
        ("register", old.registers, new.registers, _TOLD),
        ("node", old.nodes, new.nodes, _TOLD),
        ("session group", old.session_groups, new.session_groups, _TOLD),
        ("public body", old.bodies, new.bodies, _TOLD),
    )
    for kind, before, after, told in kinds:
        for name in after:
            if name in before:
                differ = ", ".join(_differing(before[name], after[name], told))
                if differ:
                    yield f"{kind} {name}: {differ} says something else."
            elif kind != "purpose" or (name in new.purposes and new.purposes[name].matching):
                yield f"{kind} {name} is new."


def _differing(old: object, new: object, told: frozenset[str]) -> Iterator[str]:
    """The fields of two records that differ, unless the new one only takes away."""
    if not is_dataclass(old) or not is_dataclass(new):
        return
    for name in (each.name for each in fields(old) if each.name not in told):
        before, after = getattr(old, name), getattr(new, name)
        if before == after or (name in _SAFEST and after == _SAFEST[name]):
            continue
        if name in _LISTS and all(each in before for each in after):
            continue
        if name == "revocation" and all(_goes_on(file, octets, dict(after).get(file)) for file, octets in before):
            continue
        if name == "peer" and before and after:
            yield from _differing(before, after, told)
            continue
        yield name


def _goes_on(file: str, before: bytes, after: bytes | None) -> bool:
    """Whether a list of revoked certificates, which is new each day, is no older than the one before."""
    return after is not None and read_list(file, after).begins >= read_list(file, before).begins
