"""A made-up city for the responder's tests: its registrations, a store in memory, and a relying party's side of PKCE."""

import base64
import hashlib
import json
import urllib.parse
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from connectors.connector import Inbound, Outbound, Redirect
from connectors.signatures.jwk import public_jwk
from connectors.signatures.jws import base64url
from connectors.signatures.signer import Signers
from connectors.wire.claims import Json
from idp.login.approvals import Approvals
from idp.login.frontend import Declined, Received
from idp.login.sealing import Sealer, SealingKeys
from idp.login.standing import StandingApprovals
from idp.login.states import CODE_LIFE, GRANT, Grant
from idp.ports import ApprovalRow, Unit
from idp.protocols.oidc.certificates import NO_CERTIFICATES, CertificateProxy
from idp.protocols.oidc.direct import DirectRequest
from idp.protocols.oidc.parts import OpenIDParts
from idp.protocols.oidc.provider import OpenIDProvider
from idp.protocols.oidc.requests.request import OpenIDRequest, origin_of
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Address, Attribute, AttributeName, Form
from policies.authentication import ServiceRequest
from policies.catalogue import STANDARD
from policies.errors import Conflict, NotFound, StoreUnavailable
from policies.parties import ClientId, ProviderId, PurposeId, RelyingParty, Rule, Sector, Source, Tenant
from policies.purposes import Basis, Controller, Need, Purpose
from policies.release import completed
from tests.connectors_jws.jws_doubles import SoftwareSigner, handmade, private_key, token_key
from tests.sealing import fixed_keys

NOW = 1_795_600_000
ISSUER = "https://id.storkhaven.example"
TENANT = Tenant("storkhaven")
SOURCE = Source("parties/parking.toml", 7)
REDIRECT = "https://parking.storkhaven.example/callback"
SECRET = "a made-up secret: +/%&= and a space"
# RFC 7636 appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

PARKING, FARE, BUDGET = PurposeId("parking"), PurposeId("fare"), PurposeId("budget")
NAME, BIRTHDATE, ADDRESS = AttributeName("given_name"), AttributeName("birthdate"), AttributeName("address")
OVER_18, RESIDENT = Form("age_over", "18"), Form("resident_of", "Storkhaven")


class MemoryStore:
    """Commits and reads in memory, with what a test wants to know: every unit, in its order."""

    def __init__(self) -> None:
        self.units: list[Unit] = []
        self.rows: dict[tuple[Tenant, bytes], tuple[str, bytes, int]] = {}
        self.marks: set[tuple[Tenant, str, bytes]] = set()
        self.remembered: dict[tuple[Tenant, bytes], ApprovalRow] = {}
        self.down = False
        self.log: list[str] = []
        # What happens while a commit waits
        self.meanwhile: Callable[[], object] = lambda: None

    def commit(self, unit: Unit) -> None:
        if self.down:
            raise StoreUnavailable("read-only")
        for mark in unit.marks:
            if (unit.tenant, mark.kind, mark.digest) in self.marks:
                raise Conflict(mark.kind)
        self.marks |= {(unit.tenant, mark.kind, mark.digest) for mark in unit.marks}
        for row in unit.parked:
            self.rows[unit.tenant, row.digest] = (row.kind, row.payload, row.end)
        self.remembered |= {(unit.tenant, row.digest): row for row in unit.approvals.written}
        for digest in unit.removed:
            self.rows.pop((unit.tenant, digest), None)
        self.units.append(unit)
        self.log.append("commit")
        self.meanwhile()

    def parked(self, tenant: Tenant, kind: str, digest: bytes, now: int) -> bytes:
        found = self.rows.get((tenant, digest))
        if found is None or found[0] != kind or found[2] <= now:
            raise NotFound(kind)
        return found[1]

    def approvals(self, tenant: Tenant, digests: Collection[bytes]) -> Sequence[ApprovalRow]:
        return [self.remembered[tenant, one] for one in digests if (tenant, one) in self.remembered]


