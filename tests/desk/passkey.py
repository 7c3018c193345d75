"""An auditor with a passkey in a real Chromium, whose authenticator is a virtual one that verifies its holder."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.browser import Window
from tests.idp.cli.command import in_process, json_of

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def link_for(name: str, config: Path) -> str:
    """The one-time link that the command prints."""
    return str(json_of(in_process("auditor", "add", name, "--config", config, "--json"))["link"])


def authenticator(opened: Window) -> None:
    """Give this browser an authenticator."""
    session = opened.context.new_cdp_session(opened.page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def enrol(page: Page, link: str) -> None:
    """Open a link and enrol a passkey."""
    page.goto(link)
    page.get_by_role("button", name="Enrol a passkey on this device").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your passkey is enrolled")


def sign_in(page: Page, url: str) -> None:
    """Sign in with the passkey."""
    page.goto(f"{url}/sign-in/passkey")
    page.get_by_role("button", name="Use my passkey").click()
    expect(page.locator(".signed")).to_contain_text("Signed in as")
