"""The corpus of signed queries: every case ends as it says, and a judge that is wrong is found out."""

import time
import zlib

import pytest

from connectors import logout_checks
from connectors.attacks.case import Case, Kind
from connectors.attacks.messages.parties import new_parties
from connectors.attacks.queries import query_cases
from connectors.attacks.queries.benches import query_benches
from connectors.attacks.queries.making import joined, packed
from connectors.checks import ALL_CHECKS, AUTHN_REQUEST_CHECKS, LOGOUT_CHECKS, REQUEST_CHECKS
from connectors.signatures import redirect
from connectors.signatures.parse import strict_base64
from connectors.signatures.pinned_keys import PinnedKey
from tests.connectors.attacks.corpora import accepted, ends_as_told, holds_in_every_run, hostile, wrong

NOW = 1_795_600_000
ENTRANCES = ("authn-request-eidas", "authn-request-saml2int", "logout-request", "logout-response")
# What a query can fail at before its message is read (connectors/signatures/redirect.py)
OF_QUERIES = {
    *("size", "parameters", "encoding", "signature_missing", "deflate", "signature_algorithm", "signature_value"),
    *("signature", "base64", "duplicate_id", "signature_place"),
}


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(query_cases(NOW))


@pytest.mark.spec("SAML Bindings 2.0 §3.4.4.1")
def test_every_query_ends_as_it_says(cases: list[Case]) -> None:
    ends_as_told(cases)


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_there_are_more_than_thirty_hostile_and_ten_valid_queries_at_each_entrance(
    cases: list[Case], entrance: str
) -> None:
    here = [case for case in cases if case.name.endswith(f"/{entrance}")]
    assert len(hostile(here)) > 30
    assert len(accepted(here)) > 10


def test_queries_hold_in_every_run(cases: list[Case]) -> None:
    holds_in_every_run(cases, list(query_cases(int(time.time()))), Kind.REDIRECT)


def test_every_check_of_a_query_has_a_case(cases: list[Case]) -> None:
    named = {case.check for case in hostile(cases)}
    assert OF_QUERIES - named == set()
    assert named <= {*ALL_CHECKS, *AUTHN_REQUEST_CHECKS, *LOGOUT_CHECKS, *REQUEST_CHECKS}


def test_the_advisories_of_2025_have_their_queries(cases: list[Case]) -> None:
    names = [case.name for case in hostile(cases)]
    for number in ("cve-2025-27773", "cve-2025-31335"):
        assert [name for name in names if number in name], number


def test_a_query_by_hand_is_what_the_standard_says() -> None:
    bench = query_benches(new_parties(NOW))[0]
    pairs = bench.pairs(relay_state="a b")
    assert [name for name, _ in pairs] == ["SAMLRequest", "RelayState", "SigAlg"]
    assert pairs[1] == ("RelayState", "a%20b")
    assert bench.query(pairs).startswith(f"{joined(pairs)}&Signature=".encode())


def test_a_packed_message_is_raw_deflate_in_base64() -> None:
    octets = b"<x/>"
    assert zlib.decompress(strict_base64(packed(octets)), -zlib.MAX_WBITS) == octets


def nothing(*_arguments: object, **_named: object) -> None:
    """A check that somebody removed."""


def lenient(raw: str) -> dict[str, str]:
    """Parameters as most readers take them: the last of several counts, and whatever else there is passes."""
    return dict(piece.partition("=")[::2] for piece in raw.split("&"))


FAULTS: list[tuple[str, object, str, object]] = [
    ("query: parameters", redirect, "_parts", lenient),
    ("query: relay state", redirect, "MAX_RELAY_STATE", 1 << 20),
    ("query: order", PinnedKey, "verifies", lambda *_: True),
    ("query: signature", PinnedKey, "verifies", lambda *_: True),
    ("query: inflation", redirect, "_inflated", lambda packed, most: zlib.decompressobj(-15).decompress(packed, most)),
    ("query: signature inside", redirect, "ids", lambda _: []),
    ("query: message", logout_checks, "_check_envelope", nothing),
]


@pytest.mark.parametrize(("family", "module", "name", "fault"), FAULTS, ids=[f"{one[0]}-{one[2]}" for one in FAULTS])
def test_a_judge_of_queries_that_lacks_a_check_is_found_out(
    monkeypatch: pytest.MonkeyPatch, cases: list[Case], family: str, module: object, name: str, fault: object
) -> None:
    monkeypatch.setattr(module, name, fault)
    assert family in wrong(cases)
