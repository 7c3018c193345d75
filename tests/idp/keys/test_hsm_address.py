"""The address of a key in a token (RFC 7512): one grammar, and no PIN in it."""

import pytest

from idp.keys.hsm.address import is_address, name_of, read_key_address, read_token_address, spelled

QUERY = "?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/ciconia/pin"
GOOD = f"pkcs11:token=city%20hall;object=es256;id=%01%ff;type=private{QUERY}\n"


def test_an_address_is_read_and_spelled() -> None:
    found = read_key_address(GOOD.encode())
    assert (found.label, found.identifier, dict(found.token.named)) == ("es256", b"\x01\xff", {"token": "city hall"})
    assert read_key_address(spelled(found).encode()) == found


def test_two_files_that_name_one_key_have_one_name() -> None:
    other = GOOD.replace("/etc/ciconia/pin", "/run/pin").replace("es256", "%65s256")
    assert name_of(GOOD.encode()) == name_of(other.encode())


@pytest.mark.parametrize(
    "text",
    [
        f"pkcs11:object=es256{QUERY}",
        f"pkcs11:token=a{QUERY}",
        f"pkcs11:token=a;token=b;object=c{QUERY}",
        f"pkcs11:token=a;object=c;slot-id=1{QUERY}",
        f"pkcs11:token=a;object=c;type=cert{QUERY}",
        f"pkcs11:token=a;object={QUERY}",
        f"pkcs11:token=a;object=%ff{QUERY}",
        f"pkcs11:token=a;object=%00{QUERY}",
        "pkcs11:token=a;object=c",
        "pkcs11:token=a;object=c?module-path=softhsm.so&pin-source=file:/pin",
        "pkcs11:token=a;object=c?module-path=/softhsm.so",
        "pkcs11:token=a;object=c?module-path=/softhsm.so&pin-source=|cat%20pin",
        "pkcs11:token=a;object=c?module-path=/softhsm.so&pin-source=file:pin",
        "pkcs11:token=a;object=c?module-path=/softhsm.so&pin-source=env:",
        f"pkcs11:token=a;object=c{QUERY}\npkcs11:token=a;object=d{QUERY}",
    ],
)
def test_any_other_address_is_refused(text: str) -> None:
    assert is_address(text.encode())
    with pytest.raises(ValueError, match=r"address|one line|not UTF-8"):
        read_key_address(text.encode())


def test_a_pin_in_an_address_is_refused_and_not_quoted() -> None:
    with pytest.raises(ValueError, match="a PIN does not belong into an address") as caught:
        read_key_address(f"pkcs11:token=a;object=c{QUERY}&pin-value=123456".encode())
    assert "123456" not in str(caught.value)


def test_the_address_of_a_token_names_no_key() -> None:
    assert dict(read_token_address(f"pkcs11:token=a{QUERY}").named) == {"token": "a"}
    with pytest.raises(ValueError, match="names a key"):
        read_token_address(f"pkcs11:token=a;object=c{QUERY}")
