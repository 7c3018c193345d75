"""The token (SoftHSM2) of a city goes while logins are under way: 503, nothing is recorded, and all goes on afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.signatures.key_ring import Scheduled
from idp.keys.file import load_signer
from idp.keys.hsm import module
from tests.idp.staging import Lines
from tests.idp.web.finland import CrossingStage, Traveller
from tests.softhsm import PIN, SoftHsm, softhsm

pytestmark = pytest.mark.peer


@pytest.fixture
def token(tmp_path: Path, crossing: CrossingStage, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoftHsm]:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)
    with softhsm(tmp_path / "hsm") as made:
        file = tmp_path / "es256.pem"
        file.write_text(made.generate("es256", "EC:prime256v1"))
        file.chmod(0o600)
        ring = crossing.application.keys.es256
        before = ring.scheduled
        ring.replace([Scheduled(0, load_signer(file), file.name)])
        yield made
        ring.replace(before)


@pytest.mark.spec("house-style.md 17")
def test_nothing_goes_while_the_token_is_away_and_all_goes_on_when_it_is_back(
    crossing: CrossingStage, traveller: Traveller, token: SoftHsm, logs: Lines
) -> None:
    page, before = traveller.question(), crossing.records
    token.take_out()
    refused = traveller.decides(page)
    assert refused.status == 503
    assert refused.headers["retry-after"]
    assert traveller.authorize().status == 503, "and nobody is sent to sign in for nothing"
    assert crossing.records == before
    said = [line for line in logs if line.get("code") == "keys_unavailable"]
    assert "plug it in" in str(said)
    assert PIN not in str(list(logs))
    token.put_in()
    code = traveller.decides(page).back["code"]
    token.take_out()
    assert traveller.redeem(code).status == 503, "and the code is not spent"
    token.put_in()
    assert "id_token" in traveller.redeem(code).json
    assert crossing.records == before + 1
