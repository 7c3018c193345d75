"""The benchmark of signatures runs, and measures what the page about performance promises."""

import shutil

import pytest

from tests.benchmarks import signatures
from tests.peers import require_peer


@pytest.mark.peer
def test_each_promised_ratio_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    require_peer("xmlsec1", present=shutil.which("xmlsec1") is not None)
    # The tests beside this one need their cores
    monkeypatch.setattr(signatures, "stay_on_one_core", lambda: None)
    targets = signatures.measured(rounds=1).targets
    assert [target.name for target in targets] == [
        "response_vs_raw",
        "response_vs_xmlsec",
        "response_vs_signxml",
        "response_vs_python3_saml",
        "response_vs_pysaml2",
        "encrypted_vs_private",
        "rs256_vs_raw",
        "es256_vs_raw",
    ]
    assert all(target.measured > 0 for target in targets)
