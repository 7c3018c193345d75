"""Purposes: what is needed, in which form, why, on which legal basis, and who answers for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName, Form
from policies.parties import PurposeId, Source, Translated


class Basis(StrEnum):
    """The lawful bases of Regulation (EU) 2016/679 art. 6(1)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"


@dataclass(frozen=True, slots=True)
class Controller:
    """The party that answers for the processing (art. 4(7)), and how to reach it."""

    name: Translated
    contact: str


@dataclass(frozen=True, slots=True)
class Need:
    """One attribute that a purpose needs: the strongest form that it may get, why, and whether it cannot do without."""

    form: Form
    why: Translated
    required: bool
    source: Source


@dataclass(frozen=True, slots=True)
class Purpose:
    """One purpose, read from one file. `digest` is the SHA-256 of the file's bytes (hex): the policy hash of the record."""

    purpose_id: PurposeId
    title: Translated
    basis: Basis
    law: Translated
    controller: Controller
    needs: Mapping[AttributeName, Need]
    minimum_assurance: LevelOfAssurance
    digest: str
    source: Source
    # the countries whose citizens it is for (ISO 3166-1 alpha-2); none: every country that is connected
    countries: tuple[str, ...] = ()
