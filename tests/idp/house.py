"""A broker with everything around it but HTTP: the demo's configuration, countries that say what they are told, a store."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.attribute_provider import AttributeProvider
from connectors.connector import Ask, Expectation, Inbound, Outbound, Redirect
from connectors.signatures.jws import from_base64url
from connectors.signatures.signer import NoSigner
from idp.ledger.ledger_keys import ledger_keys
from idp.login.approvals import Approvals
from idp.login.city_role import CityRole
from idp.login.finish import Choice
from idp.login.flow import Broker
from idp.login.registers import RegisterDesk
from idp.login.sealing import Sealer
from idp.login.standing import StandingApprovals
from idp.login.states import GRANT, Asked, Decided, Grant, Refused, Released, WaitingAnswer
from idp.login.suspension import Suspension
from idp.login.vouching import Vouching
from idp.ports import Unit
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.provider import OpenIDProvider
from idp.protocols.oidc.requests.request import NAME, OPENID_REQUEST, OpenIDRequest
from idp.store.switches.switch import Switched
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Address, AttributeName
from policies.authentication import AskedAttribute, Assertion, Offered, Origin, ServiceRequest
from policies.errors import PeerUnavailable, StoreUnavailable
from policies.load import Configuration, load
from policies.parties import (
    EntityId,
    IdentityProvider,
    ProviderId,
    PurposeId,
    RegisterId,
    ServiceId,
    SubjectNamespace,
    Tenant,
)
from tests.idp.memory import MemoryStore
from tests.idp.switched import MemorySwitches
from tests.sealing import fixed_keys

TENANT = Tenant("broker.example")
ISSUER = "https://broker.example"
NOW = 1_795_600_000
COUNTRY, OTHER = ProviderId("demo-ee"), ProviderId("demo-lv")
BIRTHDATE, ADDRESS, EMAIL, FAMILY = (AttributeName(n) for n in ("birthdate", "address", "email", "family_name"))
ANSWER = Inbound("post", {"SAMLResponse": "x"})
APPROVE, REFUSE, CANCEL = Choice("approve"), Choice("refuse"), Choice("cancel")
SECRET = b"s" * 32

CALLBACK = "https://city.example/parking/callback"
PROTOCOL = OpenIDRequest(CALLBACK, "query", "s", nonce="n", code_challenge="c" * 43)


class _Ready(NoSigner):
    """Signs nothing, and would be asked later than these tests go."""

    def ready(self) -> None:  # type: ignore[override]
        """It is."""


def origin(client_id: str = "parking", **changes: object) -> Origin:
    """Where a request of this client came from, as the OpenID provider has it."""
    protocol = OPENID_REQUEST.dump(replace(PROTOCOL, **changes)).decode()  # type: ignore[arg-type] # as a test names them
    return Origin(NAME, ServiceId(client_id), client_id, protocol=protocol)


REQUEST = ServiceRequest(
    origin=origin(),
    purpose_id=PurposeId("resident-parking"),
    asked=tuple(AskedAttribute(name, EXACT) for name in (ADDRESS, BIRTHDATE, EMAIL, FAMILY)),
    unknown=(),
    minimum_assurance=LevelOfAssurance.LOW,
)


def configuration(**edits: tuple[str, ...]) -> Configuration:
    """The demo's configuration; `edits` replaces texts (old, new, and so on) in the files of these names."""
    words = {
        "@CITY@": "https://city.example",
        "@COUNTRY@": "https://estonia.example",
        "@PARKING_SECRET_SHA256@": "0" * 64,
        "@BUDGET_SECRET_SHA256@": "0" * 64,
    }
    files: dict[str, bytes] = {"metadata/demo-ee.xml": b"<x/>", "metadata/demo-lv.xml": b"<x/>"}
    folder = resources.files("idp.demo").joinpath("receiving")
    for part in ("parties", "purposes", "providers"):
        for file in folder.joinpath(part).iterdir():
            text = file.read_text(encoding="utf-8")
            for word, value in words.items():
                text = text.replace(word, value)
            # Its persons are real here
            text = text.replace('test = "also"\n', "")
            stem = file.name.partition(".")[0].replace("-", "_")
            edit = edits.get(stem, ())
            for old, new in zip(edit[::2], edit[1::2], strict=True):
                assert old in text
                text = text.replace(old, new)
            if stem != "fares":
                files[f"{part}/{file.name}"] = text.encode()
    lv = files["providers/demo-ee.toml"].decode().replace("demo-ee", "demo-lv").replace("estonia", "latvia")
    files["providers/demo-lv.toml"] = lv.replace("demo/EE", "demo/LV").encode()
    return load(files)


