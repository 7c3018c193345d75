"""Titles of a careless configuration and values of a hostile identity provider: text, in every place where they stand."""

from dataclasses import fields, is_dataclass, replace
from typing import Any  # a view's fields are of many types

import pytest

from idp.pages.last_view import LastView
from idp.pages.picker_view import CountryChoice, PickerView
from idp.pages.render import Pages
from idp.pages.views import (
    ApprovalView,
    BlockedView,
    ErrorView,
    Item,
    LeavingView,
    PostView,
    Text,
    Towards,
    WithheldItem,
)
from policies.attributes import AttributeName
from tests.e2e.gallery import DECISION, approval, inform, picker
from tests.idp.pages.reading import Read

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus='alert(1)",
    "</title></textarea><svg onload=alert(1)>",
    "{{ 7*7 }}{% raw %}{service}{0.__class__}",
    "a & b &lt;b&gt; <!-- <![CDATA[",
    "\u202eevil\u202c\u2066",
)

LINK = "https://city.example/cb?a=1&b=%22%3E"


def _evil(thing: Any, evil: str) -> Any:  # replaces the texts of a view, whatever their places
    """The same view with every text that is not an address or a code of ours replaced by `evil`."""
    if isinstance(thing, Text):
        return Text(evil, "et")
    if isinstance(thing, Item):
        return Item(
            AttributeName(evil), Text(evil, evil), (evil, evil), evil, Text(evil, evil), Text(evil, evil), thing.required
        )
    if isinstance(thing, WithheldItem):
        return WithheldItem(Text(evil, evil), evil)
    if isinstance(thing, CountryChoice):
        return CountryChoice("/x?" + evil, evil, Text(evil, evil))
    if isinstance(thing, tuple):
        return tuple(_evil(each, evil) for each in thing)
    if is_dataclass(thing) and not isinstance(thing, type):
        free = {"contact", "login", "decided", "reference", "named", "sought"}
        changes = {f.name: evil if f.name in free else _evil(getattr(thing, f.name), evil) for f in fields(thing)}
        return replace(thing, **changes)
    return thing


def _skeleton(page: Read) -> list[tuple[str, tuple[str, ...]]]:
    """Elements and their attributes' names: what no text may change."""
    return [(str(each.tag), tuple(sorted(map(str, each.attrib)))) for each in page.find("//*")]


def _same_but_for_texts(render: Any, view: Any, evil: str) -> Read:  # any page's method and its view
    tame, wild = Read(render(_evil(view, "x"))), Read(render(_evil(view, evil)))
    assert _skeleton(tame) == _skeleton(wild)
    assert "alert(1)>" not in wild.text.replace("&gt;", "")
    assert "49" not in wild.words("//main")
    return wild


def test_on_the_picker(pages: Pages) -> None:
    for evil in HOSTILE:
        page = _same_but_for_texts(pages.picker, picker(pages, "en"), evil)
        assert page.find("//span[@class='provider']/bdi")[0].text == evil


def test_on_the_approval_page(pages: Pages) -> None:
    for evil in HOSTILE:
        view: ApprovalView = approval(pages, "en", DECISION)
        page = _same_but_for_texts(pages.approval, view, evil)
        assert page.one("//input[@name='decided']").get("value") == evil
        assert page.find("//span[@class='value']/bdi")[0].text == evil
        assert page.find("//input[@type='checkbox']")[0].get("name") == f"share.{evil}"


def test_on_the_page_that_informs(pages: Pages) -> None:
    for evil in HOSTILE:
        page = _same_but_for_texts(pages.inform, inform(pages, "en"), evil)
        assert page.find("//span[@class='value']/bdi")[0].text == evil
        assert page.find("//h1/following-sibling::p[1]/bdi")[0].text == evil


def test_in_what_somebody_typed_into_the_picker(pages: Pages) -> None:
    for evil in HOSTILE:
        full = replace(picker(pages, "en"), address="/login/L1/countries", searchable=True)
        page = _same_but_for_texts(pages.picker, replace(full, sought="x"), evil)
        assert page.one("//input[@name='q']").get("value") == evil
        assert not [each for each in page.find("//a") if "49" in (each.get("href") or "")]


