"""The corpus of responses: every case ends as it says, by the check that it says; a judge that is wrong is found out."""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from lxml import etree

from connectors import checks
from connectors.attacks.attack_case import AttackCase
from connectors.attacks.responses import response_cases
from connectors.attacks.verdict import verdict_of
from connectors.profiles import EIDAS, SAML2INT
from connectors.signatures.parse import Element
from connectors.signatures.xmldsig import KEY_HINTS
from tests.connectors.attacks.corpora import accepted, ends_as_told, hostile, is_fresh, is_named_alike

NOW = 1_795_600_000
KNOWN = {*checks.ALL_CHECKS, *checks.EIDAS_CHECKS, "authority", "authority_loop", "authority_count"}
# A query's compression, a question's level, and what nobody foresaw. Each has its test elsewhere.
ELSEWHERE = {"deflate", "assurance_unreachable", "unforeseen"}
# Refusals that are known by their code
CODES = {"assurance_too_low", "authentication_failed", "country_unavailable"}
# docs/threats.md, one family or more for each row that concerns responses
# By the deviation, which one provider of saml2int alone has
CBC = ("encryption in cbc mode", "valid encryption in cbc mode")
ROWS = (
    CBC[0],
    *("signature wrapping", "evil data in the signature", "foreign signature", "signature exclusion", "key in the message"),
    *(
        "algorithm confusion",
        "digest and signed info",
        "several references",
        "void canonicalisation",
        "parser differential",
    ),
    *("comment truncation", "processing instruction", "transforms", "external references", "external entities"),
    *(
        "size and depth",
        "encryption",
        "key agreement",
        "wrong recipient",
        "unsolicited",
        "another identity provider",
        "proxies",
    ),
    *("name identifier", "level of assurance", "time", "status and version", "closed grammar", "identifiers"),
    *("spelling of the message", "person across a border", "binding and parameters", "deviations"),
)
NUMBERS = (
    *("2016-5697", "2022-41912", "2024-45409", "2025-25291", "2025-25292", "2025-47949", "2025-54419", "2025-46572"),
    *("2026-25922", "2024-8698", "2012-5353", "2026-28323", "2026-16443", "2018-7644", "2021-21239", "2019-18633"),
    *("2009-0217", "2025-29775", "2025-29774", "2026-33487", "2025-66567", "2025-66568", "2017-11427", "2018-0489"),
    *("2022-34716", "2016-10127", "2016-10149", "2026-28809", "2025-25293", "2025-54572", "2026-2092", "2026-32313"),
    *("2026-3047", "2026-49283", "2026-49284", "2020-0601", "2022-21449"),
)
OTHER_NUMBERS = ("oneuptime-2949", "oneuptime-2981", "oneuptime-2988", "samlify-634", "keycloak-45652")


@pytest.fixture(scope="module")
def cases() -> list[AttackCase]:
    return list(response_cases(NOW))


@pytest.mark.spec("security.md §2.1 A; security.md §2.1 B; security.md §2.1 C")
@pytest.mark.spec("eidas.md §4 closed grammar; eidas.md §4 one EncryptedAssertion; eidas.md §4 no plain Assertion")
@pytest.mark.spec("eidas.md §4 Conditions; eidas.md §4 bearer confirmation; eidas.md §4 minimum data set")
@pytest.mark.spec("eidas.md §4 Subject and NameID; eidas.md §4 NameID Format; eidas.md §4 NameID length")
@pytest.mark.spec("eidas.md §4 InResponseTo; eidas.md §4 level asked; eidas.md §4 PersonIdentifier country")
@pytest.mark.spec("eidas.md §4 representative minimum data set; eidas.md §4 failure without an assertion")
@pytest.mark.spec("eidas.md §7 refused; eidas.md §7 PKCS1 and SHA-1 refused; eidas.md §7 AES-GCM; eidas.md §7 GCM tag")
@pytest.mark.spec(
    "eidas.md §7 RSA-OAEP; eidas.md §8 5; eidas.md §8 6; eidas.md §8 7; eidas.md §8 8; eidas.md §8 9; eidas.md §8 10"
)
@pytest.mark.spec("eidas.md §8 14; eidas.md §8 15")
def test_every_response_ends_as_it_says(cases: list[AttackCase]) -> None:
    ends_as_told(cases)


