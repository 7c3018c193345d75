"""verified_claims over HTTP: the page shows the attribute, and the answer says who vouches for it."""

import json
from pathlib import Path

from tests.idp.web.stage import Stage
from tests.idp.web.visitor import Visitor

CLAIMS = json.dumps(
    {
        "userinfo": {
            "verified_claims": {
                "verification": {"trust_framework": {"value": "eidas"}, "assurance_level": None, "time": None},
                "claims": {"age_over_18": None, "resident_of": {"value": "Storkhaven"}},
            }
        }
    }
)
SCOPE = "openid purpose:resident-parking"
NOTIFIED = {"providers/demo-ee.toml": ('id = "demo-ee"', 'id = "demo-ee"\nnotified = true')}


def test_a_notified_scheme_vouches_for_what_the_citizen_approved(visitor: Visitor, stage: Stage, tmp_path: Path) -> None:
    with stage.other_broker(tmp_path / "b", NOTIFIED) as visitor.port:
        page = visitor.question(scope=SCOPE, claims=CLAIMS)
        assert "18" in page.text, "the attribute is shown as any other"
        code = visitor.decides(page).back["code"]
        found = visitor.userinfo(str(visitor.redeem(code).json["access_token"])).json
    assert set(found) == {"sub", "verified_claims"}, "and nothing beside it"
    verified = found["verified_claims"]
    assert isinstance(verified, dict)
    assert verified["claims"] == {"age_over_18": True, "resident_of": {"Storkhaven": True}}
    assert set(verified["verification"]) == {"trust_framework", "assurance_level", "time"}
    assert verified["verification"]["assurance_level"] == "high"


def test_a_scheme_that_is_not_notified_vouches_for_nothing(visitor: Visitor) -> None:
    code = visitor.code(scope=SCOPE, claims=CLAIMS)
    found = visitor.userinfo(str(visitor.redeem(code).json["access_token"])).json
    assert set(found) == {"sub"}
