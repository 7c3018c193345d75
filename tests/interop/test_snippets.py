"""The documentation's snippets for servers in Python and node, each run as it is printed."""

from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet

from idp.cli.snippets import Framework
from tests.interop import snippet_tests as proved
from tests.interop.node import require_node
from tests.interop.snippet_stage import SnippetStage
from tests.interop.walking import opened

# `covered` reads this table, and the calls of `each`
PEERS = {
    "Authlib in FastAPI": Framework.FASTAPI,
    "Authlib in Flask": Framework.FLASK,
    "Authlib in Django": Framework.DJANGO,
    "openid-client in Express": Framework.EXPRESS,
}


def each(what: str) -> pytest.MarkDecorator:
    """The test with the stage of each peer, as a cell of the table at the end of a run."""
    return pytest.mark.parametrize("stage", [_with(name, what) for name in PEERS], indirect=True)


def _with(name: str, what: str) -> ParameterSet:
    cost = pytest.mark.peer if PEERS[name] == Framework.EXPRESS else pytest.mark.slow
    return pytest.param(PEERS[name], id=name, marks=[cost, pytest.mark.peer_row(name, what)])


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnippetStage]:
    if request.param == Framework.EXPRESS:
        require_node("express-session")
    with opened(SnippetStage(tmp_path_factory.mktemp("snippets") / "stage", request.param)) as stage:
        yield stage


@each("signs in")
@pytest.mark.parametrize("kind", ["secret", "key"])
def test_a_citizen_signs_in(stage: SnippetStage, kind: str) -> None:
    proved.signs_in(stage, kind)


@each("wrong key refused by us")
@pytest.mark.parametrize("kind", ["wrong-secret", "wrong-key"])
def test_a_wrong_credential_is_noticed_by_the_broker(stage: SnippetStage, kind: str) -> None:
    # openid-client shows the 401 by its WWW-Authenticate: the docs say what that means
    said = "WWW-Authenticate" if stage.framework == Framework.EXPRESS else "invalid_client"
    assert said in proved.is_told_that_its_credential_is_wrong(stage, kind).text


@each("wrong address refused by us")
def test_another_redirect_address_is_noticed_by_the_broker(stage: SnippetStage) -> None:
    proved.gets_no_answer_elsewhere(stage)


@each("broken nonce refused by it")
def test_a_broken_nonce_is_noticed_by_the_app(stage: SnippetStage) -> None:
    assert "nonce" in proved.refuses_an_id_token_for_another_request(stage).text


@each("lower level refused by it")
def test_a_lower_level_is_noticed_by_the_app(stage: SnippetStage) -> None:
    proved.refuses_a_lower_level(stage)


@each("other purpose refused by it")
def test_another_purpose_is_noticed_by_the_app(stage: SnippetStage) -> None:
    proved.refuses_another_purpose(stage)


@each("less asked for, and all given")
def test_what_the_purpose_requires_comes_whatever_is_asked(stage: SnippetStage) -> None:
    proved.gets_what_is_required_whatever_is_asked(stage, proved.LESS)
