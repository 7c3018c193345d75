"""The side of the OpenID conformance suite: its clients, registered at a stage, and what it checks of each answer.

The suite itself is a program in Java. Its modules are written again here, under their names, over HTTP against a running
broker: `test_basic.py` and its neighbours have a test for each module, or a parameter where modules differ by little.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import base64url, verify
from connectors.wire.claims import Json
from idp.demo.citizens import Citizen
from idp.demo.scene import write_jwks
from idp.keys.file import FileSigner, create_token_key, load_signer
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Answer, Visitor, login_of, query_of

SCOPE = "openid purpose:conformance"
PHONE = "+37255500100"
# RFC 6749 §2.3.1, and in the suite's own spirit a secret that has to be encoded
SECRET = "a secret of the suite: 50% +/&="
BASIC, POST, SECOND, KEYED, FAPI2, FAPI2_SECOND = (
    "suite-basic",
    "suite-post",
    "suite-second",
    "suite-keyed",
    "fapi2",
    "fapi2-second",
)
FAPI2_SIGNED = "fapi2-signed"
PURPOSE = """\
id = "conformance"
basis = "public_task"
minimum_assurance = "low"
title.en = "Conformance"
law.en = "Made up for a test"

[controller]
name.en = "City of Storkhaven"
contact = "privacy@storkhaven.example"
"""
ATTRIBUTES = ("family_name", "given_name", "birthdate", "address", "email", "phone_number")
SECRET_PARTY = """\
token_endpoint_auth_method = "{method}"
client_secret_sha256 = "{secret}"
id_token_signed_response_alg = "RS256"
pkce = "optional"
grant_types = ["authorization_code", "refresh_token"]
"""
KEY_PARTY = """\
token_endpoint_auth_method = "private_key_jwt"
jwks = "parties/{client}.jwks.json"
grant_types = ["authorization_code", "refresh_token"]
"""
FAPI2_PARTY = KEY_PARTY + 'profile = "fapi2"\ndpop_bound_access_tokens = true\n'
SIGNED_PARTY = FAPI2_PARTY + 'require_signed_request_object = true\nrequest_object_signing_alg = "ES256"\n'


class Reachable(Citizen):
    """A citizen whose country knows their telephone number, too."""

    @property
    def wire(self) -> dict[str, str]:
        return {**Citizen.wire.__get__(self), "urn:oid:2.5.4.20": PHONE}


def callback(client: str) -> str:
    """The redirect address of a client; nobody listens there, the suite reads the answer on its way."""
    return f"https://suite.example/{client}/callback"


class SuiteStage(Stage):
    """The stage with the suite's clients, whose purpose needs all that the standard scopes can ask for."""

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        folder = self.receiving
        needs = "".join(
            f'\n[attributes.{name}]\nform = "exact"\nrequired = false\nwhy.en = "To be tested."\n' for name in ATTRIBUTES
        )
        (folder / "purposes" / "conformance.toml").write_text(PURPOSE + needs, encoding="utf-8")
        hashed = hashlib.sha256(SECRET.encode()).hexdigest()
        for client, method in (
            (BASIC, "client_secret_basic"),
            (POST, "client_secret_post"),
            (SECOND, "client_secret_basic"),
        ):
            self._register(client, SECRET_PARTY.format(method=method, secret=hashed))
        self.keys: dict[str, FileSigner] = {}
        for client, text in (
            (KEYED, KEY_PARTY),
            (FAPI2, FAPI2_PARTY),
            (FAPI2_SECOND, FAPI2_PARTY),
            (FAPI2_SIGNED, SIGNED_PARTY),
        ):
            create_token_key(folder.parent / f"{client}.pem", "ES256")
            self.keys[client] = load_signer(folder.parent / f"{client}.pem")
            write_jwks(folder / "parties" / f"{client}.jwks.json", self.keys[client])
            self._register(client, text.format(client=client))
        provider = folder / "providers" / "demo-ee.toml"
        text = provider.read_text(encoding="utf-8")
        provider.write_text(text + '"urn:oid:2.5.4.20" = "phone_number"\n', encoding="utf-8")
        mari = self.country._citizens["mari"]
        self.country._citizens["mari"] = Reachable(mari.key, mari.about, mari.loa, mari.attributes)

    def _register(self, client: str, more: str) -> None:
        attributes = "".join(f'{name} = "exact"\n' for name in ATTRIBUTES)
        head = (
            f'client_id = "{client}"\ntitle.en = "Suite"\nsector = "suite"\n'
            f'redirect_uris = ["{callback(client)}"]\npurposes = ["conformance"]\n'
        )
        (self.receiving / "parties" / f"{client}.toml").write_text(
            f"{head}{more}\n[attributes]\n{attributes}", encoding="utf-8"
        )


