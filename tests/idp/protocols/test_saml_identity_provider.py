"""AuthnRequests and Responses: which requests end on a page, which get a signed answer, and what it says."""

import base64
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.connector import Inbound, Outbound, Post, Redirect
from connectors.metadata.federations import Federations
from connectors.signatures.parse import Element
from connectors.wire.names import POST, REDIRECT
from idp.keys.file import create_saml_key, load_signer
from idp.login.approvals import Approvals
from idp.login.frontend import Declined, Received
from idp.login.sealing import Sealer
from idp.login.standing import StandingApprovals
from idp.login.states import Approved, Grant, Released
from idp.protocols.saml.identity_provider import SamlIdentityProvider
from idp.protocols.saml.parts import SamlParts
from idp.protocols.saml.services import Services
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Address, Attribute, AttributeName, Form
from policies.authentication import AskedAttribute, Origin, ServiceRequest
from policies.catalogue import STANDARD
from policies.errors import (
    AssuranceTooLow,
    AuthenticationFailed,
    BrokerError,
    Misconfigured,
    PeerUnavailable,
    ReleaseDenied,
    RequestRefused,
    StoreUnavailable,
)
from policies.load import Configuration, load
from policies.parties import ProviderId, PurposeId
from policies.persons import PersonKind
from tests.idp.protocols.doubles import ISSUER, NOW, TENANT, MemoryStore
from tests.idp.web.saml_party import ENTITY, NAMES, Heard, SamlParty
from tests.sealing import fixed_keys

HIGH, SUBSTANTIAL, LOW = (f"http://eidas.europa.eu/LoA/{name}" for name in ("high", "substantial", "low"))
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
PURPOSE = """
id = "resident-parking"
basis = "public_task"
minimum_assurance = "{level}"
title.en = "Parking"
law.en = "Parking act"
controller.name.en = "City"
controller.contact = "privacy@storkhaven.example"
attributes.birthdate = {{ form = "age_over(18)", required = true, why.en = "Adults park." }}
attributes.address = {{ form = "resident_of(Storkhaven)", required = true, why.en = "Residents park." }}
attributes.email = {{ form = "exact", required = {mail}, why.en = "To write." }}
"""
COUNTRY = """
id = "ee"
title.en = "Estonia"
country = "EE"
namespace = "ee"
entity_id = "https://ee.example"
metadata = "metadata/ee.xml"
attributes = { "urn:oid:2.5.4.4" = "family_name" }
"""


def services_of(configuration: Configuration) -> Services:
    """All pinned: no federation knows anybody."""
    return Services(configuration.parties, Federations({}, folder=Path("nowhere"), seal=bytes), lambda: NOW)


