"""A citizen's way in Debian's Chromium, for a client that is a page."""

import json

from playwright.sync_api import sync_playwright

from idp.demo.scene import Scene
from tests.e2e.browser import decide, launch, window
from tests.interop.client_stage import CITIZEN, LOGOUT, Failed, Service, holds


def signs_in(_: Scene, service: Service) -> None:
    """From the page to the country, to the question, and back; what the page shows then."""
    with sync_playwright() as playwright, launch(playwright) as chromium, window(chromium) as opened:
        page = opened.page
        page.goto(f"{service.base}/login")
        page.wait_for_selector("main nav a, pre:not(:empty)")
        if not page.url.startswith(service.base):
            page.click("main nav a")
            page.click(f"button[value={CITIZEN}]")
            decide(page)
            page.wait_for_url(f"{service.base}/**")
            page.wait_for_selector("pre:not(:empty)")
        told = json.loads(page.inner_text("pre"))
        if "refused" in told or opened.complaints:
            raise Failed("\n".join([str(told.get("refused", "")), *opened.complaints]))
        holds(told)
        if LOGOUT in service.flow.name:
            page.goto(f"{service.base}/logout")
            # The broker's page leads on by itself
            page.wait_for_url(f"{service.base}/bye**")
            page.wait_for_selector("pre:not(:empty)")
            told = json.loads(page.inner_text("pre"))
            if told != {"user": None} or opened.complaints:
                raise Failed("\n".join([f"after the logout: {sorted(told)}", *opened.complaints]))
