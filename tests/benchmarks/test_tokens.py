"""The benchmark of tokens runs, and computes its targets from what it measured."""

import argparse
from pathlib import Path

import pytest

from tests.benchmarks.tokens import EMPTY, EXCHANGE, INTROSPECTION, OPENID, SAML, SATOSA, SECRET, measured, targets

LEAST = {EXCHANGE: 2.0, SECRET: 1.0, INTROSPECTION: 0.6, EMPTY: 0.3, SAML: 4.0, OPENID: 4.4}


def test_ratios_are_of_the_least() -> None:
    found = {one.name: one for one in targets(LEAST, 0.4)}
    assert found["exchange_vs_raw"].measured == pytest.approx(5.0)
    assert not found["exchange_vs_raw"].met
    assert found["introspection_vs_empty"].measured == pytest.approx(2.0)
    assert found["oidc_vs_saml_upstream"].measured == pytest.approx(1.1)
    assert "exchange_vs_satosa" not in found
    with_peer = {one.name: one for one in targets({**LEAST, SATOSA: 5.0}, 0.4)}
    assert with_peer["exchange_vs_satosa"].met


@pytest.mark.slow
def test_it_measures_each_request_of_a_real_broker(tmp_path: Path) -> None:
    chosen = argparse.Namespace(requests=2, turns=1, rounds=1, peer=None)
    figures, found = measured(tmp_path, chosen)
    assert {one.name for one in found} == {"exchange_vs_raw", "introspection_vs_empty", "oidc_vs_saml_upstream"}
    assert all(one.value >= 0 for one in figures)
