"""The token endpoint: who may redeem a code, once, and what comes out."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import pytest
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from connectors.signatures.algorithms import SignatureAlgorithm
from connectors.signatures.jws import ALGORITHMS, base64url, from_base64url
from connectors.signatures.key_ring import Ring, Scheduled
from idp.login.states import ACCESS_TOKEN_LIFE, CODE_LIFE, GRANT
from idp.protocols.oidc.direct import JsonAnswer
from policies.assurance import LevelOfAssurance
from policies.attributes import EXACT, Form
from policies.errors import NotFound
from policies.parties import ClientId, Rule
from tests.connectors_jws.jws_doubles import SoftwareSigner, private_key, s256
from tests.idp.protocols.doubles import (
    ADDRESS,
    BIRTHDATE,
    ISSUER,
    NAME,
    NOW,
    OVER_18,
    PARKING,
    REDIRECT,
    SOURCE,
    VERIFIER,
    City,
    asking,
    asserted,
    assertion,
    basic,
    full_address,
    grant,
    party,
    posted,
    redemption,
)


def redeemed(city: City, code: str, **changes: str | None) -> JsonAnswer:
    return city.provider.token(posted(redemption(code, **changes), basic()), NOW)


def error(answer: JsonAnswer) -> tuple[int, str]:
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.body) == {"error", "error_description"}
    return answer.status, str(answer.body["error"])


def id_token(city: City, answer: JsonAnswer, alg: str = "ES256") -> tuple[dict[str, object], dict[str, object]]:
    """Header and claims, as a relying party's library verifies them under our published keys."""
    published = cast(KeySetSerialization, city.provider.jwks(NOW).body)  # the shape is what the test is about
    token = jwt.decode(str(answer.body["id_token"]), KeySet.import_key_set(published), algorithms=[alg])
    return dict(token.header), dict(token.claims)


def userinfo(city: City, answer: JsonAnswer, now: int = NOW) -> JsonAnswer:
    return city.provider.userinfo(asking(f"Bearer {answer.body['access_token']}"), now)


def test_a_code_becomes_an_access_token_and_an_id_token() -> None:
    city = City()
    found = redeemed(city, city.code(grant()))
    assert found.status == 200
    assert dict(found.headers) == {"Cache-Control": "no-store", "Pragma": "no-cache"}
    assert set(found.body) == {"access_token", "token_type", "expires_in", "scope", "id_token"}
    assert (found.body["token_type"], found.body["expires_in"]) == ("Bearer", ACCESS_TOKEN_LIFE)
    assert found.body["scope"] == "openid purpose:parking"


@pytest.mark.spec("OpenID Connect Core §2")
@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_a_relying_partys_library_verifies_our_id_token(alg: str) -> None:
    city = City(party(id_token_alg=alg))
    found = redeemed(city, city.code(grant()))
    header, claims = id_token(city, found, alg)
    assert header == {"alg": alg, "kid": city.signers[alg].at(NOW).key_id, "typ": "JWT"}
    digest = hashlib.sha256(str(found.body["access_token"]).encode()).digest()
    assert claims == {
        "iss": ISSUER,
        "sub": "3JZ4KUQW2D7M",
        "aud": "parking",
        "iat": NOW,
        "exp": NOW + 300,
        "auth_time": NOW - 30,
        "nonce": "n-0S6_WzA2Mj",
        "acr": "http://eidas.europa.eu/LoA/substantial",
        "at_hash": base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode(),
        "age_over_18": True,
    }


@pytest.mark.spec("OpenID Connect Core §3.1.3.7")
def test_authlib_finds_every_claim_that_it_checks_in_our_id_token() -> None:
    city = City()
    found = redeemed(city, city.code(grant()))
    header, claims = id_token(city, found)
    options: dict[str, dict[str, object]] = {
        "iss": {"essential": True, "value": ISSUER},
        "aud": {"essential": True, "value": "parking"},
        "nonce": {"essential": True, "value": "n-0S6_WzA2Mj"},
        "acr": {"essential": True, "value": LevelOfAssurance.SUBSTANTIAL.uri},
        "auth_time": {"essential": True},
        "at_hash": {"essential": True},
    }
    parameters = {"nonce": "n-0S6_WzA2Mj", "access_token": found.body["access_token"], "max_age": 60}
    CodeIDToken(claims, header, options, parameters).validate(now=NOW)
    with pytest.raises(JoseError):
        CodeIDToken(claims, header, options, {**parameters, "access_token": "another"}).validate(now=NOW)