def test_in_what_stays_at_the_node(pages: Pages) -> None:
    for evil in HOSTILE:
        view = replace(approval(pages, "en", DECISION), arrived=(Text("x", "et"), Text("x", "en")))
        page = _same_but_for_texts(pages.approval, view, evil)
        assert page.find("//ul[@class='arrived']/li/bdi")[1].text == evil


def test_where_a_login_ends(pages: Pages) -> None:
    for evil in HOSTILE:
        kept = (WithheldItem(Text("x", "en"), "x"),)
        service = Text("x", "en")
        _same_but_for_texts(pages.blocked, BlockedView("en", service, LINK, (), kept), evil)
        fields = (("SAMLResponse", "x"),)
        _same_but_for_texts(pages.blocked, BlockedView("en", service, LINK, fields, towards=Towards.NODE), evil)
        last = LastView("en", service, Towards.SERVICE, "/login/L1/onward", "", None, (service,))
        _same_but_for_texts(pages.last, last, evil)
        _same_but_for_texts(pages.leaving, LeavingView("en", service, LINK), evil)
        _same_but_for_texts(pages.error, ErrorView("en", "replayed", "x", LINK, service), evil)


def test_in_the_fields_of_a_posted_message(pages: Pages) -> None:
    for evil in HOSTILE:
        view = PostView("en", Towards.SERVICE, Text(evil, "en"), LINK, (("state", evil), (evil, "x")))
        page = Read(pages.post(view))
        pairs = [(each.get("name"), each.get("value")) for each in page.find("//input")]
        assert pairs == [("state", evil), (evil, "x")]
        assert len(page.find("//form")) == len(page.find("//script")) == 1


def test_an_address_arrives_as_it_was_given(pages: Pages) -> None:
    page = Read(pages.leaving(LeavingView("en", Text("x", "en"), LINK)))
    assert page.one("//main//a").get("href") == LINK
    assert page.one("//meta[@http-equiv='refresh']").get("content") == f"0; url={LINK}"
    post = Read(pages.post(PostView("en", Towards.PROVIDER, Text("x", "en"), LINK, (("a", "b"),))))
    assert post.one("//form").get("action") == LINK


def test_a_page_leads_to_web_addresses_alone(pages: Pages) -> None:
    for address in ["javascript:alert(1)", "data:text/html,x", "//evil.example", "/own", "", " https://x"]:
        service = Text("x", "en")
        with pytest.raises(ValueError, match="web addresses"):
            pages.leaving(LeavingView("en", service, address))
        with pytest.raises(ValueError, match="web addresses"):
            pages.post(PostView("en", Towards.SERVICE, service, address, ()))
        with pytest.raises(ValueError, match="web addresses"):
            pages.blocked(BlockedView("en", service, address, (("a", "b"),)))
        with pytest.raises(ValueError, match="web addresses"):
            pages.error(ErrorView("en", "internal", "x", address, service, (("a", "b"),)))


def test_a_page_of_ours_posts_and_links_to_ours_alone(pages: Pages) -> None:
    for path in ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "login", ""]:
        with pytest.raises(ValueError, match="path of ours"):
            pages.approval(replace(approval(pages, "en", DECISION), action=path))
        view: PickerView = picker(pages, "en")
        with pytest.raises(ValueError, match="path of ours"):
            pages.picker(replace(view, cancel=path))
        if path:  # which is a page without other languages, a picker without an address of its own, an error without a way
            with pytest.raises(ValueError, match="path of ours"):
                pages.approval(replace(approval(pages, "en", DECISION), rewording=path))
            with pytest.raises(ValueError, match="path of ours"):
                pages.picker(replace(view, address=path))
            with pytest.raises(ValueError, match="path of ours"):
                pages.error(ErrorView("en", "country_unavailable", "x", again=path))
        with pytest.raises(ValueError, match="path of ours"):
            pages.picker(replace(view, countries=(CountryChoice(path, "EE", Text("x", "en")),)))


def test_no_view_says_a_value_in_its_repr(pages: Pages) -> None:
    view = approval(pages, "en", DECISION)
    assert "Mari-Liis" not in repr(view)
    assert "sealed-text" not in repr(view)
    posted = PostView("en", Towards.SERVICE, Text("x", "en"), LINK, (("code", "secret-code"),))
    assert "secret-code" not in repr(posted)
    assert "b=%22" not in repr(LeavingView("en", Text("x", "en"), LINK))
