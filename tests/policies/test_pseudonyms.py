import hashlib
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import AssertionRejected, Misconfigured
from policies.parties import Sector, SubjectNamespace, Tenant
from policies.pseudonyms import country_identifier, pairwise_subject

KEY = bytes(range(32))
PARTS = st.text(string.printable, min_size=1, max_size=12)


def sub(
    *, key: bytes = KEY, tenant: str = "city", sector: str = "traffic", namespace: str = "demo/EE", who: str = "EE1"
) -> str:
    return pairwise_subject(key, Tenant(tenant), Sector(sector), SubjectNamespace(namespace), who)


def by_hand(key: bytes, *parts: bytes) -> str:
    """HMAC (RFC 2104 §2) and base32 (RFC 4648 §6) written out, without the modules that the product uses."""
    block = key.ljust(64, b"\0")
    message = b"".join(bytes([0, 0, 0, len(part)]) + part for part in parts)
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in block) + message).digest()
    digest = hashlib.sha256(bytes(b ^ 0x5C for b in block) + inner).digest()
    bits = "".join(f"{byte:08b}" for byte in digest)
    bits += "0" * (-len(bits) % 5)
    alphabet = string.ascii_lowercase + "234567"
    return "".join(alphabet[int(bits[i : i + 5], 2)] for i in range(0, len(bits), 5))


@pytest.mark.spec("decisions.md 27")
def test_a_subject_is_what_the_decision_says_byte_for_byte() -> None:
    assert sub() == by_hand(KEY, b"1", b"city", b"traffic", b"demo/EE", b"EE1")
    assert sub(who="\u00d5ie/\u674e") == by_hand(KEY, b"1", b"city", b"traffic", b"demo/EE", "\u00d5ie/\u674e".encode())


def test_three_services_two_in_one_sector_get_two_subjects() -> None:
    parking, fares, budget = (sub(sector=sector) for sector in ("traffic", "traffic", "participation"))
    assert parking == fares
    assert budget != parking


def test_an_identifier_is_taken_as_received() -> None:
    assert sub(who="P\u00f5lva") != sub(who="Po\u0303lva")


@pytest.mark.parametrize("size", [0, 31])
def test_a_short_key_is_refused(size: int) -> None:
    with pytest.raises(Misconfigured) as refused:
        sub(key=bytes(size))
    assert "32 random bytes" in str(refused.value)


@pytest.mark.parametrize("missing", ["tenant", "sector", "namespace"])
def test_an_unnamed_scope_is_refused(missing: str) -> None:
    with pytest.raises(Misconfigured):
        sub(**{missing: ""})  # type: ignore[arg-type] # none of the three is the key


def test_people_without_an_identifier_are_not_one_person() -> None:
    with pytest.raises(AssertionRejected) as refused:
        sub(who="")
    assert refused.value.check == "subject_empty"


# -- between countries -------------------------------------------------------------------------------------------------

COUNTRIES = st.text(string.ascii_uppercase, min_size=2, max_size=2)


def identifier(
    *,
    key: bytes = KEY,
    tenant: str = "node",
    sending: str = "EE",
    receiving: str = "NL",
    namespace: str = "demo/EE",
    who: str = "EE1",
) -> str:
    return country_identifier(key, Tenant(tenant), sending, receiving, SubjectNamespace(namespace), who)


@pytest.mark.spec("eidas.md §5 PersonIdentifier")
def test_an_identifier_between_countries_is_what_the_decision_says_byte_for_byte() -> None:
    assert identifier() == "EE/NL/" + by_hand(KEY, b"country 1", b"node", b"EE", b"NL", b"demo/EE", b"EE1")
    assert identifier() == identifier()


@pytest.mark.spec("eidas.md §5 PersonIdentifier")
@given(COUNTRIES, COUNTRIES, PARTS, PARTS)
def test_an_identifier_begins_with_both_countries_and_has_one_length(
    sending: str, receiving: str, namespace: str, who: str
) -> None:
    found = identifier(sending=sending, receiving=receiving, namespace=namespace, who=who)
    assert re.fullmatch(f"{sending}/{receiving}/[a-z2-7]{{52}}", found)
    assert len(found) <= 256


@given(COUNTRIES, COUNTRIES, PARTS)
def test_two_receiving_countries_learn_nothing_in_common(one: str, other: str, who: str) -> None:
    same = identifier(receiving=one, who=who)[6:] == identifier(receiving=other, who=who)[6:]
    assert same == (one == other)


@given(PARTS, PARTS, PARTS)
def test_no_subject_of_a_sector_is_an_identifier_of_a_country(tenant: str, namespace: str, who: str) -> None:
    between = identifier(tenant=tenant, namespace=namespace, who=who)[6:]
    assert between != sub(tenant=tenant, sector="NL", namespace=namespace, who=who)
    assert between != sub(tenant=tenant, sector="EENL", namespace=namespace, who=who)


@pytest.mark.parametrize(
    "fault",
    [{"tenant": ""}, {"namespace": ""}, {"sending": "ee"}, {"receiving": "NLD"}, {"key": bytes(31)}],
)
def test_an_identifier_without_key_scope_or_country_is_refused(fault: dict[str, str]) -> None:
    with pytest.raises(Misconfigured):
        identifier(**fault)  # type: ignore[arg-type] # two of the cases hold a key