class House:
    """One service before a frontend of its own."""

    def __init__(
        self, folder: Path, *, level: str = "low", mail: bool = False, across: bool = False, **party: object
    ) -> None:
        self.party = SamlParty(folder, ISSUER, lambda: NOW, **party)  # type: ignore[arg-type] # whichever a test names
        create_saml_key(folder / "ours.pem", "id.storkhaven.example")
        self.signer = load_signer(folder / "ours.pem")
        purpose = f"cross_device = {str(across).lower()}\n" + PURPOSE.format(level=level, mail=str(mail).lower())
        files = {**self.party.files, "purposes/p.toml": purpose, "providers/ee.toml": COUNTRY, "metadata/ee.xml": "<a/>"}
        self.files = {name: text.encode() for name, text in files.items()}
        self.configuration = load(self.files)
        self.store, self.over = MemoryStore(), False
        self.approvals = Approvals(tenant=TENANT, subjects=bytes(32), decisions=self.store)
        purposes = self.configuration.purposes
        self.parts = SamlParts(
            issuer=ISSUER,
            tenant=TENANT,
            parties=self.configuration.parties,
            services=services_of(self.configuration),
            providers=self.configuration.providers,
            purposes=purposes,
            vouched=lambda provider, _now: provider == "ee",
            ended=lambda _grant: self.over,
            lapsed=StandingApprovals(issuer=ISSUER, purposes=purposes, approvals=self.approvals).lapsed,
            catalogue=STANDARD,
            signer=self.signer,
            sealer=Sealer(tenant=TENANT, keys=fixed_keys(bytes(32))),
            commits=self.store,
            parked=self.store,
        )
        self.frontend = SamlIdentityProvider(self.parts)

    def with_files(self, files: Mapping[str, str]) -> "House":
        """The same house and store, with more registrations."""
        other = copy(self)
        configuration = load({**self.files, **{name: text.encode() for name, text in files.items()}})
        other.parts = replace(self.parts, parties=configuration.parties, services=services_of(configuration))
        other.frontend = SamlIdentityProvider(other.parts)
        return other

    def asks(self, *inside: str, **changes: object) -> Received | Declined:
        return self.frontend.receive(inbound(self.party.sent(self.party.request(*inside, **changes))), NOW)

    def accepted(self, *inside: str, **changes: object) -> ServiceRequest:
        found = self.asks(*inside, **changes)
        assert isinstance(found, Received), found
        return found.request

    def declined(self, *inside: str, **changes: object) -> Heard:
        """The answer to a request that is refused."""
        found = self.asks(*inside, **changes)
        assert isinstance(found, Declined), found
        return self.told(found.origin, found.error)

    def told(self, origin: Origin, error: BrokerError) -> Heard:
        return self.hears(self.frontend.refuse(origin, error, NOW))

    def hears(self, answer: Outbound) -> Heard:
        assert isinstance(answer, Post)
        assert answer.url == self.party.acs
        return self.party.heard(dict(answer.fields), self.signer.certificate)

    def answered(
        self, *attributes: Attribute, origin: Origin | None = None, loa: LevelOfAssurance = LevelOfAssurance.HIGH
    ) -> Heard:
        return self.hears(self.frontend.answer(self.released(*attributes, origin=origin, loa=loa), NOW))

    def released(
        self,
        *attributes: Attribute,
        origin: Origin | None = None,
        loa: LevelOfAssurance = LevelOfAssurance.HIGH,
        approved: Approved | None = None,
    ) -> Released:
        grant = Grant(
            origin=origin or self.accepted().origin,
            purpose_id=PurposeId("resident-parking"),
            provider_id=ProviderId("ee"),
            sub="s" * 52,
            loa=loa,
            context="",
            authenticated_at=NOW - 30,
            attributes=attributes,
            approved=approved,
        )
        return Released(grant, b"k" * 32)


def inbound(outbound: Outbound) -> Inbound:
    if isinstance(outbound, Redirect):
        return Inbound("redirect", {}, outbound.url.partition("?")[2])
    return Inbound("post", dict(outbound.fields))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def context(*classes: str, comparison: str = "exact") -> str:
    refs = "".join(f"<saml:AuthnContextClassRef>{one}</saml:AuthnContextClassRef>" for one in classes)
    return f'<samlp:RequestedAuthnContext Comparison="{comparison}">{refs}</samlp:RequestedAuthnContext>'


def scoping(*providers: str, count: str = "", requester: str = "") -> str:
    listed = "".join(f'<samlp:IDPEntry ProviderID="{one}"/>' for one in providers)
    named = f"<samlp:IDPList>{listed}</samlp:IDPList>" if listed else ""
    asked = f"<samlp:RequesterID>{requester}</samlp:RequesterID>" if requester else ""
    return f"<samlp:Scoping{count}>{named}{asked}</samlp:Scoping>"


# -- who asks, and where the answer goes -----------------------------------------------------------------------------------


