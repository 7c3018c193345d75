"""`verified_claims` (OpenID Identity Assurance 1.0): attributes with the word of the scheme that vouches for them.

{"verified_claims": {"verification": {"trust_framework": "eidas", "assurance_level": "high"},
                     "claims": {"birthdate": "..."}}}

They are asked for, decided, shown and recorded like every attribute: here is only where in the answer one stands. An
attribute that was asked for here alone stands nowhere else, so nobody takes it for one without a condition. What a
condition forbids is left out, with all that stands beside it (§5.7.2 of its request syntax), and is no error.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.wire.claims import Json
from policies.assurance import LevelOfAssurance, highest_named, level_named
from policies.errors import RequestRefused

FRAMEWORK = "eidas"
# Implementing Regulation (EU) 2015/1501, annex: the person identification data. A scheme is notified for no others
ATTRIBUTES = (
    "address",
    "birth_family_name",
    "birthdate",
    "family_name",
    "gender",
    "given_name",
    "person_identifier",
    "place_of_birth",
)
# Each is an object of its own in the answer
MAX_ELEMENTS = 8
_CONDITIONS = frozenset({"value", "values", "max_age"})


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """One element of the request whose conditions may hold. `names` are our attributes.

    `levels` has the names of the levels that it takes, () for each. `max_age` is of the sign-in, in seconds. `level` and
    `time` say what of the verification it wants to read.
    """

    names: tuple[str, ...]
    in_id_token: bool = False
    levels: tuple[str, ...] = ()
    max_age: int | None = None
    level: bool = False
    time: bool = False


@dataclass(frozen=True, slots=True)
class Wished:
    """One element as it came: the verification and the claims."""

    verification: Mapping[str, Json]
    claims: Mapping[str, Json]


def elements(wish: Json) -> Iterator[Wished]:
    """The elements of a request, an object or a list of them. Raises `RequestRefused` for what is none."""
    if wish is None:
        return
    listed = wish if isinstance(wish, list) else [wish]
    if not 0 < len(listed) <= MAX_ELEMENTS:
        raise RequestRefused(f"verified_claims has not 1 to {MAX_ELEMENTS} elements.")
    for one in listed:
        verification = one.get("verification") if isinstance(one, dict) else None
        claims = one.get("claims") if isinstance(one, dict) else None
        if not isinstance(verification, dict) or "trust_framework" not in verification:
            raise RequestRefused("verified_claims has no verification with a trust_framework.")
        if not isinstance(claims, dict) or not claims:
            raise RequestRefused("verified_claims asks for no claims.")
        yield Wished(verification, claims)


def satisfiable(wished: Wished, names: tuple[str, ...], *, in_id_token: bool) -> VerifiedRequest | None:
    """The element, with what the sign-in has to tell yet; None where it asks for what is never so here."""
    rest = dict(wished.verification)
    framework, level, time = (rest.pop(name, None) for name in ("trust_framework", "assurance_level", "time"))
    frameworks, levels, age = _values(framework), _values(level), _age(time)
    known = tuple(name for name in levels or () if level_named(name) is not None)
    if (frameworks is not None and FRAMEWORK not in frameworks) or (levels is not None and not known):
        return None
    # A moment that it has to be, or evidence, which we do not give
    if _values(time) is not None or any(map(_conditioned, rest.values())):
        return None
    asked = wished.verification
    return VerifiedRequest(names, in_id_token, known, age, "assurance_level" in asked, "time" in asked)


def verification(one: VerifiedRequest, loa: LevelOfAssurance, authenticated_at: int, now: int) -> dict[str, Json] | None:
    """The words about the verification; None where a condition does not hold. The level is never rounded up.

    `authenticated_at` is 0 where nobody knows.
    """
    named = highest_named(one.levels, loa) if one.levels else loa.label
    if not named or (one.max_age is not None and (not authenticated_at or now - authenticated_at > one.max_age)):
        return None
    said: dict[str, Json] = {"trust_framework": FRAMEWORK}
    if one.level:
        said["assurance_level"] = named
    if one.time and authenticated_at:
        said["time"] = datetime.fromtimestamp(authenticated_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return said


def _values(wish: Json) -> tuple[str, ...] | None:
    """The texts, one of which a member has to be; None where each will do."""
    if not isinstance(wish, dict) or {"value", "values"}.isdisjoint(wish):
        return None
    values = wish.get("values", [wish.get("value")])
    if not isinstance(values, list):
        raise RequestRefused("verified_claims has values that are no list.")
    return tuple(value for value in values if isinstance(value, str))


def _age(wish: Json) -> int | None:
    age = wish.get("max_age") if isinstance(wish, dict) else None
    if age is not None and (not isinstance(age, int) or isinstance(age, bool) or age < 0):
        raise RequestRefused("verified_claims has a max_age that is no number of seconds.")
    return age


def _conditioned(wish: Json) -> bool:
    """Whether a member that we do not say has to be something. The judge of a whole list looks into each."""
    if isinstance(wish, list):
        return any(map(_conditioned, wish))
    return isinstance(wish, dict) and (not _CONDITIONS.isdisjoint(wish) or any(map(_conditioned, wish.values())))
