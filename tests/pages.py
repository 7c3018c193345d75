"""Draws each page that citizens meet in all its languages, looks and widths: one picture a page, for eyes.

`python -m tests.pages --contact-sheet DIR` draws every page, and with `--only NAME` those whose name begins so.
"""

import argparse
import base64
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from idp.pages.languages import LANGUAGES
from tests.e2e.branded import branded
from tests.e2e.browser import launch, show, styled, window
from tests.e2e.gallery_server import Gallery, serve
from tests.e2e.wcag import LOOKS, Look

WIDTHS = (320, 390, 1280)
# A picture is drawn at this share of its size: letters can still be read
SHARE = 0.6
STYLE = (
    "body { font: 12px sans-serif } section { display: flex; gap: 12px; align-items: start } figure { margin: 0 0 12px }"
)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--contact-sheet", type=Path, required=True, metavar="DIR", help="the folder for the pictures")
    parser.add_argument("--only", default="", metavar="NAME", help="pages whose name begins so")
    asked = parser.parse_args()
    asked.contact_sheet.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, serve() as ours, branded() as theirs:
        chromium = launch(playwright)
        for name in sorted({each.name for each in ours.shown.values() if each.name.startswith(asked.only)}):
            file = asked.contact_sheet / f"{name}.png"
            file.write_bytes(contact_sheet(chromium, ours, theirs, name))
            print(file)
        chromium.close()


def contact_sheet(chromium: Browser, ours: Gallery, theirs: Gallery, name: str) -> bytes:
    """One page as a PNG: a row for each language and width, a column for each look."""
    columns = [(ours, look, look.name) for look in LOOKS[:3]]
    columns += [(theirs, look, f"a theme, {look.name}") for look in LOOKS[:2]]
    rows = []
    for language in LANGUAGES:
        for width in WIDTHS:
            cells = [
                f"<figure><figcaption>{language}, {width}, {said}</figcaption><img width={width * SHARE} src="
                f'"data:image/png;base64,{_drawn(chromium, where, look, name, language, width)}"></figure>'
                for where, look, said in columns
            ]
            rows.append(f"<section>{''.join(cells)}</section>")
    with window(chromium, width=round(len(columns) * (max(WIDTHS) * SHARE + 16))) as opened:
        opened.page.set_content(f"<style>{STYLE}</style>{''.join(rows)}")
        return opened.page.screenshot(full_page=True)


def _drawn(chromium: Browser, where: Gallery, look: Look, name: str, language: str, width: int) -> str:
    with window(chromium, width=width, height=700, locale=language) as opened:
        look.put_on(opened.page)
        show(opened.page, where.url(name, language))
        styled(opened.page)
        return base64.b64encode(opened.page.screenshot(full_page=True)).decode()


if __name__ == "__main__":
    main()