@pytest.mark.spec("saml.md §3")
@pytest.mark.parametrize("way", ["redirect", "post", "simple"])
def test_a_signed_request_is_taken_by_each_binding_and_one_that_was_changed_by_none(house: House, way: str) -> None:
    def sent(root: Element) -> Inbound:
        by_form = way == "simple"
        return inbound(house.party.simply(root) if by_form else house.party.sent(root, POST if way == "post" else REDIRECT))

    root = house.party.request()
    found = house.frontend.receive(sent(root), NOW)
    assert isinstance(found, Received)
    assert (found.request.origin.issuer, found.request.origin.message_id) == (ENTITY, root.get("ID"))
    good = sent(house.party.request())
    if way == "redirect":
        spoilt = Inbound("redirect", {}, good.raw.replace("RelayState=to", "RelayState=at"))
    else:
        # One letter of what is asked: as XML it is as good as before
        changed = base64.b64decode(good.parameters["SAMLRequest"]).replace(b"LoA/substantial", b"LoA/substantiaL")
        spoilt = Inbound("post", {**good.parameters, "SAMLRequest": base64.b64encode(changed).decode()})
    assert spoilt != good
    with pytest.raises(BrokerError) as refused:
        house.frontend.receive(spoilt, NOW)
    assert refused.value.code == "request_refused"
    assert getattr(refused.value, "check", "") == ("digest" if way == "post" else "signature")


@pytest.mark.spec("security.md §2.1 AuthnRequest side")
@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"AssertionConsumerServiceURL": "https://evil.example/acs"}, "acs_url"),
        ({"AssertionConsumerServiceURL": "https://library.storkhaven.example/saml/acs/"}, "acs_url"),
        ({"AssertionConsumerServiceIndex": "0"}, "acs_index"),
        ({"AssertionConsumerServiceURL": None, "ProtocolBinding": None, "AssertionConsumerServiceIndex": "7"}, "acs_index"),
        ({"ProtocolBinding": REDIRECT}, "protocol_binding"),
        ({"Destination": "https://other.example/saml/sso"}, "destination"),
        ({"Destination": None}, "destination"),
        ({"IssueInstant": "2026-01-01T00:00:00Z"}, "request_issued"),
        ({"IssueInstant": "2036-01-01T00:00:00Z"}, "request_issued"),
        ({"Version": "1.1"}, "version"),
    ],
)
def test_what_leaves_open_where_the_answer_goes_is_answered_nowhere(
    house: House, changes: Mapping[str, object], check: str
) -> None:
    with pytest.raises(BrokerError) as refused:
        house.asks(**changes)
    assert getattr(refused.value, "check", "") == check
    assert refused.value.peer == "library"


@pytest.mark.spec("security.md §2.1 AuthnRequest side")
def test_an_unsigned_request_and_one_of_anothers_key_are_answered_nowhere(house: House, tmp_path: Path) -> None:
    unsigned = inbound(house.party.sent(house.party.request()))
    bare = "&".join(piece for piece in unsigned.raw.split("&") if not piece.startswith(("SigAlg", "Signature")))
    (tmp_path / "stranger").mkdir()
    stranger = SamlParty(tmp_path / "stranger", ISSUER, lambda: NOW)
    asked = inbound(stranger.sent(stranger.request()))
    for each, check in ((Inbound("redirect", {}, bare), "signature_missing"), (asked, "signature")):
        with pytest.raises(BrokerError) as refused:
            house.frontend.receive(each, NOW)
        assert (getattr(refused.value, "check", ""), refused.value.peer) == (check, "")


# -- what is told ----------------------------------------------------------------------------------------------------------


@pytest.mark.spec("saml.md §12")
@pytest.mark.parametrize(
    ("inside", "changes", "statuses"),
    [
        ("", {"IsPassive": "true"}, ["Responder", "NoPassive"]),
        (context(PASSWORD), {}, ["Responder", "NoAuthnContext"]),
        (context(HIGH, comparison="better"), {}, ["Responder", "NoAuthnContext"]),
        (context(HIGH).replace("ClassRef", "DeclRef"), {}, ["Responder", "NoAuthnContext"]),
        (context(HIGH, comparison="somehow"), {}, ["Requester"]),
        ('<samlp:NameIDPolicy Format="urn:x"/>', {}, ["Requester", "InvalidNameIDPolicy"]),
        ('<samlp:NameIDPolicy SPNameQualifier="urn:x"/>', {}, ["Requester", "InvalidNameIDPolicy"]),
        ("<saml:Subject/>", {}, ["Responder", "UnknownPrincipal"]),
        ("", {"AttributeConsumingServiceIndex": "4"}, ["Requester", "InvalidAttrNameOrValue"]),
        (scoping(count=' ProxyCount="0"'), {}, ["Responder", "ProxyCountExceeded"]),
        (scoping(requester=f"{ISSUER}/saml/metadata"), {}, ["Responder", "ProxyCountExceeded"]),
        (scoping("https://nobody.example"), {}, ["Responder", "NoSupportedIDP"]),
    ],
)
def test_what_cannot_be_had_is_told_by_a_signed_answer_with_its_status(
    house: House, inside: str, changes: Mapping[str, object], statuses: list[str]
) -> None:
    heard = house.declined(*((inside,) if inside else ()), **changes)
    assert heard.statuses == statuses
    assert heard.root.get("InResponseTo") == house.party.asked[-1]
    assert heard.root.get("Destination") == house.party.acs
    assert heard.root.find(".//saml:Assertion", NAMES) is None
    assert heard.relay_state == "to the shelf"


