"""Registers that know something of a person who has signed in: how we ask each, and what it may say."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256

from policies.assurance import LevelOfAssurance
from policies.attributes import AttributeName
from policies.catalogue import COMPANY, OTHER
from policies.federations import family_of
from policies.parties import ProviderId, RegisterId, Source, Translated
from policies.persons import PersonKind
from policies.purposes import Controller, Need, crosses

# How long a register may take where its file says nothing
ANSWER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class AttributeQueryService:
    """A SAML attribute authority, by its pinned metadata (as the file had it).

    `name_id_format` is the format of the NameID by which it finds a person; "" says none.
    """

    metadata: bytes = field(repr=False)
    name_id_format: str = ""


@dataclass(frozen=True, slots=True)
class SignedClaimsService:
    """A register that answers with a signed token, at `endpoint`.

    `client_id` is our name there. `jwks` are its keys (JSON text) for the one algorithm `alg`, `enc` the content encryption
    of its answers, "" where they are not encrypted.
    """

    endpoint: str
    client_id: str
    jwks: str = field(repr=False)
    alg: str = "ES256"
    enc: str = ""


@dataclass(frozen=True, slots=True)
class DatabaseView:
    """A view of a database that we only read.

    `database` is SQLAlchemy's URL, without a password; that stands in `password_file`, "" where the database asks for none.
    """

    database: str
    view: str
    schema: str = ""
    password_file: str = ""


Transport = AttributeQueryService | SignedClaimsService | DatabaseView


@dataclass(frozen=True, slots=True)
class AttributeRegister:
    """One register. `issuer` is its entity id, the `iss` of its tokens, or what a city calls its database.

    `found_by` says by which of our attributes it finds a person, and what it calls each; the NameID of SAML is called "".
    `attributes` has what it calls each thing that it says: our attribute, and the part of an address or "".
    """

    register_id: RegisterId
    title: Translated
    issuer: str
    loa: LevelOfAssurance
    found_by: Mapping[AttributeName, str]
    attributes: Mapping[str, tuple[AttributeName, str]]
    transport: Transport
    source: Source
    seconds: float = ANSWER_SECONDS
    # the networks that its addresses may lie in; none: public addresses alone
    networks: tuple[str, ...] = ()
    # the party that answers for it, whom a citizen asks about what it says
    controller: Controller = field(default_factory=lambda: Controller({}, ""))
    # the legal sphere that it lies in; "" is that of the service
    sphere: str = ""
    # those whose word it is asked by; none: whoever signs in
    providers: tuple[ProviderId, ...] = ()
    # of a mandate register, which lists those for whom a person may act: the scheme of their numbers; "" of every other
    represents: str = ""

    @property
    def says(self) -> frozenset[AttributeName]:
        """The attributes that it may be asked for."""
        return frozenset(name for name, _ in self.attributes.values())

    @property
    def digest(self) -> str:
        """The digest of all that the meaning of its answers rests on: its keys and address, too, and no password."""
        how = [(one.name, getattr(self.transport, one.name)) for one in fields(self.transport) if one.name != "password"]
        what = sorted(self.found_by.items()), sorted(self.attributes.items())
        whose = sorted(self.controller.name.items()), self.controller.contact, self.sphere, sorted(self.providers)
        facts = (self.register_id, self.issuer, self.loa, what, whose, how, self.represents)
        return sha256(repr(facts).encode()).hexdigest()

    @property
    def kinds(self) -> frozenset[PersonKind]:
        """The kinds of sign-in that a mandate register makes of a person's own; none of every other register."""
        of = {COMPANY: PersonKind.FOR_LEGAL, OTHER: PersonKind.FOR_NATURAL} if self.represents else {}
        return frozenset(kind for name, kind in of.items() if name in self.says)

    def may_be_asked(self, name: AttributeName, need: Need) -> bool:
        """Whether it may be asked for an attribute that a purpose needs: the purpose names all that it has to be handed."""
        return name in self.says and self.found_by.keys() <= {*need.hand_over}

    def may_hear(self, provider_id: ProviderId, sphere: str, to: str) -> bool:
        """Whether it may be asked by what a provider in this sphere says, for a service in another one.

        It is asked in full, so across no border.
        """
        ours = self.sphere or to
        named = not self.providers or family_of(provider_id) in self.providers
        return named and not crosses(sphere, ours) and not crosses(ours, to)