@pytest.mark.spec("OpenID Connect Core §5.5.1.1")
def test_an_acr_is_named_as_it_was_asked_for() -> None:
    city = City()
    _, claims = id_token(city, redeemed(city, city.code(grant(context="low"))))
    assert claims["acr"] == "low"


def test_by_registration_an_id_token_repeats_what_userinfo_says() -> None:
    city = City(party(claims_in_id_token=True))
    asked = redeemed(city, city.code(grant(in_id_token=())))
    told = dict(userinfo(city, asked).body)
    claims = id_token(city, asked)[1]
    assert {name: claims[name] for name in told} == told
    plain = City()
    before = id_token(plain, redeemed(plain, plain.code(grant(in_id_token=()))))[1]
    # And nothing beside: the protocol's own claims are those of any other
    assert set(claims) - set(told) == set(before) - {"sub"}


@pytest.mark.spec("decisions.md 11")
def test_the_unit_is_durable_before_anything_is_signed() -> None:
    city = City()

    class Watched(SoftwareSigner):
        def sign(self, data: bytes, algorithm: SignatureAlgorithm | None = None) -> bytes:
            city.store.log.append("sign")
            return super().sign(data, algorithm)

    city.signers["ES256"] = Watched(private_key("ES256"))
    redeemed(city, city.code(grant()))
    assert city.store.log == ["commit", "sign"]


def test_one_redemption_is_one_unit_with_its_mark_and_the_tokens_row_in_and_the_codes_row_out() -> None:
    city = City()
    code = city.code(grant())
    found = redeemed(city, code)
    (unit,) = city.store.units
    digest = hashlib.sha256(from_base64url(code)).digest()
    assert [(mark.kind, mark.digest) for mark in unit.marks] == [("code", digest)]
    assert unit.marks[0].end > NOW + CODE_LIFE
    assert unit.removed == (digest,)
    (row,) = unit.parked
    assert (row.kind, row.end) == ("access", NOW + ACCESS_TOKEN_LIFE)
    handle = from_base64url(str(found.body["access_token"]))
    assert GRANT.load(city.sealer.unpark("access", handle, row.payload, NOW)) == grant(issued=NOW)


# -- a code, once ------------------------------------------------------------------------------------------------------


def test_a_used_code_that_another_client_presents_ends_the_token_too() -> None:
    city = City(party(), party("other"))
    code = city.code(grant())
    first = redeemed(city, code)
    assert error(city.provider.token(posted(redemption(code), basic("other")), NOW)) == (400, "invalid_grant")
    assert userinfo(city, first).status == 401


def test_two_requests_with_one_code_at_once_leave_no_token() -> None:
    city = City()
    code = city.code(grant())
    rows = dict(city.store.rows)
    first = redeemed(city, code)
    city.store.rows.update(rows)  # the second one read the row before the first one committed
    assert error(redeemed(city, code)) == (400, "invalid_grant")
    assert userinfo(city, first).status == 401


@pytest.mark.parametrize("code", ["é", "=" * 43, base64url(b"short"), base64url(b"x" * 32)])
def test_what_is_no_code_of_ours_is_refused(code: str) -> None:
    city = City()
    assert error(redeemed(city, code)) == (400, "invalid_grant")
    assert city.store.units == []


def test_a_code_ends_after_sixty_seconds() -> None:
    city = City()
    code = city.code(grant())
    assert error(city.provider.token(posted(redemption(code), basic()), NOW + CODE_LIFE)) == (400, "invalid_grant")
    assert city.provider.token(posted(redemption(code), basic()), NOW + CODE_LIFE - 1).status == 200


# -- to whom, where, with which verifier -------------------------------------------------------------------------------


def test_a_code_of_another_client_is_refused_and_stays_good_for_its_own() -> None:
    city = City(party(), party("other"))
    code = city.code(grant())
    assert error(city.provider.token(posted(redemption(code), basic("other")), NOW)) == (400, "invalid_grant")
    assert redeemed(city, code).status == 200


@pytest.mark.parametrize("address", [None, "", REDIRECT + "/", "https://parking.storkhaven.example/other?from=us"])
def test_another_redirect_address_is_refused(address: str | None) -> None:
    city = City()
    assert error(redeemed(city, city.code(grant()), redirect_uri=address)) == (400, "invalid_grant")
    assert city.store.units == []


@pytest.mark.spec("oidc.md §3")
@pytest.mark.parametrize(
    "verifier", [None, "", "x" * 43, VERIFIER[:-1], VERIFIER + "=", VERIFIER.lower(), "é" * 43, "a" * 129, s256(VERIFIER)]
)
def test_without_the_verifier_there_is_no_token(verifier: str | None) -> None:
    city = City()
    assert error(redeemed(city, city.code(grant()), code_verifier=verifier)) == (400, "invalid_grant")
    assert city.store.units == []


