"""The parts of the matrix of tenants: the things that a tenant gives out, and how each is tried at another."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi.routing import APIRoute
from httpx2 import Response
from starlette.routing import Route

from idp.application.app import Application
from idp.web.page_route import ByPath
from tests.tenants.cities import Call, Town, hidden, plain

Rows = Mapping[tuple[str, str], str]
REFUSALS = frozenset({400, 401, 403, 404, 405, 409})
SAME = "the answer is what it is without it"
REFUSED = "the answer is a refusal"
# Whatever the demo's citizen has that a service or a page could show
VALUES = ("Maasikas", "1990-02-28", "Canal Street", "mari@")


@dataclass(frozen=True)
class Held:
    """The things that one tenant gave out, by their kind, and honest requests that are made of them."""

    things: Mapping[str, str]
    calls: Mapping[tuple[str, str, str], Call]


def hold(town: Town) -> Held:
    """One of each: logins at three steps, a code, a token, a receipt, a client's assertion, an id_token and a leaf."""
    requested, requested_cookies = town.begun()
    asked, asked_cookies, answer = town.asked()
    decided, decided_cookies, form = town.decided()
    code, receipt = town.approved()
    pressed, only_its_own, _ = town.pressed()
    tokens = town.tokens()
    strict = decided_cookies[f"__Host-a-{decided}"]
    shown = town.send(Call("GET", "/receipt", cookies={"__Host-receipt": receipt})).text
    leaf = re.search(r"\b[0-9a-f]{64}\b", shown)
    assert leaf is not None
    things = {
        "login": requested,
        "requested cookie": requested_cookies[f"__Host-l-{requested}"],
        "asked cookie": asked_cookies[f"__Host-l-{asked}"],
        "login that asked": asked,
        "SAML response": answer["SAMLResponse"],
        "login that is decided": decided,
        "Strict cookie": strict,
        "sealed decision": form["decided"],
        "login that waits": pressed,
        "its cookie": only_its_own[f"__Host-a-{pressed}"],
        "sealed page": hidden(town.send(Call("GET", "/nowhere")))["page"],
        "code": code,
        "access token": tokens["access_token"],
        "id_token": tokens["id_token"],
        "receipt's handle": receipt,
        "client assertion": town.assertion(),
        "leaf": leaf[0],
        "test link": town.link(),
        "link to a receipt": town.link_to_receipt(pressed, only_its_own),
        "handle of the citizen's page": town.visit(),
    }
    of_login = {"login": requested}
    at_decision = {**form, "choice": "approve"}
    # The login's own cookie plays no part there
    at_page = {"__Host-me": things["handle of the citizen's page"]}
    only_strict = {f"__Host-a-{decided}": strict}
    bearer = tokens["access_token"]
    by_assertion = {
        "client_assertion": town.assertion(),
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_id": "fares",
        "grant_type": "authorization_code",
        "code": code,
    }
    made = [
        ("", Call("GET", "/login/{login}/countries", parts=of_login, cookies=requested_cookies)),
        ("", Call("POST", "/login/{login}/countries", of_login, requested_cookies, {"q": "eesti"})),
        ("", Call("GET", "/login/{login}/at/{provider}", {**of_login, "provider": "demo-ee"}, requested_cookies)),
        ("", Call("POST", "/login/{login}/at/{provider}", {**of_login, "provider": "demo-ee"}, requested_cookies, {})),
        ("", Call("POST", "/saml/acs", cookies=asked_cookies, form=answer, cross_site=True)),
        ("", Call("POST", "/eidas/acs", cookies=asked_cookies, form=answer, cross_site=True)),
        ("", Call("POST", "/stork/acs", cookies=asked_cookies, form=answer, cross_site=True)),
        ("", Call("POST", "/login/{login}/language", {"login": decided}, decided_cookies, {**form, "language": "et"})),
        ("", Call("POST", "/language", form={"language": "et", "page": things["sealed page"]})),
        ("", Call("POST", "/login/{login}/decision", {"login": decided}, only_strict, at_decision)),
        ("", Call("POST", "/login/{login}/cancel", of_login, requested_cookies, {})),
        ("", Call("GET", "/login/{login}/stay", {"login": pressed}, only_its_own)),
        ("", Call("GET", "/login/{login}/onward", {"login": pressed}, only_its_own)),
        ("", Call("GET", "/receipt", cookies={"__Host-receipt": receipt})),
        ("", Call("GET", "/receipt.json", cookies={"__Host-receipt": receipt})),
        ("", Call("POST", "/receipt/ask", cookies={"__Host-receipt": receipt}, form={})),
        ("", Call("GET", "/receipt/phone", query={"link": things["link to a receipt"]})),
        ("", Call("POST", "/receipt/phone", form={"link": things["link to a receipt"]})),
        ("", Call("POST", "/receipt/forget", cookies={"__Host-receipt": receipt}, form={})),
        ("", Call("GET", "/me/receipt.json", cookies=at_page, query={"n": "1"})),
        ("", Call("POST", "/me/erase", cookies=at_page, form={})),
        ("", Call("POST", "/me/erase/stop", cookies=at_page, form={})),
        ("", Call("GET", "/me/copy", cookies=at_page)),
        ("", Call("GET", "/me/copy.json", cookies=at_page)),
        ("", Call("POST", "/me/approval", cookies=at_page, form={"service": "parking", "purpose": "resident-parking"})),
        ("", Call("POST", "/me/link", cookies=at_page, form={"earlier": "A" * 43})),
        ("", Call("POST", "/me/unlink", cookies=at_page, form={"record": "a" * 32})),
        ("", town.redeeming(code)),
        ("by assertion", Call("POST", "/token", form=by_assertion, direct=True)),
        ("", Call("GET", "/userinfo", bearer=bearer, direct=True)),
        ("", Call("POST", "/userinfo", bearer=bearer, direct=True, form={})),
        ("in the form", Call("POST", "/userinfo", direct=True, form={"access_token": bearer})),
        ("", Call("POST", "/userinfo/receipt", form={"access_token": bearer}, basic="parking", direct=True)),
        ("", Call("POST", "/why", form={"reference": "a" * 10}, basic="parking", direct=True)),
        ("", Call("POST", "/introspect", form={"token": bearer}, basic="parking", direct=True)),
        ("", Call("POST", "/revoke", form={"token": "of nobody"}, basic="parking", direct=True)),
        ("", Call("GET", "/try", query={"link": things["test link"]})),
        ("", Call("GET", "/log/proof", query={"leaf": things["leaf"]})),
        # Last: it ends what was issued
        ("", Call("POST", "/me/act", cookies=at_page, form={"n": "1", "act": "objection"})),
    ]
    return Held(things, {(call.method, call.path, note): call for note, call in made})