@dataclass
class Suite:
    """One run of a module: a browser, and a client that asks in one response mode."""

    visitor: Visitor
    mode: str = ""
    client: str = BASIC
    # of the request that was sent last
    sent: dict[str, str] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return self.visitor.stage.issuer

    def request(self, **changes: str | None) -> dict[str, str]:
        """An authorization request of the suite's usual kind, but for `changes`; None leaves one out."""
        wanted: dict[str, str | None] = {
            "client_id": self.client,
            "redirect_uri": callback(self.client),
            "scope": SCOPE,
            "state": secrets.token_urlsafe(8),
            "nonce": secrets.token_urlsafe(8),
            "response_type": "code",
            **({"response_mode": self.mode} if self.mode else {}),
            **changes,
        }
        self.sent = {name: value for name, value in wanted.items() if value is not None}
        return self.sent

    def authorize(self, **changes: str | None) -> Answer:
        return self.visitor.go("GET", "/authorize?" + urlencode(self.request(**changes), quote_via=quote))

    def refusal(self, answer: Answer) -> dict[str, str]:
        """The error that an answer takes back to the client, with its state and our issuer."""
        if answer.status == 303:
            assert answer.headers["location"].startswith(callback(self.client) + "?")
            found = query_of(answer.headers["location"])
        else:
            assert answer.status == 200
            found = answer.fields
        assert found["iss"] == self.issuer
        assert found.get("state") == self.sent.get("state")
        return found

    def signs_in(self, picker: Answer, citizen: str = "mari") -> dict[str, str]:
        """From our first page to the answer at the redirect address, everything approved: its parameters."""
        assert picker.status == 200, picker.text
        visitor = self.visitor
        question = visitor.returns(visitor.signs_in(visitor.asked(login_of(picker)), citizen))
        assert question.status == 200, question.text
        ticks = dict.fromkeys(question.found("//input[@type='checkbox']/@name"), "on")
        values = question.found("//input[@type='checkbox']/@value")
        leaving = visitor.decides(question, ticked=dict(zip(ticks, values, strict=True)))
        assert leaving.status == (200 if self.mode == "form_post" else 303), leaving.text
        if self.mode == "form_post":
            (action,) = leaving.found("//form[@method='post']/@action")
            assert action == callback(self.client)
            found = leaving.fields
        else:
            found = leaving.back
        assert found["iss"] == self.issuer
        assert found.get("state") == self.sent.get("state")
        return found

    def code(self, **changes: str | None) -> str:
        """A whole sign-in: its code."""
        return self.signs_in(self.authorize(**changes))["code"]

    def redeem(self, code: str, *, client: str = "", **changes: str) -> Answer:
        """The token endpoint, with the registered secret."""
        name = client or self.client
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": callback(name), **changes}
        return self.called(name, fields)

    def refresh(self, token: str, client: str = "") -> Answer:
        return self.called(client or self.client, {"grant_type": "refresh_token", "refresh_token": token})

    def called(self, name: str, fields: dict[str, str]) -> Answer:
        """The token endpoint, as this client calls it."""
        if name == POST:
            fields |= {"client_id": name, "client_secret": SECRET}
            return self.visitor.go("POST", "/token", fields=fields, headers=DIRECT, jar={})
        pair = f"{quote(name, safe='')}:{quote(SECRET, safe='')}"
        basic = "Basic " + base64.b64encode(pair.encode()).decode()
        return self.visitor.go("POST", "/token", fields=fields, headers={**DIRECT, "authorization": basic}, jar={})

    def tokens(self, code: str, **changes: str) -> "Tokens":
        """The tokens of a code, with all that the suite checks of them."""
        answer = self.redeem(code, **changes)
        assert answer.status == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-type"] == "application/json"
        assert str(answer.json["token_type"]).lower() == "bearer"
        access = str(answer.json["access_token"])
        return Tokens(access, self.claims(str(answer.json["id_token"]), access), answer)

    def claims(self, id_token: str, access: str, alg: str = "RS256") -> Mapping[str, Json]:
        """The claims of an id_token, validated as a relying party does (OpenID Connect Core §3.1.3.7)."""
        jwks = self.visitor.go("GET", "/jwks", headers=DIRECT).text
        found = verify(id_token, keys_from_jwks(jwks, alg), alg=alg, types={"JWT"}).members
        now = self.visitor.stage.clock()
        assert found["iss"] == self.issuer
        assert found["aud"] == self.client
        assert found["sub"]
        assert len(str(found["sub"])) <= 255
        assert isinstance(found["exp"], int)
        assert isinstance(found["iat"], int)
        assert found["iat"] - 5 <= now < found["exp"]
        assert found.get("nonce") == self.sent.get("nonce")
        left = hashlib.sha256(access.encode()).digest()[:16]
        assert found["at_hash"] == base64url(left)
        return found

    def userinfo(self, tokens: "Tokens") -> Mapping[str, object]:
        """Userinfo by GET: the same subject."""
        answer = self.visitor.userinfo(tokens.access)
        assert answer.status == 200
        assert answer.json["sub"] == tokens.claims["sub"]
        return answer.json

    def discovery(self) -> dict[str, object]:
        return dict(self.visitor.go("GET", "/.well-known/openid-configuration", headers=DIRECT).json)


@dataclass(frozen=True)
class Tokens:
    """A token answer whose id_token holds."""

    access: str
    claims: Mapping[str, Json]
    answer: Answer
