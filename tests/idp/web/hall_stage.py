"""A stage with services that speak SAML in a group of those that speak OpenID Connect, and what their tests send."""

import base64
import secrets
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qs, unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from sqlalchemy import func, select

from connectors.formats.artifact import in_envelope, message_in
from connectors.formats.logout import LogoutRequest, logout_request_element
from connectors.formats.saml_message import NameIdentifier
from connectors.profiles import SAML2INT
from connectors.signatures.parse import Element
from connectors.signatures.redirect import signed_query
from connectors.signatures.signer import Signer
from connectors.signatures.xmlsign import sign_enveloped
from connectors.wire.names import TRANSIENT
from idp.demo.citizens import Citizen
from idp.demo.country import _Context
from idp.keys.file import FileSigner, load_signer
from idp.store import tables
from tests.idp.staging import Clock, opened
from tests.idp.web.saml_party import NAMES, Heard, SamlParty
from tests.idp.web.shared_stage import Member, SharedStage, emptied
from tests.idp.web.visitor import DIRECT, Answer
from tests.listening import Handler, Listening

BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"
SOAP = {**DIRECT, "content-type": "text/xml"}
GONE = "https://hall.storkhaven.example/saml/gone"
ASYNCHRONOUS = '<aslo:Asynchronous xmlns:aslo="urn:oasis:names:tc:SAML:2.0:protocol:ext:async-slo"/>'


class _Takes(Handler):
    server: "Programs"

    def post(self, body: bytes) -> None:
        answer = b""
        if self.path == "/out":
            self.server.tokens += parse_qs(body.decode())["logout_token"]
        else:
            answer = self.server.answered(body)
        self.reply(200, answer, Content_Type="text/xml")