@pytest.mark.spec("saml.md §12")
def test_a_service_hears_the_same_of_a_citizen_who_left_and_of_a_policy(house: House) -> None:
    origin = house.accepted().origin
    for error in (ReleaseDenied("refused"), ReleaseDenied("blocked"), AuthenticationFailed("status")):
        assert house.told(origin, error).statuses == ["Responder", "RequestDenied"]
    assert house.told(origin, AssuranceTooLow("authn_context_too_low")).statuses == ["Responder", "NoAuthnContext"]
    for late in (StoreUnavailable(""), PeerUnavailable("")):
        assert house.told(origin, late).statuses == ["Responder"]
    one, other = (house.frontend.refuse(origin, ReleaseDenied(""), NOW, b"k" * 32) for _ in range(2))
    assert house.hears(one).root.get("ID") == house.hears(other).root.get("ID")


# -- what is asked for -----------------------------------------------------------------------------------------------------

WANTED = """<md:AttributeConsumingService xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" index="{index}">
<md:ServiceName xml:lang="en">Library</md:ServiceName>{asked}</md:AttributeConsumingService>"""


def wanted(index: int, *names: str) -> str:
    return WANTED.format(index=index, asked="".join(f'<md:RequestedAttribute Name="{name}"/>' for name in names))


def test_a_service_asks_by_its_metadata_by_an_index_or_by_itself(tmp_path: Path) -> None:
    mail, birth = "urn:oid:0.9.2342.19200300.100.1.3", "urn:oid:1.3.6.1.4.1.25178.1.2.3"
    house = House(tmp_path, wanted=wanted(0, birth, "urn:oid:9.9") + wanted(3, mail, "urn:oid:2.5.4.7"))

    def asked(request: ServiceRequest) -> list[str]:
        return [f"{one.name} {one.form}" for one in request.asked]

    first = house.accepted()
    assert (asked(first), first.unknown) == (["birthdate exact"], ("urn:oid:9.9",))
    assert asked(house.accepted(AttributeConsumingServiceIndex="3")) == ["address municipality", "email exact"]
    own = f"{ISSUER}/attributes/resident_of/Storkhaven"
    extension = (
        '<samlp:Extensions><r:RequestedAttributes xmlns:r="urn:oasis:names:tc:SAML:protocol:ext:req-attr">'
        f'<m:RequestedAttribute xmlns:m="urn:oasis:names:tc:SAML:2.0:metadata" Name="{own}" isRequired="true"/>'
        "</r:RequestedAttributes></samlp:Extensions>"
    )
    assert asked(house.accepted(extension)) == ["address resident_of(Storkhaven)"]
    eidas = extension.replace("m:Req", "r:Req").replace(
        "urn:oasis:names:tc:SAML:protocol:ext:req-attr", "http://eidas.europa.eu/saml-extensions"
    )
    assert asked(house.accepted(eidas)) == ["address resident_of(Storkhaven)"]
    # Its own words would stand on our page
    strange = house.accepted(extension.replace("Storkhaven", "Elsewhere"))
    assert (strange.asked, strange.unknown) == ((), (own.replace("Storkhaven", "Elsewhere"),))


def test_a_service_that_asks_for_nothing_asks_for_what_it_is_registered_for(house: House) -> None:
    assert house.accepted().asked == (
        AskedAttribute(AttributeName("address"), Form("resident_of", "Storkhaven")),
        AskedAttribute(AttributeName("birthdate"), Form("age_over", "18")),
        AskedAttribute(AttributeName("email"), EXACT),
    )