@pytest.mark.spec("RFC 7636 §4.1")
@pytest.mark.parametrize("verifier", ["a" * 43, "a" * 128, "-._~" * 11, VERIFIER])
def test_a_verifier_of_the_standards_alphabet_and_length_is_good(verifier: str) -> None:
    city = City()
    assert redeemed(city, city.code(grant(code_challenge=s256(verifier))), code_verifier=verifier).status == 200


@pytest.mark.parametrize("verifier", ["a" * 16, "a" * 42, "a" * 129, "a" * 42 + "+"])
def test_a_verifier_that_the_standard_does_not_know_is_refused_though_its_hash_fits(verifier: str) -> None:
    city = City()
    code = city.code(grant(code_challenge=s256(verifier)))
    found = redeemed(city, code, code_verifier=verifier)
    assert error(found) == (400, "invalid_grant")
    # LemonLDAP::NG 2.21 sends 16 characters: "does not match" would have its operator look for the wrong thing
    assert "malformed" in str(found.body["error_description"])
    assert "43 to 128" in str(found.body["error_description"])


@pytest.mark.spec("RFC 9700 §4.8.2")
def test_a_code_without_challenge_takes_no_verifier_and_one_with_it_takes_no_absence() -> None:
    city = City(party(pkce_required=False))
    bare, challenged = grant(code_challenge=""), grant()
    assert redeemed(city, city.code(bare), code_verifier=None).status == 200
    for standing, verifier in (
        (bare, VERIFIER),
        (challenged, None),
        (challenged, "a" * 43),
        (grant(code_challenge="", nonce=""), None),
    ):
        city = City(party(pkce_required=False))
        assert error(redeemed(city, city.code(standing), code_verifier=verifier)) == (400, "invalid_grant")
    city = City(party(pkce_required=False))
    assert redeemed(city, city.code(challenged)).status == 200


@pytest.mark.spec("RFC 9700 §4.8.2")
@pytest.mark.parametrize("verifier", [None, "", VERIFIER])
def test_a_grant_without_challenge_is_redeemed_by_nobody(verifier: str | None) -> None:
    city = City()
    assert error(redeemed(city, city.code(grant(code_challenge="")), code_verifier=verifier)) == (400, "invalid_grant")


@pytest.mark.spec("security.md §2.2")
@pytest.mark.parametrize("gone", ["purpose of the party", "address"])
def test_what_was_registered_is_looked_up_again(gone: str) -> None:
    city = City()
    code = city.code(grant())
    if gone == "address":
        city.parties[ClientId("parking")] = party(redirect_uris=("https://parking.storkhaven.example/new",))
    else:
        city.parties[ClientId("parking")] = party(purposes=())
    assert error(redeemed(city, code)) == (400, "invalid_grant")


@pytest.mark.spec("decisions.md 31")
@pytest.mark.parametrize("meanwhile", ["client suspended", "source gone", "key revoked"])
def test_what_is_switched_off_while_the_commit_waits_gets_no_token(meanwhile: str) -> None:
    city = City()
    code = city.code(grant())
    revoked: set[str] = set()
    signer = SoftwareSigner(private_key("ES256"))
    city.signers["ES256"] = Ring([Scheduled(0, signer)], 0, revoked=revoked.__contains__)
    acts: dict[str, Callable[[], object]] = {
        "client suspended": lambda: city.suspended.add(ClientId("parking")),
        "source gone": city.providers.clear,
        "key revoked": lambda: revoked.add(signer.key_id),
    }
    city.store.meanwhile = acts[meanwhile]
    found = redeemed(city, code)
    assert len([unit for unit in city.store.units if unit.parked]) == 1, "it was committed"
    assert "id_token" not in found.body
    if meanwhile == "key revoked":
        assert found.status == 503
        return
    assert error(found) == (400, "invalid_grant")
    assert not [kind for kind, _, _ in city.store.rows.values() if kind == "access"], "nor does anything lie there"


# -- the request's form ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "unauthorized_client"),
        ({"code": None}, "invalid_request"),
    ],
)
def test_each_fault_of_form_has_its_error(changes: dict[str, str | None], expected: str) -> None:
    city = City()
    wanted = {**redemption(city.code(grant())), **changes}
    kept = {name: value for name, value in wanted.items() if value is not None}
    assert error(city.provider.token(posted(kept, basic()), NOW)) == (400, expected)


