"""Draws each page that citizens meet in its languages, looks and widths: one picture a page, for eyes.

Three languages are drawn in every look and width, and all others on a narrow phone.

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

WHOLE = ("en", "et", "zh-Hans")
WIDTHS = (320, 390, 1280)
# A picture is drawn at this share of its size: letters can still be read
SHARE = 0.6
STYLE = """
body { font: 12px sans-serif }
section { display: flex; flex-wrap: wrap; gap: 12px; align-items: start }
figure { margin: 0 0 12px }
"""


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
    rows = [
        [_figure(chromium, where, look, name, language, width, f"{width}, {said}") for where, look, said in columns]
        for language in WHOLE
        for width in WIDTHS
    ]
    others = [each for each in LANGUAGES if each not in WHOLE]
    rows.append([_figure(chromium, ours, LOOKS[0], name, language, WIDTHS[0], "") for language in others])
    sections = [f"<section>{''.join(row)}</section>" for row in rows]
    with window(chromium, width=round(len(columns) * (max(WIDTHS) * SHARE + 16))) as opened:
        opened.page.set_content(f"<style>{STYLE}</style>{''.join(sections)}")
        return opened.page.screenshot(full_page=True)


def _figure(chromium: Browser, where: Gallery, look: Look, name: str, language: str, width: int, said: str) -> str:
    with window(chromium, width=width, height=700, locale=language) as opened:
        look.put_on(opened.page)
        show(opened.page, where.url(name, language))
        styled(opened.page)
        drawn = base64.b64encode(opened.page.screenshot(full_page=True)).decode()
    image = f'<img width={width * SHARE} src="data:image/png;base64,{drawn}">'
    return f"<figure><figcaption>{language} {said}</figcaption>{image}</figure>"


if __name__ == "__main__":
    main()