@pytest.mark.spec("saml.md §3")
@pytest.mark.parametrize(
    ("comparison", "classes", "lowest", "highest"),
    [
        ("exact", (SUBSTANTIAL,), "substantial", "substantial"),
        ("exact", (LOW, HIGH, PASSWORD), "low", "high"),
        ("minimum", (SUBSTANTIAL,), "substantial", "high"),
        ("better", (LOW,), "substantial", "high"),
        ("maximum", (SUBSTANTIAL,), "low", "substantial"),
    ],
)
def test_each_comparison_bounds_the_level(
    house: House, comparison: str, classes: tuple[str, ...], lowest: str, highest: str
) -> None:
    found = house.accepted(context(*classes, comparison=comparison))
    assert (found.minimum_assurance.label, found.at_most.label) == (lowest, highest)


def test_a_level_below_the_purpose_is_told_at_once(tmp_path: Path) -> None:
    house = House(tmp_path, level="high")
    assert house.declined(context(SUBSTANTIAL, comparison="maximum")).statuses == ["Responder", "NoAuthnContext"]
    assert house.accepted(context(SUBSTANTIAL, comparison="minimum")).minimum_assurance is LevelOfAssurance.HIGH


def test_a_services_own_class_is_a_level_and_is_answered_by_its_name(tmp_path: Path) -> None:
    house = House(tmp_path, more=f'assurance = {{ "{PASSWORD}" = "low" }}')
    request = house.accepted(context(PASSWORD))
    assert (request.minimum_assurance, request.at_most) == (LevelOfAssurance.LOW, LevelOfAssurance.LOW)
    heard = house.answered(origin=request.origin, loa=LevelOfAssurance.LOW)
    assert heard.text("saml:AuthnContextClassRef") == PASSWORD
    both = house.accepted(context(PASSWORD, HIGH)).origin
    assert house.answered(origin=both).text("saml:AuthnContextClassRef") == HIGH
    assert house.answered(origin=both, loa=LevelOfAssurance.SUBSTANTIAL).text("saml:AuthnContextClassRef") == PASSWORD


def test_force_and_scoping_go_to_the_login(house: House) -> None:
    request = house.accepted(scoping("https://ee.example", "https://x.example", count=' ProxyCount="2"'), ForceAuthn="1")
    assert request.force_authentication
    assert (request.scoping.providers, request.scoping.proxy_count) == (("https://ee.example", "https://x.example"), 2)


# -- what is answered ------------------------------------------------------------------------------------------------------


@pytest.mark.spec("saml.md §8")
@pytest.mark.parametrize(
    ("more", "name_format", "identifier"),
    [
        ("", "transient", "urn:oasis:names:tc:SAML:attribute:pairwise-id"),
        ('subject = "subject-id"\nsector = "mobility"', "transient", "urn:oasis:names:tc:SAML:attribute:subject-id"),
        ('subject = "transient"', "transient", ""),
        ('subject = "persistent"', "persistent", ""),
        ('subject = "mail"', "emailAddress", ""),
    ],
)
def test_the_registration_says_under_which_identifier_a_citizen_is_known(
    tmp_path: Path, more: str, name_format: str, identifier: str
) -> None:
    house = House(tmp_path, mail=True, more=more)
    heard = house.answered(Attribute(AttributeName("email"), EXACT, "mari@post.example"))
    name, others = heard.text("saml:NameID"), dict(heard.attributes)
    assert others.pop("urn:oid:0.9.2342.19200300.100.1.3") == ["mari@post.example"]
    assert heard.value("saml:NameID", "Format").endswith(f":{name_format}")
    assert others == ({identifier: [f"{'s' * 52}@id.storkhaven.example"]} if identifier else {})
    assert {"persistent": name == "s" * 52, "emailAddress": name == "mari@post.example", "transient": len(name) == 41}[
        name_format
    ]
    policy = f'<samlp:NameIDPolicy Format="{heard.value("saml:NameID", "Format")}"/>'
    assert house.accepted(policy)