def routes(application: Application) -> set[tuple[str, str]]:
    """Every endpoint that the application has, whoever made it. A route of a kind that is not known here is an error."""
    waiting: list[object] = list(application.asgi.routes)
    found: set[tuple[str, str]] = set()
    while waiting:
        route = waiting.pop()
        if isinstance(route, Route | APIRoute):
            methods = route.methods or set()
            # HEAD is the GET of the same route, without the body
            found |= {(method, route.path) for method in methods - ({"HEAD"} if "GET" in methods else set())}
            continue
        if isinstance(route, ByPath):
            continue  # it finds routes that stand behind it
        # The framework keeps a router that was included as a node of its own
        waiting += route.original_router.routes  # type: ignore[attr-defined] # a name of the framework's own
    return found


def refused(answer: Response, what: object) -> None:
    assert answer.status_code in REFUSALS, (what, answer.status_code, answer.text[:500])
    assert not any(value in answer.text for value in VALUES), what
    assert "access_token" not in answer.text or "access token" in answer.text.lower(), what


def calls_of(row: tuple[str, str], held: Held) -> list[Call]:
    return [call for (method, path, _), call in held.calls.items() if (method, path) == row]


def free(slot: tuple[str, str]) -> bool:
    """Places where any text stands and nothing is looked up, or where another value is another honest request."""
    return slot in {
        ("form", "q"),
        ("form", "choice"),
        ("form", "grant_type"),
        ("form", "client_assertion_type"),
        ("part", "provider"),
    }


def elsewhere(rows: Rows, at: Town, ours: Held, theirs: Held) -> int:
    """Everything of ours at each endpoint of another tenant: refused, or nothing happens. Returns the number of cells."""
    cells = 0
    for row, does in rows.items():
        if does != REFUSED:
            continue
        # 1. the whole honest request, at the other host
        for call in calls_of(row, ours):
            refused(at.send(call), (row, "whole"))
            cells += 1
        # 2. an honest request of the other tenant, one thing in one place of it replaced
        for call in calls_of(row, theirs):
            for slot in call.slots:
                for kind, value in ours.things.items():
                    if free(slot):
                        continue
                    refused(at.send(call.put(slot, value)), (row, slot, kind))
                    cells += 1
    return cells


def same(rows: Rows, at: Town, theirs: Held) -> int:
    """At endpoints that are everybody's: with anything of another tenant the answer is the same as without."""
    cells = 0
    cookies = {
        "__Host-l-" + theirs.things["login"],
        "__Host-a-" + theirs.things["login that is decided"],
        "__Host-receipt",
        "__Host-me",
    }
    for (method, path), does in rows.items():
        if does != SAME or path in ("/eidas/metadata", "/log/checkpoint"):
            continue
        call = Call(method, path, form={} if method == "POST" else None)
        if path == "/authorize":
            call = Call(method, path, **{"form" if method == "POST" else "query": at.request()})  # type: ignore[arg-type] # one of the two
        without = at.send(call)
        for kind, value in theirs.things.items():
            for cookie in sorted(cookies):
                with_it = at.send(call.put(("cookie", cookie), value))
                assert with_it.status_code == without.status_code, (path, cookie, kind)
                assert plain(with_it.text) == plain(without.text), (path, cookie, kind)
                cells += 1
            if path != "/authorize":
                bearing = at.send(call.put(("bearer", ""), value))
                assert plain(bearing.text) == plain(without.text), (path, kind)
                cells += 1
        assert not hidden(without).keys() & {"decided"} or path == "/authorize" if "<form" in without.text else True
    return cells
