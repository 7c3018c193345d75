"""A broker that asks another one, each serving: a logout there ends the session here, and a question that is open."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import func, select

from idp.demo.loopback import client, send
from idp.keys.file import FileSigner
from idp.keys.secret_files import CLIENT_SECRET
from idp.store import tables
from tests.idp.staging import Clock, opened
from tests.idp.web.shared_stage import COOKIE, SECRET, SERVICES, Member, SharedStage, outcomes
from tests.idp.web.test_logout_http import Receiver, logout
from tests.idp.web.test_openid_upstream_http import back
from tests.idp.web.visitor import Answer, login_of

pytestmark = pytest.mark.slow
BROKER = """\
client_id = "broker"
title.en = "A broker"
sector = "broker"
redirect_uris = ["@BELOW@/oidc/callback/op"]
purposes = ["desk"]
client_secret_sha256 = "@HASH@"
session_group = "other"
backchannel_logout_uri = "@BELOW@/oidc/backchannel/op"
networks = ["127.0.0.0/8"]
[attributes]
"""
PROVIDER = """\
id = "op"
protocol = "oidc"
title.en = "Another broker"
country = "EE"
namespace = "test/broker"
issuer = "@ISSUER@"
client_id = "broker"
token_endpoint_auth_method = "client_secret_basic"
id_token_signed_response_alg = "ES256"
metadata = "metadata/op.json"
scopes = ["purpose:desk"]
networks = ["127.0.0.0/8"]
[attributes]
given_name = "given_name"
"""


class Above(SharedStage):
    """The broker that is asked, and has the other one for a service."""

    def __init__(self, folder: Path, clock: Clock, below: str) -> None:
        self._below = below
        super().__init__(folder, clock)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        digest = hashlib.sha256(SECRET.encode()).hexdigest()
        text = BROKER.replace("@BELOW@", self._below).replace("@HASH@", digest)
        (self.receiving / "parties" / "broker.toml").write_text(text)


class Below(SharedStage):
    """The broker that asks. The other one serves before it, and as long."""

    def __init__(self, folder: Path, clock: Clock, receiver: str) -> None:
        self.clock_of_both = clock
        super().__init__(folder, clock, receiver)

    def _configure(self, port: int, secret: Mapping[str, str], fares: FileSigner) -> None:
        super()._configure(port, secret, fares)
        self.above = Above(self.folder / "above", self.clock_of_both, self.issuer)
        self.above.open()
        with client() as http:
            found = send(http, "GET", f"{self.above.issuer}/.well-known/openid-configuration")
        (self.receiving / "providers" / "op.toml").write_text(PROVIDER.replace("@ISSUER@", self.above.issuer))
        (self.receiving / "metadata" / "op.json").write_bytes(found.content)
        key = self.receiving / "keys" / f"{CLIENT_SECRET}op"
        key.write_text(f"{SECRET}\n")
        key.chmod(0o600)

    def close(self) -> None:
        super().close()
        self.above.close()


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Below]:
    with opened(Below(tmp_path_factory.mktemp("broker") / "below", Clock(), receiver.url)) as found:
        found.application.courier.stop()
        yield found


@pytest.fixture
def here(stage: Below) -> Iterator[Member]:
    with Member(stage) as made:
        yield made


@pytest.fixture
def there(stage: Below) -> Iterator[Member]:
    """The same citizen at the other broker, which has cookies of its own."""
    with Member(stage.above) as made:
        yield made


def question(here: Member, there: Member) -> Answer:
    """The desk's question here, after the whole way through the other broker."""
    asked = here.asks(here.login(client_id="desk", scope=f"openid purpose:{SERVICES['desk'][0]}"), "op")
    parts = urlsplit(asked.onward)
    login = login_of(there.go("GET", f"{parts.path}?{parts.query}"))
    answer = there.decides(there.returns(there.signs_in(there.asked(login))))
    found = back(here, dict(answer.back))
    assert found.status == 200, found.text
    return found


def signs_out(there: Member) -> dict[str, str]:
    """The citizen's own word at the other broker; what became of its services."""
    return outcomes(there.go("POST", "/logout/confirm", fields=logout(there).fields))


def _sessions(stage: SharedStage) -> int:
    with stage.application.store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(tables.sessions)) or 0


@pytest.mark.spec("Back-Channel Logout §2.5")
def test_who_signs_out_upstream_is_signed_out_here_and_our_services_hear_of_it(
    here: Member, there: Member, stage: Below, receiver: Receiver
) -> None:
    here.decides(question(here, there))
    assert here.asks_for("library").heading.startswith("Share this"), "the control"
    assert signs_out(there) == {"A broker": "ended"}
    assert _sessions(stage) == 0
    assert COOKIE in here.jar
    assert here.asks_for("library").heading == "Which country's eID do you use?"
    stage.application._tell()
    assert len(receiver.tokens) == 1


@pytest.mark.spec("Back-Channel Logout §2.7")
def test_who_signs_out_upstream_while_our_question_is_open_releases_nothing(
    here: Member, there: Member, stage: Below
) -> None:
    page, records = question(here, there), stage.records
    assert signs_out(there) == {"A broker": "ended"}
    assert here.decides(page).status == 409
    assert (stage.records, _sessions(stage)) == (records, 0)
