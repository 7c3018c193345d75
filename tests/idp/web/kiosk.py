"""A stage with a kiosk, and the kiosk's own side: it asks for a code, shows it, and polls."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from idp.keys.file import FileSigner
from policies.registrations.openid_client import DEVICE_CODE
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Answer, Visitor

KIOSK, SECRET, PLACE = "hall-kiosk", "a-made-up-secret-of-a-kiosk-in-a-hall-0123", "Town hall, ground floor"
PARTY = f"""\
client_id = "{KIOSK}"
title.en = "Town hall kiosk"
sector = "hall"
grant_types = ["{DEVICE_CODE}"]
place.en = "{PLACE}"
purposes = ["kiosk-permit", "resident-parking"]
token_endpoint_auth_method = "client_secret_post"
client_secret_sha256 = "{hashlib.sha256(SECRET.encode()).hexdigest()}"

[attributes]
birthdate = "age_over(18)"
"""
PURPOSE = """\
id = "kiosk-permit"
title.en = "A permit at the kiosk"
basis = "consent"
minimum_assurance = "low"
cross_device = true
law.en = "Made up for a test"

[controller]
name.en = "City of Storkhaven"
contact = "privacy@storkhaven.example"

[attributes.birthdate]
form = "age_over(18)"
required = true
why.en = "Permits are for adults."
"""


class KioskStage(Stage):
    """A `Stage` with a kiosk in the town hall."""

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        (self.receiving / "parties" / f"{KIOSK}.toml").write_text(PARTY, encoding="utf-8")
        (self.receiving / "purposes" / "kiosk-permit.toml").write_text(PURPOSE, encoding="utf-8")


@dataclass(frozen=True)
class Codes:
    """The two codes that a kiosk was given."""

    device_code: str
    user_code: str


class Kiosk:
    """The program of a kiosk. It has no browser of the citizen's."""

    def __init__(self, visitor: Visitor) -> None:
        self._http = visitor

    def asks(self, **changes: str | None) -> Answer:
        wanted = {"client_id": KIOSK, "client_secret": SECRET, "scope": "openid purpose:kiosk-permit", **changes}
        return self._posts("/device_authorization", wanted)

    def codes(self, **changes: str | None) -> Codes:
        answer = self.asks(**changes)
        assert answer.status == 200, answer.text
        return Codes(str(answer.json["device_code"]), str(answer.json["user_code"]))

    def polls(self, codes: Codes, **changes: str | None) -> Answer:
        wanted = {"client_id": KIOSK, "client_secret": SECRET, "grant_type": DEVICE_CODE}
        return self._posts("/token", {**wanted, "device_code": codes.device_code, **changes})

    def hears(self, codes: Codes) -> str:
        """The error of a poll in the next interval; "" for none."""
        self._http.stage.clock.ahead += 5
        return str(self.polls(codes).json.get("error", ""))

    def _posts(self, path: str, wanted: Mapping[str, str | None]) -> Answer:
        fields = {name: value for name, value in wanted.items() if value is not None}
        return self._http.go("POST", path, fields=fields, headers=DIRECT, jar={})


def types(visitor: Visitor, code: str, **headers: str | None) -> Answer:
    """The citizen types the code at /device."""
    return visitor.go("POST", "/device", fields={"user_code": code, "language": "en"}, headers=headers)


def goes_on(visitor: Visitor, confirm: Answer) -> Answer:
    """They stand there, and sign in: the picker."""
    (action,) = confirm.found("//main//form/@action")
    return visitor.go("POST", action, fields=confirm.fields)
