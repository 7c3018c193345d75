"""Attribute authorities over real sockets: one in a test's hands, and pysaml2's."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from lxml import etree

from connectors.attribute_provider import RegisterQuery, asked
from connectors.fetch import Fetcher
from connectors.profiles import SAML2INT
from connectors.registers.attribute_authority import AttributeAuthority
from connectors.signatures.parse import Element
from idp.keys.file import FileSigner
from policies.assurance import LevelOfAssurance
from policies.attribute_register import AttributeQueryService, AttributeRegister
from policies.attributes import AttributeName
from policies.catalogue import STANDARD
from policies.parties import RegisterId, Source
from tests.connectors import forge
from tests.connectors.forge import IDP, SP, Reply, attribute
from tests.connectors.metadata.origin import LOOPBACK
from tests.connectors.saml_sp.resolver import SOAP
from tests.interop.messages import OURS, THEIRS, key, party_of, signed_response, unwrapper
from tests.listening import Handler, Listening

PERSON = "EE/SE/47101010033"
FOUND_BY = {AttributeName("person_identifier"): ""}
ADDRESS, BIRTHDATE = AttributeName("address"), AttributeName("birthdate")
NATIONALITY = AttributeName("nationality")
NATION, BORN = "urn:oid:1.3.6.1.4.1.25178.1.2.5", "urn:oid:1.3.6.1.4.1.25178.1.2.3"
STREET, TOWN, COUNTRY = "urn:oid:2.5.4.9", "urn:oid:2.5.4.7", "urn:oid:2.5.4.6"
SAYS = {
    BORN: (BIRTHDATE, ""),
    NATION: (NATIONALITY, ""),
    STREET: (ADDRESS, "street"),
    TOWN: (ADDRESS, "locality"),
    COUNTRY: (ADDRESS, "country"),
}
SOURCE = Source("registers/residents.toml", 1)
HANDED = {AttributeName("person_identifier"): PERSON}
RESIDENCE = (attribute(STREET, "Quaggenweg 17"), attribute(TOWN, "Storkhaven"), attribute(COUNTRY, "EE"))
# What is asked, and how it is answered: a Response's octets, encrypted to us
Answering = Callable[[Element], bytes]


def metadata(url: str, signer: FileSigner) -> bytes:
    """The descriptor of an authority, in place of that of an identity provider."""
    made = forge.metadata(party_of(signer)).decode().replace("IDPSSODescriptor", "AttributeAuthorityDescriptor")
    head, _, rest = made.partition("<md:SingleSignOnService")
    service = f'<md:AttributeService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="{url}"/>'
    return (head + service + rest[rest.index("</md:AttributeAuthorityDescriptor") :]).encode()


def register(described: bytes) -> AttributeRegister:
    return AttributeRegister(
        register_id=RegisterId("residents"),
        title={"en": "Residents' register"},
        issuer=IDP,
        loa=LevelOfAssurance.SUBSTANTIAL,
        found_by=FOUND_BY,
        attributes=SAYS,
        transport=AttributeQueryService(described, forge.PERSISTENT),
        source=SOURCE,
        networks=LOOPBACK,
    )


def ours(registered: AttributeRegister, by: str = OURS) -> AttributeAuthority:
    """Our side, with the keys of this name."""
    return AttributeAuthority(
        register=registered,
        catalogue=STANDARD,
        entity_id=SP,
        fetcher=Fetcher(demo=True),
        signer=key(by),
        unwrappers=[unwrapper(key(OURS))],
    )


def reply(query: Element, now: int, attributes: Sequence[str] = RESIDENCE) -> Reply:
    """A good answer to a question, in plain text."""
    made = forge.reply_of(now, str(query.get("ID")))
    return replace(
        made,
        response_id=f"_r{query.get('ID')}",
        assertion_id=f"_a{query.get('ID')}",
        destination=None,
        recipient=None,
        name_id=PERSON,
        authn_statements=0,
        attributes=attributes,
    )


def sealed(made: Reply, by: str = THEIRS, *, encrypted: bool = True, signed_at: str = "response") -> bytes:
    """A reply in the form that counts: encrypted to us, and signed around that."""
    return signed_response(made, signed_at, encrypted=encrypted, by=key(by), profile=SAML2INT, to=key(OURS))


@dataclass
class Authority:
    """It answers as it is told, and keeps what it was asked."""

    answer: Answering
    status: int = 200
    asked: list[Element] = field(default_factory=list)

    def post(self, octets: bytes) -> bytes:
        (query,) = etree.fromstring(octets).iterfind(f"{{{SOAP}}}Body/{{{forge.SAMLP}}}AttributeQuery")
        self.asked.append(query)
        return f'<S:Envelope xmlns:S="{SOAP}"><S:Body>{self.answer(query).decode()}</S:Body></S:Envelope>'.encode()


@contextmanager
def listening(post: Callable[[bytes], bytes]) -> Iterator[str]:
    """The address of a server that answers SOAP in this way."""

    class Soap(Handler):
        def post(self, body: bytes) -> None:
            self.reply(200, post(body), Content_Type="text/xml; charset=utf-8")

    server = Listening(Soap)
    try:
        yield f"http://registers.localhost:{server.server_address[1]}/attributes"
    finally:
        server.close()


def question(wanted: Sequence[AttributeName], now: int) -> RegisterQuery:
    return asked(HANDED, wanted, now)
