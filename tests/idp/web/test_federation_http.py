"""A citizen signs in with an identity provider of a federation, whose signed metadata the broker fetches as it serves."""

import json
import re
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from connectors.formats.grammar import written
from connectors.metadata.federated import FederatedEntity
from connectors.metadata.federation_query import url_of
from connectors.metadata.federations import FederationCopy
from connectors.metadata.summaries import host_of
from connectors.oidc.line import MOST_FAILURES
from idp.protocols.oidc.logouts import Outcome
from idp.protocols.saml.federation_sources import FederationSources, tried
from idp.protocols.saml.logout_visits import Asker, Visit, Way
from idp.store.switches.switch import PROVIDER
from idp.web.choosing import REMEMBERED
from policies.deviations import AES_CBC
from policies.errors import PeerUnavailable
from policies.federations import FederationId, member_id
from policies.parties import ClientId, EntityId, ProviderId
from tests.benchmarks import metadata_made as made
from tests.connectors.metadata.test_federations import Edit
from tests.connectors.saml_sp.resolver import artifact
from tests.forgetting import switch_of
from tests.idp.cli.command import in_process
from tests.idp.monitoring.told import told
from tests.idp.server.crew import until
from tests.idp.staging import Lines
from tests.idp.web.saml_party import ENTITY, SamlParty
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Visitor, login_of, query_of
from tests.listening import Handler, Listening

COUNT, PAUSE, SOON, LATE = 4, 60, 200, 24 * 3600
PIECE, GIGABYTE = 1 << 16, 1 << 30
END = b"</md:EntitiesDescriptor>"
AWAY, SUSPENDED = "This country cannot be reached", "Signing in with this country is suspended"
DS = "http://www.w3.org/2000/09/xmldsig#"
FEDERATION = """\
id = "research"
{kind} = "{location}"
signers = "metadata/research.pem"
networks = ["127.0.0.0/8"]
refresh = 60
max_megabytes = 2
"""


Published = dict[str, bytes | Callable[[Handler], None]]


class Publisher(Handler):
    """Serves what its federation publishes at this moment, at the paths that exist."""

    def __init__(self, published: Published, *args: object) -> None:
        self._published = published
        super().__init__(*args)  # type: ignore[arg-type]  # what socketserver gives it

    def get(self) -> None:
        body = self._published.get(self.path)
        if callable(body):
            body(self)
            return
        self.reply(404 if body is None else 200, body or b"", Content_Type="application/samlmetadata+xml")


