"""Registrations and purposes in the language of Cedar, as far as the two languages share it.

A form is an entity in all forms that say more. A registration permits the forms below its rule. A purpose forbids every
form that is not below one of its needs, and every level below its own; across a border all but predicates are forbidden.
Cedar answers one question about one form; `strongest` asks about each form below the asked one, where the MEET is one step.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any  # Any: cedarpy is not there on every machine

from policies.attributes import AttributeName, Form
from policies.authentication import Offered
from policies.catalogue import Catalogue
from policies.forms import is_predicate
from policies.parties import RelyingParty
from policies.purposes import Purpose

PRESENT = find_spec("cedarpy") is not None
cedarpy: Any = import_module("cedarpy") if PRESENT else None

Universe = Mapping[AttributeName, Sequence[Form]]


def _entity(kind: str, name: str) -> dict[str, str]:
    return {"type": kind, "id": name}


def _uid(kind: str, name: str) -> str:
    return f"{kind}::{json.dumps(name, ensure_ascii=False)}"


def _form(name: AttributeName, form: Form) -> str:
    return f"{name}/{form}"


class Cedar:
    """One registration and some purposes, parsed once; `universe` has the forms of each attribute."""

    def __init__(self, party: RelyingParty, purposes: Iterable[Purpose], catalogue: Catalogue, universe: Universe) -> None:
        self._party, self._catalogue, self._universe = party, catalogue, universe
        rules = [self._registration(name, rule.form) for name, rule in party.attributes.items()]
        rules += [rule for purpose in purposes for rule in self._purpose(purpose)]
        rules.append(
            "forbid(principal, action, resource) when { principal has sphere && context has sphere && "
            "principal.sphere != context.sphere && !resource.predicate };"
        )
        self._policies = cedarpy.PolicySet.from_str("\n".join(rules))
        self._entities = cedarpy.Entities.from_json_str(json.dumps(list(self._graph())))

    def _registration(self, name: AttributeName, form: Form) -> str:
        resource = _uid("Form", _form(name, form))
        when = "principal.purposes.contains(context.purpose)"
        principal = _uid("Party", self._party.client_id)
        return f"permit(principal == {principal}, action, resource in {resource}) when {{ {when} }};"

    @staticmethod
    def _purpose(purpose: Purpose) -> Iterable[str]:
        here = f"context.purpose == {json.dumps(purpose.purpose_id)}"
        needed = ", ".join(_uid("Form", _form(name, need.form)) for name, need in purpose.needs.items())
        yield f"forbid(principal, action, resource) when {{ {here} && !(resource in [{needed}]) }};"
        yield f"forbid(principal, action, resource) when {{ {here} && context.loa < {int(purpose.minimum_assurance)} }};"

    def _graph(self) -> Iterable[dict[str, object]]:
        party = self._party
        attributes: dict[str, object] = {"purposes": list(party.purposes)}
        if party.sphere:
            attributes["sphere"] = party.sphere
        yield {"uid": _entity("Party", party.client_id), "attrs": attributes, "parents": []}
        yield {"uid": _entity("Action", "release"), "attrs": {}, "parents": []}
        for name, forms in self._universe.items():
            for form in forms:
                above = [one for one in forms if one != form and self._catalogue.meet(name, one, form) == form]
                parents = [_entity("Form", _form(name, one)) for one in above]
                uid = _entity("Form", _form(name, form))
                yield {"uid": uid, "attrs": {"predicate": is_predicate(form)}, "parents": parents}

    def requests(
        self, asked: Iterable[tuple[AttributeName, Form]], purpose: Purpose, offered: Offered
    ) -> list[dict[str, object]]:
        """A question for each attribute in one form."""
        context: dict[str, object] = {"purpose": purpose.purpose_id, "loa": int(offered.loa)}
        if offered.sphere:
            context["sphere"] = offered.sphere
        principal, action = _entity("Party", self._party.client_id), _entity("Action", "release")
        return [
            {"principal": principal, "action": action, "resource": _entity("Form", _form(*one)), "context": context}
            for one in asked
        ]

    def answers(self, requests: list[dict[str, object]]) -> Sequence[Any]:
        """The answers, each with `allowed` and the policies that decided."""
        found: Sequence[Any] = cedarpy.is_authorized_batch(requests, self._policies, self._entities)
        return found

    def allowed(self, name: AttributeName, asked: Form, purpose: Purpose, offered: Offered) -> list[Form]:
        """The forms below the asked one that may go."""
        below = [one for one in self._universe[name] if self._catalogue.meet(name, one, asked) == one]
        answers = self.answers(self.requests([(name, one) for one in below], purpose, offered))
        return [form for form, answer in zip(below, answers, strict=True) if answer.allowed]

    def strongest(self, name: AttributeName, asked: Form, purpose: Purpose, offered: Offered) -> Form | None:
        """The one form below the asked one that may go and says no less than any other such form."""
        allowed = self.allowed(name, asked, purpose, offered)
        tops = [one for one in allowed if all(self._catalogue.meet(name, one, other) == other for other in allowed)]
        assert bool(tops) == bool(allowed), "no one form says no less than the others"
        return tops[0] if tops else None
