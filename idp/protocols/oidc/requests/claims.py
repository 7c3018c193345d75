"""Claims on the wire: what the `claims` parameter asks for (OpenID Connect Core §5.5), and how an attribute is spelled.

{"userinfo": {"given_name": {"essential": true}, "age_over_18": null},
 "id_token": {"acr": {"essential": true, "values": ["http://eidas.europa.eu/LoA/high"]}}}
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from connectors.wire.claims import Json, read_object
from idp.protocols.oidc.requests.verified_claims import ATTRIBUTES, VerifiedRequest, Wished, elements, satisfiable
from policies.assurance import LevelOfAssurance
from policies.assurance.ladders import Vocabulary, asked_level
from policies.attributes import Attribute, AttributeName
from policies.authentication import AskedAttribute
from policies.catalogue import IN_LATIN, Catalogue, ClaimValue, may_ask
from policies.errors import AssertionRejected, RequestRefused

VERIFIED = "verified_claims"
# What a request may hold: it travels in a cookie, or lies parked
MAX_CLAIMS_PARAMETER = 8 * 1024
MAX_CLAIMS = 64
# Of claims that we do not know so many are kept by name, and the rest by their number: a stranger writes them, and they lie
# parked, and in the ledger
MAX_UNKNOWN = 8
CLAIM_NAME = re.compile(r"[A-Za-z0-9_.:/#-]{1,64}")
# OpenID Connect Core §2 and §5.5.1: claims about the authentication, which we give or do not by ourselves
PROTOCOL_CLAIMS = frozenset(
    {"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "nonce", "azp", "auth_time", "acr", "amr", "at_hash", "c_hash", "sid"}
) | {VERIFIED}
# Core §2: what a `sub` can be
SUBJECT = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """One `claims` parameter. `acr` holds the values of `id_token.acr`, in their order.

    `sub` is the person who has to come, "" where anybody may. `verified` are the elements of `verified_claims`, and
    `asked_verified` the attributes in them.
    """

    asked: tuple[AskedAttribute, ...] = ()
    in_id_token: tuple[AttributeName, ...] = ()
    unknown: tuple[str, ...] = ()
    acr: tuple[str, ...] = ()
    acr_essential: bool = False
    sub: str = ""
    verified: tuple[VerifiedRequest, ...] = ()
    asked_verified: tuple[AskedAttribute, ...] = ()


def read_claims(
    text: str, catalogue: Catalogue, named: Collection[AskedAttribute], *, any_age: bool = True
) -> ClaimsRequest:
    """Read the `claims` parameter, strictly. Raises `RequestRefused` for what is no such request.

    `named` are the forms that may be asked for by a `value`: whoever writes the link would write on the page of approval.
    `any_age` lets every age be asked for. Of a service in a sphere those of `named` alone: from abroad it gets no date, and
    would find it by asking for one age after the other.
    """
    if len(text) > MAX_CLAIMS_PARAMETER:
        raise RequestRefused(f"claims is longer than {MAX_CLAIMS_PARAMETER} characters.")
    try:
        request = read_object(text.encode(errors="surrogatepass"))
    except AssertionRejected:
        raise RequestRefused("claims is not one JSON object without repeated members.") from None
    userinfo, id_token = _part(request, "userinfo"), _part(request, "id_token")
    wished = [(place, one) for place in (userinfo, id_token) for one in elements(place.get(VERIFIED))]
    names = (*userinfo, *id_token, *(name for _, one in wished for name in one.claims))
    if len(names) > MAX_CLAIMS:
        raise RequestRefused(f"claims asks for more than {MAX_CLAIMS} claims.")
    plain = [(name, wish) for part in (userinfo, id_token) for name, wish in part.items() if name != VERIFIED]
    for name, wish in (*plain, *(entry for _, one in wished for entry in one.claims.items())):
        _check_entry(name, wish)
    found, inside = (
        [
            (name, _asked(name, wish, catalogue, named, any_age=any_age))
            for name, wish in part.items()
            if name not in PROTOCOL_CLAIMS
        ]
        for part in (userinfo, id_token)
    )
    verified, unknown = [], {name for name, asked in (*found, *inside) if asked is None}
    asked_verified: list[AskedAttribute] = []
    for place, one in wished:
        known, others = _asked_verified(one, catalogue, named, any_age=any_age)
        element = satisfiable(one, tuple(sorted({asked.name for asked in known})), in_id_token=place is id_token)
        unknown |= others
        if element is None:
            unknown.add(VERIFIED)
        elif known:
            verified.append(element)
            asked_verified += known
    acr, essential = _acr(id_token.get("acr"))
    return ClaimsRequest(
        asked=tuple(asked for _, asked in (*found, *inside) if asked is not None),
        in_id_token=tuple(sorted({asked.name for _, asked in inside if asked is not None})),
        unknown=_kept(unknown),
        acr=acr,
        acr_essential=essential,
        sub=_sub(userinfo.get("sub"), id_token.get("sub")),
        verified=tuple(verified),
        asked_verified=tuple(asked_verified),
    )


def lowest_level(names: Iterable[str], known: Vocabulary) -> LevelOfAssurance | None:
    """The lowest level among the names that we know: alternatives, any of which will do. None where we know none."""
    return min((level for name in names if (level := asked_level(name, known)) is not None), default=None)


def wire_claims(attributes: Iterable[Attribute], catalogue: Catalogue) -> dict[str, Json]:
    """The attributes as claims. Nothing of the protocol's own is ever among them."""
    claims: dict[str, Json] = {}
    for one in attributes:
        name = catalogue.claim_for(one.name, one.form)
        if name not in PROTOCOL_CLAIMS:
            claims[name] = _json(catalogue.claim_value(one.name, one.form, one.value))
            if one.latin:
                claims[name + IN_LATIN] = one.latin
    return claims


