"""Redirect addresses and origins, compared: nothing that is not registered is ever taken for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.registrations.redirects import is_of_an_app, is_redirect, origin_of

REGISTERED = ("https://app.example/cb", "http://127.0.0.1/done", "http://[::1]/done?x=1", "org.example.app:/done")


@pytest.mark.spec("RFC 8252 §7.3")
@given(st.integers(min_value=-1, max_value=100_000))
def test_a_loopback_address_takes_exactly_the_ports_that_there_are(port: int) -> None:
    assert is_redirect(f"http://127.0.0.1:{port}/done", REGISTERED, any_port=True) == (1 <= port <= 65_535)
    assert not is_redirect(f"http://127.0.0.1:{port}/done", REGISTERED, any_port=False)


@given(st.text(alphabet="0123456789:@/?#.%\\[]a\n \u0661", min_size=1, max_size=8))
def test_nothing_but_a_port_stands_between_host_and_path(text: str) -> None:
    for host, rest in (("http://127.0.0.1", "/done"), ("http://[::1]", "/done?x=1")):
        if is_redirect(host + text + rest, REGISTERED, any_port=True):
            assert text[0] == ":"
            assert text[1:].isascii()
            assert 1 <= int(text[1:]) <= 65_535
        assert not is_redirect(host + rest + text, REGISTERED, any_port=True)


@pytest.mark.parametrize(
    ("uri", "origin"),
    [
        ("https://app.example/cb", "https://app.example"),
        ("https://app.example:443/cb", "https://app.example"),
        ("https://app.example:8443/cb", "https://app.example:8443"),
        ("https://App.Example/cb", "https://app.example"),
        ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
        ("http://127.0.0.1/done", ""),
        ("org.example.app:/done", ""),
    ],
)
def test_an_address_has_the_origin_that_browsers_write_or_none(uri: str, origin: str) -> None:
    assert origin_of(uri) == origin


@pytest.mark.parametrize(
    ("uri", "of_an_app"),
    [
        ("org.example.app:/done", True),
        ("org.example.app://done/here?code=1", True),
        ("https://app.example/cb", False),
        ("javascript:alert(1)", False),
        ("myapp:/done", False),
        ("Org.example.app:/done", False),
        ("org.example.app:/do ne", False),
    ],
)
def test_only_a_domain_turned_round_is_a_scheme_of_an_app(uri: str, *, of_an_app: bool) -> None:
    assert is_of_an_app(uri) is of_an_app
