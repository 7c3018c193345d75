"""A mandate as a typed value: in which procedures somebody may act for another, from when to when, and up to what amount.

The attribute `mandate` has one text for each mandate, JSON in its one spelling: names sorted, no spaces, nothing that is
absent or false. Whatever else is said (a name of ours twice, an unknown one, a day that there is not) is no mandate.

    {"limit":{"amount":"5000","currency":"EUR"},"procedures":["building-permit"],"valid_to":"2026-12-31"}

A mandate is never read in anybody's favour: without a limit it reaches no amount, and a joint one lets nobody act alone.
"""

import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from policies.attributes import EXACT, Form
from policies.parameters import CURRENCY, PROCEDURE, amount, entries

MAX_PROCEDURES = 100
MAX_SPELLED = 16 * 1024
_NAMES = frozenset(("general", "joint", "limit", "procedures", "valid_from", "valid_to"))
_AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{0,5}[1-9])?")
# An exponent would be written out: a few signs would fill the memory
_SPELLED = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,6})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Mandate:
    """One mandate. Raises ValueError for one that says nothing, or contradicts itself.

    `procedures` are codes; a `general` one is for every procedure, and names none. Both days are of the mandate. `limit` is
    a number and a currency (ISO 4217) up to which one may act; None says nothing about amounts. Whoever has a `joint` one
    acts only together with others.
    """

    procedures: frozenset[str] = frozenset()
    general: bool = False
    valid_from: date | None = None
    valid_to: date | None = None
    limit: tuple[Decimal, str] | None = None
    joint: bool = False

    def __post_init__(self) -> None:
        codes = all(PROCEDURE.fullmatch(code) for code in self.procedures)
        if not codes or len(self.procedures) > MAX_PROCEDURES or bool(self.procedures) == self.general:
            raise ValueError("a mandate is general, or names its procedures by their codes")
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            raise ValueError("a mandate that ends before it begins")
        if self.limit and not (CURRENCY.fullmatch(self.limit[1]) and _AMOUNT.fullmatch(_number(self.limit[0]))):
            raise ValueError("a limit that is no amount of a currency")

    def in_force(self, on: date) -> bool:
        """Whether it holds on this day, the first and the last one among them."""
        return (self.valid_from is None or self.valid_from <= on) and (self.valid_to is None or on <= self.valid_to)

    def reaches(self, amount: Decimal, currency: str) -> bool:
        """Whether its limit is at least so much, in this very currency."""
        return self.limit is not None and self.limit[1] == currency and self.limit[0] >= amount

    def covers(self, procedure: str) -> bool:
        """Whether it is for this procedure."""
        return self.general or procedure in self.procedures

    @property
    def text(self) -> str:
        """Its one spelling."""
        said: dict[str, object] = {name: True for name in ("general", "joint") if getattr(self, name)}
        if self.procedures:
            said["procedures"] = sorted(self.procedures)
        if self.limit:
            said["limit"] = {"amount": _number(self.limit[0]), "currency": self.limit[1]}
        said |= {name: str(day) for name in ("valid_from", "valid_to") if (day := getattr(self, name))}
        return json.dumps(said, sort_keys=True, separators=(",", ":"))


def fault_of(mandates: Collection[Mandate], form: Form, on: date) -> str:
    """The name of what the mandates lack for the answer yes to `in_force`, `limit_at_least` or `may_act`; "" for nothing.

    Each in turn: one is in force on the day, for the procedure, lets its holder act alone, has a limit, and reaches.
    """
    procedure, money = {
        "may_act": (entries(form.parameter)[0], "".join(entries(form.parameter)[1:])),
        "limit_at_least": ("", form.parameter),
    }.get(form.name, ("", ""))
    left = [one for one in mandates if one.in_force(on)]
    if not left:
        return "mandate_ended" if mandates else "mandate_missing"
    left = [one for one in left if not procedure or one.covers(procedure)]
    if not left:
        return "mandate_procedure"
    left = [one for one in left if not procedure or not one.joint]
    if not left:
        return "mandate_joint"
    least = amount(money)
    if least is None:
        return ""
    if not any(one.limit and one.limit[1] == least[1] for one in left):
        return "mandate_without_limit"
    return "" if any(one.reaches(*least) for one in left) else "mandate_limit"


def fault_of_power(mandates: Collection[Mandate], on: date, *, told: bool) -> str:
    """The name of what the mandates lack for anybody to act by them on the day; "" for nothing.

    One holds, and lets its holder act alone. One for a single procedure, or up to an amount, does only where whoever hears
    of it is `told` of its bounds: else they would take it for a power without any.
    """
    if fault := fault_of(mandates, Form("in_force"), on):
        return fault
    alone = [one for one in mandates if one.in_force(on) and not one.joint]
    return "" if any(told or (one.general and one.limit is None) for one in alone) else "mandate_bounds"


def tells_bounds(form: Form, mandates: Collection[Mandate], on: date) -> bool:
    """Whether whoever gets mandates in this form hears of their bounds, or has them held against what it names.

    A limit is all that bounds a general mandate, and `limit_at_least` asks for it.
    """
    general = all(one.general and not one.joint for one in mandates if one.in_force(on))
    return form == EXACT or form.name == "may_act" or (form.name == "limit_at_least" and general)


def read_mandates(value: object) -> tuple[Mandate, ...] | None:
    """The mandates of an attribute's value; None where one of its texts is none, or nothing stands there."""
    texts = (value,) if isinstance(value, str) else value
    if not isinstance(texts, tuple):
        return None
    read = [read_mandate(text) for text in texts]
    found = tuple(one for one in read if one is not None)
    return found if found and len(found) == len(read) else None


def value_of(mandates: Iterable[Mandate]) -> tuple[str, ...]:
    """Mandates as the value of an attribute, each once and in one order; () for none."""
    return tuple(sorted({mandate.text for mandate in mandates}))


def read_mandate(text: str) -> Mandate | None:
    """The mandate that a text spells, in whatever order and with whatever spaces; None where it spells none."""
    if len(text) > MAX_SPELLED:
        return None
    try:
        said: object = json.loads(text, object_pairs_hook=_once)
        return _read(said) if isinstance(said, dict) and said.keys() <= _NAMES else None
    except (ValueError, ArithmeticError, RecursionError):
        return None


def _read(said: dict[str, object]) -> Mandate:
    procedures, limit = said.get("procedures", []), said.get("limit")
    if not isinstance(procedures, list) or not all(isinstance(code, str) for code in procedures):
        raise ValueError("procedures that are no list of codes")
    if not all(isinstance(said.get(flag, False), bool) for flag in ("general", "joint")):
        raise ValueError("neither true nor false")
    return Mandate(
        procedures=frozenset(procedures),
        general=said.get("general", False) is True,
        valid_from=_day(said.get("valid_from")),
        valid_to=_day(said.get("valid_to")),
        limit=_limit(limit),
        joint=said.get("joint", False) is True,
    )


def _limit(said: object) -> tuple[Decimal, str] | None:
    match said:
        case None:
            return None
        case {"amount": str() as number, "currency": str() as currency, **rest} if not rest and _SPELLED.fullmatch(number):
            return Decimal(number), currency
        case _:
            raise ValueError("a limit of another shape")


def _day(said: object) -> date | None:
    if said is None:
        return None
    if not isinstance(said, str) or not _DAY.fullmatch(said):
        raise ValueError("no day")
    return date.fromisoformat(said)


def _number(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found
