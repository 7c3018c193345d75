"""The page of endpoints has an example of each endpoint for programs, and none of them fails by our fault."""

from idp.web.described import openapi
from tests.endpoints_page import EXAMPLES, shown
from tests.idp.web.visitor import Visitor


def test_each_endpoint_has_an_example_whose_status_is_described(visitor: Visitor) -> None:
    paths = openapi(visitor.stage.application.asgi)["paths"]
    found = dict(shown(visitor))
    assert set(found) == set(paths)
    for path, examples in found.items():
        for one in examples:
            assert one.answer.status < 500, path
            responses = paths[path][one.method.lower()]["responses"]
            assert str(one.answer.status) in responses, (path, one.answer.status)
            assert f"HTTP/1.1 {one.answer.status}" in one.markdown()
    firsts = {path: examples[0].answer.status for path, examples in found.items() if path in EXAMPLES}
    assert firsts.pop("/log/proof") == 404, "a leaf that nobody has"
    assert firsts.pop("/log/years/{year}") == 404, "a year before the log"
    assert firsts.pop("/log/tile/{tile}") == 404, "a tile that no log of this size has"
    assert set(firsts.values()) <= {200, 201, 400, 401, 403, 415}
