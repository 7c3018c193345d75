"""A registration whose userinfo is signed: over HTTP, by GET and POST, under the published keys."""

from pathlib import Path
from typing import cast

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, KeySetSerialization

from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Visitor

PARTY = "parties/parking.toml"
SIGNED = {PARTY: ('sector = "', 'userinfo_signed_response_alg = "ES256"\nsector = "')}


@pytest.mark.spec("OpenID Connect Core §5.3.2")
def test_userinfo_is_a_jwt_by_get_and_by_post_and_its_errors_stay_json(
    visitor: Visitor, stage: Stage, tmp_path: Path
) -> None:
    with stage.other_broker(tmp_path / "b", SIGNED) as visitor.port:
        token = str(visitor.redeem(visitor.code()).json["access_token"])
        found = cast(KeySetSerialization, visitor.go("GET", "/jwks", headers=DIRECT).json)  # or the import fails
        published = KeySet.import_key_set(found)
        got = visitor.userinfo(token)
        posted = visitor.go("POST", "/userinfo", fields={"access_token": token}, headers=DIRECT, jar={})
        refused = visitor.userinfo("none")
    for answer in (got, posted):
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/jwt"
        assert answer.headers["cache-control"] == "no-store"
        claims = jwt.decode(answer.text, published, algorithms=["ES256"]).claims
        assert (claims["iss"], claims["aud"], claims["age_over_18"]) == (stage.issuer, "parking", True)
    assert (refused.status, refused.json["error"]) == (401, "invalid_token")