def test_a_refusal_tells_the_log_what_was_wrong_and_never_a_value() -> None:
    city = City()
    found = redeemed(city, city.code(grant()), code_verifier="canary-verifier-4711" * 3)
    assert found.detail == "invalid_grant: code_verifier does not match the code_challenge."
    assert "canary" not in repr(found) + json.dumps(dict(found.body))


# -- client assertions, in their unit ----------------------------------------------------------------------------------


def test_a_client_assertion_used_twice_is_refused_and_the_second_code_stays_good() -> None:
    city = City()
    first, second = city.code(grant("fare")), city.code(grant("fare"), handle=b"i" * 32)
    assert city.provider.token(posted(asserted(first, assertion()), ""), NOW).status == 200
    assert error(city.provider.token(posted(asserted(second, assertion()), ""), NOW)) == (401, "invalid_client")
    assert city.provider.token(posted(asserted(second, assertion(jti="j2")), ""), NOW).status == 200


def test_a_client_assertion_is_spent_by_a_request_that_gets_nothing() -> None:
    city = City()
    code = city.code(grant("fare"))
    wrong = asserted(code, assertion(), code_verifier="x" * 43)
    assert error(city.provider.token(posted(wrong, ""), NOW)) == (400, "invalid_grant")
    assert error(city.provider.token(posted(wrong, ""), NOW)) == (401, "invalid_client")
    assert error(city.provider.token(posted(asserted(code, assertion()), ""), NOW)) == (401, "invalid_client")


@pytest.mark.spec("RFC 7523 §3")
@pytest.mark.parametrize("at_once", [False, True])
def test_an_assertion_that_was_used_ends_no_token(*, at_once: bool) -> None:
    """Somebody who saw a request of the client, in a log or on the way, could else end its token by sending it again."""
    city = City()
    code = city.code(grant("fare"))
    rows = dict(city.store.rows)
    first = city.provider.token(posted(asserted(code, assertion()), ""), NOW)
    if at_once:
        city.store.rows.update(rows)
    before = list(city.store.units)
    assert error(city.provider.token(posted(asserted(code, assertion()), ""), NOW)) == (401, "invalid_client")
    assert userinfo(city, first).status == 200
    assert city.store.units == before


def test_an_assertion_is_spent_once_and_before_the_token_ends() -> None:
    city = City()
    code = city.code(grant("fare"))
    rows = dict(city.store.rows)
    city.provider.token(posted(asserted(code, assertion()), ""), NOW)
    for jti, presented in (("j2", {}), ("j3", rows)):
        city.store.rows.update(presented)
        city.store.units.clear()
        assert error(city.provider.token(posted(asserted(code, assertion(jti=jti)), ""), NOW)) == (400, "invalid_grant")
        spent, *ended = city.store.units
        assert ([mark.kind for mark in spent.marks], spent.removed) == (["jti"], ())
        assert all(not unit.marks and unit.removed for unit in ended)
        assert len(ended) == (jti == "j2")


# -- userinfo ----------------------------------------------------------------------------------------------------------


def test_userinfo_has_the_subject_of_the_id_token_and_every_released_attribute() -> None:
    city = City()
    found = redeemed(city, city.code(grant()))
    answer = userinfo(city, found)
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.body == {
        "sub": id_token(city, found)[1]["sub"],
        "age_over_18": True,
        "resident_of": {"Storkhaven": True},
        "given_name": "Kärt-Canary-Example",
    }


@pytest.mark.spec("OpenID Connect Core §5.1.1")
def test_an_address_is_an_object_without_empty_parts() -> None:
    city = City()
    found = redeemed(city, city.code(grant(attributes=(full_address(),))))
    expected = {"street_address": "Main street 1", "locality": "Storkhaven", "country": "EE"}
    assert userinfo(city, found).body["address"] == expected


def test_userinfo_gives_the_same_until_the_token_ends() -> None:
    city = City()
    found = redeemed(city, city.code(grant()))
    assert userinfo(city, found) == userinfo(city, found, NOW + ACCESS_TOKEN_LIFE - 1)
    assert userinfo(city, found, NOW + ACCESS_TOKEN_LIFE).status == 401


@pytest.mark.spec("RFC 6750 §2")
def test_a_token_may_come_by_form() -> None:
    city = City()
    token = str(redeemed(city, city.code(grant())).body["access_token"])
    for header in ("", "Basic cGFya2luZzpzZWNyZXQ="):
        assert city.provider.userinfo(asking(header, form={"access_token": token}), NOW).status == 200
    assert city.provider.userinfo(asking(f"bearer {token}"), NOW).status == 200


