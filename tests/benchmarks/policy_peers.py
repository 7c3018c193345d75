"""The question of the benchmark of policies, and those who answer it: `decide`, Cedar, CEL and a bare table.

The question: of twelve attributes that a service asks for in full, in which form may each go, and which rule says so?
Cedar and CEL answer yes or no about one form, so they are asked about each form of each attribute. All that can be parsed,
compiled and loaded before is. They derive no value, which `decide` does.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any  # Any: the peers' own types

from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, AttributeName, Form, Value
from policies.authentication import AskedAttribute, Offered
from policies.catalogue import STANDARD, AttributeType
from policies.explain import Explanation, explain
from policies.forms import FORMS, AttributeKind
from policies.parties import RelyingParty
from policies.purposes import Purpose
from policies.release import Decision, decide
from tests.policies.cedar import Cedar
from tests.policies.parts import HOME, ON, PARKING, asked, form, party, purpose

LIBRARIES = ("cedarpy", "cel-python")
VALUES: dict[str, Value] = {
    "family_name": "Maasikas",
    "given_name": "Maria",
    "birthdate": "1990-02-28",
    "person_identifier": "EE/NL/49002280001",
    "gender": "female",
    "nationality": "EE",
    "place_of_birth": "Tartu",
    "address": HOME,
    "email": "maria@post.example",
    "phone_number": "+37250000000",
    "birth_family_name": "Kask",
    "library_card": "0001",
}
NEEDED = {
    "family_name": "exact",
    "given_name": "initials",
    "birthdate": "age_over(18)",
    "gender": "exact",
    "nationality": "exact",
    "address": "resident_of(Storkhaven)",
    "email": "exact",
    "library_card": "exact",
}
CATALOGUE = STANDARD.with_own(
    [AttributeType(AttributeName("library_card"), AttributeKind.TEXT, {"en": "Library card"}, "library_card")]
)


class Question:
    """The registration, the purpose, the person, the request, and every form of each attribute."""

    def __init__(self) -> None:
        self.party: RelyingParty = party((PARKING,), **dict.fromkeys(VALUES, "exact"))
        self.purpose: Purpose = purpose(("birthdate",), LevelOfAssurance.SUBSTANTIAL, **NEEDED)
        self.offered = Offered({AttributeName(name): one for name, one in VALUES.items()}, LevelOfAssurance.HIGH)
        self.asked: tuple[AskedAttribute, ...] = asked(**dict.fromkeys(VALUES, "exact"))
        self.forms = {name: self._forms(name) for name in CATALOGUE.attributes}

    @staticmethod
    def _forms(name: AttributeName) -> tuple[Form, ...]:
        kinds = FORMS[CATALOGUE.attributes[name].kind].values()
        found = [Form(kind.name) for kind in kinds if not kind.parameter]
        return tuple(dict.fromkeys([*found, form(NEEDED.get(name, "exact"))]))

    def decide(self) -> Decision:
        """Our answer."""
        return decide(self.asked, self.purpose, self.party, self.offered, ON, catalogue=CATALOGUE)

    def explain(self) -> Explanation:
        """Our answer with its steps."""
        return explain(self.asked, (), self.purpose, self.party, self.offered, ON, catalogue=CATALOGUE)

    def of_each(self) -> list[tuple[AttributeName, Form]]:
        """Each form of each attribute."""
        return [(name, one) for name, found in self.forms.items() for one in found]


def contestants(question: Question) -> dict[str, Callable[[], object]]:
    """All who answer, ours first; each is tried, and says what ours says."""
    ours = {r.name: r.released.form if r.released else None for r in question.decide().rulings}
    cedar = Cedar(question.party, [question.purpose], CATALOGUE, question.forms)
    requests = cedar.requests(question.of_each(), question.purpose, question.offered)
    in_full = cedar.requests([(one.name, one.form) for one in question.asked], question.purpose, question.offered)
    table = {(question.party.client_id, question.purpose.purpose_id, name): found for name, found in ours.items()}
    key = question.party.client_id, question.purpose.purpose_id
    cel = _cel(question)
    for name, one in ours.items():
        assert one == cedar.strongest(name, EXACT, question.purpose, question.offered), name
        assert (one == EXACT) == cel(name, EXACT), name
    return {
        "decide, 12 attributes with reasons": question.decide,
        "cedarpy, each form": lambda: cedar.answers(requests),
        "cedarpy, only whether each goes in full": lambda: cedar.answers(in_full),
        "cel-python, each form": lambda: [cel(*one) for one in question.of_each()],
        "12 look-ups in a dictionary": lambda: [table[*key, one.name] for one in question.asked],
    }


def _cel(question: Question) -> Callable[[AttributeName, Form], bool]:
    """One compiled expression, and an activation for each form of each attribute, as prepared as `celpy` has it."""
    celpy: Any = import_module("celpy")
    environment = celpy.Environment()
    program = environment.program(
        environment.compile("purpose in purposes && loa >= minimum && form in registered && form in needed")
    )
    purpose, given = question.purpose, {}
    for name, one in question.of_each():
        bounds = (question.party.attributes.get(name), purpose.needs.get(name))
        lists = [
            [str(each) for each in question.forms[name] if bound and CATALOGUE.meet(name, each, bound.form) == each]
            for bound in bounds
        ]
        told = {
            "purpose": purpose.purpose_id,
            "purposes": list(question.party.purposes),
            "loa": int(question.offered.loa),
            "minimum": int(purpose.minimum_assurance),
            "form": str(one),
            "registered": lists[0],
            "needed": lists[1],
        }
        given[name, one] = {key: celpy.json_to_cel(value) for key, value in told.items()}
    return lambda name, one: bool(program.evaluate(given[name, one]))
