"""The stages of a login across the border, as a citizen's browser walks them."""

import base64
from contextlib import suppress
from typing import Literal

from lxml import etree
from playwright.sync_api import Error, Locator, Page, expect
from sqlalchemy import func, select

from idp.config.settings import load_settings
from idp.demo.border import Border
from idp.store import tables
from idp.store.engine import open_engine
from tests.e2e.browser import GO_ON, PATIENCE_MS

ESTONIA, BULGARIA = "EE", "BG"
CITIZENS = {ESTONIA: "mari", BULGARIA: "ivana"}
PROCEED, CANCEL, APPROVE = "button[value=continue]", "button[value=cancel]", "button[value=approve]"
# The one visible control of a page that posts a protocol message
POSTS = "main form button:not([name])"


def seen(one: Locator) -> None:
    """Wait for something to be seen."""
    expect(one).to_be_visible(timeout=PATIENCE_MS)


def said(page: Page, text: str) -> None:
    """Wait for a page that says this."""
    expect(page.locator("main")).to_contain_text(text, timeout=PATIENCE_MS)


def to_picker(border: Border, page: Page, service: str = "parking") -> None:
    """From the city to the list of countries."""
    page.goto(f"{border.city_base}/")
    page.click(f"a[href='/{service}/login']")
    seen(page.locator("main nav"))


def at(country: str) -> str:
    """The choice of a country on the list: a link, or a button where the list has boxes."""
    place = f"/at/{country.lower()}"
    return f"main nav a[href*='{place}'], main nav button[formaction*='{place}']"


def to_sign_in(border: Border, page: Page, country: str = ESTONIA, *, scripts: bool = True) -> None:
    """From the list through both nodes to the country's own sign-in. Bulgaria's node is asked by a form."""
    page.click(at(country))
    if country == BULGARIA and not scripts:
        seen(page.locator(POSTS))
        assert page.url.startswith(border.issuer)
        page.click(POSTS)
    seen(page.locator(f"button[value={CITIZENS[country]}]"))


def to_informed(page: Page, citizen: str, *, scripts: bool = True) -> None:
    """From the country's sign-in to what its node says next."""
    page.click(f"button[value='{citizen}']")
    if not scripts:
        page.click("text=Continue")
    seen(page.locator("header.brand"))


def informed(border: Border, page: Page, country: str = ESTONIA, *, service: str = "parking", scripts: bool = True) -> None:
    """From the city to the page that informs."""
    to_picker(border, page, service)
    to_sign_in(border, page, country, scripts=scripts)
    to_informed(page, CITIZENS[country], scripts=scripts)
    seen(page.locator(PROCEED))
    assert page.url == f"{border.nodes[country]}/saml/acs"


def on(page: Page, button: str = PROCEED, *, scripts: bool = True) -> None:
    """Press this, go on from the last page where there is one, and without scripts press the button that posts.

    All boxes are ticked that a node has.
    """
    for box in page.locator("input[name^='share.']").all() if button == PROCEED else ():
        box.check()
    page.click(button)
    if button != PROCEED:
        page.click(GO_ON)
    if not scripts:
        seen(page.locator(POSTS))
        page.click(POSTS)


def asked(border: Border, page: Page, country: str = ESTONIA, *, service: str = "parking", scripts: bool = True) -> None:
    """From the city to the receiving node's question."""
    informed(border, page, country, service=service, scripts=scripts)
    on(page, scripts=scripts)
    seen(page.locator(APPROVE))
    assert page.url == f"{border.issuer}/eidas/acs"


def at_city(border: Border, page: Page, text: str) -> str:
    """Wait until the city says this, and give all that it says."""
    page.wait_for_url(f"{border.city_base}/**")
    said(page, text)
    return page.inner_text("main")


def again(page: Page, way: Literal["back", "forward"]) -> None:
    """One step `back` or `forward`, to a page that Chromium did not keep: whoever reloads says that it may post again."""
    with suppress(Error):
        (page.go_back if way == "back" else page.go_forward)(wait_until="commit")
    page.wait_for_url("chrome-error://**")
    page.reload()


def records(border: Border) -> dict[str, int]:
    """How many records each node's ledger has."""
    found = {}
    for name, folder in {"broker": border.receiving, **border.sending}.items():
        engine = open_engine(load_settings(folder).database_url)
        try:
            with engine.connect() as connection:
                found[name] = int(connection.scalar(select(func.count()).select_from(tables.records)) or 0)
        finally:
            engine.dispose()
    return found


def new_records(border: Border, before: dict[str, int]) -> dict[str, int]:
    """The number of new records of each node that has any."""
    return {name: count - before[name] for name, count in records(border).items() if count != before[name]}


def response_id(page: Page) -> str:
    """The id of the response that a page would post."""
    message = page.locator("input[name=SAMLResponse]").get_attribute("value") or ""
    root = etree.fromstring(base64.b64decode(message), etree.XMLParser(resolve_entities=False, no_network=True))
    return str(root.get("ID"))
