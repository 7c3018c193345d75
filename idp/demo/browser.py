"""A small browser for the demo's driver: cookies, redirects, links and forms, bounded in hops.

It keeps Secure cookies of `http://*.localhost`, as Chromium does, sends Sec-Fetch-Site and Origin as a browser would, and
never runs a script. From the last page of a login it goes on at once, and not after ten seconds.
"""

import html as markup
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Self
from urllib.parse import urlencode, urljoin, urlsplit

from lxml import html

from idp.demo.loopback import client, send

MAX_HOPS = 14
REDIRECTS = (301, 302, 303)
# Where the last page of a login goes on to
_ONWARD = re.compile(r'<a class="button" href="(/login/[^"/]+/onward)">')


class WalkError(Exception):
    """The walk cannot go on; `args[0]` says at which step and why."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page in the browser: address, status, and text."""

    url: str
    status: int
    text: str = field(repr=False)

    @property
    def tree(self) -> html.HtmlElement:
        """The page, parsed."""
        return html.document_fromstring(self.text)

    def json(self) -> dict[str, object]:
        """The page as a JSON object. Raises `WalkError` where it is none."""
        try:
            body = json.loads(self.text)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise WalkError(f"no JSON where it was expected, at {urlsplit(self.url).path}")
        return body

    @property
    def boxes(self) -> dict[str, str]:
        """The fields of all boxes that the page has, as whoever ticks each of them sends them."""
        found = self.tree.xpath("//input[@type='checkbox']/@name")
        return {str(name): "yes" for name in found} if isinstance(found, list) else {}

    def link(self, xpath: str) -> str:
        """The absolute address of the first link that `xpath` finds."""
        found = self.tree.xpath(xpath)
        if not isinstance(found, list) or not found or not isinstance(found[0], html.HtmlElement):
            raise WalkError(f"no link where one was expected, at {urlsplit(self.url).path}")
        return urljoin(self.url, str(found[0].get("href", "")))


class Browser:
    """A browser with its own cookie jar. Close it, or use it in a `with`."""

    def __init__(self) -> None:
        self._http = client()
        # By host and name: the value, and whether SameSite is Strict
        self._jar: dict[tuple[str, str], tuple[str, bool]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections. Its cookies stay."""
        self._http.close()

    def get(self, url: str, *, origin: str = "", accept: str = "text/html") -> Page:
        """Goes to `url` and follows redirects. `origin` is that of the page with the link; "" for a typed address."""
        return self._go("GET", url, origin, accept, None)

    def choose(self, picker: Page, chosen: str, ticked: Mapping[str, str] = MappingProxyType({})) -> Page:
        """Goes to whom the citizen chooses on a picker, by the path of that choice, with these boxes ticked."""
        found = picker.tree.xpath(f"//button[contains(@formaction, '{chosen}')]/@formaction")
        if not isinstance(found, list) or not found:
            return self.get(picker.link(f"//a[contains(@href, '{chosen}')]"), origin=_origin(picker.url))
        onward = self.submit(picker, dict(ticked), "//form[@id='choice']", target=str(found[0]))
        ways = onward.tree.xpath("//main//a[@class='button']")
        return self.get(onward.link("//main//a[@class='button']"), origin=_origin(picker.url)) if ways else onward

    def submit(
        self, page: Page, fields: dict[str, str], form: str = "//form", *, accept: str = "text/html", target: str = ""
    ) -> Page:
        """Presses a button as `press` does. If that ends in the last page of a login, goes on from it."""
        return self.go_on(self.press(page, fields, form, accept=accept, target=target))

    def go_on(self, page: Page) -> Page:
        """Goes on from the last page of a login, up to where the broker sends the browser: then a page with that link.

        Any other page stays.
        """
        found = _ONWARD.search(page.text)
        if found is None:
            return page
        return self._go("GET", urljoin(page.url, found[1]), _origin(page.url), "text/html", None, leaves=False)

    def press(
        self, page: Page, fields: dict[str, str], form: str = "//form", *, accept: str = "text/html", target: str = ""
    ) -> Page:
        """Submits the first form that `form` finds, with its hidden fields and then `fields`.

        `target` is the path of the button, where that has one of its own.
        """
        found = page.tree.xpath(form)
        if not isinstance(found, list) or not found or not isinstance(found[0], html.FormElement):
            raise WalkError(f"no form where one was expected, at {urlsplit(page.url).path}")
        element = found[0]
        hidden = {str(i.get("name")): i.get("value", "") for i in element.iter("input") if i.get("type") == "hidden"}
        target = urljoin(page.url, target or element.get("action", page.url))
        return self._go("POST", target, _origin(page.url), accept, urlencode({**hidden, **fields}).encode())

    def _go(self, method: str, url: str, origin: str, accept: str, content: bytes | None, *, leaves: bool = True) -> Page:
        """Goes there and follows redirects. Where it does not leave the site, the redirect is a page with its link."""
        for _ in range(MAX_HOPS):
            headers = {"accept": accept, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
            headers["sec-fetch-site"] = _site(origin, url)
            if cookie := self._cookies(url, cross_site=headers["sec-fetch-site"] == "cross-site"):
                headers["cookie"] = cookie
            if content is not None:
                headers |= {"content-type": "application/x-www-form-urlencoded", "origin": origin}
            response = send(self._http, method, url, headers=headers, content=content)
            self._keep(url, response.headers.get_list("set-cookie"))
            if response.status_code not in REDIRECTS:
                return Page(url, response.status_code, response.text)
            origin = origin or _origin(url)
            target = urljoin(url, response.headers["location"])
            if not leaves and _origin(target) != _origin(url):
                return Page(url, 200, f'<main><a class="button" href="{markup.escape(target)}">onward</a></main>')
            url = target
            method, content = "GET", None
        raise WalkError(f"more than {MAX_HOPS} redirects")

    def _cookies(self, url: str, *, cross_site: bool) -> str:
        netloc = urlsplit(url).netloc
        mine = [(name, *kept) for (host, name), kept in self._jar.items() if host == netloc]
        # SameSite=Strict, as Chromium holds it: not on a navigation that another site began
        return "; ".join(f"{name}={value}" for name, value, strict in mine if not (cross_site and strict))

    def _keep(self, url: str, headers: list[str]) -> None:
        for header in headers:
            pair, _, rest = header.partition(";")
            name, _, value = pair.partition("=")
            key = (urlsplit(url).netloc, name.strip())
            attributes = [part.strip().lower() for part in rest.split(";")]
            if "max-age=0" in attributes:
                self._jar.pop(key, None)
            else:
                self._jar[key] = value.strip(), "samesite=strict" in attributes


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _site(origin: str, url: str) -> str:
    if not origin:
        return "none"
    # Each *.localhost name is a site of its own: localhost is a public suffix to browsers' cookie rules
    return "same-origin" if origin == _origin(url) else "cross-site"
