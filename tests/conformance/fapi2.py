"""A client of the plan fapi2-security-profile-final: pushed requests, PKCE, private_key_jwt and DPoP."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from connectors.signatures.jwk import keys_from_jwks
from connectors.signatures.jws import base64url, sign, verify
from connectors.wire.claims import Json
from tests.conformance.suite import FAPI2, SCOPE, SuiteStage, callback
from tests.connectors_jws.dpop_doubles import Sender
from tests.idp.web.visitor import CHALLENGE, DIRECT, VERIFIER, Answer, Visitor, login_of

JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Profile:
    """One run of a module: a browser, a client of the profile and its key for DPoP."""

    visitor: Visitor
    stage: SuiteStage
    client: str = FAPI2
    sender: Sender = field(default_factory=Sender)
    nonce: str = ""
    sent: dict[str, str] = field(default_factory=dict)

    def assertion(self, **changes: Json) -> str:
        """A client assertion that holds, but for `changes`; None leaves a claim out."""
        now = self.stage.clock()
        claims: dict[str, Json] = {
            "iss": self.client,
            "sub": self.client,
            "aud": self.stage.issuer,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + 60,
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return sign(kept, self.stage.keys[self.client], alg="ES256", typ="JWT")

    def proof(self, path: str, *, method: str = "POST", token: str = "", **changes: Json) -> str:
        """A proof of this client's key, with the nonce that was asked for last."""
        return self.proof_with(changes, path, method=method, token=token)

    def proof_with(self, changes: Mapping[str, Json], path: str, *, method: str = "POST", token: str = "") -> str:
        """The same, for changes that lie in a mapping."""
        more: dict[str, Json] = {
            "jti": secrets.token_urlsafe(12),
            **({"nonce": self.nonce} if self.nonce else {}),
            **changes,
        }
        address = f"{self.stage.issuer}{path}"
        return self.sender.proof_with(more, address, self.stage.clock(), method=method, token=token)

    def request(self, **changes: str | None) -> dict[str, str]:
        """An authorization request of the profile, but for `changes`."""
        wanted: dict[str, str | None] = {
            "client_id": self.client,
            "redirect_uri": callback(self.client),
            "response_type": "code",
            "scope": SCOPE,
            "state": secrets.token_urlsafe(8),
            "nonce": secrets.token_urlsafe(8),
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        self.sent = {name: value for name, value in wanted.items() if value is not None}
        return self.sent

    def call(
        self,
        path: str,
        fields: Mapping[str, str],
        *,
        assertion: str | None = None,
        proof: str | None = None,
        method: str = "POST",
    ) -> Answer:
        """An endpoint, as the client calls it; "" sends no assertion. A nonce that the answer brings is kept."""
        made = self.assertion() if assertion is None else assertion
        proven = {"client_assertion_type": JWT_BEARER, "client_assertion": made} if made else {}
        headers = {**DIRECT, **({"dpop": proof} if proof else {})}
        answer = self.visitor.go(method, path, fields={**fields, **proven}, headers=headers, jar={})
        self.nonce = answer.headers.get("dpop-nonce", self.nonce)
        return answer

    def push(self, *, assertion: str | None = None, proof: str | None = None, **changes: str | None) -> Answer:
        return self.call("/par", self.request(**changes), assertion=assertion, proof=proof)

    def reference(self, **changes: str | None) -> str:
        """The request_uri of a request that was pushed."""
        pushed = self.push(**changes)
        assert pushed.status == 201, pushed.text
        assert isinstance(pushed.json["expires_in"], int)
        assert 5 <= pushed.json["expires_in"] < 600
        return str(pushed.json["request_uri"])

    def authorize(self, request_uri: str, client: str = "", **more: str) -> Answer:
        """The browser's way: client_id and request_uri alone."""
        asked = {"client_id": client or self.client, "request_uri": request_uri, **more}
        return self.visitor.go("GET", "/authorize?" + urlencode(asked, quote_via=quote))

    def signs_in(self, picker: Answer, choice: str = "approve") -> dict[str, str]:
        """To the answer at the redirect address."""
        assert picker.status == 200, picker.text
        visitor = self.visitor
        question = visitor.returns(visitor.signs_in(visitor.asked(login_of(picker))))
        assert question.status == 200, question.text
        found = visitor.decides(question, choice).back
        assert found["iss"] == self.stage.issuer
        assert found.get("state") == self.sent.get("state")
        return found

    def code(self, **changes: str | None) -> str:
        return self.signs_in(self.authorize(self.reference(**changes)))["code"]

    def redeem(self, code: str, *, assertion: str | None = None, proof: str | None = None, **changes: str | None) -> Answer:
        """The token endpoint, with a proof and the nonce that it asks for; `proof` "" sends none."""
        wanted: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": callback(self.client),
            "code_verifier": VERIFIER,
            **changes,
        }
        fields = {name: value for name, value in wanted.items() if value is not None}
        answer = self.call("/token", fields, assertion=assertion, proof=self.proof("/token") if proof is None else proof)
        if proof is None and answer.json.get("error") == "use_dpop_nonce":
            assert answer.status == 400
            answer = self.call("/token", fields, assertion=assertion, proof=self.proof("/token"))
        return answer

    def tokens(self, code: str) -> dict[str, object]:
        """The tokens of a code: bound to the key, with an id_token that holds."""
        answer = self.redeem(code)
        assert answer.status == 200, answer.text
        assert answer.json["token_type"] == "DPoP"
        jwks = self.visitor.go("GET", "/jwks", headers=DIRECT).text
        claims = verify(str(answer.json["id_token"]), keys_from_jwks(jwks, "ES256"), alg="ES256", types={"JWT"}).members
        assert (claims["iss"], claims["aud"]) == (self.stage.issuer, self.client)
        assert claims.get("nonce") == self.sent.get("nonce")
        left = hashlib.sha256(str(answer.json["access_token"]).encode()).digest()[:16]
        assert claims["at_hash"] == base64url(left)
        return {**answer.json, "sub": claims["sub"]}

    def userinfo(self, token: str, *, scheme: str = "DPoP", proof: str | None = None) -> Answer:
        made = self.proof("/userinfo", method="GET", token=token) if proof is None else proof
        headers = {**DIRECT, "authorization": f"{scheme} {token}", **({"dpop": made} if made else {})}
        return self.visitor.go("GET", "/userinfo", headers=headers, jar={})
