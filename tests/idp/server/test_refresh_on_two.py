"""One refresh token at two processes at once: one of them wins, and the family ends where the other comes too late."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import pytest

from idp.demo.loopback import client, send
from idp.demo.relying_party import RelyingPartyOfCity
from tests.idp.server.crew import until
from tests.idp.server.machines import Machines, approved, turns
from tests.postgres import server

pytestmark = pytest.mark.slow
FILE = "parties/parking.toml"
AT_ONCE = 8


@pytest.fixture(params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machines]:
    found = Machines(tmp_path / "stage", database=server().fresh() if request.param == "postgresql" else "")
    for folder in found.folders:
        text = (folder / FILE).read_text(encoding="utf-8")
        named = 'grant_types = ["authorization_code", "refresh_token"]\n'
        (folder / FILE).write_text(named + text, encoding="utf-8")
    yield found
    found.close()


def refreshed(issuer: str, party: RelyingPartyOfCity, token: str) -> tuple[int, dict[str, object]]:
    """One refresh, on a connection of its own."""
    pair = f"{party.service.client_id}:{party.service.secret}"
    headers = {
        "authorization": "Basic " + base64.b64encode(pair.encode()).decode(),
        "content-type": "application/x-www-form-urlencoded",
    }
    content = urlencode({"grant_type": "refresh_token", "refresh_token": token}).encode()
    with client() as http:
        answer = send(http, "POST", f"{issuer}/token", headers=headers, content=content)
    return answer.status_code, answer.json()


@pytest.mark.spec("RFC 9700 §4.14.2")
@pytest.mark.spec("security.md §2.2")
def test_in_parallel_one_wins_and_who_comes_later_ends_the_family(stage: Machines) -> None:
    party = stage.party(1)
    assert party.service.client_id == "parking"
    party.service = replace(party.service, scope=f"{party.service.scope} offline_access".strip())
    with stage.serving(0), stage.serving(1), turns(stage.front, stage.ports) as given:
        answer, state = approved(stage, party, "mari")
        tokens = party._redeem(answer["code"], party._pending[state])
        first = str(tokens["refresh_token"])
        with ThreadPoolExecutor(AT_ONCE) as pool:
            found = list(pool.map(lambda _: refreshed(stage.issuer, party, first), range(AT_ONCE)))
        assert set(given.given[-AT_ONCE:]) == set(stage.ports), "both processes were asked"
        assert [status for status, _ in found] == [200] * AT_ONCE
        (second,) = {str(body["refresh_token"]) for _, body in found}
        assert len({str(body["access_token"]) for _, body in found}) == 1
        status, body = refreshed(stage.issuer, party, second)
        assert status == 200
        # The first token is good for the same answer ten seconds long, and then it is somebody else's
        until(lambda: refreshed(stage.issuer, party, first)[0] != 200)
        assert refreshed(stage.issuer, party, str(body["refresh_token"]))[1]["error"] == "invalid_grant"
    party.close()
    for number in range(2):
        assert "Traceback" not in stage.log(number)
