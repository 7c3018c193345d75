"""A register that answers with a signed token is asked about one person; joserfc stands on its side, over a real socket."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any  # claims of any kind, right and wrong

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from connectors.attribute_provider import RegisterAnswer, ask_all, asked
from connectors.fetch import Fetcher
from connectors.registers.claims_provider import QUERY_TYPE, ClaimsProvider
from connectors.registers.judgement import MOST_REPRESENTED
from connectors.signatures.jws import base64url
from policies.assurance import LevelOfAssurance
from policies.attribute_register import SignedClaimsService
from policies.attributes import Address, AttributeName
from policies.catalogue import MANDATE, STANDARD
from policies.errors import AssertionRejected, Misconfigured, PeerUnavailable
from policies.parties import RegisterId
from policies.persons import PersonKind
from tests.connectors.registers.authority import ADDRESS, BIRTHDATE, PERSON, question
from tests.connectors.registers.signed_claims import (
    CLIENT,
    ISSUER,
    SIGNER,
    STRANGERS,
    THEIRS,
    TO_US,
    Answering,
    Register,
    claims,
    provider,
    register,
    served,
    token,
)

NOW = int(time.time())


def _asked(
    answer: Answering, wanted: tuple[AttributeName, ...] = (ADDRESS,), enc: str = "", **as_it_is: Any
) -> RegisterAnswer:
    with served(Register(answer, **as_it_is)) as registered:
        return provider(registered, enc).ask(question(wanted, NOW), time.monotonic() + 30)


def _refused(answer: Answering, wanted: tuple[AttributeName, ...] = (ADDRESS,), enc: str = "", **as_it_is: Any) -> str:
    with pytest.raises(AssertionRejected) as caught:
        _asked(answer, wanted, enc, **as_it_is)
    assert "Quaggenweg" not in caught.value.detail + caught.value.public
    assert PERSON not in caught.value.detail
    return caught.value.check


@pytest.mark.spec("issue 33 item 3")
def test_a_question_is_one_signed_token_and_nothing_of_the_person_stands_in_the_address() -> None:
    held = Register(lambda query: token(claims(query, NOW)))
    with served(held) as registered:
        query = question([ADDRESS], NOW)
        found = provider(registered).ask(query, time.monotonic() + 30)
    assert found.attributes == {ADDRESS: Address("Quaggenweg 17", "", "Storkhaven", "", "EE")}
    assert (found.issuer, found.loa, found.issued_at, found.ends) == (ISSUER, LevelOfAssurance.HIGH, NOW, NOW + 120)
    assert held.paths == ["/attributes"]
    assert held.asked == [
        {
            "iss": CLIENT,
            "aud": ISSUER,
            "iat": NOW,
            "exp": NOW + 60,
            "jti": query.query_id,
            "sub": PERSON,
            "claims": {"userinfo": {"address": None}},
        }
    ]


@pytest.mark.spec("issue 33 bad input")
@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"sub": "EE/SE/38001085718"}, "answer_subject"),
        ({"sub": None}, "answer_subject"),
        ({"nonce": "_another"}, "token_nonce"),
        ({"nonce": None}, "claim_nonce"),
        ({"iss": "https://second.example"}, "token_issuer"),
        ({"aud": "another-city"}, "token_audience"),
        ({"aud": [CLIENT, "another-city"]}, "token_audience"),
        ({"iat": NOW - 1000, "exp": NOW - 100}, "token_expired"),
        ({"iat": NOW + 1000, "exp": NOW + 1100}, "token_issued"),
        ({"exp": NOW + 48 * 3600}, "token_life"),
        ({"exp": None}, "claim_exp"),
        ({"jti": None}, "claim_jti"),
        ({"email": "mari@example.test"}, "not_asked"),
        ({"birthdate": "1887-04-12"}, "not_asked"),
        ({"address": {"locality": "Storkhaven", "formatted": "Quaggenweg 17"}}, "not_asked"),
        ({"address": "Quaggenweg 17"}, "not_asked"),
        ({"address": {"locality": 7}}, "value_type"),
        ({"address": {"locality": {"name": "Storkhaven"}}}, "value_type"),
        ({"address": {"locality": ["Storkhaven", "Tallinn"]}}, "value_count"),
        ({"address": {"country": "Estonia"}}, "value_type"),
    ],
)
def test_an_answer_that_is_not_exactly_to_this_question_is_refused_by_its_name(
    change: dict[str, object], check: str
) -> None:
    assert _refused(lambda query: token(claims(query, NOW, **change))) == check


@pytest.mark.spec("issue 33 bad input")
@pytest.mark.parametrize("value", [True, 1887, 18.87, "1887-13-01", "", ["1887-04-12", 4], {"year": "1887"}])
def test_a_birth_date_of_another_type_refuses_the_whole_answer(value: object) -> None:
    check = _refused(lambda query: token(claims(query, NOW, address=None, birthdate=value)), (BIRTHDATE,))
    assert check in ("value_type", "value_count", "not_asked")


POWER = {"procedures": ["building-permit"], "valid_to": "2027-12-31", "limit": {"amount": "5000.00", "currency": "EUR"}}


@pytest.mark.spec("issue 33 item 2")
def test_a_mandate_comes_as_an_object_or_as_its_text_and_has_one_spelling() -> None:
    both = [POWER, '{"general": true}', {"general": True}]
    found = _asked(lambda query: token(claims(query, NOW, address=None, mandate=both)), (MANDATE,))
    text = '{"limit":{"amount":"5000","currency":"EUR"},"procedures":["building-permit"],"valid_to":"2027-12-31"}'
    assert found.attributes == {MANDATE: ('{"general":true}', text)}


@pytest.mark.spec("issue 33 bad input")
@pytest.mark.parametrize(
    "value",
    ["a mandate", {}, {**POWER, "procedures": []}, {**POWER, "limit": 5000}, {**POWER, "valid_to": "soon"}, [POWER, 7]],
)
def test_a_mandate_that_is_none_refuses_the_whole_answer(value: object) -> None:
    check = _refused(lambda query: token(claims(query, NOW, address=None, mandate=value)), (MANDATE,))
    assert check == "value_type"


def unsigned(found: Mapping[str, Any]) -> str:
    return ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": "none", "typ": "JWT"}, found)) + "."


@pytest.mark.spec("issue 33 bad input")
def test_only_the_registers_key_and_the_types_of_an_answer_count() -> None:
    assert _refused(lambda query: token(claims(query, NOW), STRANGERS, kid=str(THEIRS.kid))) == "jws_signature"
    assert _refused(lambda query: token(claims(query, NOW), typ=QUERY_TYPE)) == "jws_typ"
    assert _refused(lambda query: json.dumps(claims(query, NOW))) == "jws_form"
    assert _refused(lambda query: unsigned(claims(query, NOW))) == "jws_alg"
    assert _refused(lambda query: json.dumps(claims(query, NOW)), media_type="application/json") == "register_status"


@pytest.mark.spec("issue 33 item 3")
def test_an_answer_is_encrypted_where_that_was_agreed_on() -> None:
    def encrypted(query: Mapping[str, Any], to: ECKey = TO_US) -> str:
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": str(TO_US.kid), "cty": "JWT"}
        return jwe.encrypt_compact(header, token(claims(query, NOW)).encode(), to)

    assert ADDRESS in _asked(encrypted, enc="A256GCM").attributes
    assert _refused(lambda query: encrypted(query, STRANGERS), enc="A256GCM") == "jwe_decryption"
    assert _refused(lambda query: token(claims(query, NOW)), enc="A256GCM") == "jwe_form"
    assert _refused(encrypted) == "jws_form"


@pytest.mark.spec("issue 33 bad input")
def test_an_answer_that_comes_after_the_deadline_is_none() -> None:
    def slow(query: Mapping[str, Any]) -> str:
        time.sleep(1)
        return token(claims(query, NOW))

    with served(Register(slow)) as registered, pytest.raises(PeerUnavailable) as caught:
        provider(registered).ask(question([ADDRESS], NOW), time.monotonic() + 0.2)
    assert caught.value.check == "deadline"


@pytest.mark.spec("issue 33 bad input")
def test_the_same_answer_does_no_second_time_and_a_large_one_does_not_at_all() -> None:
    with served(Register(lambda query: token(claims(query, NOW, jti="the-same")))) as registered:
        by = provider(registered)
        by.ask(question([ADDRESS], NOW), time.monotonic() + 30)
        with pytest.raises(AssertionRejected) as caught:
            by.ask(question([ADDRESS], NOW), time.monotonic() + 30)
    assert caught.value.check == "answer_twice"
    with pytest.raises(PeerUnavailable) as away:
        _asked(lambda query: token(claims(query, NOW, more="x" * 400_000)))
    assert away.value.check == "size"


def test_only_a_signed_answer_says_that_a_register_does_not_know_the_person() -> None:
    assert not _asked(lambda query: token(claims(query, NOW, address=None))).attributes
    assert not _asked(lambda query: token({**claims(query, NOW), "address": None})).attributes, "null is no value"
    assert _refused(lambda query: token({**claims(query, NOW), "birthdate": None})) == "not_asked"
    assert _refused(lambda _query: "", status=404) == "register_status"
    assert _refused(lambda _query: "", status=403) == "register_status"
    with pytest.raises(PeerUnavailable) as caught:
        _asked(lambda _query: "", status=503)
    assert caught.value.check == "status"


@pytest.mark.spec("issue 33 item 3")
def test_failures_in_a_row_open_the_breaker_and_nobody_asks_until_one_tries() -> None:
    held = Register(lambda query: token(claims(query, NOW)), status=503)
    with served(held) as registered:
        by = provider(registered)
        checks = []
        for _ in range(4):
            found = ask_all([(by, question([ADDRESS], NOW))])[RegisterId("incomes")]
            assert isinstance(found, PeerUnavailable)
            checks.append(found.check)
    assert checks == ["status", "status", "status", "breaker"]
    assert len(held.asked) == 3


def test_several_things_find_a_person_and_each_has_to_come_back_the_same() -> None:
    names = {AttributeName("family_name"): "family_name", BIRTHDATE: "birthdate"}
    handed = {AttributeName("family_name"): "Õunapuu-李", BIRTHDATE: "1887-04-12"}
    held = Register(
        lambda query: token(claims({**query, "sub": None}, NOW, family_name="Õunapuu-李", birthdate="1887-04-12"))
    )
    with served(held) as registered:
        by = provider(replace(registered, found_by=names))
        assert by.ask(asked(handed, [ADDRESS], NOW), time.monotonic() + 30).attributes
        held.answer = lambda query: token(
            claims({**query, "sub": None}, NOW, family_name="Õunapuu", birthdate="1887-04-12")
        )
        with pytest.raises(AssertionRejected) as caught:
            by.ask(asked(handed, [ADDRESS], NOW), time.monotonic() + 30)
    assert caught.value.check == "answer_subject"


def test_a_registration_that_cannot_work_is_found_at_start() -> None:
    registered = register("https://register.example/attributes")
    service = registered.transport
    assert isinstance(service, SignedClaimsService)
    for broken, key_of in (
        (replace(registered, transport=replace(service, endpoint="http://register.example/attributes")), "endpoint"),
        (replace(registered, transport=replace(service, jwks='{"keys": []}')), "jwks"),
        (replace(registered, transport=replace(service, alg="HS256")), "jwks"),
        (replace(registered, transport=replace(service, enc="A128CBC-HS256")), "attributes"),
        (replace(registered, found_by={ADDRESS: "iss"}), "attributes"),
        (replace(registered, attributes={"nonce": (ADDRESS, "")}), "attributes"),
    ):
        with pytest.raises(Misconfigured, match=rf"registers/residents\.toml:1: {key_of}"):
            ClaimsProvider(register=broken, catalogue=STANDARD, fetcher=Fetcher(demo=True), signer=SIGNER)


COMPANY, NAME = AttributeName("legal_person_identifier"), AttributeName("legal_name")
LISTS = {"company": (COMPANY, ""), "name": (NAME, ""), "power": (MANDATE, "")}
WORKS: dict[str, object] = {"company": "hrb-17", "name": "Quagga Works", "power": {"general": True}}


def _listed(said: object, **more: object) -> tuple[RegisterAnswer, Register]:
    held = Register(lambda query: token(claims(query, NOW, address=None, represented=said, **more)))
    with served(held) as registered:
        lists = replace(registered, attributes=LISTS, represents="ee/companies")
        found = provider(lists).ask(question([COMPANY, NAME, MANDATE], NOW), time.monotonic() + 30)
    return found, held


@pytest.mark.spec("issue 33 item 3")
def test_a_mandate_register_answers_with_a_list_and_each_entry_has_its_own_mandates() -> None:
    bound = {**WORKS, "power": POWER}
    found, held = _listed([WORKS, {**WORKS, "company": "hrb-18"}, bound, {**WORKS, "company": "hrb-19", "power": None}])
    wanted = dict.fromkeys(LISTS)
    assert held.asked[0]["claims"] == {"userinfo": {"represented": {"claims": wanted}}}
    told = [(one.acting_for.identifier, len(one.acting_for.mandates)) for one in found.represented]
    assert told == [("hrb-17", 2), ("hrb-18", 1)], "whoever has no mandate is nobody to act for"
    of = found.represented[0].acting_for
    assert (of.kind, of.namespace, of.register) == (PersonKind.LEGAL, "ee/companies:legal", "incomes")
    assert (found.attributes, found.represented[0].attributes[NAME]) == ({}, "Quagga Works")
    assert "Quagga" not in repr(found)
    assert _listed(None)[0].represented == _listed([])[0].represented == ()


@pytest.mark.spec("issue 33 bad input")
@pytest.mark.parametrize(
    ("said", "more", "check"),
    [
        ([WORKS], {"sub": "EE/SE/38001085718"}, "answer_subject"),
        ([WORKS], {"nonce": "_another"}, "token_nonce"),
        ([WORKS], {"email": "mari@example.test"}, "not_asked"),
        ([{**WORKS, "email": "mari@example.test"}], {}, "not_asked"),
        ([{**WORKS, "company": None}], {}, "represented"),
        (["hrb-17"], {}, "represented"),
        ([WORKS, {**WORKS, "name": "Another"}], {}, "represented"),
        ([{**WORKS, "power": "all"}], {}, "value_type"),
        ({"company": "hrb-17"}, {}, "represented_many"),
        ([{**WORKS, "company": f"hrb-{number}"} for number in range(MOST_REPRESENTED + 1)], {}, "represented_many"),
    ],
)
def test_a_list_that_is_not_exactly_to_this_question_is_refused_whole(
    said: object, more: dict[str, object], check: str
) -> None:
    with pytest.raises(AssertionRejected) as caught:
        _listed(said, **more)
    assert caught.value.check == check
    assert "Quagga" not in caught.value.detail
