"""Services, purposes and countries that are right by themselves and do not fit together.

`policies.load` refuses the rest before this.
"""

from collections.abc import Iterator

from idp.config.setting_types import NO_COUNTRY
from idp.doctor.examination import Examination
from idp.doctor.finding import ERROR, NOTICE, WARNING, DoctorFinding
from policies.load import Configuration
from policies.load.redirects import fault_of_redirect_uri
from policies.parties import IdentityProvider, RelyingParty
from policies.purposes import Purpose
from policies.registrations.redirects import LOOPBACK


def registrations(case: Examination) -> Iterator[DoctorFinding]:
    """Finds registrations narrower than their purposes, and addresses and countries that do not fit."""
    configuration = case.configuration
    for party in configuration.parties.values():
        # With a gap in its own file or a purpose's, nobody can say what is needed
        files = {party.source.file, *(one.source.file for one in _purposes(party, configuration))}
        if not any(one.file in files and one.key.startswith("attributes") for one in case.configuration_problems):
            yield from _narrower(party, configuration)
        yield from _addresses(party, case)
    for purpose in configuration.purposes.values():
        yield from _unreachable(purpose, configuration)
        if not case.configuration_problems:  # else what is missing would differ
            yield from _examples(purpose, configuration)


def presence(case: Examination) -> Iterator[DoctorFinding]:
    """Finds what a fresh folder lacks: services, countries, nodes that may ask."""
    configuration, settings = case.configuration, case.settings
    if case.knows("role") and settings.role == "city":
        if not _files(case, "parties/"):
            why = "Nobody can start a login."
            yield _missing("parties", "no service is registered yet.", why, "Put a file for each service into parties/.")
        if not _files(case, "providers/"):
            why = "No citizen can sign in: the picker is empty."
            fix = "Put a file for each country's identity provider or node into providers/."
            yield _missing("providers", "no country is connected yet.", why, fix)
    elif case.knows("role"):
        if not _files(case, "providers/"):
            why = "No citizen can sign in."
            fix = "Put a file for each identity provider of this country into providers/."
            yield _missing("providers", "no identity provider of this country is connected yet.", why, fix)
        if not _files(case, "nodes/"):
            fix = "Put a file for each country's node into nodes/."
            yield _missing("nodes", "no other country's node may ask yet.", "Every question is refused.", fix)
    if case.knows("country") and settings.country == NO_COUNTRY:
        what, why = "XX is no country.", "Other countries' nodes are told it, and take a login for one of nobody's."
        yield case.setting(NOTICE, "country", what, why=why, fix='Write yours, such as country = "EE".')
    if case.knows("issuer") and settings.tenant.endswith(".example"):
        what = f"{settings.tenant} is the example's name, which nobody can ever reach (RFC 2606)."
        why = "It stands in every token and in the ledger: changed later, every service has to register anew."
        yield case.setting(NOTICE, "issuer", what, why=why, fix="Write the address that browsers will use.")
    if not configuration.purposes and settings.role == "city" and _files(case, "parties/"):
        yield _missing("purposes", "there is no purpose.", "Without one nothing is released.", "Write one into purposes/.")


def _files(case: Examination, folder: str) -> bool:
    return any(name.startswith(folder) and name.endswith(".toml") for name in case.files)


def _missing(folder: str, what: str, why: str, fix: str) -> DoctorFinding:
    return NOTICE(folder, folder, what, why, fix)


def _purposes(party: RelyingParty, configuration: Configuration) -> list[Purpose]:
    return [configuration.purposes[one] for one in party.purposes if one in configuration.purposes]


def _narrower(party: RelyingParty, configuration: Configuration) -> Iterator[DoctorFinding]:
    for purpose in _purposes(party, configuration):
        for name, need in purpose.needs.items():
            if need.required and name not in party.attributes:
                what = f"{purpose.purpose_id} cannot do without {name} ({need.source}), and it is not registered for it."
                why = "A required attribute that is denied releases nothing: every login of this service ends there."
                fix = f'Write {name} = "{need.form}" into [attributes], or required = false into the purpose.'
                yield ERROR(party.source, f"attributes.{name}", what, why, fix)


def _examples(purpose: Purpose, configuration: Configuration) -> Iterator[DoctorFinding]:
    for example in configuration.examples.get(purpose.purpose_id, ()):
        for difference in configuration.differences(purpose.purpose_id, example):
            what = f"the example `{example.title}` does not hold: {difference}"
            why = "It says what was meant, and a citizen is asked for something else."
            fix = "Mend the purpose or the example. `ciconia policy test` runs all of them."
            yield WARNING(example.source, "examples", what, why, fix)


def _unreachable(purpose: Purpose, configuration: Configuration) -> Iterator[DoctorFinding]:
    """Finds a purpose whose countries are not connected, or whose level none of them reaches."""
    providers = configuration.providers.values()
    if not providers:
        return
    meant = [one for one in providers if not purpose.countries or one.country in purpose.countries]
    if not meant:
        what = f"it is for {', '.join(purpose.countries)}, and none of them is connected."
        why = "No citizen can sign in for it."
        yield WARNING(purpose.source, "countries", what, why, "Connect one of them, or mend the list.")
    elif not any(_reaches(one, purpose) for one in meant):
        what = f"it wants {purpose.minimum_assurance.label}, and the table of no connected country has that or more."
        why = "Every login for it is refused before it begins."
        fix = "Lower minimum_assurance, or mend [assurance] of a provider."
        yield WARNING(purpose.source, "minimum_assurance", what, why, fix)


def _reaches(provider: IdentityProvider, purpose: Purpose) -> bool:
    return any(level >= purpose.minimum_assurance for level in provider.assurance.values())


def _addresses(party: RelyingParty, case: Examination) -> Iterator[DoctorFinding]:
    for uri in party.redirect_uris:
        # An app on a device listens there itself, and has no other way but its scheme (RFC 8252 §7.3)
        if party.public and LOOPBACK.fullmatch(uri):
            continue
        # What is no address of a developer's own machine was told when the file was read
        if uri.startswith("http://") and not fault_of_redirect_uri(uri) and not case.settings.demo and case.knows("demo"):
            what = f"{uri} is http."
            why = "The code goes over it to whatever listens on the citizen's own machine: that is for developers alone."
            fix = "Write the https address of the callback."
            yield WARNING(party.source, "redirect_uris", what, why, fix)
