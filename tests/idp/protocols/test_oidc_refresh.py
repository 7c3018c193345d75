"""Refresh tokens: what a refresh gives, once or the same again, and what ends a family."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, KeySetSerialization

from connectors.signatures.jws import base64url, from_base64url
from idp.login.approvals import ApprovalStanding
from idp.login.states import Approved, Judged
from idp.ports import ApprovalRows, Unit
from idp.protocols.oidc.direct import DirectRequest, JsonAnswer
from idp.protocols.oidc.families import family_of
from idp.protocols.oidc.refresh_grant import GRACE
from policies.assurance import LevelOfAssurance
from policies.parties import ClientId, ProviderId, RelyingParty, ServiceId, Tenant
from policies.registrations.client_tokens import REFRESH_LIFE, TokenChoices
from policies.registrations.openid_client import OpenIDClient
from policies.release import Decision
from tests.connectors_jws.dpop_doubles import Sender
from tests.idp.protocols.doubles import (
    ISSUER,
    NOW,
    PARKING,
    TENANT,
    City,
    accepted,
    asking,
    basic,
    grant,
    party,
    posted,
    redemption,
)

REFRESHES = OpenIDClient(grant_types=("authorization_code", "refresh_token"))
ENDPOINT = f"{ISSUER}/token"
# Verified of a sign-in of the last minute; that of the tests is of half a minute ago
YOUNG = {
    "verification": {"trust_framework": {"value": "eidas"}, "time": {"max_age": 60}},
    "claims": {"given_name": None},
}
APPROVED = Approved(subject=b"s" * 32, given=0, policy="00", notice="11")
REMEMBERED = replace(APPROVED, given=NOW)


def city(*, offline: bool = False, client: RelyingParty | None = None) -> City:
    made = City(client or party(openid=REFRESHES), party("fare", openid=REFRESHES), party("plain"))
    made.purposes[PARKING] = replace(made.purposes[PARKING], offline=offline)
    if offline:
        remembered(made, NOW)
    return made


def signed_in(
    made: City, approved: Approved | None = None, client: str = "parking", asked: str = "{}", **changes: object
) -> JsonAnswer:
    """The answer to the code of a sign-in that asked for offline_access, and for what `asked` says more."""
    usual = REMEMBERED if made.purposes[PARKING].offline else APPROVED
    found = grant(client, approved=approved or usual, **changes)
    protocol = json.loads(found.origin.protocol)
    origin = replace(found.origin, protocol=json.dumps({**protocol, "offline": True, **json.loads(asked)}))
    return made.provider.token(posted(redemption(made.code(replace(found, origin=origin))), basic(client)), NOW)


def refresh(made: City, token: object, now: int = NOW + 1, *, client: str = "parking", **fields: str) -> JsonAnswer:
    form = {"grant_type": "refresh_token", "refresh_token": str(token), **fields}
    return made.provider.token(posted(form, basic(client)), now)


def token_of(answer: JsonAnswer) -> str:
    assert answer.status == 200, answer.body
    return str(answer.body["refresh_token"])


def refused(answer: JsonAnswer, error: str = "invalid_grant") -> bool:
    return (answer.status, answer.body.get("error")) == (400, error)


def userinfo(made: City, answer: JsonAnswer, now: int = NOW + 1) -> JsonAnswer:
    return made.provider.userinfo(asking(f"Bearer {answer.body['access_token']}"), now)


def claims(made: City, answer: JsonAnswer) -> Mapping[str, object]:
    keys = KeySet.import_key_set(cast(KeySetSerialization, made.provider.jwks(NOW).body))
    return dict(jwt.decode(str(answer.body["id_token"]), keys, algorithms=["ES256"]).claims)


@pytest.mark.spec("OpenID Connect Core §11")
def test_only_a_request_for_it_by_a_client_that_has_it_leaves_a_refresh_token() -> None:
    made = city()
    answer = signed_in(made)
    assert answer.body["scope"] == "openid purpose:parking offline_access"
    assert token_of(answer)
    without = made.provider.token(posted(redemption(made.code(grant(approved=APPROVED), b"i" * 32)), basic()), NOW)
    assert "refresh_token" not in without.body
    assert without.body["scope"] == "openid purpose:parking"
    assert "refresh_token" not in signed_in(city(), client="plain").body
    for scope, wanted in (("openid purpose:parking offline_access", True), ("openid purpose:parking", False)):
        asked = accepted(made, scope=scope)
        assert json.loads(asked.origin.protocol)["offline"] is wanted


@pytest.mark.spec("OpenID Connect Core §12.2")
@pytest.mark.parametrize("everything", [False, True])
def test_a_refresh_gives_who_and_when_and_no_value(everything: bool) -> None:  # noqa: FBT001 # a table's column
    made = city(client=party(openid=REFRESHES, claims_in_id_token=everything))
    first = signed_in(made)
    assert userinfo(made, first).body["given_name"] == "Kärt-Canary-Example"
    assert claims(made, first)["nonce"]
    second = refresh(made, token_of(first), NOW + 400)
    assert set(second.body) == {"access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token"}
    assert userinfo(made, second, NOW + 401).body == {"sub": "3JZ4KUQW2D7M"}
    told = {name: value for name, value in claims(made, second).items() if name not in {"iat", "exp", "at_hash"}}
    assert told == {
        "iss": ISSUER,
        "sub": "3JZ4KUQW2D7M",
        "aud": "parking",
        "auth_time": NOW - 30,
        "acr": LevelOfAssurance.SUBSTANTIAL.uri,
    }
    assert not any(unit.record for unit in made.store.units), "no value went, so nothing was released"


@pytest.mark.spec("OpenID Connect Core §12")
def test_an_offline_purpose_releases_the_same_again_with_a_record_of_its_own() -> None:
    made = city(offline=True)
    first = signed_in(made)
    second = refresh(made, token_of(first))
    assert userinfo(made, second).body == userinfo(made, first).body
    unit = made.store.units[-1]
    assert unit.record is not None
    assert unit.record.subject == APPROVED.subject
    openings = {one.compartment: json.loads(one.content) for one in unit.record.openings}
    assert openings["decision"]["path"] == "offline"
    assert openings["decision"]["notice"] == "11"
    assert [name for name, _ in openings["sent"]["names"]] == ["address", "birthdate", "given_name"]
    assert [row.kind for row in unit.parked] == ["access", "refresh"], "record and tokens are one unit"
    third = refresh(made, token_of(second))
    assert userinfo(made, third).body == userinfo(made, first).body


@pytest.mark.spec("OpenID Identity Assurance §6", "decisions.md H")
def test_the_record_of_an_offline_release_names_no_verified_claim_that_is_left_out() -> None:
    made = city(offline=True)
    protocol = json.loads(accepted(made, claims=json.dumps({"userinfo": {"verified_claims": YOUNG}})).origin.protocol)
    first = signed_in(made, asked=json.dumps({name: protocol[name] for name in ("verified", "only_verified")}))
    second = refresh(made, token_of(first), NOW + 1)
    third = refresh(made, token_of(second), NOW + 40)
    for answer, when, wanted in ((second, NOW + 1, ["given_name"]), (third, NOW + 40, [])):
        claims = userinfo(made, answer, when).body
        assert ("verified_claims" in claims, "given_name" in claims) == (bool(wanted), False)
        unit = next(unit for unit in made.store.units if unit.record and unit.record.time == when)
        assert unit.record is not None
        sent = next(json.loads(one.content) for one in unit.record.openings if one.compartment == "sent")
        assert [name for name, _ in sent["names"]] == ["address", "birthdate", *wanted]


@pytest.mark.spec("RFC 6749 §6")
def test_a_scope_of_a_refresh_only_takes_away() -> None:
    made = city(offline=True)
    less = refresh(made, token_of(signed_in(made)), scope="openid")
    assert userinfo(made, less).body == {"sub": "3JZ4KUQW2D7M"}
    assert not made.store.units[-1].record
    assert refused(refresh(made, token_of(less), scope="openid purpose:fare"), "invalid_scope")
    whole = refresh(made, token_of(less), scope="openid purpose:parking")
    assert userinfo(made, whole).body["given_name"] == "Kärt-Canary-Example"


@pytest.mark.spec("decisions.md H")
def test_nothing_goes_again_for_an_approval_that_nobody_could_take_back() -> None:
    made = city(offline=True)
    second = refresh(made, token_of(signed_in(made, APPROVED)))
    assert userinfo(made, second).body == {"sub": "3JZ4KUQW2D7M"}
    assert not any(unit.record for unit in made.store.units)


def test_values_stay_behind_once_the_purpose_says_something_else_than_the_citizen_read() -> None:
    for change in ({"offline": False}, {"digest": "01"}):
        made = city(offline=True)
        first = signed_in(made)
        made.purposes[PARKING] = replace(made.purposes[PARKING], **change)
        second = refresh(made, token_of(first))
        assert userinfo(made, second).body == {"sub": "3JZ4KUQW2D7M"}
        made.purposes[PARKING] = replace(made.purposes[PARKING], offline=True, digest="00")
        assert userinfo(made, refresh(made, token_of(second))).body == {"sub": "3JZ4KUQW2D7M"}, "they are gone"


@pytest.mark.spec("RFC 9700 §4.14.2")
def test_each_refresh_gives_a_new_token_and_reuse_ends_the_family() -> None:
    made = city()
    first = signed_in(made)
    second = refresh(made, token_of(first), NOW + 10)
    third = refresh(made, token_of(second), NOW + 20)
    assert len({token_of(one) for one in (first, second, third)}) == 3
    assert refused(refresh(made, token_of(first), NOW + 10 + GRACE + 1))
    assert refused(refresh(made, token_of(third), NOW + 25))
    for answer in (first, second, third):
        assert userinfo(made, answer, NOW + 25).status == 401


@pytest.mark.spec("RFC 9700 §4.14.2")
def test_whoever_comes_again_within_ten_seconds_gets_the_same_answer() -> None:
    made = city(offline=True)
    token = token_of(signed_in(made))
    first, again = refresh(made, token, NOW + 1), refresh(made, token, NOW + 1 + GRACE)
    assert {**first.body, "id_token": "", "expires_in": 0} == {**again.body, "id_token": "", "expires_in": 0}
    assert cast(int, first.body["expires_in"]) - cast(int, again.body["expires_in"]) == GRACE
    assert sum(unit.record is not None for unit in made.store.units) == 1, "one release, one record"
    assert userinfo(made, refresh(made, token_of(again), NOW + 12), NOW + 12).status == 200
    assert refused(refresh(made, token, NOW + 2 + GRACE))


def test_two_requests_at_once_get_one_answer() -> None:
    made = city()
    token = token_of(signed_in(made))
    others: list[JsonAnswer] = []
    seen, row = made.store.parked, hashlib.sha256(from_base64url(token)).digest()

    def parked(tenant: Tenant, kind: str, digest: bytes, now: int) -> bytes:
        # Both have read the row before either has written
        found = seen(tenant, kind, digest, now)
        if digest == row:
            made.store.parked = seen  # type: ignore[method-assign] # as it was
            others.append(refresh(made, token))
        return found

    made.store.parked = parked  # type: ignore[method-assign] # between a read and its write
    mine = refresh(made, token)
    assert token_of(mine) == token_of(others[0])
    assert mine.body["access_token"] == others[0].body["access_token"]


@pytest.mark.spec("RFC 6749 §10.4")
def test_a_refresh_token_is_of_one_client() -> None:
    made = city()
    token = token_of(signed_in(made))
    assert refused(refresh(made, token, client="fare"))
    assert refused(refresh(made, token, client="plain"), "unauthorized_client")
    second = refresh(made, token)
    assert token_of(second), "who may not have it ends nothing"
    assert refused(refresh(made, token, client="fare"))
    assert refresh(made, token_of(second)).status == 200, "nor by a token that was used"


@pytest.mark.spec("RFC 6749 §10.5")
def test_a_code_that_comes_twice_ends_the_family() -> None:
    made = city()
    answer = signed_in(made)
    # However late: the family outlives the access token
    assert refused(made.provider.token(posted(redemption(base64url(b"h" * 32)), basic()), NOW + 86_000))
    assert refused(refresh(made, token_of(answer), NOW + 86_001))


ENDS = {
    "suspended": lambda made: made.suspended.add(ClientId("parking")),
    "the source": lambda made: made.providers.discard(ProviderId("ee")),
    "the purpose": lambda made: made.purposes.pop(PARKING),
    "its registration for the purpose": lambda made: made.parties.update(
        {ClientId("parking"): party(openid=REFRESHES, purposes=())}
    ),
    "its address": lambda made: made.parties.update(
        {ClientId("parking"): party(openid=REFRESHES, redirect_uris=("https://other.example/",))}
    ),
    "the level": lambda made: made.purposes.update(
        {PARKING: replace(made.purposes[PARKING], minimum_assurance=LevelOfAssurance.HIGH)}
    ),
}


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize("what", ENDS)
def test_what_the_sign_in_rested_on_is_read_again_and_ends_the_family(what: str) -> None:
    made = city(offline=True)
    token = token_of(signed_in(made))
    kept = dict(made.purposes), dict(made.parties), set(made.providers)
    ENDS[what](made)
    records = sum(unit.record is not None for unit in made.store.units)
    assert refused(refresh(made, token))
    assert sum(unit.record is not None for unit in made.store.units) == records
    made.purposes.update(kept[0])
    made.parties.update(kept[1])
    made.providers.update(kept[2])
    made.suspended.clear()
    assert refused(refresh(made, token)), "nothing brings it back"


@pytest.mark.spec("decisions.md 31")
def test_what_is_switched_off_while_the_commit_waits_gets_nothing_and_the_record_says_so() -> None:
    made = city(offline=True)
    token = token_of(signed_in(made))
    made.store.meanwhile = lambda: made.suspended.add(ClientId("parking"))
    assert refused(refresh(made, token))
    kinds = [unit.record.kind for unit in made.store.units if unit.record]
    assert kinds == ["release", "unsent"]


@pytest.mark.spec("security.md §3 I5")
def test_what_is_taken_back_while_the_commit_waits_gets_nothing_and_the_record_says_so() -> None:
    made = city(offline=True)
    token = token_of(signed_in(made))
    acts: list[ApprovalRows] = [made.approvals.taken_back(APPROVED.subject, ServiceId("parking"), PARKING, NOW - 20)]
    made.store.meanwhile = lambda: made.store.commit(Unit(tenant=TENANT, approvals=acts.pop())) if acts else None
    assert refused(refresh(made, token))
    kinds = [unit.record.kind for unit in made.store.units if unit.record]
    assert kinds == ["release", "unsent"]


@pytest.mark.spec("decisions.md 13")
def test_a_remembered_approval_that_is_taken_back_ends_what_was_issued_for_it() -> None:
    made = city()
    remembered(made, NOW)
    first = signed_in(made, replace(APPROVED, given=NOW))
    assert userinfo(made, first).status == 200
    second = refresh(made, token_of(first))
    assert second.status == 200
    rows = made.approvals.forgotten(standing(made), NOW)
    made.store.commit(Unit(tenant=TENANT, approvals=rows))
    assert userinfo(made, second).status == 401
    assert refused(refresh(made, token_of(second)))
    remembered(made, NOW + 5)
    assert refused(refresh(made, token_of(second))), "one that is given anew is another one"


def standing(made: City) -> ApprovalStanding:
    return made.approvals.standing(APPROVED.subject, ServiceId("parking"), PARKING, NOW)


def remembered(made: City, given: int) -> None:
    judged = Judged("3JZ4KUQW2D7M", LevelOfAssurance.SUBSTANTIAL, "", Decision(()), APPROVED.subject, "00")
    row = made.approvals.kept(standing(made), judged, frozenset(), given, NOW + 86_400)
    made.store.commit(Unit(tenant=TENANT, approvals=ApprovalRows((row,))))


def test_a_family_lives_as_long_as_its_registration_says() -> None:
    made = city(client=party(openid=replace(REFRESHES, tokens=TokenChoices(refresh_life=100))))
    token = token_of(refresh(made, token_of(signed_in(made)), NOW + 90))
    assert refused(refresh(made, token, NOW + 100))
    other = city()
    token = token_of(refresh(other, token_of(signed_in(other)), NOW + REFRESH_LIFE - 1))
    assert refused(refresh(other, token, NOW + REFRESH_LIFE)), "a refresh makes it no longer"


@pytest.mark.spec("FAPI 2.0 Security Profile §5.3.2.1")
def test_the_tokens_of_fapi2_are_not_rotated() -> None:
    made = city(client=party(openid=replace(REFRESHES, profile="fapi2", dpop_bound_access_tokens=False)))
    token = token_of(signed_in(made))
    answers = [refresh(made, token, NOW + moment) for moment in (1, 500, 5000)]
    assert [one.status for one in answers] == [200, 200, 200]
    assert not any("refresh_token" in one.body for one in answers)
    assert len({one.body["access_token"] for one in answers}) == 3


@pytest.mark.spec("RFC 6749 §5.2")
@pytest.mark.parametrize("text", ["", "no token", base64url(b"x" * 48), base64url(b"x" * 16), "é"])
def test_what_is_no_refresh_token_is_refused(text: str) -> None:
    made = city()
    signed_in(made)
    assert refused(refresh(made, text), "invalid_grant" if text else "invalid_request")


def test_a_familys_handle_is_no_token() -> None:
    made = city()
    token = from_base64url(token_of(signed_in(made)))
    assert refused(refresh(made, base64url(family_of(token))))
    assert refresh(made, base64url(token)).status == 200


def test_no_token_and_no_value_stands_in_what_is_printed() -> None:
    made = city(offline=True)
    token = token_of(signed_in(made))
    answer = refresh(made, token)
    for printed in (repr(answer), repr(posted({"refresh_token": token}, "")), repr(grant(family="fam-canary"))):
        assert token not in printed
        assert "fam-canary" not in printed
        assert "Canary" not in printed


def by_key(made: City, proof: str, now: int, **form: str) -> JsonAnswer:
    call = DirectRequest(form={"client_id": "app", **form}, proofs=(proof,) if proof else ())
    return made.provider.token(call, now)


@pytest.mark.spec("RFC 9449 §5")
@pytest.mark.spec("security.md §2.2")
def test_the_refresh_token_of_an_app_is_of_its_key_also_when_it_comes_again() -> None:
    app = party("app", openid=REFRESHES, public=True, authentication_method="none", secret_sha256="")
    made, ours, other = City(app), Sender(), Sender(number=1)
    found = grant("app", approved=APPROVED)
    protocol = json.dumps({**json.loads(found.origin.protocol), "offline": True})
    code = redemption(made.code(replace(found, origin=replace(found.origin, protocol=protocol))))
    first = by_key(made, ours.proof(ENDPOINT, NOW), NOW, **code)
    again = {"grant_type": "refresh_token", "refresh_token": token_of(first)}
    for proof in ("", other.proof(ENDPOINT, NOW, jti="o1")):
        assert refused(by_key(made, proof, NOW + 1, **again))
    second = by_key(made, ours.proof(ENDPOINT, NOW + 1, jti="o2"), NOW + 1, **again)
    assert second.body["token_type"] == "DPoP"
    assert token_of(by_key(made, ours.proof(ENDPOINT, NOW + 3, jti="o3"), NOW + 3, **again)) == token_of(second)
    # The same token with another key is in wrong hands
    assert refused(by_key(made, other.proof(ENDPOINT, NOW + 4, jti="o4"), NOW + 4, **again))
    last = {**again, "refresh_token": token_of(second)}
    assert refused(by_key(made, ours.proof(ENDPOINT, NOW + 5, jti="o5"), NOW + 5, **last))


@pytest.mark.spec("RFC 9449 §5")
def test_two_workers_of_a_client_that_authenticates_may_each_have_a_key() -> None:
    made, keys = city(), (Sender(), Sender(number=1))
    token = token_of(signed_in(made))

    def by(number: int, token: str, now: int, jti: str) -> JsonAnswer:
        form = {"grant_type": "refresh_token", "refresh_token": token}
        proof = keys[number].proof(ENDPOINT, now, jti=jti)
        return made.provider.token(DirectRequest(form=form, authorization=basic(), proofs=(proof,)), now)

    first = by(0, token, NOW + 1, "a")
    assert refused(by(1, token, NOW + 2, "b")), "the other worker's answer is not its own"
    assert by(1, token_of(first), NOW + 3, "c").status == 200, "and nothing has ended"


def test_a_public_client_whose_request_is_refused_costs_no_commit() -> None:
    made = City(party("app", openid=REFRESHES, public=True, authentication_method="none", secret_sha256=""))
    assert by_key(made, Sender().proof(ENDPOINT, NOW), NOW, grant_type="nonsense").status == 400
    assert not made.store.units


def test_a_token_that_is_given_back_while_the_refresh_commits_gets_nothing() -> None:
    made = city()
    token = token_of(signed_in(made))
    family = hashlib.sha256(from_base64url(token)[:16]).digest()
    made.store.meanwhile = lambda: made.store.rows.pop((TENANT, family), None)
    assert refused(refresh(made, token))
