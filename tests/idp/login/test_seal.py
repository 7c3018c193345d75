"""Seals: what opens, and that nothing else does."""

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.signatures.jws import base64url, from_base64url
from idp.keys.wrapping import wrapping_key
from idp.login.sealing import LoginId, Sealer
from policies.errors import NotFound, Replayed
from policies.parties import Tenant
from tests.sealing import fixed_keys

KEY = bytes(range(32))
END = 2_000
NOW = 1_000
LOGIN = LoginId("A" * 22)
CANARY = b"Canary-Kanarbik-1887"
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(tenant=Tenant("broker.example"), keys=fixed_keys(KEY))


@given(payload=st.binary(max_size=200), bound=st.lists(st.binary(max_size=40), max_size=3))
def test_what_was_sealed_opens_in_its_place(payload: bytes, bound: list[bytes]) -> None:
    sealer = Sealer(tenant=Tenant("broker.example"), keys=fixed_keys(KEY))
    sealed = sealer.seal("asked", LOGIN, END, payload, *bound)
    assert sealer.open("asked", LOGIN, sealed, NOW, *bound) == payload


@pytest.mark.spec("decisions.md 5")
def test_in_any_other_place_it_does_not_open() -> None:
    for tenant, key, kind, login, bound in [
        ("other.example", KEY, "asked", LOGIN, (b"a", b"b")),
        ("broker.example", bytes(32), "asked", LOGIN, (b"a", b"b")),
        ("broker.example", KEY, "requested", LOGIN, (b"a", b"b")),
        ("broker.example", KEY, "asked", LoginId("A" * 21 + "B"), (b"a", b"b")),
        ("broker.example", KEY, "asked", LOGIN, ()),
        ("broker.example", KEY, "asked", LOGIN, (b"a",)),
        ("broker.example", KEY, "asked", LOGIN, (b"b", b"a")),
        ("broker.example", KEY, "asked", LOGIN, (b"ab",)),
        ("broker.example", KEY, "asked", LOGIN, (b"", b"ab")),
        ("broker.example", KEY, "asked", LOGIN, (b"a", b"b", b"")),
    ]:
        sealed = Sealer(tenant=Tenant(tenant), keys=fixed_keys(key)).seal(kind, login, END, CANARY, *bound)
        ours = Sealer(tenant=Tenant("broker.example"), keys=fixed_keys(KEY))
        with pytest.raises(Replayed) as refused:
            ours.open("asked", LOGIN, sealed, NOW, b"a", b"b")
        assert refused.value.check == "sealed_login"


def test_every_bit_counts(sealer: Sealer) -> None:
    sealed = sealer.seal("asked", LOGIN, END, b"payload")
    data = from_base64url(sealed)
    for place in range(len(data) * 8):
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(Replayed):
            sealer.open("asked", LOGIN, base64url(bytes(changed)), NOW)


def test_it_opens_until_its_end_and_not_at_it(sealer: Sealer) -> None:
    sealed = sealer.seal("asked", LOGIN, END, b"payload")
    assert sealer.open("asked", LOGIN, sealed, END - 1) == b"payload"
    for now in (END, END + 1):
        with pytest.raises(Replayed) as refused:
            sealer.open("asked", LOGIN, sealed, now)
        assert (refused.value.check, refused.value.code) == ("login_ended", "login_ended")


def test_a_refusal_quotes_nothing(sealer: Sealer) -> None:
    with pytest.raises(Replayed) as refused:
        sealer.open("asked", LOGIN, base64url(CANARY * 4), NOW)
    assert CANARY.decode() not in str(refused.value)
    assert base64url(CANARY)[:8] not in str(refused.value)


def test_what_is_parked_opens_for_its_holder_alone(sealer: Sealer) -> None:
    row = sealer.park("code", b"h" * 32, CANARY, END)
    assert (row.kind, row.digest, row.end) == ("code", hashlib.sha256(b"h" * 32).digest(), END)
    assert CANARY not in row.payload
    assert repr(row.payload) not in repr(row)
    assert sealer.unpark("code", b"h" * 32, row.payload, NOW) == CANARY


@pytest.mark.spec("decisions.md 4")
def test_nobody_else_opens_what_is_parked() -> None:
    for tenant, key, kind, handle in [
        ("other.example", KEY, "code", b"h" * 32),
        ("broker.example", bytes(32), "code", b"h" * 32),
        ("broker.example", KEY, "access", b"h" * 32),
        ("broker.example", KEY, "code", b"h" * 31 + b"i"),
        ("broker.example", KEY, "code", hashlib.sha256(b"h" * 32).digest()),
    ]:
        row = Sealer(tenant=Tenant("broker.example"), keys=fixed_keys(KEY)).park("code", b"h" * 32, CANARY, END)
        with pytest.raises(NotFound):
            Sealer(tenant=Tenant(tenant), keys=fixed_keys(key)).unpark(kind, handle, row.payload, NOW)


def test_what_is_parked_ends_when_it_was_to_end_whatever_stands_in_its_row(sealer: Sealer) -> None:
    payload = sealer.park("code", b"h" * 32, CANARY, END).payload
    assert sealer.unpark("code", b"h" * 32, payload, END - 1) == CANARY
    later = payload[:3] + (END + 7200).to_bytes(5) + payload[8:]
    for bad in (payload, later):
        with pytest.raises(NotFound):
            sealer.unpark("code", b"h" * 32, bad, END)


def test_a_sealed_login_and_a_parked_row_never_open_as_each_other(sealer: Sealer) -> None:
    row = sealer.park("asked", LOGIN.encode(), CANARY, END)
    with pytest.raises(Replayed):
        sealer.open("asked", LOGIN, base64url(row.payload), NOW)
    sealed = from_base64url(sealer.seal("asked", LOGIN, END, CANARY))
    with pytest.raises(NotFound):
        sealer.unpark("asked", LOGIN.encode(), sealed, NOW)


@pytest.mark.spec("decisions.md 8")
def test_a_derived_value_is_the_same_again_and_another_for_anything_else(sealer: Sealer) -> None:
    first = sealer.derive("code", b"login", b"secret", at=NOW)
    assert first == sealer.derive("code", b"login", b"secret", at=NOW)
    assert len(first) == 32
    others = [
        sealer.derive("access", b"login", b"secret", at=NOW),
        sealer.derive("code", b"login", b"secres", at=NOW),
        sealer.derive("code", b"logins", b"ecret", at=NOW),
        sealer.derive("code", b"loginsecret", at=NOW),
        Sealer(tenant=Tenant("broker.example"), keys=fixed_keys(bytes(32))).derive("code", b"login", b"secret", at=NOW),
    ]
    assert len({first, *others}) == 6


def test_a_key_of_another_length_is_refused() -> None:
    for length in [0, 16, 31, 33, 64]:
        with pytest.raises(ValueError, match="32 bytes"):
            wrapping_key(bytes(length))


@pytest.mark.spec("RFC 4648 §3.5: canonical encoding")
@given(data=st.binary(max_size=40))
def test_bytes_have_exactly_one_spelling(data: bytes) -> None:
    text = base64url(data)
    assert from_base64url(text) == data
    spellings = 0
    for sign in ALPHABET if text else "":
        try:
            spellings += from_base64url(text[:-1] + sign) == data
        except ValueError:
            continue
    assert spellings == (1 if text else 0)


def test_another_spelling_is_refused() -> None:
    for text in ["A", "AB", "AA==", "A A", "AA\n", "+/", "\u00c4\u00c4", "AAAAA"]:
        with pytest.raises(ValueError, match="base64url"):
            from_base64url(text)
