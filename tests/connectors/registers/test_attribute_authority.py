"""A SAML attribute authority is asked about one person, and each answer that is not exactly that is refused by its name."""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace

import pytest
from lxml import etree

from connectors.attribute_provider import RegisterAnswer, asked
from connectors.profiles import SAML2INT
from connectors.signatures.xmlsign import sign_enveloped
from policies.assurance import LevelOfAssurance
from policies.attributes import Address, AttributeName
from policies.errors import AssertionRejected, Misconfigured, PeerUnavailable
from tests.connectors.forge import FAILED, IDP, PERSISTENT, Reply, attribute, clock
from tests.connectors.registers.authority import (
    ADDRESS,
    BIRTHDATE,
    BORN,
    COUNTRY,
    HANDED,
    NATION,
    NATIONALITY,
    PERSON,
    RESIDENCE,
    STREET,
    TOWN,
    Authority,
    listening,
    metadata,
    ours,
    question,
    register,
    reply,
    sealed,
)
from tests.connectors.schemas import assert_valid
from tests.interop.messages import STRANGER, THEIRS, key

Change = Callable[[Reply], Reply]
NOW = int(time.time())
PROTOCOL = "saml-schema-protocol-2.0.xsd"


def _asked(answer: Callable[[Reply], bytes], wanted: tuple[AttributeName, ...] = (ADDRESS,)) -> RegisterAnswer:
    authority = Authority(lambda query: answer(reply(query, NOW)))
    with listening(authority.post) as url:
        return ours(register(metadata(url, key(THEIRS)))).ask(question(wanted, NOW), time.monotonic() + 30)


def _refused(answer: Callable[[Reply], bytes], wanted: tuple[AttributeName, ...] = (ADDRESS,)) -> str:
    with pytest.raises(AssertionRejected) as caught:
        _asked(answer, wanted)
    assert PERSON not in caught.value.detail
    assert "Quaggenweg" not in caught.value.detail
    return caught.value.check


@pytest.mark.spec("issue 33 item 3")
def test_a_register_is_told_one_identifier_and_says_what_was_asked() -> None:
    authority = Authority(lambda query: sealed(reply(query, NOW)))
    with listening(authority.post) as url:
        by, query = ours(register(metadata(url, key(THEIRS)))), question([ADDRESS], NOW)
        found = by.ask(query, time.monotonic() + 30)
        assert_valid(authority.asked[0], PROTOCOL)
        assert authority.asked[0].get("Destination") == url
    assert found.attributes == {ADDRESS: Address("Quaggenweg 17", "", "Storkhaven", "", "EE")}
    assert (found.issuer, found.loa, found.issued_at, found.ends) == (IDP, LevelOfAssurance.SUBSTANTIAL, NOW, NOW + 300)
    text = "".join(str(one) for one in authority.asked[0].itertext())
    assert PERSON in text
    names = [one.get("Name") for one in authority.asked[0] if str(one.tag).endswith("}Attribute")]
    assert names == [STREET, TOWN, COUNTRY]


@pytest.mark.spec("issue 33 bad input")
@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"name_id": "EE/SE/38001085718"}, "answer_subject"),
        ({"name_id_attributes": ""}, "answer_subject"),
        ({"name_id_attributes": f'Format="{PERSISTENT}" NameQualifier="urn:another"'}, "answer_subject"),
        ({"in_response_to": "_another"}, "in_response_to"),
        ({"confirmed_request": "_another"}, "subject_confirmation_in_response_to"),
        ({"confirmed_until": NOW - 1000}, "subject_confirmation_expired"),
        ({"issued": clock(NOW - 1000)}, "response_issued"),
        ({"assertion_issued": clock(NOW - 1000)}, "assertion_issued"),
        ({"conditions_from": NOW - 2000, "conditions_until": NOW - 1000}, "conditions_expired"),
        (
            {"audiences": "<saml:AudienceRestriction><saml:Audience>urn:x</saml:Audience></saml:AudienceRestriction>"},
            "audience",
        ),
        ({"audiences": ""}, "audience"),
        ({"issuer": "https://second.example/metadata"}, "issuer"),
        ({"assertion_issuer": "https://second.example/metadata"}, "issuer"),
        ({"attributes": (*RESIDENCE, attribute(BORN, "1887-04-12"))}, "not_asked"),
        ({"attributes": (*RESIDENCE, attribute("urn:oid:0.0.0", "x"))}, "not_asked"),
        ({"attributes": (*RESIDENCE, attribute(TOWN, "Tallinn"))}, "value_count"),
        ({"attributes": (attribute(COUNTRY, "Estonia"),)}, "value_type"),
        ({"attributes": (attribute(STREET, "x" * 257),)}, "value_type"),
    ],
)
def test_an_answer_that_is_not_exactly_to_this_question_is_refused_by_its_name(
    change: dict[str, object], check: str
) -> None:
    assert _refused(lambda made: sealed(replace(made, **change))) == check  # type: ignore[arg-type] # one field


@pytest.mark.spec("issue 33 bad input")
@pytest.mark.parametrize(
    ("wanted", "wire", "values"),
    [
        (BIRTHDATE, BORN, ("1887-02-30",)),
        (BIRTHDATE, BORN, ("yesterday",)),
        (NATIONALITY, NATION, ("EE", "Latvian")),
    ],
)
def test_a_value_of_another_kind_refuses_the_whole_answer(
    wanted: AttributeName, wire: str, values: tuple[str, ...]
) -> None:
    assert _refused(lambda made: sealed(replace(made, attributes=[attribute(wire, *values)])), (wanted,)) == "value_type"


