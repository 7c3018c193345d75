"""The citizen's part of a login, walked for a relying party that is not ours: from its request to its answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from idp.demo.browser import Browser, Page
from idp.demo.scene import Scene

DECISION = "//form[.//*[@name='decided']]"
AnyScene = TypeVar("AnyScene", bound=Scene)


@contextmanager
def opened(scene: AnyScene) -> Iterator[AnyScene]:
    """The scene while it plays."""
    scene.open()
    try:
        yield scene
    finally:
        scene.close()


def to_the_country(browser: Browser, scene: Scene, address: str, country: str = "demo-ee") -> Page:
    """The relying party's request, then the country's own page."""
    picker = browser.get(address)
    assert picker.status == 200, picker.text
    assert picker.url.startswith(scene.issuer), picker.url
    return browser.choose(picker, f"/at/{country}")


def to_the_answer(browser: Browser, question: Page) -> str:
    """Approve what the broker asks; the address at which the relying party gets its code."""
    assert question.status == 200, question.text
    return browser.submit(question, {"choice": "approve"}, DECISION).link("//main//a[contains(@href, 'code=')]")


def login(scene: Scene, address: str, citizen: str = "mari") -> str:
    """A whole login of one of the demo's citizens."""
    with Browser() as browser:
        posting = browser.submit(to_the_country(browser, scene, address), {"citizen": citizen})
        return to_the_answer(browser, browser.submit(posting, {}))