def purpose(purpose_id: PurposeId, minimum: LevelOfAssurance = LevelOfAssurance.LOW) -> Purpose:
    need = Need(OVER_18, {"en": "only adults park"}, required=True, source=SOURCE)
    return Purpose(
        purpose_id=purpose_id,
        title={"en": "Resident parking"},
        basis=Basis.PUBLIC_TASK,
        law={"en": "Parking act §3"},
        controller=Controller({"en": "City of Storkhaven"}, "dpo@storkhaven.example"),
        needs={BIRTHDATE: need, **dict.fromkeys((NAME, ADDRESS), replace(need, form=EXACT, required=False))},
        minimum_assurance=minimum,
        digest="00",
        source=SOURCE,
    )


def party(client: str = "parking", **changes: object) -> RelyingParty:
    """A relying party with a secret and two purposes."""
    made = RelyingParty(
        client_id=ClientId(client),
        title={"en": "Parking"},
        sector=Sector("mobility"),
        redirect_uris=(REDIRECT, "https://parking.storkhaven.example/other?from=us"),
        purposes=(PARKING, FARE),
        attributes=dict.fromkeys((NAME, BIRTHDATE, ADDRESS), Rule(EXACT, SOURCE)),
        source=SOURCE,
        secret_sha256=hashlib.sha256(SECRET.encode()).hexdigest(),
    )
    return replace(made, **changes)  # type: ignore[arg-type] # whichever fields a test names


def living_in(place: str) -> RelyingParty:
    """The client, registered for whether somebody lives there."""
    made = party()
    return replace(made, attributes={**made.attributes, ADDRESS: Rule(Form("resident_of", place), SOURCE)})


def key_party(client: str = "fare", alg: str = "ES256", **changes: object) -> RelyingParty:
    """A relying party that signs its client assertions."""
    jwks = json.dumps({"keys": [{**public_jwk(token_key(alg, 9).public_key()), "kid": "k9"}]})
    wanted = {"authentication_method": "private_key_jwt", "jwks": jwks, "authentication_alg": alg, "secret_sha256": ""}
    return party(client, **{**wanted, **changes})


def signers() -> dict[str, Signers]:
    return {alg: SoftwareSigner(private_key(alg)) for alg in ("ES256", "RS256")}


class City:
    """A provider with its store and sealer; `parties` can lose one between two steps."""

    def __init__(
        self,
        *parties: RelyingParty,
        minimum: LevelOfAssurance = LevelOfAssurance.LOW,
        keys: SealingKeys | None = None,
        proxy: CertificateProxy = NO_CERTIFICATES,
    ) -> None:
        self.store = MemoryStore()
        self.sealer = Sealer(tenant=TENANT, keys=keys or fixed_keys(bytes(32)))
        self.parties = {one.client_id: one for one in parties or (party(), key_party())}
        self.purposes = {name: purpose(name, minimum) for name in (PARKING, FARE, BUDGET)}
        self.providers = {ProviderId("ee")}
        self.approvals = Approvals(tenant=TENANT, subjects=bytes(32), decisions=self.store)
        self.suspended: set[ClientId] = set()
        self.notified = {ProviderId("ee")}
        self.signers = signers()
        self.provider = OpenIDProvider(
            OpenIDParts(
                issuer=ISSUER,
                tenant=TENANT,
                parties=self.parties,
                purposes=self.purposes,
                vouched=lambda provider_id, _now: provider_id in self.providers,
                standing=StandingApprovals(issuer=ISSUER, purposes=self.purposes, approvals=self.approvals),
                ended=lambda grant: ClientId(grant.origin.service) in self.suspended,
                off=lambda client_id: client_id in self.suspended,
                under_eidas=lambda provider_id: provider_id in self.notified,
                catalogue=STANDARD,
                signers=self.signers,
                sealer=self.sealer,
                commits=self.store,
                parked=self.store,
                proxy=proxy,
            )
        )

    def code(self, grant: Grant, handle: bytes = b"h" * 32, now: int = NOW) -> str:
        """A code that stands for `grant`, parked as an approval parks it."""
        row = self.sealer.park("code", handle, GRANT.dump(grant), now + CODE_LIFE)
        self.store.commit(Unit(tenant=TENANT, parked=(row,)))
        self.store.units.clear()
        self.store.log.clear()
        return base64url(handle)


