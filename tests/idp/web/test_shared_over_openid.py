"""Services that share a sign-in over an OpenID provider: what it did not say nobody claims, and what it ended is over."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from idp.store import tables
from tests.connectors.oidc.upstream import LEFT_OUT, Upstream, upstream
from tests.idp.staging import Clock, fresh, opened
from tests.idp.web.shared_stage import Member, SharedStage
from tests.idp.web.test_openid_upstream_http import back, files, sent
from tests.idp.web.visitor import Answer, query_of


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedStage]:
    with opened(SharedStage(tmp_path_factory.mktemp("over-openid") / "stage", Clock())) as stage:
        yield stage


@pytest.fixture
def stage(running: SharedStage) -> Iterator[SharedStage]:
    for found in fresh(running):
        found.clock.stand()
        with found.application.store.engine.begin() as connection:
            for table in (tables.approvals, tables.sessions, tables.participants, tables.logouts):
                connection.execute(delete(table))
        yield found


@pytest.fixture
def op(stage: SharedStage) -> Iterator[Upstream]:
    with upstream(stage.clock()) as made:
        made.method = "any"
        yield made


@pytest.fixture
def member(stage: SharedStage, op: Upstream, tmp_path: Path) -> Iterator[Member]:
    """At a broker that knows the provider by its `sub`, and whose museum has to hear when somebody signed in."""
    added = {name: text.replace('subject = "personal_code"\n', "") for name, text in files(op).items()}
    edits = {"parties/museum.toml": ('session_group = "other"', 'session_group = "city"\nrequire_auth_time = true')}
    with stage.other_broker(tmp_path / "b", edits, added) as port, Member(stage) as made:
        made.port = port
        yield made


def question(member: Member, op: Upstream, service: str = "desk") -> Answer:
    """All the way to the approval page."""
    return back(member, op.comes_back(sent(member, member.login(client_id=service, scope="openid purpose:desk"))))


@pytest.mark.spec("OpenID Connect Core §3.1.2.1")
def test_when_nobody_said_when_a_max_age_leads_to_the_provider_and_no_auth_time_is_claimed(
    member: Member, op: Upstream
) -> None:
    op.claims["auth_time"] = LEFT_OUT
    claims = member.claims("desk", member.decides(question(member, op)).back["code"])
    assert "auth_time" not in claims
    assert member.asks_for("library").heading.startswith("Share this"), "the control: its session does"
    asked = member.asks_for("library", max_age="999999999")
    assert query_of(asked.headers["location"])["max_age"] == "999999999"
    silent = member.asks_for("library", max_age="60", prompt="none")
    assert query_of(silent.headers["location"])["error"] == "login_required"
    assert question(member, op, "museum").status == 403, "its registration requires an auth_time"
    op.claims["auth_time"] = op.now - 30
    assert member.claims("museum", member.decides(question(member, op, "museum")).back["code"])["auth_time"] == op.now - 30