class Programs(Listening):
    """The servers of services: one path takes logout tokens, the other LogoutRequests, which it answers, signed."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.requests: list[Element] = []
        self.faults: list[str] = []
        self.signer: Signer | None = None
        self.entity = ""
        super().__init__(_Takes)

    def url(self, path: str) -> str:
        return f"http://services.localhost:{self.server_port}{path}"

    def answered(self, body: bytes) -> bytes:
        request = etree.fromstring(message_in(body))
        self.requests.append(request)
        fault = self.faults.pop(0) if self.faults else ""
        issuer = "https://somebody.example" if fault == "issuer" else self.entity
        other = "_other" if fault == "request" else request.get("ID")
        second = f'<samlp:StatusCode Value="{NAMES["samlp"].replace("protocol", "status")}:PartialLogout"/>'
        response = etree.fromstring(
            f'<samlp:LogoutResponse xmlns:samlp="{NAMES["samlp"]}" xmlns:saml="{NAMES["saml"]}" '
            f'ID="_{secrets.token_hex(16)}" Version="2.0" IssueInstant="{request.get("IssueInstant")}" '
            f'InResponseTo="{other}">'
            f"<saml:Issuer>{issuer}</saml:Issuer><samlp:Status>"
            f'<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success">{second if fault == "partial" else ""}'
            "</samlp:StatusCode></samlp:Status></samlp:LogoutResponse>"
        )
        assert self.signer is not None
        if fault == "unsigned":
            return in_envelope(etree.tostring(response))
        return in_envelope(sign_enveloped(response, self.signer, place=1, profile=SAML2INT))


class HallStage(SharedStage):
    """The stage with two more members of the group, which speak SAML: `hall` hears over SOAP, `pool` by no way of ours."""

    def __init__(self, folder: Path, clock: Clock, programs: Programs) -> None:
        self.programs, self.clock = programs, clock
        super().__init__(folder, clock, programs.url("/out"))

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        soap = f'<md:SingleLogoutService Binding="{BINDINGS}SOAP" Location="{self.programs.url("/slo")}"/>'
        back = (
            f'<md:SingleLogoutService Binding="{BINDINGS}HTTP-Redirect" Location="{GONE}/asks" ResponseLocation="{GONE}"/>'
        )
        self.hall = self._member("hall", f"{soap}{back}", 'networks = ["127.0.0.0/8"]')
        self.pool = self._member("pool", back, "")
        self.bath = self._member("bath", f'<md:SingleLogoutService Binding="{BINDINGS}HTTP-POST" Location="{GONE}"/>', "")
        self.programs.signer, self.programs.entity = self.hall.signer, self.hall.entity
        pinned = self.receiving / "metadata" / "demo-ee.xml"
        pinned.write_bytes(
            self.country.metadata().replace(b"<md:SingleSignOnService", f"{back}<md:SingleSignOnService".encode(), 1)
        )
        self.country_signer = load_signer(self._outside / "country.pem")

    def _member(self, name: str, logout: str, more: str) -> SamlParty:
        folder = self.folder / name
        folder.mkdir()
        party = SamlParty(
            folder,
            self.issuer,
            self.clock,
            encrypts=False,
            more=f'session_group = "city"\n{more}',
            entity=f"https://{name}.storkhaven.example/saml",
            logout=logout,
            name=name,
            purpose="desk",
        )
        for file, text in party.files.items():
            (self.receiving / file).parent.mkdir(exist_ok=True)
            (self.receiving / file).write_text(text, encoding="utf-8")
        return party


def enters(member: Member, party: SamlParty) -> str:
    """A citizen who is signed in goes on to a service that speaks SAML: the name of the session there."""
    page = member.decides(party.asks(member))
    heard = party.read(page, certificate(member))
    assert heard.statuses == ["Success"]
    index = heard.value("saml:AuthnStatement", "SessionIndex")
    assert heard.text("saml:NameID") == index
    return index


def certificate(member: Member) -> bytes:
    found: bytes = member.stage.application.keys.saml.at(0).certificate
    return found


def request(party: SamlParty, index: str, **changes: object) -> LogoutRequest:
    now = party.clock()
    made: dict[str, object] = {
        "request_id": f"_{secrets.token_hex(20)}",
        "issue_instant": now,
        "issuer": party.entity,
        "destination": f"{party.issuer}/saml/idp/logout",
        "not_on_or_after": now + 60,
        "name": NameIdentifier(index, TRANSIENT, "", ""),
        "session_indexes": (index,),
    }
    return LogoutRequest(**{**made, **changes})  # type: ignore[arg-type] # each test names fields


def by_browser(member: Member, party: SamlParty, found: LogoutRequest, inside: str = "") -> Answer:
    root = logout_request_element(found)
    if inside:
        root.insert(1, etree.fromstring(f'<samlp:Extensions xmlns:samlp="{NAMES["samlp"]}">{inside}</samlp:Extensions>'))
    query = signed_query("SAMLRequest", etree.tostring(root), "to the shelf", party.signer, SAML2INT)
    return member.go("GET", f"/saml/idp/logout?{query}", headers={"sec-fetch-site": "cross-site"})


def by_soap(member: Member, party: SamlParty, found: LogoutRequest) -> Answer:
    octets = sign_enveloped(logout_request_element(found), party.signer, place=1, profile=SAML2INT)
    return member.go("POST", "/saml/idp/logout/soap", body=in_envelope(octets), headers=SOAP, jar={})


def answered(member: Member, address: str) -> Heard:
    """Our LogoutResponse in an address of the service, whose signature OpenSSL verifies over the query as it is."""
    base, _, query = address.partition("?")
    assert base == GONE
    covered, _, signature = query.partition("&Signature=")
    key = x509.load_der_x509_certificate(certificate(member)).public_key()
    assert isinstance(key, RSAPublicKey)
    key.verify(base64.b64decode(unquote(signature)), covered.encode(), PKCS1v15(), SHA256())
    fields = {name: values[0] for name, values in parse_qs(query).items()}
    octets = zlib.decompress(base64.b64decode(fields["SAMLResponse"]), -15)
    return Heard(etree.fromstring(octets), fields["RelayState"], was_encrypted=False)


def follows(member: Member, answer: Answer) -> Answer:
    """The page of a logout from which the browser can go on."""
    assert (answer.status, answer.headers["location"]) == (303, f"{member.stage.issuer}/logout/services"), answer.text
    return member.go("GET", "/logout/services")


def living(stage: HallStage) -> int:
    with stage.application.store.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.sessions)).scalar_one()


def halls(folders: pytest.TempPathFactory) -> Iterator[HallStage]:
    """One running stage, whose courier looks when a test says so."""
    with Programs() as programs, opened(HallStage(folders.mktemp("saml-logout") / "stage", Clock(), programs)) as stage:
        stage.application.courier.stop()
        yield stage


def unheard(running: HallStage) -> Iterator[HallStage]:
    """The same without a session, and with programs that heard nothing yet."""
    running.programs.tokens.clear()
    running.programs.requests.clear()
    running.programs.faults.clear()
    yield from emptied(running)


def indexed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The country says a SessionIndex with each sign-in, `up-1`. The NameIDs that it gives."""
    found: list[str] = []
    plain = _Context._assertion

    def said(self: _Context, who: Citizen) -> str:
        text = plain(self, who).replace("<saml:AuthnStatement ", '<saml:AuthnStatement SessionIndex="up-1" ')
        found.append(text.partition(f'Format="{TRANSIENT}">')[2].partition("<")[0])
        return text

    monkeypatch.setattr(_Context, "_assertion", said)
    return found