def test_a_service_that_knows_mail_addresses_gets_nothing_without_one(tmp_path: Path) -> None:
    with pytest.raises(RequestRefused, match="mail address"):
        House(tmp_path, mail=True, more='subject = "mail"').answered()


@pytest.mark.spec("saml.md §9")
def test_attributes_have_their_standard_names_and_derived_forms_a_name_of_ours(house: House) -> None:
    home = Address(street="Pikk 1", locality="Storkhaven", country="NL")
    heard = house.answered(
        Attribute(AttributeName("family_name"), EXACT, "Õunapuu"),
        Attribute(AttributeName("birthdate"), EXACT, "1990-02-28"),
        Attribute(AttributeName("gender"), EXACT, "Female"),
        Attribute(AttributeName("nationality"), EXACT, ("EE", "LV")),
        Attribute(AttributeName("address"), EXACT, home),
    )
    heard.attributes.pop("urn:oasis:names:tc:SAML:attribute:pairwise-id")
    schac = "urn:oid:1.3.6.1.4.1.25178.1.2"
    assert heard.attributes == {
        "urn:oid:2.5.4.4": ["Õunapuu"],
        f"{schac}.3": ["19900228"],
        f"{schac}.2": ["2"],
        f"{schac}.5": ["EE", "LV"],
        "urn:oid:2.5.4.9": ["Pikk 1"],
        "urn:oid:2.5.4.7": ["Storkhaven"],
        "urn:oid:2.5.4.6": ["NL"],
    }
    derived = house.answered(
        Attribute(AttributeName("birthdate"), EXACT, "1990"),
        Attribute(AttributeName("family_name"), Form("initials"), "Õ"),
        Attribute(AttributeName("address"), Form("municipality"), "Storkhaven"),
        Attribute(AttributeName("nationality"), Form("nationality_in", "EE,LV"), value=False),
    ).attributes
    derived.pop("urn:oasis:names:tc:SAML:attribute:pairwise-id")
    assert derived == {
        f"{ISSUER}/attributes/birthdate": ["1990"],
        f"{ISSUER}/attributes/family_name_initials": ["Õ"],
        "urn:oid:2.5.4.7": ["Storkhaven"],
        f"{ISSUER}/attributes/nationality_in/EE%2CLV": ["false"],
    }


@pytest.mark.spec("decisions.md 28")
def test_a_service_can_tell_that_the_citizen_acts_for_a_company(house: House) -> None:
    made = house.released(
        Attribute(AttributeName("legal_name"), EXACT, "Works"),
        Attribute(AttributeName("legal_address"), EXACT, Address(locality="Storkhaven", country="NL")),
        Attribute(AttributeName("mandate"), Form("may_act", "permits"), value=True),
    )
    heard = house.hears(house.frontend.answer(replace(made, grant=replace(made.grant, kind=PersonKind.FOR_LEGAL)), NOW))
    heard.attributes.pop("urn:oasis:names:tc:SAML:attribute:pairwise-id")
    assert heard.attributes == {
        f"{ISSUER}/attributes/person_kind": ["for_legal"],
        "http://eidas.europa.eu/attributes/legalperson/LegalName": ["Works"],
        f"{ISSUER}/attributes/legal_address/locality": ["Storkhaven"],
        f"{ISSUER}/attributes/legal_address/country": ["NL"],
        f"{ISSUER}/attributes/mandate_may_act/permits": ["true"],
    }


@pytest.mark.spec("saml.md §13")
def test_an_answer_says_to_whom_for_what_and_until_when(house: House) -> None:
    heard = house.answered()
    bound = "saml:SubjectConfirmationData"
    assert heard.value(bound, "Recipient") == house.party.acs
    assert heard.value(bound, "InResponseTo") == house.party.asked[-1]
    assert heard.value(bound, "NotOnOrAfter") == heard.value("saml:Conditions", "NotOnOrAfter")
    assert len(heard.root.findall(".//saml:AuthnStatement", NAMES)) == 1
    assert heard.root.findtext("saml:Issuer", "", NAMES) == f"{ISSUER}/saml/idp"


