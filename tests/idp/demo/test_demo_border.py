"""The whole stage: what it tells while it is set up, and who answers when."""

from pathlib import Path

import httpx2
import pytest

from idp.demo.border import Border
from idp.demo.loopback import client, send


def answers(address: str) -> bool:
    try:
        with httpx2.Client(timeout=0.2) as http:
            return http.get(address.replace("storkhaven.localhost", "127.0.0.1")).is_success
    except httpx2.TimeoutException:
        return False


class Watched(Border):
    """It looks whether the city answers, each time before a node begins and when all have to be waited for."""

    def __init__(self, folder: Path) -> None:
        self.told: list[str] = []
        self.answered: list[bool] = []
        super().__init__(folder, fixed=False, processes=False, told=self.told.append)

    def play(self, name: str) -> None:
        self.answered.append(answers(self.city_base))
        super().play(name)

    def _until_ready(self) -> None:
        super()._until_ready()
        self.answered.append(answers(self.city_base))


@pytest.mark.spec("a city whose broker does not answer yet lets its visitors wait")
def test_the_city_answers_when_its_broker_does(tmp_path: Path) -> None:
    border = Watched(tmp_path / "border")
    try:
        border.open()
        with client() as http:
            assert send(http, "GET", f"{border.issuer}/.well-known/openid-configuration").is_success
            assert send(http, "GET", f"{border.city_base}/").is_success
    finally:
        border.close()
    assert border.answered == [False] * 4
    assert border.told[-1] == "Waiting until the nodes know each other"
    assert len(border.told) == 5
