"""The program that `ciconia party add` prints for a service with a key: pushed requests, and tokens bound by DPoP."""

from collections.abc import Iterator

import pytest

from idp.cli.snippets import Framework
from tests.interop import snippet_tests as proved
from tests.interop.node import require_node
from tests.interop.snippet_stage import SnippetStage
from tests.interop.walking import opened

KIND = "strict-key"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnippetStage]:
    require_node("express-session")
    with opened(SnippetStage(tmp_path_factory.mktemp("fapi2") / "stage", Framework.EXPRESS, (KIND,))) as stage:
        yield stage


@pytest.mark.peer
@pytest.mark.peer_row("openid-client in Express", "signs in by the profile fapi2")
def test_a_citizen_signs_in_by_the_strongest_profile(stage: SnippetStage) -> None:
    text = (stage.receiving / "parties" / f"{KIND}.toml").read_text(encoding="utf-8")
    assert 'profile = "fapi2"' in text
    proved.signs_in(stage, KIND)
