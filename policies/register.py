"""The record of processing activities (Regulation (EU) 2016/679 art. 30(1)), from purposes and registrations alone."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from policies.attribute_register import AttributeRegister
from policies.attributes import AttributeName
from policies.forms import form_title, is_predicate
from policies.identifiability import total
from policies.load import Configuration
from policies.parties import IdentityProvider, RegisterId, RelyingParty
from policies.persons import NATURAL_ALONE, said_kinds
from policies.purposes import AskMode, Basis, Purpose, Show, TransferBasis

# Where art. 6(1) has each basis
ARTICLE: Mapping[Basis, str] = {
    Basis.CONSENT: "6(1)(a)",
    Basis.CONTRACT: "6(1)(b)",
    Basis.LEGAL_OBLIGATION: "6(1)(c)",
    Basis.VITAL_INTERESTS: "6(1)(d)",
    Basis.PUBLIC_TASK: "6(1)(e)",
    Basis.LEGITIMATE_INTERESTS: "6(1)(f)",
}

# Where Regulation (EU) 2016/679, China's Personal Information Protection Law (PIPL), or its Provisions on Promoting and
# Regulating Cross-border Data Flows have each ground of a transfer
TRANSFER_ARTICLE: Mapping[TransferBasis, str] = {
    TransferBasis.ADEQUACY: "GDPR art. 45",
    TransferBasis.PUBLIC_INSTRUMENT: "GDPR art. 46(2)(a)",
    TransferBasis.STANDARD_CLAUSES: "GDPR art. 46(2)(c)",
    TransferBasis.ADMINISTRATIVE_ARRANGEMENT: "GDPR art. 46(3)(b)",
    TransferBasis.EXPLICIT_CONSENT: "GDPR art. 49(1)(a), PIPL art. 39",
    TransferBasis.PUBLIC_INTEREST: "GDPR art. 49(1)(d)",
    TransferBasis.SECURITY_ASSESSMENT: "PIPL art. 38(1)(1)",
    TransferBasis.CERTIFICATION: "PIPL art. 38(1)(2)",
    TransferBasis.STANDARD_CONTRACT: "PIPL art. 38(1)(3)",
    TransferBasis.EXEMPTION: "Provisions on Cross-border Data Flows art. 5",
}


@dataclass(frozen=True, slots=True)
class Processing:
    """One activity: a purpose, the services that are registered for it, and the sources of its countries."""

    purpose: Purpose
    services: tuple[RelyingParty, ...]
    sources: tuple[IdentityProvider, ...]
    titles: Mapping[AttributeName, str]
    # those that it takes attributes from
    registers: Mapping[RegisterId, AttributeRegister]

    @property
    def subjects(self) -> str:
        """The categories of data subjects (art. 30(1)(c))."""
        countries = self.purpose.countries or tuple(dict.fromkeys(one.country for one in self.sources))
        whose = f"citizens of {', '.join(countries)}" if countries else "citizens of every country that is connected"
        kinds = "" if self.purpose.persons == NATURAL_ALONE else f" ({said_kinds(self.purpose.persons)})"
        return f"{whose}{kinds} who sign in with assurance {self.purpose.minimum_assurance.label} or more"

    @property
    def transfers(self) -> tuple[str, ...]:
        """Across which borders it goes (art. 30(1)(d) and (e)), and how."""
        found = [f"from {one.title['en']} ({one.country})" for one in self.sources]
        return (*found, *dict.fromkeys(self._crossings()), *self._handed())

    def _handed(self) -> Iterator[str]:
        """The attributes that registers are told, so that they find the person."""
        for register in self.registers.values():
            said = ", ".join(self.titles[name] for name in register.found_by)
            yield f"{said} to {register.title['en']}, which finds the person by it"

    def _crossings(self) -> Iterator[str]:
        for source in self.sources:
            for service in self.services:
                if (why := self.purpose.transfer(source.sphere, service.sphere)) is not None:
                    whence = f"from the sphere {source.sphere} to {service.sphere}: answers of yes or no alone"
                    yield f"{whence}; {why.basis.replace('_', ' ')} ({TRANSFER_ARTICLE[why.basis]}): {why.law['en']}"

    @property
    def asking(self) -> str:
        """How the citizen is told and asked."""
        rule = self.purpose.ask
        often = {
            AskMode.EACH_TIME: "at each sign-in",
            AskMode.ON_CHANGE: "at the first sign-in and whenever something changes",
            AskMode.REMEMBER: f"at the first sign-in and again after {rule.days} days",
        }[rule.mode]
        does = "is told, and goes on" if self.purpose.show is Show.INFORM else "is told and asked"
        loss = ", and loses nothing by a no" if self.purpose.refusable_without_loss else ""
        kiosks = ", also for a kiosk, on a device of their own" if self.purpose.cross_device else ""
        again = "; services may have the same again while the citizen is away" if self.purpose.offline else ""
        return f"{often} the citizen {does}{loss}{kiosks}{again}"

    def categories(self) -> Iterator[dict[str, object]]:
        """The categories of personal data: each attribute, the most that may go, and why."""
        for name, need in self.purpose.needs.items():
            yield {
                "attribute": name,
                "title": self.titles[name],
                "form": str(need.form),
                "said": form_title(need.form),
                "predicate": is_predicate(need.form),
                "required": need.required,
                "must_be_true": need.must_be_true,
                "why": need.why["en"],
                "from": list(need.sources),
            }

    def as_json(self) -> dict[str, object]:
        """The entry of the record."""
        purpose, rights = self.purpose, self.purpose.rights
        return {
            "id": purpose.purpose_id,
            "title": purpose.title["en"],
            "file": purpose.source.file,
            "sha256": purpose.digest,
            "controller": {"name": purpose.controller.name["en"], "contact": purpose.controller.contact},
            "basis": purpose.basis.value,
            "article": ARTICLE[purpose.basis],
            "law": purpose.law["en"],
            "data_subjects": self.subjects,
            "categories": list(self.categories()),
            "services": [
                {"client_id": one.client_id, "title": one.title["en"], "sphere": one.sphere} for one in self.services
            ],
            "recipients": [one["en"] for one in purpose.recipients],
            "registers": [
                {
                    "id": one.register_id,
                    "title": one.title["en"],
                    "controller": {"name": one.controller.name.get("en", ""), "contact": one.controller.contact},
                    "handed": sorted(one.found_by),
                    "level": one.loa.label,
                }
                for one in self.registers.values()
            ],
            "transfers": list(self.transfers),
            "retention": purpose.retention,
            "rights": {"object": rights.object, "complain": rights.complain, "withdraw": rights.withdraw} if rights else {},
            "dpv": {"purpose": purpose.dpv_purpose, "processing": list(purpose.dpv_processing)},
            "never": list(purpose.never),
            "asking": self.asking,
            "cross_device": self.purpose.cross_device,
            "bits": round(total((name, need.form) for name, need in purpose.needs.items()), 1),
        }


def record_of_processing(configuration: Configuration) -> tuple[Processing, ...]:
    """An entry for each purpose, by its id."""
    titles = {name: one.title["en"] for name, one in configuration.catalogue.attributes.items()}
    return tuple(
        Processing(
            purpose,
            tuple(one for one in configuration.parties.values() if purpose_id in one.purposes),
            tuple(_of_countries(purpose, configuration.providers.values())),
            titles,
            {one: configuration.registers[one] for one in sorted(purpose.registers)},
        )
        for purpose_id, purpose in sorted(configuration.purposes.items())
    )


def _of_countries(purpose: Purpose, providers: Iterable[IdentityProvider]) -> Iterator[IdentityProvider]:
    return (one for one in providers if not purpose.countries or one.country in purpose.countries)