@pytest.mark.spec("issue 5: at least 250 SAML responses that must be refused, at least 20 valid variants")
def test_there_are_many_more_hostile_responses_than_are_asked_for(cases: list[AttackCase]) -> None:
    assert len(hostile(cases)) >= 250
    assert len(accepted(cases)) >= 20
    counted = Counter(case.family for case in cases)
    assert set(ROWS) <= set(counted)
    assert {case.family for case in accepted(cases)} == set(counted) - set(ROWS)
    assert min(counted.values()) >= 20


@pytest.fixture(scope="module")
def later() -> list[AttackCase]:
    """Another run, now."""
    return list(response_cases(int(time.time())))


def test_responses_are_named_alike_in_every_run(cases: list[AttackCase], later: list[AttackCase]) -> None:
    is_named_alike(cases, later)


def test_responses_are_new_in_every_run(cases: list[AttackCase], later: list[AttackCase]) -> None:
    is_fresh(cases, later)


def test_every_check_of_responses_has_a_case_and_every_check_that_a_case_names_is_one(cases: list[AttackCase]) -> None:
    assert {case.check for case in hostile(cases)} == (KNOWN - ELSEWHERE) | CODES


def test_every_number_of_the_catalogue_has_its_response(cases: list[AttackCase]) -> None:
    names = " ".join(case.name for case in cases)
    assert [number for number in NUMBERS if f"cve-{number}" not in names] == []
    assert [number for number in OTHER_NUMBERS if number not in names] == []


def test_attacks_come_signed_in_every_place_in_the_clear_and_encrypted(cases: list[AttackCase]) -> None:
    """The places at the end of a name: a family has those in which its attack means something."""
    places: dict[str, set[str]] = {}
    for case in cases:
        places.setdefault(case.family, set()).add(case.name.partition("/")[2].partition("/")[2])
    for family, found in places.items():
        if family in ("key agreement", "valid encryption"):
            assert {"eidas/p-256", "eidas/brainpool-p256r1"} <= found
        elif family not in (*CBC, "encryption", "person across a border", "proxies", "valid persons", "valid deviations"):
            assert {"response", "eidas"} <= found, family
    assert {"response/encrypted", "both/encrypted", "eidas", "eidas-both"} <= places["encryption"]
    everywhere = {"response", "assertion", "both", "response/encrypted", "both/encrypted", "eidas", "eidas-both"}
    for family in ("signature wrapping", "comment truncation", "processing instruction", "time", "wrong recipient"):
        assert everywhere <= places[family], family


def test_side_files_and_arguments_belong_together(cases: list[AttackCase]) -> None:
    for entrance in {case.entrance.name: case.entrance for case in cases}.values():
        if entrance.arguments is None:
            continue
        named = {word.removeprefix("{folder}/") for word in entrance.arguments if word.startswith("{folder}/")}
        assert named == set(entrance.files)
        assert entrance.arguments[:2] == ("--as", "response")
        assert str(NOW) in entrance.arguments


def test_no_private_key_and_no_value_is_in_the_repr_of_a_case(cases: list[AttackCase]) -> None:
    for case in cases[::97]:
        assert "PRIVATE KEY" not in repr(case)
        assert "Selftest" not in repr(case)


# -- the corpus can fail ---------------------------------------------------------------------------------------------------


def anything(_octets: bytes) -> None:
    """A judge that accepts everything."""


def test_a_judge_that_accepts_everything_turns_every_hostile_response_red(cases: list[AttackCase]) -> None:
    blind = [replace(case, entrance=replace(case.entrance, judge=anything)) for case in cases]
    red = [case.name for case in blind if verdict_of(case.entrance.judge, case.octets).check != case.check]
    assert red == [case.name for case in hostile(cases)]
    with pytest.raises(AssertionError):
        ends_as_told(blind)


def nothing(*_: object, **__: object) -> None:
    """A check that checks nothing."""


def always(*_: object, **__: object) -> bool:
    """A verification that says yes."""
    return True