def grant(client: str = "parking", **changes: object) -> Grant:
    asked = {
        name: changes.pop(name)
        for name in ("redirect_uri", "nonce", "code_challenge", "in_id_token", "verified", "only_verified")
        if name in changes
    }
    wanted = {"nonce": "n-0S6_WzA2Mj", "code_challenge": CHALLENGE, "in_id_token": (BIRTHDATE,), **asked}
    protocol = replace(OpenIDRequest(REDIRECT, "query", ""), **wanted)  # type: ignore[arg-type] # as a test names them
    made = Grant(
        origin=origin_of(party(client), protocol),
        purpose_id=PARKING,
        provider_id=ProviderId("ee"),
        sub="3JZ4KUQW2D7M",
        loa=LevelOfAssurance.SUBSTANTIAL,
        context="",
        authenticated_at=NOW - 30,
        attributes=(
            Attribute(ADDRESS, RESIDENT, value=True),
            Attribute(BIRTHDATE, OVER_18, value=True),
            Attribute(NAME, EXACT, "Kärt-Canary-Example"),
        ),
    )
    return replace(made, **changes)  # type: ignore[arg-type] # whichever fields a test names


def full_address() -> Attribute:
    return Attribute(ADDRESS, EXACT, Address(street="Main street 1", locality="Storkhaven", country="EE"))


def request(**changes: str | None) -> Inbound:
    """An authentication request that is accepted, but for `changes`; None leaves a parameter out."""
    wanted: dict[str, str | None] = {
        "client_id": "parking",
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "openid purpose:parking",
        "state": "af0ifjsldkj",
        "nonce": "n-0S6_WzA2Mj",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return Inbound("redirect", {name: value for name, value in wanted.items() if value is not None})


def accepted(city: City, **changes: str | None) -> ServiceRequest:
    found = city.provider.receive(request(**changes), NOW)
    assert isinstance(found, Received), found
    asked = found.request
    # As the city's role does for every frontend
    wanted = completed(asked.asked, asked.unknown, city.purposes[asked.purpose_id], STANDARD)
    return replace(asked, asked=wanted)


def declined(city: City, **changes: str | None) -> Outbound:
    """The answer to the verified address for a request that is refused."""
    found = city.provider.receive(request(**changes), NOW)
    assert isinstance(found, Declined)
    return city.provider.refuse(found.origin, found.error, NOW)


def answer(outbound: Outbound) -> dict[str, str]:
    """The parameters that go back to the relying party, from an address or a form: each name once."""
    pairs = list(outbound.fields) if not isinstance(outbound, Redirect) else _query(outbound.url)
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


def _query(url: str) -> list[tuple[str, str]]:
    return urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, strict_parsing=True)


def posted(form: Mapping[str, str], authorization: str) -> DirectRequest:
    """A form that a program posts."""
    return DirectRequest(form=form, authorization=authorization)


def asking(
    authorization: str, query: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
) -> DirectRequest:
    """A request for userinfo."""
    return DirectRequest(form=form or {}, query=query or {}, authorization=authorization, path="/userinfo")


def basic(client: str = "parking", secret: str = SECRET) -> str:
    """The Authorization header of RFC 6749 §2.3.1."""
    pair = f"{urllib.parse.quote_plus(client)}:{urllib.parse.quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def redemption(code: str, **changes: str | None) -> dict[str, str]:
    wanted: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        **changes,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def assertion(header: Mapping[str, Json] | None = None, *, number: int = 9, alg: str = "ES256", **changes: Json) -> str:
    """A client assertion that is accepted, but for `changes`; a claim that is None is left out."""
    return assertion_with(changes, header or {"alg": alg, "kid": "k9"}, number=number, alg=alg)


def assertion_with(
    changes: Mapping[str, Json], header: Mapping[str, Json] | None = None, *, number: int = 9, alg: str = "ES256"
) -> str:
    """The same, for changes that lie in a mapping."""
    claims: dict[str, Json] = {
        "iss": "fare",
        "sub": "fare",
        "aud": ISSUER,
        "exp": NOW + 60,
        "iat": NOW,
        "jti": "j1",
        **changes,
    }
    kept = {name: value for name, value in claims.items() if value is not None}
    return handmade(header or {"alg": alg, "kid": "k9"}, kept, token_key(alg, number))


def asserted(code: str, token: str, **changes: str | None) -> dict[str, str]:
    """A redemption that authenticates by an assertion."""
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    return redemption(code, **{"client_assertion": token, "client_assertion_type": kind, **changes})