class Federation:
    """A federation of a few entities; the demo's country is one of them while it says so."""

    def __init__(self, stage: Stage, kind: str) -> None:
        self.stage, self.published, self.streamed, self.beside = stage, Published(), 0, ""
        self.server = Listening(partial(Publisher, self.published))
        base = f"http://mds.localhost:{self.server.server_port}"
        self.one = url_of("", stage.country.entity_id)
        location = {"url": f"{base}/all.xml", "mdq": base}[kind]
        self.files = {
            "federations/research.toml": FEDERATION.format(kind=kind, location=location),
            "metadata/research.pem": ssl.DER_cert_to_PEM_cert(made.certificate("federation")),
        }

    def publish(self, seconds: int, member: Edit = str) -> None:
        ends, entity = written(self.stage.clock() + seconds), member(self.stage.country.metadata().decode())
        self.published["/all.xml"] = self.aggregate(seconds, lambda rest: entity + self.beside + rest)
        root, _, inside = entity.partition(">")
        if entity:
            self.published[self.one] = made.sign(f'{root} xmlns:ds="{DS}" ID="_one" validUntil="{ends}">', inside)

    def aggregate(self, seconds: int, edit: Edit = str, *, head: Edit = str, key: str = "federation") -> bytes:
        """The federation's entities without the country, but for an edit, as somebody signs them."""
        first, *rest = made.unsigned(COUNT, valid_until=written(self.stage.clock() + seconds))
        return made.sign(head(first), edit("".join(rest)), made.made_key(key))

    def stream(self, handler: Handler) -> None:
        """A gigabyte that nobody announced."""
        handler.send_response(200)
        handler.end_headers()
        with suppress(OSError):
            handler.wfile.write(self.aggregate(LATE).removesuffix(END))
            for _ in range(GIGABYTE // PIECE):
                handler.wfile.write(b" " * PIECE)
                self.streamed += PIECE

    def sees(self, failures: int) -> str:
        """Wait until so many fetches in a row were refused: the check that the last one failed."""
        self.stage.clock.ahead += PAUSE
        until(lambda: self.sources.standing()["research"][1] == failures)
        last = tried(self.stage.other.federations.held.folder(FederationId("research")))
        assert last is not None
        return last.check

    @property
    def sources(self) -> FederationSources:
        return self.stage.other.federations.sources

    @contextmanager
    def broker(self, folder: Path, more: str = "", *, family: bool = False) -> Iterator[int]:
        """A broker that knows the country by this federation alone, and holds what it publishes.

        It is registered by a file of its own, or by one for all members.
        """
        named = f'entity_id = "{self.stage.country.entity_id}"\n' if family else ""
        levels = '[assurance]\n"http://eidas.europa.eu/LoA/high" = "substantial"\n[title]' if family else "[title]"
        more = f'\nmembers = "all"{more}' if family else more
        edits: dict[str, tuple[str, ...] | None] = {
            "ciconia.toml": ("demo = true", "demo = true\nprobe_seconds = 0.1"),
            "providers/demo-ee.toml": (
                *(f'{named}metadata = "metadata/demo-ee.xml"', f'federation = "research"{more}'),
                *("[title]", levels),
            ),
            "metadata/demo-ee.xml": None,
        }
        with self.stage.other_broker(folder, edits, self.files) as port, ExitStack() as ending:
            ending.callback(self.stage.other.federation_watch.stop)
            self.stage.other.federation_watch.start()
            until(lambda: self.ends > 0)
            yield port

    @property
    def ends(self) -> int:
        """When what the broker holds ends, 0 where it holds nothing."""
        return self.sources.standing()["research"][0]


@pytest.fixture
def federation(request: pytest.FixtureRequest, stage: Stage) -> Iterator[Federation]:
    found = Federation(stage, request.param)
    with found.server:
        yield found


def not_asked(visitor: Visitor, logs: Lines, why: str) -> None:
    """No question goes there: a page says so, and offers the other countries; the log has the reason."""
    logs.clear()
    answer = visitor.asks(visitor.login())
    assert (answer.status, answer.heading) == (503, AWAY)
    assert answer.found("//main//a[contains(@href, '/countries')]")
    (refused,) = [line for line in logs if line["event"] == "refused"]
    assert (refused["code"], refused["peer"]) == ("country_unavailable", "demo-ee")
    assert why in refused["detail"]


@pytest.mark.parametrize("federation", ["url", "mdq"], indirect=True)
def test_a_citizen_signs_in_with_a_member_until_the_metadata_ends(
    federation: Federation, visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    federation.publish(SOON)
    with federation.broker(tmp_path / "b") as visitor.port:
        before, code = stage.records, visitor.code()
        assert stage.records == before + 1
        token = str(visitor.redeem(code).json["access_token"])
        assert visitor.userinfo(token).status == 200
        stage.clock.ahead += federation.ends - stage.clock()
        not_asked(visitor, logs, "ended at")
        assert visitor.userinfo(token).status == 401


def without(_entity: str) -> str:
    return ""


def by_another_key(entity: str) -> str:
    other = b64encode(made.certificate("entity 0")).decode()
    return re.sub("(<ds:X509Certificate>)[^<]+", rf"\g<1>{other}", entity)


# Each with the pages after an approval, and after an answer that was under way
CHANGES = {without: [AWAY, AWAY], by_another_key: ["Please start again", "Your country's answer was not accepted"]}


@pytest.mark.parametrize("federation", ["url"], indirect=True)
@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_released_on_the_word_of_a_member_that_left_or_whose_key_is_gone(
    federation: Federation, visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines, change: Edit
) -> None:
    federation.publish(LATE)
    with federation.broker(tmp_path / "b") as visitor.port:
        before, question = stage.written(), visitor.question()
        answer = visitor.signs_in(visitor.asked(visitor.login()))
        federation.publish(2 * LATE, change)
        first, stage.clock.ahead = federation.ends, stage.clock.ahead + PAUSE
        until(lambda: federation.ends > first)
        assert [visitor.decides(question).heading, visitor.returns(answer).heading] == CHANGES[change]
        assert stage.written() == before
        if change is without:
            not_asked(visitor, logs, "no federation knows")


def by_artifact(entity: str) -> str:
    """It has a resolver, where nobody listens."""
    binding = "urn:oasis:names:tc:SAML:2.0:bindings:SOAP"
    resolver = f'<md:ArtifactResolutionService Binding="{binding}" index="1" Location="http://idp.localhost:1/"/>'
    return entity.replace("<md:SingleSignOnService", f"{resolver}<md:SingleSignOnService", 1)


@pytest.mark.parametrize("federation", ["url"], indirect=True)
@pytest.mark.parametrize("deviations", ["", f'\ndeviations = ["{AES_CBC}"]'], ids=["alone", "guarded"])
def test_a_member_whose_answers_cannot_be_fetched_is_away_on_the_picker(
    federation: Federation, visitor: Visitor, stage: Stage, tmp_path: Path, deviations: str
) -> None:
    federation.publish(LATE, by_artifact)
    fetched = f'\nanswers = "artifact"\nnetworks = ["127.0.0.0/8"]{deviations}'
    with federation.broker(tmp_path / "b", fetched) as visitor.port:
        assert "/at/demo-ee" in offered(visitor)
        for _ in range(MOST_FAILURES):
            login = visitor.login()
            assert visitor.asks(login).status == 303
            query = urlencode({"SAMLart": artifact(stage.country.entity_id), "RelayState": login})
            brought = visitor.go("GET", f"/saml/acs/artifact?{query}", headers={"sec-fetch-site": "cross-site"})
            assert brought.status == 503
        assert "/at/demo-ee" not in offered(visitor)
        assert "/at/demo-lv" in offered(visitor)


def offered(visitor: Visitor) -> str:
    return " ".join(map(str, visitor.authorize().found("//a/@href")))


def shown(entity: str) -> str:
    """It has a name, as people look for it."""
    ui = '<mdui:UIInfo xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui"><mdui:DisplayName xml:lang="en">Old town'
    ui = f"<md:Extensions>{ui}</mdui:DisplayName></mdui:UIInfo></md:Extensions>"
    return re.sub("(<md:IDPSSODescriptor[^>]*>)", rf"\g<1>{ui}", entity)


@pytest.mark.parametrize("federation", ["url"], indirect=True)
def test_a_citizen_finds_a_member_that_no_file_names_and_signs_in_until_it_leaves(
    federation: Federation, visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    federation.publish(LATE, shown)
    with federation.broker(tmp_path / "b", family=True) as visitor.port:
        member = member_id(ProviderId("demo-ee"), stage.country.entity_id)
        picker = visitor.authorize()
        assert "/at/demo-ee" not in " ".join(map(str, picker.found("//a/@href")))
        assert visitor.asks(login_of(picker)).status == 404, "nobody is asked by the registration of all"
        until(lambda: f"/at/{member}" in sought(visitor, login_of(picker), "old"))
        code = visitor.code(provider=member)
        token = str(visitor.redeem(code).json["access_token"])
        assert visitor.userinfo(token).status == 200
        login = login_of(picker)
        low = visitor.returns(visitor.signs_in(visitor.asked(login, member), "toomas"))
        ways = [f"/login/{login}/at/{member}?again=yes", f"/login/{login}/at/demo-lv", f"/login/{login}/countries"]
        assert sorted(low.found("//main//nav//a/@href")) == ways, "who was too low, and all others of the family"
        switch = switch_of(stage.other, stage.clock)
        for name in (member, "demo-ee"):
            switch(PROVIDER, name)
            assert visitor.asks(visitor.login(), member).heading == SUSPENDED
            switch(PROVIDER, name, off=False)
        assert visitor.userinfo(token).status == 401, "on again, the switch brings nothing back"
        token = str(visitor.redeem(visitor.code(provider=member)).json["access_token"])
        assert visitor.userinfo(token).status == 200
        question = visitor.question(provider=member)
        federation.publish(2 * LATE, without)
        first, stage.clock.ahead = federation.ends, stage.clock.ahead + PAUSE
        until(lambda: federation.ends > first)
        assert visitor.userinfo(token).status == 401, "whoever left vouches for no token"
        assert visitor.decides(question).heading == AWAY
        assert visitor.asks(login_of(picker), member).heading == AWAY
        logs.clear()
        for typed in ("of a person", "0" * 33, ""):
            assert visitor.asks(login_of(picker), f"demo-ee~{quote(typed)}").status == 404
        assert "of a person" not in str(logs)
        assert f"/at/{member}" not in sought(visitor, login_of(picker), "old")


@pytest.mark.spec("saml.md §5")
@pytest.mark.parametrize("federation", ["url"], indirect=True)
def test_a_logout_at_members_keeps_nobody_out_and_is_told_of_where_one_left(
    federation: Federation, visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    federation.publish(LATE, lambda entity: re.sub("<md:SingleLogoutService[^>]*>", "", entity))
    with federation.broker(tmp_path / "b", "\nlogout_upstream = true", family=True) as visitor.port:
        member = member_id(ProviderId("demo-ee"), stage.country.entity_id)
        assert visitor.code(provider=member), "it has no address for logouts"
        gone = member_id(ProviderId("demo-ee"), "https://left.example")
        left = Visit(ClientId(""), Outcome.UNKNOWN, asked="_asked", source=gone)
        way = Way((left,), Asker(), "en", stage.clock() + PAUSE)
        visitor.jar["__Host-logout"] = stage.other.city.visits.keep(way)
        page = visitor.go("GET", "/logout/services")
        assert (page.status, page.found("//li/@data-outcome")) == (200, ["unknown"])
        nameless = {"SAMLResponse": b64encode(b"<a/>").decode()}
        assert visitor.comes_back("/saml/logout", "https://left.example", nameless).status == 303


@pytest.mark.spec("saml.md §7")
@pytest.mark.parametrize("federation", ["url"], indirect=True)
def test_no_search_parses_whom_it_finds(
    federation: Federation, visitor: Visitor, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, plain = list[str](), FederationCopy.judged

    def seen(self: FederationCopy, entity_id: EntityId, *others: FederationId, demo: bool) -> FederatedEntity:
        judged.append(entity_id)
        return plain(self, entity_id, *others, demo=demo)

    monkeypatch.setattr(FederationCopy, "judged", seen)
    federation.publish(LATE, shown)
    with federation.broker(tmp_path / "b", family=True) as visitor.port:
        member, login = member_id(ProviderId("demo-ee"), stage.country.entity_id), visitor.login()
        until(lambda: f"/at/{member}" in sought(visitor, login, "old"))
        assert sought(visitor, login, "example").count("/at/demo-ee~") > 1
        assert judged == []
        assert visitor.asks(login, member).status == 303
        assert judged == [stage.country.entity_id]


@pytest.mark.spec("saml.md §7")
@pytest.mark.parametrize("federation", ["url"], indirect=True)
def test_a_member_is_told_apart_by_its_host_remembered_on_request_and_chosen_for_a_service(
    federation: Federation, visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    federation.publish(LATE, shown)
    library = SamlParty(tmp_path, stage.issuer, stage.clock, returns="https://library.storkhaven.example/login")
    federation.files |= library.files
    with federation.broker(tmp_path / "b", family=True) as visitor.port:
        member, host = member_id(ProviderId("demo-ee"), stage.country.entity_id), host_of(stage.country.entity_id)
        until(lambda: f"/at/{member}" in sought(visitor, visitor.login(), "old"))
        page = visitor.go("POST", f"/login/{visitor.login()}/countries", fields={"q": "old@nowhere.example"})
        assert not page.found("//main//nav//a"), "what stands before the @ is a person's"
        page = visitor.go("POST", f"/login/{visitor.newest}/countries", fields={"q": "OLD tówn", "remember": "yes"})
        assert page.found("//main//nav//li//bdi/text()") == ["Old town", host]
        assert visitor.go("GET", page.found("//main//nav//a/@href")[0]).cookies[REMEMBERED].value == member
        first = visitor.authorize()
        assert first.found("//main//nav//li[1]//bdi/text()") == ["Old town", host]
        assert first.found("//main//nav//li[1]//span[@class='note']/text()")[-1] == "Your choice last time"
        asked = urlencode({"entityID": ENTITY})
        listed = visitor.go("GET", f"/saml/discovery?{asked}").found("//main//nav//a/@href")
        back = visitor.go("GET", next(one for one in listed if member in one), headers={"sec-fetch-site": "same-origin"})
        assert back.headers["location"] == f"{library.returns}?entityID={quote(stage.issuer + '/saml/idp', safe='')}"
        assert library.asks(visitor).headers["location"].startswith(f"{stage.country_base}/sso?")


@pytest.mark.spec("saml.md §7")
@pytest.mark.parametrize("federation", ["url"], indirect=True)
def test_a_family_whose_federation_has_a_discovery_service_is_one_link_to_it(
    federation: Federation, visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    federation.publish(LATE, shown)
    with federation.broker(tmp_path / "b", '\ndiscovery = "https://ds.example/choose"', family=True) as visitor.port:
        page = visitor.authorize()
        link = f"/login/{visitor.newest}/at/demo-ee"
        assert link in page.found("//main//nav//a/@href")
        assert page.found("//main//nav//a[contains(@href, 'demo-ee')]/span[@class='note']/bdi/text()") == ["ds.example"]
        sent = visitor.go("GET", link)
        assert sent.headers["location"].startswith("https://ds.example/choose?entityID=")
        back = query_of(sent.headers["location"])["return"]
        assert back.partition("?")[0] in visitor.go("GET", "/saml/metadata", headers=DIRECT).text
        chosen = urlencode({"entityID": stage.country.entity_id})
        answer = visitor.go("GET", f"/saml{back.partition('/saml')[2]}&{chosen}", headers={"sec-fetch-site": "cross-site"})
        assert answer.headers["location"].startswith(f"{stage.country_base}/sso?")
        member = member_id(ProviderId("demo-ee"), stage.country.entity_id)
        assert visitor.asks(visitor.login(), member).headers["location"].startswith(f"{stage.country_base}/sso?")


def sought(visitor: Visitor, login: str, text: str) -> str:
    found = visitor.go("POST", f"/login/{login}/countries", fields={"q": text})
    return " ".join(map(str, found.found("//a/@href")))


def announced(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(GIGABYTE))
    handler.end_headers()


def twice(rest: str) -> str:
    return rest.replace(made.entity_id(0), made.entity_id(1))


# The metadata that comes, and the name of its refusal
BAD: dict[str, Callable[[Federation], bytes | Callable[[Handler], None]]] = {
    "signature_missing": lambda one: re.sub(b"<ds:Signature>.*?</ds:Signature>", b"", one.aggregate(LATE), count=1),
    "signature": lambda one: one.aggregate(2 * LATE, key="entity 0"),
    "digest": lambda one: one.aggregate(2 * LATE).replace(b"/idp/sso/post", b"/idp/sso/pest", 1),
    "metadata_expired": lambda one: one.aggregate(-1),
    "metadata_endless": lambda one: one.aggregate(2 * LATE, head=lambda head: head.replace("validUntil", "until")),
    "metadata_old": lambda one: one.aggregate(LATE // 2),
    "metadata_duplicate": lambda one: one.aggregate(2 * LATE, twice),
    "size": lambda one: one.stream,
    "size ": lambda _one: announced,
}


@pytest.mark.slow
@pytest.mark.spec("security.md §2.1 Metadata poisoning / expiry / no use")
@pytest.mark.parametrize("federation", ["url"], indirect=True)
def test_bad_metadata_is_refused_by_name_and_the_last_good_copy_stays(
    federation: Federation, visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    federation.publish(LATE)
    with federation.broker(tmp_path / "b") as visitor.port:
        ends = federation.ends
        for failures, (check, bad) in enumerate(BAD.items(), start=1):
            federation.published["/all.xml"] = bad(federation)
            assert federation.sees(failures) == check.strip()
            assert federation.ends == ends
            assert visitor.asks(visitor.login()).status == 303, "the country can be asked"
            assert failures > 1 or visitor.code()
        assert 0 < federation.streamed < GIGABYTE // 16, "it hangs up"
        stage.other.vitals.look()
        figures = told(stage.other.watched.measures)
        names = stage.other.settings.tenant, "research"
        assert figures["ciconia_federation_refused", *names] == len(BAD)
        assert figures["ciconia_federation_ends_timestamp_seconds", *names] == ends
        doctor = in_process("doctor", "--config", tmp_path / "b", "--json", "--offline").stdout
        (found,) = [one for one in json.loads(doctor)["problems"] if one["file"] == "federations/research.toml"]
        assert "(size)" in str(found)
        federation.publish(2 * LATE)
        assert federation.sees(0) == ""
        assert federation.ends > ends


@pytest.mark.spec("security.md §2.1 Metadata poisoning / expiry / no use")
@pytest.mark.parametrize("federation", ["url"], indirect=True)
def test_a_federation_speaks_for_no_pinned_provider(
    federation: Federation, visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    shadow = by_another_key(stage.latvia.metadata().decode())
    member = stage.country.metadata().decode()
    federation.published["/all.xml"] = federation.aggregate(LATE, lambda rest: shadow + member + rest)
    with federation.broker(tmp_path / "b") as visitor.port:
        assert visitor.code(provider="demo-ee")
        assert visitor.code(provider="demo-lv"), "it signs with the key that is pinned"
        with pytest.raises(PeerUnavailable, match="is pinned"):
            stage.other.federations.held.entity(EntityId(stage.latvia.entity_id), stage.clock())


@pytest.mark.parametrize("federation", ["url"], indirect=True)
def test_a_source_that_hangs_is_noticed_by_no_login(federation: Federation, visitor: Visitor, tmp_path: Path) -> None:
    asked, over = threading.Event(), threading.Event()

    def hangs(_handler: Handler) -> None:
        asked.set()
        over.wait()

    federation.publish(LATE)
    with federation.broker(tmp_path / "b") as visitor.port:
        federation.published["/all.xml"] = hangs
        federation.stage.clock.ahead += PAUSE
        until(asked.is_set)
        try:
            assert visitor.code(provider="demo-ee"), "by the copy that is held"
            assert visitor.code(provider="demo-lv")
        finally:
            over.set()


@pytest.mark.parametrize("federation", ["url"], indirect=True)
def test_a_service_of_a_federation_is_answered_where_its_metadata_says_until_it_leaves(
    federation: Federation, visitor: Visitor, stage: Stage, tmp_path: Path, logs: Lines
) -> None:
    library = SamlParty(tmp_path, stage.issuer, stage.clock)
    registered = library.files["parties/library.toml"]
    federation.files["parties/library.toml"] = registered.replace(
        'metadata = "metadata/library.xml"', 'federation = "research"'
    )
    federation.beside = library.metadata()
    federation.publish(LATE)
    with federation.broker(tmp_path / "b") as visitor.port:
        page = visitor.returns(visitor.signs_in(visitor.asked(login_of(library.asks(visitor)))))
        heard = library.read(visitor.decides(page), stage.application.keys.saml.at(0).certificate)
        assert heard.statuses == ["Success"]
        federation.beside = ""
        federation.publish(2 * LATE)
        first, stage.clock.ahead = federation.ends, stage.clock.ahead + PAUSE
        until(lambda: federation.ends > first)
        logs.clear()
        answer = library.asks(visitor)
        assert (answer.status, answer.found("//main//a/@href | //main//form")) == (400, []), (
            "a page alone, without a way there"
        )
        (refused,) = [line for line in logs if line["event"] == "refused"]
        assert "library is not answered now: no federation knows" in refused["detail"]
