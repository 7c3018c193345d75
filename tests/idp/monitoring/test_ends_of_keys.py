"""When the certificates of our keys end, as the metric has it: of the kinds that have one, and 0 where each is revoked."""

import re
from pathlib import Path

import pytest

from idp.keys.folder import BrokerKeys, create_keys, load_keys
from idp.monitoring.composition import CERTIFIED, _ends_of_keys
from policies.errors import StoreUnavailable

ORIGIN, HOST, NOW = "login.city.example/log", "login.city.example", 1_800_000_000
PAGE = (Path(__file__).parents[3] / "docs" / "watch-it.md").read_text("utf-8")


@pytest.fixture
def keys(tmp_path: Path) -> BrokerKeys:
    create_keys(tmp_path / "keys", ORIGIN, HOST, saml_encryption=True)
    return load_keys(tmp_path / "keys", ORIGIN)


def test_a_kind_that_has_certificates_is_at_0_where_each_key_is_revoked_and_no_other_kind_is_told(keys: BrokerKeys) -> None:
    before = _ends_of_keys(keys, NOW)
    assert before.keys() == set(CERTIFIED) < keys.rings.keys()
    assert min(before.values()) > NOW
    keys.obey(lambda _key_id: 1)
    assert _ends_of_keys(keys, NOW) == dict.fromkeys(CERTIFIED, 0)


def test_the_page_names_the_kinds_that_have_certificates() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| `ciconia_key_ends"))
    assert tuple(re.findall(r"`([a-z-]+)`", row)) == CERTIFIED


def test_no_key_is_told_as_revoked_where_nobody_can_say_which_are(keys: BrokerKeys) -> None:
    def away(_key_id: str) -> int:
        raise StoreUnavailable("nobody can say")

    keys.obey(away)
    with pytest.raises(StoreUnavailable):
        _ends_of_keys(keys, NOW)
