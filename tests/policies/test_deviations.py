"""The table of named deviations, and what a registration may switch on of it."""

import pytest

from connectors.deviations import DEVIATIONS, Tolerance
from connectors.profiles import EIDAS, SAML2INT
from policies.deviations import by_registration, usual


@pytest.mark.parametrize("profile", [EIDAS.name, SAML2INT.name])
def test_a_deviation_is_either_on_for_its_profile_or_switched_on_by_registration(profile: str) -> None:
    """No name is both, and each has every sentence that an operator reads."""
    assert usual(profile).isdisjoint(by_registration(profile))
    for one in DEVIATIONS.values():
        assert all(text.endswith(".") for text in (one.what, one.senders, one.forbidden_by, one.bound)), one.name


def test_a_tolerance_takes_what_it_was_given_and_tells_what_was_used() -> None:
    """The empty one takes nothing."""
    tolerance = Tolerance({"b", "a"})
    assert tolerance.takes("b")
    assert not tolerance.takes("c")
    assert tolerance.used == ("b",)
    assert not Tolerance().takes("a")
