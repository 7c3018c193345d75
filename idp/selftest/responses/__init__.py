"""SAML responses: those that must be refused, each by one check, and those that must be accepted."""

from collections.abc import Iterator

from idp.selftest.case import Case


def response_cases(now: int) -> Iterator[Case]:  # noqa: ARG001 - the families come
    """Every case of a response, made with new keys for `now` (seconds since the epoch)."""
    yield from ()
