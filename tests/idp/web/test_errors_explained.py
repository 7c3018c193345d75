"""Where an operator published docs/errors.md, pages and OAuth errors lead to their code; the log names the peer."""

from collections.abc import Iterator

import pytest

from tests.idp.staging import Lines
from tests.idp.web.stage import Stage
from tests.idp.web.visitor import DIRECT, Visitor, query_of

PAGE = "https://docs.city.example/errors/?v=1"
SETTING = {"ciconia.toml": ("\nissuer =", f'\ndocumentation_url = "{PAGE}"\nissuer =')}


@pytest.fixture(scope="module")
def published(running: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of a broker whose operator published the page."""
    with running.other_broker(tmp_path_factory.mktemp("published") / "b", SETTING) as port:
        yield port


@pytest.fixture
def reader(visitor: Visitor, published: int) -> Visitor:
    visitor.port = published
    return visitor


@pytest.mark.spec("issue 4 item 6")
def test_a_page_links_to_its_code(reader: Visitor) -> None:
    page = reader.authorize(client_id="nobody")
    assert page.found("//main//a/@href") == [f"{PAGE}#request_refused"]
    assert page.found("//main//dd/code/text()") == [page.reference, "request_refused"]
    assert reader.go("GET", "/nowhere").found("//main//a/@href") == [f"{PAGE}#not_found"]


@pytest.mark.spec("RFC 6749 §4.1.2.1 error_uri")
def test_an_error_to_the_verified_address_brings_the_address_that_explains_it(reader: Visitor, logs: Lines) -> None:
    answer = reader.authorize(scope="openid purpose:nothing")
    back = query_of(answer.headers["location"])
    assert (back["error"], back["error_uri"]) == ("invalid_scope", f"{PAGE}#invalid_scope")
    (line,) = logs
    assert (line["event"], line["code"], line["peer"], line["path"]) == (
        "refused",
        "invalid_scope",
        "parking",
        "/authorize",
    )
    assert line["detail"] == back["error_description"]


@pytest.mark.spec("RFC 6749 §3.1.2.4")
def test_an_address_that_is_not_registered_gets_nothing_and_the_log_names_the_client(reader: Visitor, logs: Lines) -> None:
    page = reader.authorize(redirect_uri="https://evil.example/cb")
    assert page.status == 400
    assert "location" not in page.headers
    assert "evil.example" not in page.text
    (line,) = logs
    assert (line["code"], line["peer"], line["reference"]) == ("request_refused", "parking", page.reference)


@pytest.mark.spec("RFC 6749 §5.2 error_uri; RFC 6750 §3 error_uri")
def test_json_and_its_challenge_bring_the_address_that_explains_the_error(reader: Visitor, logs: Lines) -> None:
    refused = reader.redeem("x" * 43)
    assert (refused.json["error"], refused.json["error_uri"]) == ("invalid_grant", f"{PAGE}#invalid_grant")
    wrong = reader.redeem("x" * 43, authorization=reader.basic("parking", "wrong"))
    assert (wrong.json["error"], wrong.json["error_uri"]) == ("invalid_client", f"{PAGE}#invalid_client")
    assert "error_uri" not in wrong.headers["www-authenticate"], "Basic has no such word (RFC 7617)"
    told = {**DIRECT, "content-type": "application/x-www-form-urlencoded", "authorization": reader.basic("parking")}
    for ended in (
        reader.go("GET", "/userinfo", headers={**DIRECT, "authorization": "Bearer " + "x" * 43}),
        reader.go("POST", "/userinfo/receipt", fields={"access_token": "x" * 43}, headers=told),
    ):
        assert ended.json["error_uri"] == f"{PAGE}#invalid_token"
        assert ended.headers["www-authenticate"].endswith(f', error_uri="{PAGE}#invalid_token"')
    form = reader.go("POST", "/token", body=b"{}", headers={"content-type": "application/json"})
    assert form.json["error_uri"] == f"{PAGE}#invalid_request"
    assert [line["peer"] for line in logs] == ["parking", "parking", None, "parking", None]


@pytest.mark.parametrize(
    "fields",
    [
        {"client_secret": "wrong"},
        {},
        {"client_secret": "wrong", "client_assertion": "x"},
        {"client_assertion_type": "x"},
    ],
)
def test_a_refusal_names_the_service_whichever_way_it_says_who_it_is(
    reader: Visitor, logs: Lines, fields: dict[str, str]
) -> None:
    refused = reader.redeem("x" * 43, authorization="", client_id="parking", **fields)
    assert refused.status in (400, 401)
    assert [line["peer"] for line in logs] == ["parking"]
    reader.redeem("x" * 43, authorization="", client_id="nobody", client_secret="wrong")
    assert logs[-1]["peer"] is None


@pytest.mark.spec("RFC 8414 §2 service_documentation")
def test_discovery_names_the_page(reader: Visitor) -> None:
    assert reader.go("GET", "/.well-known/openid-configuration").json["service_documentation"] == PAGE


@pytest.mark.spec("issue 4 item 6")
def test_without_the_setting_nothing_leads_anywhere(visitor: Visitor) -> None:
    assert "service_documentation" not in visitor.go("GET", "/.well-known/openid-configuration").json
    assert not visitor.go("GET", "/nowhere").found("//main//a")
    assert "error_uri" not in visitor.authorize(scope="openid purpose:nothing").headers["location"]
    refused = visitor.redeem("x" * 43)
    assert set(refused.json) == {"error", "error_description"}