def test_values_come_in_the_catalogues_types_and_what_is_not_there_is_left_out() -> None:
    both = [attribute(NATION, "EE", "LV"), attribute(BORN)]
    found = _asked(lambda made: sealed(replace(made, attributes=both)), (NATIONALITY, BIRTHDATE))
    assert found.attributes == {NATIONALITY: ("EE", "LV")}


def _often(made: Reply, often: int) -> bytes:
    """A Response whose encrypted assertion stands there so often, signed around them."""
    root = etree.fromstring(sealed(made, signed_at="neither"))
    one = root[-1]
    root.remove(one)
    root.extend([deepcopy(one) for _ in range(often)])
    return sign_enveloped(root, key(THEIRS), place=1, profile=SAML2INT)


@pytest.mark.spec("issue 33 bad input")
def test_what_is_not_signed_by_the_register_and_encrypted_to_us_is_not_read() -> None:
    assert _refused(lambda made: sealed(made, STRANGER)) == "signature"
    assert _refused(lambda made: sealed(made, signed_at="neither")) == "signature_missing"
    assert _refused(lambda made: sealed(made, signed_at="assertion")) == "signature_missing"
    assert _refused(lambda made: sealed(made, encrypted=False)) == "plain_assertion"
    assert _refused(lambda made: sealed(made).replace(b"Response", b"ArtifactResponse")) == "root"
    assert _refused(lambda made: _often(made, 0)) == "one_assertion"
    assert _refused(lambda made: _often(made, 2)) == "one_assertion"
    alone = '<S:Fault xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><faultcode>S:Client</faultcode></S:Fault>'
    assert _refused(lambda _made: alone.encode()) == "artifact_fault"


@pytest.mark.spec("issue 33 bad input")
def test_the_same_answer_does_no_second_time() -> None:
    kept: list[str] = []

    def answer(made: Reply) -> bytes:
        kept.append(made.assertion_id)
        return sealed(replace(made, assertion_id=kept[0]))

    authority = Authority(lambda query: answer(reply(query, NOW)))
    with listening(authority.post) as url:
        by = ours(register(metadata(url, key(THEIRS))))
        by.ask(question([ADDRESS], NOW), time.monotonic() + 30)
        with pytest.raises(AssertionRejected) as caught:
            by.ask(question([ADDRESS], NOW), time.monotonic() + 30)
    assert caught.value.check == "answer_twice"


@pytest.mark.spec("issue 33 bad input")
def test_an_answer_that_is_too_large_or_too_slow_is_none() -> None:
    def huge(made: Reply) -> bytes:
        return sealed(replace(made, attributes=[attribute(STREET, "x" * 300_000)]))

    with pytest.raises(PeerUnavailable) as caught:
        _asked(huge)
    assert caught.value.check == "size"

    def slow(made: Reply) -> bytes:
        time.sleep(1)
        return sealed(made)

    authority = Authority(lambda query: slow(reply(query, NOW)))
    with listening(authority.post) as url, pytest.raises(PeerUnavailable) as caught:
        ours(register(metadata(url, key(THEIRS)))).ask(question([ADDRESS], NOW), time.monotonic() + 0.2)
    assert caught.value.check == "deadline"


def test_a_register_that_does_not_know_the_person_says_so() -> None:
    sub = '<samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:UnknownPrincipal"/></samlp:StatusCode>'

    def answer(made: Reply, inside: str) -> bytes:
        failed = replace(made, status=FAILED, assertions=False).xml()
        octets = failed.replace(b"></samlp:StatusCode>", f">{inside}".encode(), 1)
        return sign_enveloped(etree.fromstring(octets), key(THEIRS), place=1, profile=SAML2INT)

    assert _refused(lambda made: answer(made, sub)) == "person_unknown"
    assert _refused(lambda made: answer(made, "</samlp:StatusCode>")) == "register_status"


def test_a_question_has_exactly_what_finds_the_person_and_asks_for_what_the_register_says() -> None:
    authority = Authority(lambda query: sealed(reply(query, NOW)))
    with listening(authority.post) as url:
        by = ours(register(metadata(url, key(THEIRS))))
        more = {**HANDED, AttributeName("family_name"): "Õunapuu"}
        for query in (
            asked({}, [ADDRESS], NOW),
            asked(more, [ADDRESS], NOW),
            asked({AttributeName("person_identifier"): "\x00"}, [ADDRESS], NOW),
            # Without a name an authority would say everything (SAML Core 2.0 §3.3.2.3)
            asked(HANDED, [], NOW),
            asked(HANDED, [ADDRESS, AttributeName("email")], NOW),
        ):
            with pytest.raises(AssertionRejected) as caught:
                by.ask(query, time.monotonic() + 30)
            assert caught.value.check == "handed"
    assert authority.asked == []


def test_metadata_that_is_no_attribute_authoritys_is_found_at_start() -> None:
    good = metadata("https://registers.example/attributes", key(THEIRS))
    for described in (
        good.replace(b"AttributeAuthorityDescriptor", b"IDPSSODescriptor"),
        good.replace(b"bindings:SOAP", b"bindings:URI"),
        good.replace(IDP.encode(), b"https://second.example/metadata"),
        good.replace(b"https://registers", b"ftp://registers"),
    ):
        with pytest.raises(Misconfigured, match=r"registers/residents\.toml:1: metadata"):
            ours(register(described))
    with pytest.raises(Misconfigured, match="found_by"):
        ours(replace(register(good), found_by={**register(good).found_by, ADDRESS: "address"}))