@pytest.mark.spec("RFC 6750 §3.1")
@pytest.mark.parametrize(
    ("header", "query", "form", "status", "code"),
    [
        ("Bearer {}", {"access_token": "{}"}, {}, 400, "invalid_request"),
        ("", {"access_token": "{}"}, {}, 400, "invalid_request"),
        ("Bearer {}", {}, {"access_token": "{}"}, 400, "invalid_request"),
        ("Bearer", {}, {}, 400, "invalid_request"),
        ("Bearer {}=", {}, {}, 401, "invalid_token"),
        ("Bearer " + "A" * 9000, {}, {}, 401, "invalid_token"),
    ],
)
def test_a_token_in_any_other_way_is_refused(
    header: str, query: dict[str, str], form: dict[str, str], status: int, code: str
) -> None:
    city = City()
    token = str(redeemed(city, city.code(grant())).body["access_token"])
    in_query, in_form = ({name: value.format(token) for name, value in part.items()} for part in (query, form))
    answer = city.provider.userinfo(asking(header.format(token), in_query, in_form), NOW)
    assert (answer.status, answer.body["error"]) == (status, code)
    assert answer.headers["WWW-Authenticate"].startswith(f'Bearer realm="{ISSUER}", error="{code}", error_description="')


@pytest.mark.parametrize("header", ["", "Basic cGFya2luZzpzZWNyZXQ=", "DPoPDPoP abc", "Bearerer abc"])
def test_who_brings_no_token_learns_only_how_to_bring_one(header: str) -> None:
    answer = City().provider.userinfo(asking(header), NOW)
    both = f'Bearer realm="{ISSUER}", DPoP realm="{ISSUER}", algs="{" ".join(ALGORITHMS)}"'
    assert (answer.status, answer.body, answer.headers["WWW-Authenticate"]) == (401, {}, both)


@pytest.mark.spec("security.md §2.2")
@pytest.mark.parametrize("narrowed", ["party", "form", "purpose", "party gone", "purpose gone"])
def test_what_is_narrowed_meanwhile_ends_codes_and_tokens_in_flight(narrowed: str) -> None:
    city = City()
    found, code = redeemed(city, city.code(grant())), city.code(grant(), b"g" * 32)
    less = {BIRTHDATE: Rule(OVER_18, SOURCE), NAME: Rule(EXACT, SOURCE)}
    match narrowed:
        case "party":
            city.parties[ClientId("parking")] = party(attributes=less)
        case "form":
            country = Rule(Form("country"), SOURCE)
            city.parties[ClientId("parking")] = party(attributes={**less, ADDRESS: country})
        case "purpose":
            needs = {name: need for name, need in city.purposes[PARKING].needs.items() if name != ADDRESS}
            city.purposes[PARKING] = replace(city.purposes[PARKING], needs=needs)
        case "party gone":
            del city.parties[ClientId("parking")]
        case _:
            del city.purposes[PARKING]
    assert userinfo(city, found).status == 401
    unknown = narrowed == "party gone"
    assert error(redeemed(city, code)) == ((401, "invalid_client") if unknown else (400, "invalid_grant"))


@dataclass(frozen=True)
class KeysOfHours:
    """`idp.login.sealing.SealingKeys`: each hour has its own, and only some are accepted."""

    hours: tuple[int, ...]

    def current(self, kind: str) -> tuple[int, bytes]:
        return self.hours[0], self.to_seal(kind, self.hours[0])

    def to_seal(self, kind: str, hour: int) -> bytes:
        if hour not in self.hours:
            raise NotFound("an hour that is over, or has not come")
        return hashlib.sha256(f"{kind} {hour}".encode()).digest()

    to_open = to_seal


@pytest.mark.spec("RFC 6749 §10.5")
@pytest.mark.parametrize(("first", "second"), [(0, -1), (-1, 1)])
def test_a_code_used_twice_ends_the_token_also_by_two_clocks_at_the_turn_of_an_hour(first: int, second: int) -> None:
    turn = (NOW // 3600 + 1) * 3600
    city = City(keys=KeysOfHours((turn // 3600 - 1, turn // 3600)))
    code = city.code(grant(), now=turn - 5)
    answer = city.provider.token(posted(redemption(code), basic()), turn + first)
    assert city.provider.token(posted(redemption(code), basic()), turn + second).body["error"] == "invalid_grant"
    bearer = f"Bearer {answer.body['access_token']}"
    assert city.provider.userinfo(asking(bearer), turn + max(first, second)).status == 401