def assertion(**changes: object) -> Assertion:
    made = Assertion(
        provider_id=COUNTRY,
        issuer=EntityId("https://estonia.example/metadata"),
        namespace=SubjectNamespace("demo/EE"),
        subject="EE-49002280001",
        offered=Offered(
            attributes={
                BIRTHDATE: "1990-02-28",
                ADDRESS: Address(street="Canal Street 12", locality="Storkhaven", country="NL"),
                EMAIL: "mari@post.example",
                FAMILY: "Maasikas",
            },
            loa=LevelOfAssurance.HIGH,
        ),
        response_id="_response",
        assertion_id="_assertion",
        authenticated_at=NOW - 5,
        not_on_or_after=NOW + 300,
    )
    return replace(made, **changes)  # type: ignore[arg-type] # whichever fields a test names


@dataclass
class Country:
    """A connector that says what a test tells it to say."""

    provider_id: ProviderId
    says: Assertion
    asks: list[Ask] = field(default_factory=list)

    def request(self, ask: Ask, now: int) -> tuple[Outbound, Expectation]:
        self.asks.append(ask)
        expectation = Expectation(
            self.provider_id, f"_{len(self.asks)}", now, ask.minimum_assurance, ask.force_authentication, ask.max_age
        )
        return Redirect("https://estonia.example/sso"), expectation

    def receive(self, _inbound: Inbound, _expectation: Expectation, _now: int) -> Assertion:
        return self.says


@dataclass
class Nodes:
    """The known nodes of countries: those of `unknown` have no valid metadata, those of `silent` failed lately."""

    unknown: set[EntityId] = field(default_factory=set)
    silent: set[EntityId] = field(default_factory=set)
    vouched: str = "what it publishes"

    def current(self, provider: IdentityProvider, _now: int) -> object:
        if provider.entity_id in self.unknown:
            raise PeerUnavailable("nothing valid")
        return object()

    def digest(self, provider: IdentityProvider, now: int) -> str:
        self.current(provider, now)
        return self.vouched

    def available(self, provider: IdentityProvider, _now: int) -> bool:
        return provider.entity_id not in self.unknown | self.silent


class Watched(MemoryStore):
    """The store in memory, which remembers its units and can be made to fail.

    `again` counts what is written before a decision's answer is given once more.
    """

    def __init__(self) -> None:
        keys = ledger_keys("broker.example/log", Ed25519PrivateKey.generate(), bytes(32))
        super().__init__(tenant=TENANT, ledger_keys=keys)
        self.units: list[Unit] = []
        self.fails = False
        self.again = 0
        self.fails_again = False
        # What happens while a commit waits
        self.meanwhile: Callable[[], object] = lambda: None

    def commit(self, unit: Unit) -> None:
        again = [mark.kind for mark in unit.marks] == ["again"]
        if self.fails or (again and self.fails_again):
            raise StoreUnavailable("SQLITE_FULL")
        super().commit(unit)
        if again:
            self.again += 1
        else:
            self.units.append(unit)
        self.meanwhile()


@dataclass(frozen=True)
class Unchanged:
    """The configuration of a role that nothing changes."""

    now: Configuration
    number: int = 0

    def former(self, _number: int) -> Configuration | None:
        return None


