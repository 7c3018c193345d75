"""Every snippet signs in, and stops where a side misbehaves, on the side that should notice."""

from idp.demo.browser import Page
from tests.interop.snippet_stage import LOW, RELEASED, App, Log, SnippetStage, refused_before, running, signed_in

# What somebody may ask for in the program's own request: one of the two claims that are required
LESS = '{"userinfo": {"age_over_18": null}}'
ANOTHER = "a-nonce-that-nobody-chose-0123456789abcdef0"


def signs_in(stage: SnippetStage, kind: str) -> None:
    """A login completes, and gives the app exactly what its purpose needs."""
    with running(stage, kind) as app:
        page, _ = signed_in(stage, app)
    assert page.status == 200, page.text
    assert page.url.startswith(f"{app.base}/callback")
    person = page.json()
    assert {name: person[name] for name in person if name != "sub"} == RELEASED


def is_told_that_its_credential_is_wrong(stage: SnippetStage, kind: str) -> Page:
    """We notice, the app shows our words, and our log names the reason."""
    with running(stage, kind) as app:
        page, log = signed_in(stage, app)
    assert page.status >= 400, page.text
    details = [str(line["detail"]) for line in log if line.get("path") == "/token"]
    assert details, log
    assert all(detail.startswith("invalid_client: ") for detail in details)
    expected = "its secret is wrong" if kind == "wrong-secret" else "The client assertion was refused: "
    assert expected in details[0], details
    return page


def gets_no_answer_elsewhere(stage: SnippetStage, kind: str = "secret") -> None:
    """Another redirect address: our page, which sends nobody anywhere, and our log says which parameter."""
    with running(stage, kind) as app:
        page, log = refused_before(stage, app, redirect_uri=f"{app.redirect_uri}/")
    assert page.status == 400
    assert app.base not in page.text
    reference = str(page.tree.xpath("string(//dd/code)"))
    (line,) = [line for line in log if line.get("reference") == reference]
    assert "redirect_uri is absent, or not registered exactly so" in str(line["detail"])


def refuses_an_id_token_for_another_request(stage: SnippetStage, kind: str = "secret") -> Page:
    """A nonce that was changed on the way: the app notices, and nobody is signed in."""
    with running(stage, kind) as app:
        page, log = signed_in(stage, app, nonce=ANOTHER)
    assert page.url.startswith(app.base)
    assert page.status >= 400, page.text
    assert not [line for line in log if line.get("path") == "/token"], "the broker had nothing to refuse"
    assert "sub" not in page.text
    return page


def refuses_a_lower_level(stage: SnippetStage, kind: str = "secret") -> Page:
    """A thief of a password asks for another purpose of the service, in its own request: the app notices the level."""
    with running(stage, kind) as app:
        page, log = signed_in(stage, app, "toomas", scope=f"openid purpose:{LOW}")
    assert page.url.startswith(app.base)
    assert page.status >= 400, page.text
    assert [line for line in log if line.get("step") == "token"], "the broker had nothing to refuse"
    assert "age_over_18" not in page.text
    return page


def refuses_another_purpose(stage: SnippetStage, kind: str = "secret") -> Page:
    """Another purpose of the service that needs the same, at a level that will do: the app looks at the token's scope."""
    with running(stage, kind) as app:
        page, log = signed_in(stage, app, scope=f"openid purpose:{LOW}")
    return _refused_by(app, page, log)


def gets_what_is_required_whatever_is_asked(stage: SnippetStage, claims: str, kind: str = "secret") -> None:
    """A citizen rewords the request to ask for less than the purpose requires: it comes all the same."""
    with running(stage, kind) as app:
        page, _ = signed_in(stage, app, claims=claims)
    assert page.status == 200, page.text
    assert page.url.startswith(app.base)
    assert not [claim for claim in RELEASED if claim not in page.text]


def _refused_by(app: App, page: Page, log: Log) -> Page:
    assert page.url.startswith(app.base)
    assert page.status in {401, 403}, page.text
    assert [line for line in log if line.get("step") == "token"], "the broker had nothing to refuse"
    assert not [line for line in log if line.get("path") == "/userinfo"], "the broker refused"
    assert "age_over_18" not in page.text
    return page
