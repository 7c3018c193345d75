"""The documentation's FastAPI snippet, run as it is printed."""

from collections.abc import Iterator

import pytest

from idp.cli.snippets import Framework
from tests.interop import snippet_tests as proved
from tests.interop.snippet_stage import SnippetStage
from tests.interop.walking import opened

PEER = "Authlib in FastAPI"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnippetStage]:
    with opened(SnippetStage(tmp_path_factory.mktemp("fastapi") / "stage", Framework.FASTAPI)) as stage:
        yield stage


@pytest.mark.peer_row(PEER, "signs in")
@pytest.mark.parametrize("kind", ["secret", "key"])
def test_a_citizen_signs_in(stage: SnippetStage, kind: str) -> None:
    proved.signs_in(stage, kind)


@pytest.mark.peer_row(PEER, "wrong key refused by us")
@pytest.mark.parametrize("kind", ["wrong-secret", "wrong-key"])
def test_a_wrong_credential_is_noticed_by_the_broker(stage: SnippetStage, kind: str) -> None:
    assert "invalid_client" in proved.is_told_that_its_credential_is_wrong(stage, kind).text


@pytest.mark.peer_row(PEER, "wrong address refused by us")
def test_another_redirect_address_is_noticed_by_the_broker(stage: SnippetStage) -> None:
    proved.gets_no_answer_elsewhere(stage)


@pytest.mark.peer_row(PEER, "broken nonce refused by it")
def test_a_broken_nonce_is_noticed_by_the_app(stage: SnippetStage) -> None:
    assert "nonce" in proved.refuses_an_id_token_for_another_request(stage).text


@pytest.mark.peer_row(PEER, "lower level refused by it")
def test_a_lower_level_is_noticed_by_the_app(stage: SnippetStage) -> None:
    proved.refuses_a_lower_level(stage)


@pytest.mark.peer_row(PEER, "other purpose refused by it")
def test_another_purpose_is_noticed_by_the_app(stage: SnippetStage) -> None:
    proved.refuses_another_purpose(stage)


@pytest.mark.peer_row(PEER, "less asked for, and all given")
@pytest.mark.parametrize("claims", proved.LESS)
def test_what_the_purpose_requires_comes_whatever_is_asked(stage: SnippetStage, claims: str) -> None:
    proved.gets_what_is_required_whatever_is_asked(stage, claims)
