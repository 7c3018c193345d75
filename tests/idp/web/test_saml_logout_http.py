"""Single logout of services that speak SAML: one session with those of OpenID Connect, and one end."""

import base64
import secrets
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from copy import copy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree
from sqlalchemy import delete, func, select

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
from idp.server.rate_limits import Rates
from idp.store import tables
from tests.idp.staging import Clock, fresh, opened
from tests.idp.web.saml_party import NAMES, Heard, SamlParty, verified
from tests.idp.web.shared_stage import COOKIE, Member, SharedStage
from tests.idp.web.visitor import DIRECT, Answer, login_of

BINDINGS = "urn:oasis:names:tc:SAML:2.0:bindings:"
SOAP = {**DIRECT, "content-type": "text/xml"}
GONE = "https://hall.storkhaven.example/saml/gone"
ASYNCHRONOUS = '<aslo:Asynchronous xmlns:aslo="urn:oasis:names:tc:SAML:2.0:protocol:ext:async-slo"/>'


class Programs(ThreadingHTTPServer):
    """The servers of services: one path takes logout tokens, the other LogoutRequests, which it answers, signed."""

    daemon_threads = True

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.requests: list[Element] = []
        self.faults: list[str] = []
        self.signer: Signer | None = None
        self.entity = ""

        class Handler(BaseHTTPRequestHandler):
            server: "Programs"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = b""
                if self.path == "/out":
                    self.server.tokens += parse_qs(body.decode())["logout_token"]
                else:
                    answer = self.server.answered(body)
                self.send_response(200)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)

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


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HallStage]:
    with Programs() as programs:
        threading.Thread(target=programs.serve_forever, daemon=True).start()
        with opened(HallStage(tmp_path_factory.mktemp("saml-logout") / "stage", Clock(), programs)) as stage:
            stage.application.courier.stop()
            yield stage
        programs.shutdown()


@pytest.fixture
def stage(running: HallStage) -> Iterator[HallStage]:
    running.programs.tokens.clear()
    running.programs.requests.clear()
    running.programs.faults.clear()
    for found in fresh(running):
        found.clock.stand()
        with found.application.store.engine.begin() as connection:
            for table in (tables.approvals, tables.sessions, tables.participants, tables.logouts):
                connection.execute(delete(table))
        yield found


@pytest.fixture
def member(stage: HallStage) -> Iterator[Member]:
    with Member(stage) as made:
        yield made


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


def outcomes(page: Answer) -> dict[str, str]:
    names, found = page.found("//li[@data-outcome]/strong/bdi/text()"), page.found("//li/@data-outcome")
    return dict(zip(names, found, strict=True))


def living(stage: HallStage) -> int:
    with stage.application.store.engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(tables.sessions)).scalar_one()