def _json(value: ClaimValue) -> Json:
    """The same value: mypy takes a dict of texts for no dict of JSON, since somebody could write into it."""
    match value:
        case dict():
            return dict(value)
        case list():
            return [cast("Json", one) for one in value]
        case _:
            return value


def _asked(
    name: str, wish: Json, catalogue: Catalogue, named: Collection[AskedAttribute], *, any_age: bool
) -> AskedAttribute | None:
    value = wish.get("value") if isinstance(wish, dict) else None
    asked = catalogue.asked_by_claim(name, value if isinstance(value, str) else "")
    return asked if asked is not None and may_ask(asked, named, any_age=any_age) else None


def _asked_verified(
    one: Wished, catalogue: Catalogue, named: Collection[AskedAttribute], *, any_age: bool
) -> tuple[list[AskedAttribute], set[str]]:
    """The attributes of an element, and the names of the claims that are none which a scheme vouches for.

    A claim that has to have a value is left out (§5.7.2): an answer that came or not would tell the value to whom it is not
    shown. A value that is our parameter says what is asked.
    """
    known, others = [], set()
    for name, wish in one.claims.items():
        asked = _asked(name, wish, catalogue, named, any_age=any_age)
        bound = isinstance(wish, dict) and not {"value", "values"}.isdisjoint(wish)
        if asked is None or asked.name not in ATTRIBUTES or (bound and not asked.form.parameter):
            others.add(name)
        else:
            known.append(asked)
    return known, others


def _sub(*wishes: Json) -> str:
    """The one person who has to come (Core §5.5.1). Raises `RequestRefused` where it cannot be one."""
    named: set[str] = set()
    for wish in wishes:
        if isinstance(wish, dict) and not {"value", "values"}.isdisjoint(wish):
            values = wish.get("values", [wish.get("value")])
            # What is no text is nobody's
            named |= {one if isinstance(one, str) else "" for one in (values if isinstance(values, list) else [None])}
    if len(named) > 1 or not all(map(SUBJECT.fullmatch, named)):
        raise RequestRefused("claims asks for a sub that nobody has, or for several.", oauth="login_required")
    return next(iter(named), "")


def _kept(unknown: Iterable[str]) -> tuple[str, ...]:
    """The first names in their order, and `+N` for N more, which is no claim's name."""
    names = sorted(unknown)
    more = len(names) - MAX_UNKNOWN
    return (*names[:MAX_UNKNOWN], *((f"+{more}",) if more > 0 else ()))


def _part(request: Mapping[str, Json], name: str) -> Mapping[str, Json]:
    part = request.get(name)
    if part is None:
        return {}
    if not isinstance(part, dict):
        raise RequestRefused(f"claims.{name} is no object.")
    return part


def _check_entry(name: str, wish: Json) -> None:
    if not CLAIM_NAME.fullmatch(name):
        raise RequestRefused("claims asks for a claim whose name is too long or has characters that no claim has.")
    if wish is None:
        return
    if not isinstance(wish, dict) or not isinstance(wish.get("essential", False), bool):
        raise RequestRefused("claims has an entry that is neither null nor an object with a boolean essential.")


def _acr(wish: Json) -> tuple[tuple[str, ...], bool]:
    if not isinstance(wish, dict):
        return (), False
    values = wish.get("values", [wish["value"]] if "value" in wish else [])
    if not isinstance(values, list):
        raise RequestRefused("claims.id_token.acr.values is no list.")
    names = tuple(value for value in values if isinstance(value, str))
    if len(names) != len(values):
        raise RequestRefused("claims.id_token.acr has a value that is no text.")
    return names, wish.get("essential") is True and not {"value", "values"}.isdisjoint(wish)
