"""A configuration's files -> purposes, relying parties and identity providers, or every problem at once.

| files | hold |
|---|---|
| `purposes/*.toml` | one purpose each: what is needed, in which form, why, on which legal basis; and examples |
| `parties/*.toml` | one relying party each; `parties/*.jwks.json` their keys, `metadata/*.xml` where they speak SAML |
| `providers/*.toml` | one identity provider or another country's node each; `metadata/*.xml`, `metadata/*.json` pinned |
| `registers/*.toml` | one register each that vouches for attributes of a person; `registers/*.jwks.json` their keys |
| `nodes/*.toml` | one node of another country each that may ask us; `metadata/*.pem` who signs a node's metadata |
| `federations/*.toml` | one federation each, whose operator signs the metadata of many; `metadata/*.pem` its keys |
| `metadata/*.pem`, `metadata/*.crl` | authorities that issue a node's certificates, and what they revoked |
| `operators/*.pub` | who may change all of it: the public keys of one person each |
| `catalogue.toml` | the city's own attributes, if it has any |
| `assurance.toml` | the city's own ladders of assurance, if it has any |
| `bodies/*.toml`, `aggregator.toml` | the public bodies for which we stand at identity providers, and who we are to those |
| `session_groups.toml` | the groups of services that share a sign-in, if there are any |
| `service_list.toml` | the signed list of all nodes, if registrations of nodes rest on one |

Nothing is read here: the caller hands in relative paths and bytes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fnmatch import fnmatchcase
from typing import TypeVar

from policies.assurance.ladders import Ladders
from policies.attribute_register import AttributeRegister
from policies.attributes import EXACT, AttributeName
from policies.bodies import Aggregator, Body
from policies.catalogue import Catalogue
from policies.errors import Misconfigured, Problem
from policies.examples import Example, Situation, differences, party_with_everything
from policies.federations import MDQ, Federation, FederationId
from policies.load.bodies import AGGREGATOR_FILE, BODIES, problems_of_bodies, read_bodies
from policies.load.examples import read_examples, read_situation
from policies.load.federations import PATTERN as FEDERATIONS
from policies.load.federations import read_federation
from policies.load.ladders import LADDERS_FILE
from policies.load.logout import GROUPS_FILE
from policies.load.matching import problems_of_matching
from policies.load.moved import problems_of_moves
from policies.load.node_list import LIST_FILE, problems_of_list
from policies.load.operators import PATTERN as OPERATORS
from policies.load.operators import read_operators
from policies.load.parties import read_party
from policies.load.peers import read_node
from policies.load.providers import read_provider
from policies.load.purposes import read_purpose
from policies.load.registers import KEYS as REGISTER_KEYS
from policies.load.registers import PATTERN as REGISTERS
from policies.load.registers import problems_of_numbers, problems_of_sources, read_register
from policies.load.saml_services import EMAIL, read_saml_service
from policies.load.single_files import aggregator_of, catalogue_of, ladders_of, node_list_of, session_groups_of
from policies.load.table import Table, nearest, parse
from policies.node_list import NodeList
from policies.operators import Operators
from policies.parties import (
    ClientId,
    IdentityProvider,
    NodeId,
    ProviderId,
    PurposeId,
    RegisterId,
    RelyingParty,
    RequestingNode,
    Source,
)
from policies.persons import NATURAL_ALONE, said_kinds
from policies.purposes import Purpose, crosses
from policies.registrations.saml_service import SubjectKind
from policies.session_groups import SessionGroup

K = TypeVar("K", bound=str)
V = TypeVar("V")
# Every file of a configuration that this package reads, as shell patterns of its relative path
PATTERNS = (
    "catalogue.toml",
    LADDERS_FILE,
    GROUPS_FILE,
    AGGREGATOR_FILE,
    LIST_FILE,
    BODIES,
    "purposes/*.toml",
    "parties/*.toml",
    "parties/*.jwks.json",
    "providers/*.toml",
    "nodes/*.toml",
    REGISTERS,
    REGISTER_KEYS,
    FEDERATIONS,
    "metadata/*.xml",
    "metadata/*.pem",
    "metadata/*.crl",
    "metadata/*.json",
    OPERATORS,
)
FOLDERS = tuple(dict.fromkeys(pattern.partition("/")[0] for pattern in PATTERNS if "/" in pattern))


@dataclass(frozen=True, slots=True)
class Configuration:
    """The configuration of an operator, judged as a whole. It may be empty: then nobody can ask for anything."""

    purposes: Mapping[PurposeId, Purpose]
    parties: Mapping[ClientId, RelyingParty]
    providers: Mapping[ProviderId, IdentityProvider]
    catalogue: Catalogue
    examples: Mapping[PurposeId, tuple[Example, ...]]
    # the receiving nodes that may ask this one; a city has none
    nodes: Mapping[NodeId, RequestingNode] = field(default_factory=dict)
    operators: Operators = field(default_factory=dict)
    # those of whose services a citizen signs in to once
    session_groups: Mapping[str, SessionGroup] = field(default_factory=dict)
    # in the order of their files: what an earlier one has, no later one shadows
    federations: Mapping[FederationId, Federation] = field(default_factory=dict)
    # the public bodies for which we stand, by id, and who we are to those who ask
    bodies: Mapping[str, Body] = field(default_factory=dict)
    aggregator: Aggregator | None = None
    # the registers that vouch for attributes of a person
    registers: Mapping[RegisterId, AttributeRegister] = field(default_factory=dict)
    # the signed list of all nodes that some of them rest on
    node_list: NodeList | None = None

    @property
    def clients(self) -> Mapping[ClientId, RelyingParty]:
        """The relying parties that speak OpenID Connect."""
        return {name: party for name, party in self.parties.items() if party.saml is None}

    def differences(self, purpose_id: PurposeId, example: Example) -> tuple[str, ...]:
        """Run an example of a purpose; a sentence for each thing that came out otherwise than it says."""
        purpose = self.purposes[purpose_id]
        party = self.parties.get(example.client_id) or party_with_everything(purpose, self.catalogue)
        on = example.situation.on
        return ("it names no day.",) if on is None else differences(example, purpose, party, on, catalogue=self.catalogue)


# The files of a configuration that was loaded before, and what they hold
Before = tuple[Mapping[str, bytes], Configuration]


def load(files: Mapping[str, bytes], before: Before | None = None) -> Configuration:
    """Read and judge all files. `files` maps a path relative to the configuration (`/` between parts) to its bytes.

    A registration whose files are those of `before` is taken from there: of five thousand, one that changed is read.
    Raises `Misconfigured` with every problem of every file.
    """
    configuration, problems = examine(files, before)
    if problems:
        raise Misconfigured(problems)
    return configuration


def examine(files: Mapping[str, bytes], before: Before | None = None) -> tuple[Configuration, tuple[Problem, ...]]:
    """The readable part of the files, and every problem of every file, by file and line.

    A configuration with problems has gaps: look for more problems in it, never serve it.
    """
    problems: list[Problem] = []
    catalogue, ladders = catalogue_of(files, problems), ladders_of(files, problems)
    purposes, examples = _purposes(files, catalogue, problems)
    known = _unchanged(files, before) if before else {}
    fresh = {file: octets for file, octets in files.items() if file not in known}
    parties = [_party(table, files, catalogue, ladders) for table in _tables(fresh, "parties/*.toml", problems)]
    parties = sorted([*parties, *known.values()], key=lambda one: one.source.file)
    providers = [read_provider(table, files, catalogue, ladders) for table in _tables(files, "providers/*.toml", problems)]
    registers = [read_register(table, files, catalogue) for table in _tables(files, REGISTERS, problems)]
    nodes = [read_node(table, files) for table in _tables(files, "nodes/*.toml", problems)]
    federations = [read_federation(table, files) for table in _tables(files, FEDERATIONS, problems)]
    aggregator = aggregator_of(files, problems)
    scheme = aggregator.scheme if aggregator else ""
    bodies = [body for table in _tables(files, BODIES, problems) for body in read_bodies(table, scheme)]
    configuration = Configuration(
        purposes=purposes,
        parties=_unique("client_id", ((one.client_id, one, one.source) for one in parties), problems),
        providers=_unique("id", ((one.provider_id, one, one.source) for one in providers), problems),
        catalogue=catalogue,
        examples=examples,
        nodes=_unique("id", ((one.node_id, one, one.source) for one in nodes), problems),
        operators=read_operators(files, problems),
        session_groups=session_groups_of(files, problems),
        federations=_unique(
            "id", ((one.federation_id, _wanting(one, providers, parties), one.source) for one in federations), problems
        ),
        bodies=_unique("id", ((one.body_id, one, one.source) for one in bodies), problems),
        aggregator=aggregator,
        registers=_unique("id", ((one.register_id, one, one.source) for one in registers), problems),
        node_list=node_list_of(files, problems),
    )
    for purpose in purposes.values():
        problems.extend(problems_of_sources(purpose, configuration.registers))
        whole = configuration.registers, configuration.providers, catalogue, parties
        problems.extend(problems_of_matching(purpose, *whole))
    for register in registers:
        problems.extend(problems_of_numbers(register, providers, catalogue))
    resting = [*((str(one.provider_id), one.peer) for one in providers), *((one.node_id, one.peer) for one in nodes)]
    problems.extend(problems_of_list(configuration.node_list, resting))
    for provider in providers:
        problems.extend(_problems_of_federation(provider.federation, "idp", provider.source, configuration))
        named = configuration.federations.get(FederationId(provider.federation))
        if provider.members and named is not None and named.kind == MDQ:
            what, fix = "is asked for one entity at a time, so nobody knows all of them.", "register its aggregate (url)."
            problems.append(Problem(provider.source.file, provider.source.line, "members", what, fix))
    for party in parties:
        named_by = party.saml.federation if party.saml is not None else ""
        problems.extend(_problems_of_federation(named_by, "sp", party.source, configuration))
    _unique("members", ((one.federation, one, one.source) for one in providers if one.members), problems)
    # Two providers of one namespace could each speak of the other's citizens: both make the same `sub`
    _unique("namespace", ((one.namespace, one, one.source) for one in providers if not one.instead_of), problems)
    problems.extend(problems_of_moves(configuration.providers))
    entities = [(one.entity_id, one.source) for one in providers] + [(one.peer.entity_id, one.source) for one in nodes]
    _unique("entity_id", ((name, name, source) for name, source in entities), problems)
    services = [(one.saml.entity_id, one.source) for one in parties if one.saml is not None]
    _unique("entity_id", ((name, name, source) for name, source in services), problems)
    _unique("entity_id", ((one.entity_id, one, one.source) for one in bodies), problems)
    problems.extend(problems_of_bodies(configuration.bodies, parties, dict([*entities, *services])))
    for party in parties:
        problems.extend(_problems_of_party(party, configuration))
    for example in (one for of_purpose in examples.values() for one in of_purpose):
        if example.client_id and example.client_id not in configuration.parties:
            what, fix = f"`{example.client_id}` is not a party.", nearest(example.client_id, configuration.parties)
            problems.append(Problem(example.source.file, example.source.line, "examples.client", what, fix))
    return configuration, tuple(sorted(problems, key=lambda problem: (problem.file, problem.line)))


def load_situation(file: str, content: bytes, catalogue: Catalogue, today: date) -> Situation:
    """The made-up login of `policy explain --from FILE`, on `today` where it names no day.

    Raises `Misconfigured` with every problem of it.
    """
    problems: list[Problem] = []
    table = parse(file, content, problems)
    situation = read_situation(table, catalogue, today=today) if table else None
    if table:
        table.close()
    if problems or situation is None:
        raise Misconfigured(tuple(problems))
    return situation


def _party(table: Table, files: Mapping[str, bytes], catalogue: Catalogue, ladders: Ladders) -> RelyingParty:
    """A registration, by its protocol."""
    readers = {"oidc": read_party, "saml": read_saml_service}
    return table.choice("protocol", readers, read_party, required=False)(table, files, catalogue, ladders)


def _unchanged(files: Mapping[str, bytes], before: Before) -> dict[str, RelyingParty]:
    """The registrations of before that would be read alike, by their files."""
    old, configuration = before

    def same(file: str) -> bool:
        return files.get(file) == old.get(file)

    if not (same("catalogue.toml") and same(LADDERS_FILE)):
        return {}
    keys_stay = all(same(file) for file in {*files, *old} if file.endswith(".jwks.json"))
    # The metadata of a service that speaks SAML is a file of its own
    parties = [one for one in configuration.parties.values() if (keys_stay or not one.jwks) and one.saml is None]
    return {one.source.file: one for one in parties if one.source.file in files and same(one.source.file)}


def _problems_of_federation(named: str, role: str, source: Source, configuration: Configuration) -> Iterator[Problem]:
    """A federation that cannot know anybody of this role: its entities would never be asked or answered."""
    found = configuration.federations.get(FederationId(named))
    if named and found is None:
        what, fix = f"`{named}` is none.", nearest(named, configuration.federations)
        yield Problem(source.file, source.line, "federation", what, fix)
    elif found is not None and role not in (found.only.roles or {role}):
        what, fix = f"`{named}` lets none with this role count.", f'write roles = ["idp", "sp"] in {found.source.file}.'
        yield Problem(source.file, source.line, "federation", what, fix)


def _wanting(federation: Federation, providers: Iterable[IdentityProvider], parties: Iterable[RelyingParty]) -> Federation:
    """A federation, and what the registrations want of it: one that is asked for one entity at a time, those entities."""
    known = [one for one in providers if one.federation == federation.federation_id]
    wanted = [str(one.entity_id) for one in known if not one.members]
    services = [one.saml for one in parties if one.saml is not None]
    wanted += [one.entity_id for one in services if one.federation == federation.federation_id]
    asked = tuple(sorted(set(wanted))) if federation.kind == MDQ else ()
    return replace(federation, wanted=asked, listed=any(one.members for one in known))


def _tables(files: Mapping[str, bytes], pattern: str, problems: list[Problem]) -> Iterator[Table]:
    for file in sorted(file for file in files if fnmatchcase(file, pattern) and file.count("/") == pattern.count("/")):
        if (table := parse(file, files[file], problems)) is not None:
            yield table


def _purposes(
    files: Mapping[str, bytes], catalogue: Catalogue, problems: list[Problem]
) -> tuple[Mapping[PurposeId, Purpose], Mapping[PurposeId, tuple[Example, ...]]]:
    purposes: list[Purpose] = []
    examples: dict[PurposeId, tuple[Example, ...]] = {}
    for table in _tables(files, "purposes/*.toml", problems):
        found = read_examples(table, catalogue)
        purposes.append(read_purpose(table, files[table.file], catalogue))
        examples[purposes[-1].purpose_id] = found
    return _unique("id", ((one.purpose_id, one, one.source) for one in purposes), problems), examples


def _unique(key: str, found: Iterable[tuple[K, V, Source]], problems: list[Problem]) -> dict[K, V]:
    first: dict[K, tuple[V, Source]] = {}
    for name, value, source in found:
        if name and name in first:
            what = f"`{name}` stands in {first[name][1]} already."
            problems.append(Problem(source.file, source.line, key, what, "give each its own."))
        first.setdefault(name, (value, source))
    return {name: value for name, (value, _) in first.items()}


def _problems_of_subject(party: RelyingParty, purpose: Purpose) -> Iterator[Problem]:
    """A service that knows its citizens by their address has to get it in each sign-in. Somebody has to sign in at all."""
    if party.persons.isdisjoint(purpose.persons):
        what = f"are {said_kinds(party.persons)}, and `{purpose.purpose_id}` is for {said_kinds(purpose.persons)} alone."
        fix = f"write persons with a kind that {purpose.source.file} has."
        yield Problem(party.source.file, party.source.line, "persons", what, fix)
    if party.saml and party.saml.subject is SubjectKind.MAIL and party.persons != NATURAL_ALONE:
        what = "is the email address, which is the same for whomever the citizen acts."
        yield Problem(party.source.file, party.source.line, "subject", what, "name the citizen otherwise.")
    need = purpose.needs.get(EMAIL)
    if party.saml and party.saml.subject is SubjectKind.MAIL and not (need and need.required and need.form == EXACT):
        what = f"is the email address, which {purpose.purpose_id} does not require in full."
        fix = "require it in the purpose, or name the citizen otherwise."
        yield Problem(party.source.file, party.source.line, "subject", what, fix)


def _problems_of_transfers(
    party: RelyingParty, purpose: Purpose, providers: Iterable[IdentityProvider]
) -> Iterator[Problem]:
    """A source in another legal sphere, from which nothing may come to this service: the purpose names no ground."""
    spheres = {one.sphere: one for one in providers if purpose.takes(one.country) and crosses(one.sphere, party.sphere)}
    for sphere in sorted(spheres.keys() - purpose.transfers.keys()):
        what = f"`{party.client_id}` lies in {party.sphere}, {spheres[sphere].provider_id} in {sphere}: no ground is named."
        fix = f"write [transfers.{sphere}] with basis and law.en, or name the purpose's countries."
        yield Problem(purpose.source.file, purpose.source.line, "transfers", what, fix)


def _problems_of_party(party: RelyingParty, configuration: Configuration) -> list[Problem]:
    """The problems of a registration that the others, or the purposes, cannot fulfil."""
    problems: list[Problem] = []
    group, groups = party.openid.logout.session_group, configuration.session_groups
    if group and group not in groups:
        what, fix = f"`{group}` is no group of {GROUPS_FILE}.", nearest(group, groups)
        problems.append(Problem(party.source.file, party.source.line, "session_group", what, fix))
    across = any(one.cross_device for name in party.purposes if (one := configuration.purposes.get(name)))
    if party.crosses_devices and not across:
        what, fix = (
            "none is for a kiosk or a program.",
            "write cross_device = true in the file of its purpose.",
        )
        problems.append(Problem(party.source.file, party.source.line, "purposes", what, fix))
    for named in party.openid.tokens.resource_servers:
        server = configuration.parties.get(ClientId(named))
        if server is None or not server.openid.tokens.resource_server:
            what, fix = f"`{named}` is no resource server.", "name the client_id of a party with resource_server = true."
            problems.append(Problem(party.source.file, party.source.line, "resource_servers", what, fix))
        elif server.sector != party.sector and not party.openid.is_bound:
            # A token that whoever holds it can use opens userinfo, too: another sector would read the `sub` of this one
            what, fix = (
                f"`{named}` is of another sector, and could use a token itself.",
                "bind the tokens of this client to a key or a certificate.",
            )
            problems.append(Problem(party.source.file, party.source.line, "resource_servers", what, fix))
    for purpose_id in party.purposes:
        purpose = configuration.purposes.get(purpose_id)
        if purpose is None:
            what, fix = f"`{purpose_id}` is not a purpose.", nearest(purpose_id, configuration.purposes)
            problems.append(Problem(party.source.file, party.source.line, "purposes", what, fix))
            continue
        problems.extend(_problems_of_subject(party, purpose))
        problems.extend(_problems_of_transfers(party, purpose, configuration.providers.values()))
        for name, need in purpose.needs.items():
            rule = party.attributes.get(AttributeName(name))
            if rule is not None and configuration.catalogue.meet(name, rule.form, need.form) is None:
                what = f"{rule.form} has nothing in common with {need.form} at {need.source}: it would never be released."
                fix = f'write {name} = "{need.form}", or a form that says more.'
                problems.append(Problem(rule.source.file, rule.source.line, f"attributes.{name}", what, fix))
    return problems
