"""The rules of a configuration for the role of its broker: a city serves relying parties, a node answers other countries.

The settings are another floor's file: what is missing there is told with its name, `ciconia.toml`.
"""

from collections.abc import Iterator

from policies.attributes import AttributeName
from policies.errors import Problem
from policies.load import Configuration
from policies.parties import IdentityProvider, Source
from policies.persons import ABOUT_A_COMPANY, BY_A_PERSON, PersonKind

SETTINGS = "ciconia.toml"
CITY, NODE = "city", "node"
# CIR (EU) 2015/1501 annex §1, but for the identifier, which is made of what `subject` names; and annex §2
MINIMUM_DATA_SET = tuple(AttributeName(name) for name in ("family_name", "given_name", "birthdate"))
_OF_A_COMPANY = tuple(AttributeName(name) for name in ("legal_person_identifier", "legal_name"))
_OF_THE_OTHER = tuple(AttributeName(f"represented_{name}") for name in ("person_identifier", *MINIMUM_DATA_SET))
_NEEDED = (
    (MINIMUM_DATA_SET, BY_A_PERSON),
    (_OF_A_COMPANY, ABOUT_A_COMPANY),
    (_OF_THE_OTHER, frozenset((PersonKind.FOR_NATURAL,))),
)


def problems_of_role(configuration: Configuration, role: str, country: str, *, organization: bool) -> tuple[Problem, ...]:
    """Every problem that keeps this configuration from this role, "city" or "node".

    `country` is the broker's own ("" for none), `organization` whether the settings say who runs it.
    """
    found = _of_node(configuration, country) if role == NODE else _of_city(configuration, country)
    problems = [*found]
    if not organization and (role == NODE or _nodes_asked(configuration)):
        what = "is missing: the metadata for other countries' nodes says who runs this one."
        fix = "write [organization] with name, url, support and technical."
        problems.append(Problem(SETTINGS, 1, "organization", what, fix))
    return tuple(problems)


def _nodes_asked(configuration: Configuration) -> tuple[IdentityProvider, ...]:
    return tuple(one for one in configuration.providers.values() if one.protocol == "eidas")


def _of_city(configuration: Configuration, country: str) -> Iterator[Problem]:
    fix = f'remove the file, or write role = "{NODE}" in {SETTINGS}.'
    for node in configuration.nodes.values():
        yield _problem(node.source, "id", "only a node is asked by other countries, and this is a city.", fix)
    for provider in configuration.providers.values():
        yield from _ambiguous(provider)
    stork = any(one.protocol == "stork" for one in configuration.providers.values())
    if not country and (stork or _nodes_asked(configuration)):
        yield _country_missing("is missing: a country's node wants to know which country asks.")


def _ambiguous(provider: IdentityProvider) -> Iterator[Problem]:
    """A representative whose own attributes are left out would be taken for the company itself."""
    if provider.protocol not in ("eidas", "stork") and {PersonKind.LEGAL, PersonKind.FOR_LEGAL} <= provider.persons:
        what = "takes companies by themselves and whoever acts for one: an answer of it does not say which it is of."
        yield _problem(provider.source, "persons", what, 'write "legal" or "for_legal", or a file for each of them.')


def _of_node(configuration: Configuration, country: str) -> Iterator[Problem]:
    fix = f'remove the file, or write role = "{CITY}" in {SETTINGS}.'
    for party in configuration.parties.values():
        yield _problem(party.source, "client_id", "a node serves no relying parties.", fix)
    for purpose in configuration.purposes.values():
        yield _problem(purpose.source, "id", "a node has no purposes: it sends the minimum data set.", fix)
    what = "a node stands for its country, and for no public body."
    yield from (_problem(body.source, "id", what, fix) for body in configuration.bodies.values())
    if not country:
        yield _country_missing("is missing: a node answers for one country.")
    for provider in configuration.providers.values():
        if provider.protocol in ("eidas", "stork"):
            what = "a node asks identity providers of its own country, and no other node."
            yield _problem(provider.source, "protocol", what, fix)
            continue
        if provider.members:
            what = "are for a city: a node lists this country's providers, each with a file."
            yield _problem(provider.source, "members", what, "write a file for each of them.")
        if country and provider.country != country:
            what = f"is {provider.country}, and this node answers for {country}."
            yield _problem(provider.source, "country", what, f'write country = "{country}", or remove the file.')
        for key in ("landings", "only_for", "speaks_for"):
            if getattr(provider.saml, key):
                what = f"is for a city: a node has no services and no bodies, and sends the minimum data set whole ({key})."
                yield _problem(provider.source, key, what, "leave it out.")
        yield from _ambiguous(provider)
        yield from _gaps(provider)


def _gaps(provider: IdentityProvider) -> Iterator[Problem]:
    """The needed attributes for which the provider's table has no name: every login would end there."""
    needed = [name for names, kinds in _NEEDED if not kinds.isdisjoint(provider.persons) for name in names]
    for name in needed:
        if (name, "") not in provider.attributes.values():
            what = f"{name} is missing: the minimum data set always goes whole."
            yield _problem(provider.source, "attributes", what, f'write "NAME ON THE WIRE" = "{name}".')
    if not provider.subject_attribute:
        # A NameID may be made for us alone and anew; what other countries know a citizen by has to stay
        what = "is missing: the identifier for other countries is made of a lasting one."
        yield _problem(provider.source, "subject", what, 'write subject = "NAME ON THE WIRE" of the personal identifier.')


def _country_missing(what: str) -> Problem:
    return Problem(SETTINGS, 1, "country", what, 'write country = "EE": two capital letters (ISO 3166-1 alpha-2).')


def _problem(source: Source, key: str, what: str, fix: str) -> Problem:
    return Problem(source.file, source.line, key, what, fix)
