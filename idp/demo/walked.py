"""The result of a walk through the demo, and of a visit to one of its services."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from idp.demo.browser import WalkError
from idp.demo.ledger_proof import ProvedLedger
from idp.demo.relying_party import SignedIn

# How the source of a walk is asked, and how a service asks
SAML, OPENID = "saml", "oidc"


@dataclass(frozen=True, slots=True)
class WalkStep:
    """A step of the story: who did what, and how long it took."""

    node: str
    step: str
    ms: float


@dataclass(frozen=True, slots=True)
class Weakened:
    """An attribute that went in a weaker form than asked."""

    attribute: str
    asked: str
    given: str
    reason: str


@dataclass(frozen=True, slots=True)
class Withheld:
    """An attribute that was asked for and did not go."""

    attribute: str
    reason: str


@dataclass(frozen=True, slots=True)
class ServiceVisited:
    """One service's decision about a citizen, the claims that it was told, and what it was not, in words."""

    service: str
    protocol: str
    citizen: str
    at: str
    granted: bool
    decided: str
    told: tuple[str, ...]
    not_told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Walked:
    """The result of a walk: `arrived` are the catalogue names that crossed, `released` maps claims to form and value."""

    steps: tuple[WalkStep, ...]
    service: str
    purpose: str
    arrived: tuple[str, ...]
    released: dict[str, tuple[str, object]] = field(repr=False)
    weakened: tuple[Weakened, ...]
    withheld: tuple[Withheld, ...]
    loa: str
    ledgers: dict[str, ProvedLedger]
    # the citizen's receipt from their browser, and the keys that it was checked with, as /log/vkey has them
    receipt: bytes = field(repr=False)
    log_key: str
    # "saml": the country's identity provider behind its node; "oidc": the city's card, which the city asks itself
    upstream: str = SAML
    # how many releases the citizen sees on their own page, after a sign-in for it
    citizen_page: int = 0
    # who cosigned the city's log: "practice" as long as no other operator did
    witness: str = ""
    # this service's decision, and those of the city's others about somebody else
    services: tuple[ServiceVisited, ...] = ()

    def as_json(self, *, show_values: bool, kept: tuple[Path, Path] | None = None) -> dict[str, object]:
        """The JSON object of `ciconia demo --once`. `kept`: the paths of the receipt and the log's key, if any."""
        released = {
            name: {"form": form, **({"value": value} if show_values else {})}
            for name, (form, value) in sorted(self.released.items())
        }
        return {
            "ok": True,
            "steps": [asdict(step) for step in self.steps],
            "upstream": self.upstream,
            "hops": {
                "sending->receiving" if self.upstream == SAML else "card->receiving": list(self.arrived),
                "receiving->city": sorted(self.released),
            },
            "released": released,
            "weakened": [asdict(one) for one in self.weakened],
            "withheld": [asdict(one) for one in self.withheld],
            "loa": self.loa,
            "receipt": str(kept[0]) if kept else None,
            "log_key": str(kept[1]) if kept else None,
            "ledgers": {node: {**asdict(proved), "inclusion": "verified"} for node, proved in self.ledgers.items()},
            "citizen_page": self.citizen_page,
            "witness": self.witness,
            "services": [asdict(one) for one in self.services],
        }


@dataclass(frozen=True, slots=True)
class DemoVisitor:
    """Somebody at a service: the citizen, where they sign in, and the service."""

    citizen: str
    at: str
    service: str

    def visited(self, body: Mapping[str, object]) -> ServiceVisited:
        """The service's last page as JSON. Raises `WalkError` where it has no decision."""
        decided, not_told = body.get("decided"), body.get("not_told")
        if not isinstance(decided, dict) or not isinstance(not_told, list):
            raise WalkError("the service shows no decision")
        return ServiceVisited(
            service=self.service,
            protocol=SAML if "assertion" in body else OPENID,
            citizen=self.citizen,
            at=self.at,
            granted=decided["granted"] is True,
            decided=f"{decided['title']}. {decided['says']}",
            told=tuple(sorted(given_in(body)[0])),
            not_told=tuple(map(str, not_told)),
        )


def given_in(body: Mapping[str, object]) -> tuple[Mapping[str, object], str]:
    """All that the service was told, and the level."""
    if isinstance(assertion := body.get("assertion"), dict):
        return assertion, str(body.get("loa", ""))
    id_token, userinfo = body.get("id_token"), body.get("userinfo")
    if not isinstance(id_token, dict) or not isinstance(userinfo, dict):
        raise WalkError("the service shows neither an assertion nor tokens")
    signed_in = SignedIn(id_token, userinfo)
    return signed_in.given, signed_in.loa