@pytest.mark.spec("saml.md §5")
def test_a_service_of_saml_signs_out_and_those_of_openid_connect_hear_of_it(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    # NotOnOrAfter is optional (SAML Core 2.0 §3.7.1), and many services leave it out
    asked = request(stage.hall, index, not_on_or_after=None)
    page = by_browser(member, stage.hall, asked)
    assert page.heading == "You are signed out here", page.text
    assert set(outcomes(page).values()) == {"ended", "itself"}
    assert len(stage.programs.tokens) == 1
    assert not stage.programs.requests, "who asked has ended its own"
    assert living(stage) == 0
    assert COOKIE not in member.jar
    heard = answered(member, page.found("//a/@href")[0])
    assert heard.statuses == ["Success"]
    assert (heard.root.get("InResponseTo"), heard.root.get("Destination")) == (asked.request_id, GONE)
    assert heard.relay_state == "to the shelf"


@pytest.mark.spec("security.md §2.4 SLO forgery")
@pytest.mark.spec("saml.md §5")
def test_a_request_that_nobody_signed_leads_to_a_question_and_ends_nothing(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    octets = etree.tostring(logout_request_element(request(stage.hall, index)))
    query = signed_query("SAMLRequest", octets, "", stage.hall.signer, SAML2INT).partition("&SigAlg=")[0]
    page = member.go("GET", f"/saml/idp/logout?{query}")
    assert page.heading == "Sign out?"
    assert not page.fields
    assert living(stage) == 1
    page = member.go("POST", "/logout/confirm", fields=page.fields)
    assert set(outcomes(page)) == {"The desk", "City library"}
    assert not page.found("//a/@href | //meta[@http-equiv]/@content"), "nobody proved who asks"


@pytest.mark.spec("security.md §2.4 SLO forgery")
@pytest.mark.parametrize(
    "changes",
    [
        {"destination": "https://elsewhere.example/saml/idp/logout"},
        {"destination": ""},
        {"not_on_or_after": 1},
        {"issue_instant": 1},
        {"issue_instant": 1, "not_on_or_after": None},
        {"issuer": "https://pool.storkhaven.example/saml"},
        {"issuer": "https://nobody.example/saml"},
    ],
    ids=str,
)
def test_a_forged_or_old_request_ends_nothing_by_either_way(
    member: Member, stage: HallStage, changes: dict[str, object]
) -> None:
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    page = by_browser(member, stage.hall, request(stage.hall, index, **changes))
    assert page.status == 400, page.text
    assert not page.found("//a/@href[contains(., 'SAMLResponse')]")
    soap = {"destination": f"{stage.issuer}/saml/idp/logout/soap", **changes}
    answer = by_soap(member, stage.hall, request(stage.hall, index, **soap))
    assert answer.status == 400
    assert "Fault" in answer.text
    assert living(stage) == 1


@pytest.mark.spec("security.md §2.4 SLO forgery")
def test_a_stranger_is_refused_as_a_forger_is_and_counted(
    member: Member, stage: HallStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(Rates, "failed", lambda _, _address, place, **_more: counted.append(place))
    forger = copy(stage.hall)
    forger.signer = stage.country_signer
    here = f"{stage.issuer}/saml/idp/logout/soap"
    asked = [
        by_soap(member, forger, request(forger, "x", issuer=issuer, destination=here))
        for issuer in (stage.hall.entity, "https://nobody.example/saml")
    ]
    assert len({(one.status, one.text) for one in asked}) == 1, [one.text for one in asked]
    assert len(counted) == len(asked)


@pytest.mark.spec("security.md §2.4 SLO forgery")
def test_a_service_ends_no_session_but_by_its_own_name_of_it_and_once(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    hall, pool = enters(member, stage.hall), enters(member, stage.pool)
    assert hall != pool, "no two services have a name in common"
    stranger = Member(stage)
    with stranger:
        for asked in (
            request(stage.pool, hall),
            request(stage.hall, hall, session_indexes=(pool,)),
            request(stage.hall, hall, name=NameIdentifier("somebody", TRANSIENT, "", "")),
            request(stage.hall, hall, name=NameIdentifier(hall, TRANSIENT, "https://elsewhere.example", "")),
        ):
            party = stage.pool if asked.issuer == stage.pool.entity else stage.hall
            page = by_browser(stranger, party, asked)
            heard = answered(member, page.found("//a/@href")[0])
            assert heard.statuses == ["Requester", "UnknownPrincipal"]
            assert living(stage) == 1
        asked = request(stage.hall, hall)
        assert answered(member, by_browser(stranger, stage.hall, asked).found("//a/@href")[0]).statuses == [
            "Success",
            "PartialLogout",
        ]
        assert living(stage) == 0
        again = by_browser(stranger, stage.hall, asked)
        assert (again.heading, again.found("//a/@href")) == ("You are signed out here", []), "it is answered once"
        stranger.signs_in_for("desk")
        assert by_browser(stranger, stage.hall, asked).heading == "Sign out?"
        assert living(stage) == 1


@pytest.mark.spec("saml.md §5")
def test_over_soap_the_answer_says_that_not_everybody_was_reached(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    enters(member, stage.pool)
    asked = request(stage.hall, index, destination=f"{stage.issuer}/saml/idp/logout/soap")
    answer = by_soap(member, stage.hall, asked)
    assert answer.status == 200, answer.text
    root = etree.fromstring(message_in(answer.text.encode()))
    verified(root, certificate(member))
    assert Heard(root, "", was_encrypted=False).statuses == ["Success", "PartialLogout"]
    assert root.get("InResponseTo") == asked.request_id
    assert len(stage.programs.tokens) == 1
    assert living(stage) == 0
    assert by_soap(member, stage.hall, asked).status == 400, "it has one use"


@pytest.mark.spec("saml.md §5")
@pytest.mark.parametrize("fault", ["", "unsigned", "issuer", "request", "partial"])
def test_a_service_hears_over_soap_until_it_says_that_it_ended(member: Member, stage: HallStage, fault: str) -> None:
    desk = member.id_token("desk", member.signs_in_for("desk"))
    index = enters(member, stage.hall)
    stage.programs.faults += [fault] if fault else []
    page = member.go("GET", f"/logout?id_token_hint={desk}")
    assert outcomes(page)["City library"] == ("waiting" if fault else "ended")
    if fault:
        stage.clock.ahead += 5
        stage.application._tell()
    with stage.application.store.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.logouts)).scalar_one() == 0
    assert len({one.get("ID") for one in stage.programs.requests}) == 1 + bool(fault)
    for root in stage.programs.requests:
        verified(root, certificate(member))
        heard = Heard(root, "", was_encrypted=False)
        assert (heard.text("saml:NameID"), heard.text("samlp:SessionIndex")) == (index, index)
        assert root.get("Destination") == stage.programs.url("/slo")


@pytest.mark.parametrize("joins", [False, True])
def test_whoever_goes_back_after_a_logout_gets_no_second_assertion(
    member: Member, stage: HallStage, *, joins: bool
) -> None:
    if joins:
        member.signs_in_for("desk")
    login = login_of(stage.hall.asks(member, stage.hall.request(ForceAuthn="true")))
    question = member.returns(member.signs_in(member.asked(login)))
    for _ in range(2):
        assert stage.hall.read(member.decides(question), certificate(member)).statuses == ["Success"]
    assert living(stage) == 1
    member.go("POST", "/logout/confirm", fields=member.go("GET", "/logout").fields)
    assert living(stage) == 0
    again = member.decides(question)
    assert again.status == 409
    assert "SAMLResponse" not in again.fields
    assert living(stage) == 0


@pytest.mark.spec("saml.md §5")
def test_a_service_that_takes_answers_by_post_alone_gets_a_form(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    asked = request(stage.bath, enters(member, stage.bath))
    page = by_browser(member, stage.bath, asked)
    assert living(stage) == 0
    assert page.found("//form/@action") == [GONE]
    assert not page.found("//script"), "the citizen reads what became of the desk first"
    assert "form-action" not in page.headers["content-security-policy"]
    heard = Heard(etree.fromstring(base64.b64decode(page.fields["SAMLResponse"])), "", was_encrypted=False)
    verified(heard.root, certificate(member))
    assert (heard.statuses, heard.root.get("InResponseTo")) == (["Success"], asked.request_id)
    assert (heard.root.get("Destination"), page.fields["RelayState"]) == (GONE, "to the shelf")


@pytest.mark.spec("saml.md §5")
def test_who_waits_for_no_answer_gets_none(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    page = by_browser(member, stage.hall, request(stage.hall, index), ASYNCHRONOUS)
    assert page.heading == "You are signed out here"
    assert not page.found("//a/@href | //meta[@http-equiv]/@content")
    assert living(stage) == 0


def test_a_browser_with_another_session_is_asked_first_and_the_service_is_answered_then(
    member: Member, stage: HallStage
) -> None:
    member.signs_in_for("desk")
    index = enters(member, stage.hall)
    member.jar.clear()
    member.signs_in_for("desk", "juhan")
    page = by_browser(member, stage.hall, request(stage.hall, index))
    assert page.heading == "Sign out?"
    assert living(stage) == 2
    first, second = (member.go("POST", "/saml/idp/logout/confirm", fields=page.fields) for _ in range(2))
    assert living(stage) == 0
    assert answered(member, first.found("//a/@href")[0]).statuses == ["Success"]
    assert second.heading == first.heading, "a second click is no error"
    assert not second.found("//a/@href | //meta[@http-equiv]/@content"), "and leads nowhere"


@pytest.mark.spec("security.md §2.4 SLO forgery")
def test_a_used_request_answers_nobody_and_the_citizen_signs_out_all_the_same(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    asked = request(stage.hall, enters(member, stage.hall))
    asking = Member(stage)
    with asking:
        asking.signs_in_for("desk", "juhan")
        open_page = by_browser(asking, stage.hall, asked)
        assert (open_page.heading, living(stage)) == ("Sign out?", 2)
        by_browser(member, stage.hall, asked)
        assert living(stage) == 1, "by its first use the session that it names"
        member.signs_in_for("desk")
        page = by_browser(member, stage.hall, asked)
        assert (page.heading, living(stage)) == ("Sign out?", 2), "by its second none"
        # The question on a page from before its use, and on one from after it
        for visitor, shown, left in ((asking, open_page, 1), (member, page, 0)):
            done = visitor.go("POST", shown.found("//form/@action")[0], fields=shown.fields)
            assert (done.status, living(stage)) == (200, left), done.text
            assert not done.found("//a/@href | //meta[@http-equiv]/@content")


def test_of_another_session_in_the_browser_the_asking_service_hears_too_or_the_answer_is_partial(
    member: Member, stage: HallStage
) -> None:
    for party in (stage.hall, stage.pool):
        member.signs_in_for("desk")
        named = enters(member, party)
        member.jar.clear()
        member.signs_in_for("desk", "juhan")
        other = enters(member, party)
        stage.programs.requests.clear()
        page = by_browser(member, party, request(party, named))
        page = member.go("POST", "/saml/idp/logout/confirm", fields=page.fields)
        assert living(stage) == 0
        heard = [Heard(one, "", was_encrypted=False).text("saml:NameID") for one in stage.programs.requests]
        reached = party is stage.hall
        assert heard == ([other] if reached else [])
        assert answered(member, page.found("//a/@href")[0]).statuses == ["Success", *([] if reached else ["PartialLogout"])]
        member.jar.clear()


@pytest.mark.spec("saml.md §3")
def test_passively_nobody_is_asked_with_or_without_a_session(member: Member, stage: HallStage) -> None:
    for _ in range(2):
        passive = stage.hall.request(IsPassive="true")
        assert stage.hall.read(stage.hall.asks(member, passive), certificate(member)).statuses == ["Responder", "NoPassive"]
        member.signs_in_for("desk")


@pytest.mark.spec("saml.md §3 proxying")
def test_a_session_answers_no_request_that_counts_proxies(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    enters(member, stage.hall)
    sent = stage.hall.asks(member, stage.hall.request('<samlp:Scoping ProxyCount="1"/>'))
    assert sent.headers["location"].startswith(f"{stage.country_base}/sso")


# -- a provider upstream ---------------------------------------------------------------------------------------------------

UPSTREAM = "/saml/logout"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The country says a SessionIndex with each sign-in, `up-1`. The NameIDs that it gave."""
    found: list[str] = []
    plain = _Context._assertion

    def indexed(self: _Context, who: Citizen) -> str:
        text = plain(self, who).replace("<saml:AuthnStatement ", '<saml:AuthnStatement SessionIndex="up-1" ')
        found.append(text.partition(f'Format="{TRANSIENT}">')[2].partition("<")[0])
        return text

    monkeypatch.setattr(_Context, "_assertion", indexed)
    return found


def said(
    member: Member, known_as: str, way: str = "redirect", signer: Signer | None = None, **changes: object
) -> tuple[Answer, str]:
    """The country's word that a session of its ended, and the ID of its request."""
    stage = member.stage
    assert isinstance(stage, HallStage)
    here = f"{stage.issuer}{UPSTREAM}{'/soap' if way == 'soap' else ''}"
    made = {"issuer": stage.country.entity_id, "destination": here, "session_indexes": ("up-1",), **changes}
    root = logout_request_element(request(stage.hall, known_as, **made))
    key = signer or stage.country_signer
    asked = str(root.get("ID"))
    if way == "redirect":
        query = signed_query("SAMLRequest", etree.tostring(root), "x", key, SAML2INT)
        return member.go("GET", f"{UPSTREAM}?{query}", headers={"sec-fetch-site": "cross-site"}, jar={}), asked
    octets = sign_enveloped(root, key, place=1, profile=SAML2INT)
    if way == "soap":
        return member.go("POST", f"{UPSTREAM}/soap", body=in_envelope(octets), headers=SOAP, jar={}), asked
    fields = {"SAMLRequest": base64.b64encode(octets).decode(), "RelayState": "x"}
    return member.go("POST", UPSTREAM, fields=fields, headers={"sec-fetch-site": "cross-site"}, jar={}), asked


@pytest.mark.spec("saml.md §5")
@pytest.mark.parametrize("way", ["redirect", "post", "soap"])
def test_a_session_that_ends_at_an_identity_provider_of_saml_ends_here_for_both_protocols(
    member: Member, stage: HallStage, names: list[str], way: str
) -> None:
    member.signs_in_for("desk")
    enters(member, stage.hall)
    (name,) = names
    for other in ({"session_indexes": ("up-2",)}, {"name": NameIdentifier("somebody", TRANSIENT, "", "")}):
        assert said(member, name, way, **other)[0].status in (200, 303)
        assert living(stage) == 1, "another session of theirs"
    answer, asked = said(member, name, way)
    assert living(stage) == 0
    assert (len(stage.programs.tokens), len(stage.programs.requests)) == (1, 1)
    if way == "soap":
        heard = Heard(etree.fromstring(message_in(answer.text.encode())), "", was_encrypted=False)
        verified(heard.root, certificate(member))
    else:
        heard = answered(member, answer.headers["location"])
    assert (heard.statuses, heard.root.get("InResponseTo")) == (["Success"], asked)
    assert heard.text("saml:Issuer") == f"{stage.issuer}/saml/metadata"


@pytest.mark.spec("security.md §2.4 SLO forgery")
@pytest.mark.parametrize("way", ["redirect", "post", "soap"])
def test_nobody_but_the_identity_provider_ends_what_rests_on_it(
    member: Member, stage: HallStage, names: list[str], way: str
) -> None:
    member.signs_in_for("desk")
    (name,) = names
    assert said(member, name, way, signer=stage.hall.signer)[0].status == 400
    assert said(member, name, way, issuer=stage.hall.entity, signer=stage.hall.signer)[0].status == 400
    assert said(member, name, way, destination=f"{stage.issuer}/saml/idp/logout")[0].status == 400
    assert said(member, name, way, session_indexes=())[0].status == 400, "its registration knows nobody by the NameID"
    assert living(stage) == 1
    once = f"_{secrets.token_hex(20)}"
    assert said(member, name, way, issue_instant=1, not_on_or_after=None)[0].status == 400
    assert said(member, name, way, not_on_or_after=1)[0].status == 400
    assert living(stage) == 1
    assert said(member, name, way, request_id=once, not_on_or_after=None)[0].status in (200, 303)
    assert living(stage) == 0
    member.jar.clear()
    member.signs_in_for("desk")
    assert said(member, names[-1], way, request_id=once, not_on_or_after=None)[0].status == 400, "it has one use"
    assert living(stage) == 1, "and ends nothing by a second"
    question = member.question(client_id="library", scope="openid purpose:quiet", prompt="login")
    assert said(member, names[-1], way, request_id=once)[0].status == 400
    assert member.decides(question).back["code"], "nor a sign-in whose question is open"


def test_a_question_that_is_open_when_its_sign_in_ends_upstream_releases_nothing(
    member: Member, stage: HallStage, names: list[str]
) -> None:
    question = member.question(client_id="desk", scope="openid purpose:desk")
    # By the country's own clock, which does not stand still
    said(member, names[0], issue_instant=int(time.time()))
    page = member.decides(question)
    assert "code" not in page.text.partition("callback?")[2]
    assert living(stage) == 0


def test_an_unsigned_word_of_a_provider_leads_to_a_question(member: Member, stage: HallStage) -> None:
    member.signs_in_for("desk")
    page = member.go("GET", f"{UPSTREAM}?SAMLRequest=fZ")
    assert page.heading == "Sign out?"
    assert living(stage) == 1
