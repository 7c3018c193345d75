"""A stage with three services that share a sign-in, and a browser in front of it."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from sqlalchemy import delete

from connectors.signatures.jws import from_base64url
from connectors.wire.claims import Json
from idp.keys.file import FileSigner
from idp.store import tables
from tests.idp.staging import Clock, fresh
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Answer, Visitor

SECRET = "a-made-up-secret-of-a-test"
COOKIE = "__Host-session-city"
LIFE, IDLE = 7200, 600
GROUPS = f"[city]\nlife = {LIFE}\nidle = {IDLE}\n[other]\n"
PURPOSE = """\
id = "@ID@"
basis = "consent"
minimum_assurance = "low"
@ASK@
title.en = "Know again who comes"
law.en = "Made up for a test"

[controller]
name.en = "City of Storkhaven"
contact = "privacy@storkhaven.example"
"""
PARTY = """\
client_id = "@ID@"
title.en = "The @ID@"
sector = "@ID@"
redirect_uris = ["@CITY@/@ID@/callback"]
purposes = ["@PURPOSE@"]
client_secret_sha256 = "@HASH@"
session_group = "@GROUP@"
post_logout_redirect_uris = ["@CITY@/@ID@/bye"]
@MORE@
"""
REFRESHES = 'grant_types = ["authorization_code", "refresh_token"]'
# The service, its purpose and its group. The library and the desk need nobody's attributes
SERVICES = {
    "desk": ("desk", "city"),
    "library": ("quiet", "city"),
    "permits": ("resident-parking", "city"),
    "museum": ("desk", "other"),
}


class SharedStage(Stage):
    """The city's services `desk`, `library` and `permits` are one group, and the `museum` is another.

    `library` is for a purpose that remembers, and `permits` needs attributes. `desk` takes logout tokens at `receiver`, and
    the library listens in a frame.
    """

    def __init__(self, folder: Path, clock: Clock, receiver: str = "http://127.0.0.1:9/out") -> None:
        self.receiver = receiver
        super().__init__(folder, clock)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        write = {
            "session_groups.toml": GROUPS,
            "purposes/desk.toml": PURPOSE.replace("@ID@", "desk").replace("@ASK@", ""),
            "purposes/quiet.toml": PURPOSE.replace("@ID@", "quiet").replace("@ASK@", 'ask = "remember(P180D)"'),
        }
        more = {
            "desk": f'backchannel_logout_uri = "{self.receiver}"\nnetworks = ["127.0.0.0/8"]\n{REFRESHES}',
            "library": f'frontchannel_logout_uri = "{self.city_base}/library/out"',
            "permits": '[attributes]\nbirthdate = "age_over(18)"\naddress = "resident_of(Storkhaven)"',
        }
        for name, (purpose, group) in SERVICES.items():
            text = PARTY.replace("@PURPOSE@", purpose).replace("@GROUP@", group).replace("@MORE@", more.get(name, ""))
            text = text.replace("@ID@", name).replace("@CITY@", self.city_base)
            write[f"parties/{name}.toml"] = text.replace("@HASH@", hashlib.sha256(SECRET.encode()).hexdigest())
        for file, text in write.items():
            (self.receiving / file).write_text(text, encoding="utf-8")


class Member(Visitor):
    """A citizen's browser before services that share a sign-in. Lax cookies stay at home where another site posts."""

    def asks_for(self, service: str, **changes: str | None) -> Answer:
        """A service's request, by a link."""
        return self.authorize(client_id=service, scope=f"openid purpose:{SERVICES[service][0]}", **changes)

    def signs_in_for(self, service: str, citizen: str = "mari", **changes: str) -> str:
        """The whole way by the list of countries, approved: the code."""
        wanted = {"client_id": service, "scope": f"openid purpose:{SERVICES[service][0]}", **changes}
        return self.decides(self.question(citizen, **wanted)).back["code"]

    def tokens(self, service: str, code: str | None, **changes: str | None) -> Answer:
        """The token endpoint's answer to this service."""
        redirect = f"{self.stage.city_base}/{service}/callback"
        pair = base64.b64encode(f"{service}:{quote(SECRET, safe='')}".encode()).decode()
        return self.redeem(code, **{"authorization": f"Basic {pair}", "redirect_uri": redirect, **changes})

    def claims(self, service: str, code: str) -> dict[str, Json]:
        """The claims of the id_token that the code brings."""
        return claims_of(self.id_token(service, code))

    def id_token(self, service: str, code: str) -> str:
        answer = self.tokens(service, code)
        assert answer.status == 200, answer.text
        return str(json.loads(answer.text)["id_token"])

    def returns(self, fields: Mapping[str, str], **headers: str | None) -> Answer:
        jar = {name: value for name, value in self.jar.items() if not name.startswith("__Host-session-")}
        return self.comes_back("/saml/acs", self.stage.country_base, fields, headers, jar)


def claims_of(token: str) -> dict[str, Json]:
    """The claims of a token, unverified."""
    found = json.loads(from_base64url(token.split(".")[1]))
    assert isinstance(found, dict)
    return found


SharedT = TypeVar("SharedT", bound=SharedStage)


def emptied(running: SharedT) -> Iterator[SharedT]:
    """The stage without a session or an approval of another test, and with a clock that stands."""
    for found in fresh(running):
        found.clock.stand()
        with found.application.store.engine.begin() as connection:
            for table in (tables.approvals, tables.sessions, tables.participants, tables.logouts):
                connection.execute(delete(table))
        yield found


def outcomes(page: Answer) -> dict[str, str]:
    """A logout's page says of each service what became of it."""
    names, found = page.found("//li[@data-outcome]/strong/bdi/text()"), page.found("//li/@data-outcome")
    return dict(zip(names, found, strict=True))
