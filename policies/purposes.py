"""Purposes: what is needed, in which form, why, on which legal basis, and who answers for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName, Form
from policies.matching import MatchingRule
from policies.parties import PurposeId, RegisterId, Source, Translated
from policies.persons import NATURAL_ALONE, PersonKind

# The word among the sources of an attribute for whoever signs the person in
SIGN_IN = RegisterId("sign-in")
# What a sign-in on another device than the one that asks can mean (RFC 10027)
MOST_ACROSS_DEVICES = LevelOfAssurance.SUBSTANTIAL


class Basis(StrEnum):
    """The lawful bases of Regulation (EU) 2016/679 art. 6(1)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    VITAL_INTERESTS = "vital_interests"
    PUBLIC_TASK = "public_task"
    LEGITIMATE_INTERESTS = "legitimate_interests"


class TransferBasis(StrEnum):
    """The grounds on which personal data may go from one legal sphere to another.

    The first six are of Regulation (EU) 2016/679 chapter V. The last four are of China's Personal Information Protection
    Law, and of the Provisions on Promoting and Regulating Cross-border Data Flows (2024).
    """

    ADEQUACY = "adequacy"
    PUBLIC_INSTRUMENT = "public_instrument"
    STANDARD_CLAUSES = "standard_clauses"
    ADMINISTRATIVE_ARRANGEMENT = "administrative_arrangement"
    EXPLICIT_CONSENT = "explicit_consent"
    PUBLIC_INTEREST = "public_interest"
    SECURITY_ASSESSMENT = "security_assessment"
    CERTIFICATION = "certification"
    STANDARD_CONTRACT = "standard_contract"
    EXEMPTION = "exemption"


@dataclass(frozen=True, slots=True)
class Transfer:
    """Why answers of one legal sphere may go to a service in another one: the ground, and the text that citizens read."""

    basis: TransferBasis
    law: Translated
    source: Source


class AskMode(StrEnum):
    """How often the same question comes to a citizen who said yes to it."""

    EACH_TIME = "each_time"
    ON_CHANGE = "on_change"
    REMEMBER = "remember"


class Show(StrEnum):
    """Whether the page informs and goes on, or asks and takes a no."""

    INFORM = "inform"
    ASK = "ask"


@dataclass(frozen=True, slots=True)
class AskRule:
    """How often a citizen is asked; `days` is how long `REMEMBER` remembers, else 0."""

    mode: AskMode = AskMode.EACH_TIME
    days: int = 0


@dataclass(frozen=True, slots=True)
class Rights:
    """Where a citizen objects (art. 21), complains (art. 77) or withdraws (art. 7(3)): words or an address, or ""."""

    object: str = ""
    complain: str = ""
    withdraw: str = ""


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
    # of a predicate: a broker that enforces ends the login whose answer is no
    must_be_true: bool = False
    # where it may come from: registers, and `SIGN_IN`. Of several the citizen chooses one
    sources: tuple[RegisterId, ...] = (SIGN_IN,)
    # the attributes that a register is handed to find the person: nothing else goes there
    hand_over: tuple[AttributeName, ...] = ()
    # the level at which the source has to vouch for it; None: the purpose's
    minimum_assurance: LevelOfAssurance | None = None

    @property
    def registers(self) -> tuple[RegisterId, ...]:
        """The registers among its sources."""
        return tuple(one for one in self.sources if one != SIGN_IN)


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
    # how long the service keeps it (ISO 8601, `P1Y`); "" where the file does not say
    retention: str = ""
    recipients: tuple[Translated, ...] = ()
    rights: Rights | None = None
    # terms of https://w3id.org/dpv, spelled `dpv:ServiceProvision`
    dpv_purpose: str = ""
    dpv_processing: tuple[str, ...] = ()
    # what no later change may add without an approval of its own
    never: tuple[AttributeName, ...] = ()
    ask: AskRule = AskRule()
    show: Show = Show.ASK
    # whether a citizen who refuses loses nothing, and reads so
    refusable_without_loss: bool = False
    # whether a kiosk may ask for it, whose citizen signs in on another device, and at most substantially (RFC 8628)
    cross_device: bool = False
    # whether a service may get the same values again while the citizen is away: each time is a release of its own
    offline: bool = False
    # by the sphere of the source: why its answers may go to a service in another sphere
    transfers: Mapping[str, Transfer] = field(default_factory=dict)
    # the kinds of person that it is for
    persons: frozenset[PersonKind] = NATURAL_ALONE
    # of the citizen's page alone: how a register's word about an earlier identifier counts
    matching: MatchingRule | None = None

    @property
    def takes_of(self) -> tuple[object, ...]:
        """Everything that says whom it is for: of which countries, and which kinds of person."""
        return self.countries, self.persons

    @property
    def registers(self) -> frozenset[RegisterId]:
        """All registers that it may be about."""
        return frozenset(one for need in self.needs.values() for one in need.registers)

    def level_of(self, name: AttributeName) -> LevelOfAssurance:
        """The level at which the source of one of its attributes has to vouch for it."""
        own = self.needs[name].minimum_assurance
        return self.minimum_assurance if own is None else own

    def takes(self, country: str) -> bool:
        """Whether it is for citizens of this country."""
        return not self.countries or country in self.countries

    def transfer(self, sphere: str, to: str) -> Transfer | None:
        """The ground for answers of one sphere to a service in another one; None within one, and where none is named."""
        return self.transfers.get(sphere) if crosses(sphere, to) else None

    def crossing(self, sphere: str, to: str) -> tuple[str, ...]:
        """Both spheres and the ground, as the record says them; () within one."""
        why = self.transfer(sphere, to)
        return () if why is None else (sphere, to, why.basis.value)


def crosses(sphere: str, to: str) -> bool:
    """Whether two legal spheres are two. "" lies within every one."""
    return bool(sphere and to and sphere != to)