METHOD = '<md:EncryptionMethod xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" Algorithm="{uri}"/>'
GCM, CBC = "http://www.w3.org/2009/xmlenc11#aes256-gcm", "http://www.w3.org/2001/04/xmlenc#aes256-cbc"
OAEP, MGF1P = "http://www.w3.org/2009/xmlenc11#rsa-oaep", "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"


@pytest.mark.spec("saml.md §11")
@pytest.mark.parametrize(
    ("methods", "content", "transport"),
    [
        ((), "http://www.w3.org/2009/xmlenc11#aes128-gcm", MGF1P),
        ((CBC, GCM, MGF1P), GCM, MGF1P),
        ((GCM, MGF1P, OAEP), GCM, OAEP),
        ((OAEP,), "http://www.w3.org/2009/xmlenc11#aes128-gcm", OAEP),
    ],
)
def test_an_assertion_is_encrypted_by_the_methods_of_the_metadata(
    tmp_path: Path, methods: tuple[str, ...], content: str, transport: str
) -> None:
    house = House(tmp_path, methods="".join(METHOD.format(uri=uri) for uri in methods))
    used: list[str] = []
    answer = house.frontend.answer(house.released(), NOW)
    assert isinstance(answer, Post)
    house.party.heard(dict(answer.fields), house.signer.certificate, used)
    assert used == [content, transport]


@pytest.mark.spec("saml.md §8")
@pytest.mark.parametrize(
    ("needed", "subject", "loads"),
    [
        ("pairwise-id", "pairwise-id", True),
        ("any", "pairwise-id", True),
        ("none", "persistent", True),
        ("pairwise-id", "persistent", False),
        ("subject-id", "pairwise-id", False),
    ],
)
def test_a_service_gets_the_identifier_that_its_metadata_needs_or_does_not_load(
    tmp_path: Path, needed: str, subject: str, *, loads: bool
) -> None:
    more = f'subject = "{subject}"'
    if loads:
        assert House(tmp_path, more=more, needs=needed).accepted()
    else:
        with pytest.raises(Misconfigured, match="subject-id:req"):
            House(tmp_path, more=more, needs=needed)


@pytest.mark.spec("security.md §2.1 AuthnRequest side")
@pytest.mark.parametrize(
    ("acs", "words"),
    [
        ("javascript:alert(1)", "no absolute https address"),
        ("http://library.storkhaven.example/acs", "is not https"),
        ("https://library.storkhaven.example@evil.example/", "plain host name"),
        ("https://library.storkhaven.example/acs?SAMLart=x", "a parameter that an answer brings"),
    ],
)
def test_metadata_of_an_address_that_no_answer_may_go_to_does_not_load(tmp_path: Path, acs: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        House(tmp_path, acs=acs)


@pytest.mark.spec("security.md §2.1 AuthnRequest side")
@pytest.mark.parametrize(
    "addresses",
    ['Location="javascript:alert(1)"', 'Location="https://library.example/out" ResponseLocation="//evil.example"'],
)
def test_metadata_of_a_logout_that_no_message_may_go_to_does_not_load(tmp_path: Path, addresses: str) -> None:
    with pytest.raises(Misconfigured, match=r"SingleLogoutService .* no absolute https address"):
        House(tmp_path, logout=f'<md:SingleLogoutService Binding="{REDIRECT}" {addresses}/>')


def test_metadata_whose_encryption_we_cannot_do_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no content encryption with GCM"):
        House(tmp_path, methods=METHOD.format(uri=CBC))


def test_a_service_that_is_registered_no_more_is_answered_nowhere(house: House) -> None:
    origin = house.accepted().origin
    house.frontend.check_registered(origin)
    nobody = services_of(replace(house.configuration, parties={}))
    gone = SamlIdentityProvider(replace(house.parts, parties={}, services=nobody))
    with pytest.raises(BrokerError, match="registered no more"):
        gone.check_registered(origin)


def test_no_remembered_approval_answers_a_service_that_hears_who_signed_in(tmp_path: Path, house: House) -> None:
    (tmp_path / "o").mkdir()
    assert House(tmp_path / "o", more="tell_authorities = true").accepted().ask_anew
    assert not house.accepted().ask_anew