def gone_on(broker: Broker, ended: Released | WaitingAnswer, now: int) -> Released | Refused:
    """The end of a login whose citizen goes on, where there is a last page."""
    if isinstance(ended, Released):
        return ended
    onward = broker.answers.kept(ended.login, ended.secret, now)
    return broker.answers.go_on(ended.login, onward, ended.secret, now)


class House:
    """A broker with everything around it. `change` turns the configuration into another one.

    `switched` says what is switched off, in place of `switches`.
    """

    def __init__(
        self,
        store: Watched | None = None,
        change: Callable[[Configuration], Configuration] = lambda made: made,
        switched: Switched | None = None,
        registers: Mapping[RegisterId, AttributeProvider] | None = None,
        **edits: tuple[str, ...],
    ) -> None:
        self.store = store or Watched()
        self.sealer = Sealer(tenant=TENANT, keys=fixed_keys(bytes(32)))
        self.country, self.other = Country(COUNTRY, assertion()), Country(OTHER, assertion(provider_id=OTHER))
        self.nodes = Nodes()
        self.switches = MemorySwitches()
        made, suspension = change(configuration(**edits)), Suspension(switched or self.switches)
        approvals = Approvals(tenant=TENANT, subjects=bytes(32), decisions=self.store)
        self.role = CityRole(
            tenant=TENANT,
            configurations=Unchanged(made),
            sources=Vouching(self.nodes, suspension, RegisterDesk(made.registers, registers or {}, suspension)),
            issuer=ISSUER,
            own_name="Storkhaven's sign-in",
            template="t",
            index_key=bytes(32),
            pairwise_key=bytes(32),
            suspension=suspension,
            approvals=approvals,
        )
        self.openid = OpenIDProvider(
            OpenIDParts(
                issuer=ISSUER,
                tenant=TENANT,
                parties=made.parties,
                purposes=made.purposes,
                vouched=self.role.vouches,
                ended=self.role.ended,
                off=lambda _client_id: False,
                standing=StandingApprovals(issuer=ISSUER, purposes=made.purposes, approvals=approvals),
                catalogue=made.catalogue,
                signers={"ES256": _Ready(), "RS256": _Ready()},
                sealer=self.sealer,
                commits=self.store,
                parked=self.store,
            )
        )
        self.broker = Broker(
            tenant=TENANT,
            role=self.role,
            frontends={NAME: self.openid},
            connectors={COUNTRY: self.country, OTHER: self.other},
            sealer=self.sealer,
            commits=self.store,
            decisions=self.store,
            suspension=suspension,
            check_open=lambda: None,
        )

    def asked(self, now: int = NOW, **changes: object) -> Asked:
        request = replace(REQUEST, **changes)  # type: ignore[arg-type] # whichever fields a test names
        return self.broker.ask(self.broker.begin(request, now), COUNTRY, now)[1]

    def decided(self, now: int = NOW, began: int = NOW, **changes: object) -> Decided:
        return self.broker.handle_response(self.asked(began, **changes), ANSWER, "en", now)

    def ends(self, decided: Decided, choice: Choice, secret: bytes = SECRET, now: int = NOW) -> Released | Refused:
        """Decide, and go on from the last page."""
        return gone_on(self.broker, self.broker.decide(decided, choice, secret, now), now)

    def code(self, released: Released) -> str:
        """The code that the service gets."""
        answer = self.openid.answer(released, NOW)
        assert isinstance(answer, Redirect)
        return parse_qs(urlsplit(answer.url).query)["code"][0]

    def grant(self, released: Released, now: int = NOW) -> Grant:
        handle = from_base64url(self.code(released))
        row = self.store.parked(TENANT, "code", hashlib.sha256(handle).digest(), now)
        return GRANT.load(self.sealer.unpark("code", handle, row, now))