def lenient(octets: bytes, _limits: object = None) -> Element:
    """A parser without rules."""
    return etree.fromstring(octets, etree.XMLParser(resolve_entities=True, huge_tree=True))


def no_ids(_root: Element) -> list[str]:
    """Nobody looks for identifiers."""
    return []


class Everything(frozenset[str]):
    """A set that takes everything."""

    def __contains__(self, _name: object) -> bool:
        return True

    def issuperset(self, _names: Iterable[object]) -> bool:
        return True


WEAKENED: tuple[tuple[str, object, tuple[str, ...]], ...] = (
    (
        "connectors.signatures.xmldsig.parse_message",
        lenient,
        (
            "comment-truncation/in-the-name-cve-2017-11427/response",
            "processing-instruction/stylesheet/assertion",
            "external-entities/name-as-an-entity/response",
            "parser-differential/cdata-in-a-value/response",
            "void-canonicalisation/namespace-of-300-signs/response",
            "digest-and-signed-info/digest-value-comment-cve-2025-29775/response",
        ),
    ),
    (
        "connectors.signatures.xmlenc.decryption.parse_message",
        lenient,
        (
            "comment-truncation/in-the-name-cve-2017-11427/both/encrypted",
            "comment-truncation/in-the-name-cve-2017-11427/eidas",
            "parser-differential/doctype-cve-2025-25291/eidas",
            "size-and-depth/33-attributes/eidas",
        ),
    ),
    (
        "connectors.signatures.pinned_keys.PinnedKey.verifies",
        always,
        (
            "key-in-the-message/own-certificate-cve-2018-7644/response",
            "key-in-the-message/own-key-value-cve-2021-21239/eidas",
            "algorithm-confusion/psychic-signature-cve-2022-21449/assertion",
            "another-identity-provider/by-the-second-in-the-name-of-the-first/both",
            "encryption/signed-in-it-by-a-stranger/eidas-both",
        ),
    ),
    ("connectors.signatures.xmldsig.ids", no_ids, ("identifiers/of-the-signature/response",)),
    ("connectors.signatures.xmldsig.KEY_HINTS", Everything(KEY_HINTS), ("key-in-the-message/retrieval-method/response",)),
    (
        "connectors.saml_sp.connector.check_response",
        nothing,
        (
            "wrong-recipient/destination-with-a-slash-more/response",
            "unsolicited/another-request/response",
            "another-identity-provider/response-of-the-second/response",
        ),
    ),
    (
        "connectors.saml_sp.connector.SAML2INT",
        replace(SAML2INT, skew=10**6),
        ("time/confirmation-ended/response", "time/session-that-ended/both"),
    ),
    (
        "connectors.saml_sp.connector.SAML2INT",
        replace(SAML2INT, signature_algorithms=SAML2INT.signature_algorithms | EIDAS.signature_algorithms),
        ("algorithm-confusion/pss-for-saml2int/response",),
    ),
    (
        "connectors.eidas.EIDAS",
        replace(EIDAS, oaep_mgfs=SAML2INT.oaep_mgfs, oaep_digests=SAML2INT.oaep_digests),
        ("encryption/oaep-with-sha1/eidas", "encryption/mask-with-sha1/eidas", "encryption/oaep-that-says-no-hash/eidas"),
    ),
)


@pytest.mark.parametrize(
    ("target", "weaker", "names"), WEAKENED, ids=[f"{number}-{row[0]}" for number, row in enumerate(WEAKENED)]
)
def test_a_check_that_is_weakened_turns_its_cases_red(
    cases: list[AttackCase],
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    weaker: Callable[..., object],
    names: tuple[str, ...],
) -> None:
    """Each of these cases is accepted then: nothing else in it is wrong."""
    by_name = {case.name: case for case in cases}
    named = [by_name[name] for name in names]
    assert [verdict_of(case.entrance.judge, case.octets).check for case in named] == [case.check for case in named]
    monkeypatch.setattr(target, weaker)
    after = {case.name: verdict_of(case.entrance.judge, case.octets) for case in named}
    assert {name: (verdict.check, verdict.surprise) for name, verdict in after.items()} == dict.fromkeys(names, (None, ""))
