"""Checks of a page in a browser that axe does not make: each gives its findings, a line each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from playwright.sync_api import Page

from tests.e2e.browser import AXE, overflow, styled, violations

MIN_TARGET, MIN_RING_CONTRAST = 24, 3.0
# Our own colours hold 7:1 in place of AA's 4.5:1; a theme may have less
AA = {"resultTypes": ["violations"]}
# The reader's own colours. Axe asks for `-webkit-text-fill-color`, which Chromium tells as if they were not forced
FORCED = {**AA, "rules": {"color-contrast": {"enabled": False}}}
# 400 % in a window of 1280 x 1024 leaves 320 x 256 CSS pixels (WCAG 2.2, 1.4.10)
REFLOW = ({"width": 320, "height": 800}, {"width": 320, "height": 256})

_PARTS = """
    const seen = e => e.checkVisibility() && !e.closest('[inert]') && !e.disabled && e.type !== 'hidden';
    // The keyboard stops once at a group of radio buttons: arrows choose within it
    const group = e => e.type === 'radio' ? [...document.getElementsByName(e.name)] : [e];
    const first = e => group(e).find(each => each.checked) ?? group(e)[0];
    const every = 'a[href],button,input,select,textarea,summary';
    const stop = e => seen(e) && (e.type !== 'radio' || e === first(e));
    const stops = () => [...document.querySelectorAll(every)].filter(stop);
    const name = e => `${e.tagName.toLowerCase()} ${(e.innerText || e.name || '').trim().slice(0, 30)}`;
"""

_HEADINGS = """() => {
    const found = [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].filter(e => e.checkVisibility());
    const out = [], levels = found.map(e => +e.tagName[1]);
    if (levels.filter(level => level === 1).length !== 1 || levels[0] !== 1) out.push(`headings begin with ${levels}`);
    levels.forEach((level, i) => { if (i && level > levels[i - 1] + 1) out.push(`h${level} after h${levels[i - 1]}`) });
    return out.concat(found.filter(e => !e.innerText.trim()).map(e => `an empty ${e.tagName}`));
}"""

# 2.5.8: 24 pixels, or a circle of 24 pixels around it that meets no other target, or a link inside of a sentence
_TARGETS = """least => {
    const all = stops().map(e => [e, e.getBoundingClientRect()]);
    const alone = e => e.parentElement.innerText.trim() === e.innerText.trim();
    const sentence = e => getComputedStyle(e).display === 'inline' && !alone(e);
    const middle = r => [(r.left + r.right) / 2, (r.top + r.bottom) / 2];
    const apart = (r, other) => {
        const [x, y] = middle(r), far = (at, from, to) => Math.max(from - at, 0, at - to);
        return Math.hypot(far(x, other.left, other.right), far(y, other.top, other.bottom)) >= least / 2;
    };
    return all.filter(([e, r]) => Math.min(r.width, r.height) < least && !sentence(e)
        && !all.every(([f, other]) => e === f || apart(r, other))).map(([e, r]) => `${name(e)}: ${r.width} x ${r.height}`);
}"""

# The stop that has the keyboard: its place among all, whether it can be seen, and its ring against what is around it
_STOP = """() => {
    const colour = text => text.match(/[\\d.]+/g).map(Number);
    const linear = c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r / 255) + 0.7152 * linear(g / 255) + 0.0722 * linear(b / 255);
    const clear = e => (colour(getComputedStyle(e).backgroundColor)[3] ?? 1) === 0;
    const e = document.activeElement, place = stops().indexOf(e);
    if (place < 0) return {place, name: e.tagName};
    let behind = e.parentElement;
    while (behind.parentElement && clear(behind)) behind = behind.parentElement;
    const s = getComputedStyle(e), both = [s.outlineColor, getComputedStyle(behind).backgroundColor];
    const [darker, lighter] = both.map(c => light(colour(c))).sort((a, b) => a - b);
    const box = e.getClientRects()[0];
    const over = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    const uncovered = !!over && (e.contains(over) || over.contains(e));
    const width = parseFloat(s.outlineWidth);
    return {place, name: name(e), width, contrast: (lighter + 0.05) / (darker + 0.05), uncovered};
}"""

# On paper no background is printed
_PALE = """() => {
    const light = c => c.match(/[\\d.]+/g).slice(0, 3).reduce((sum, part) => sum + +part, 0) / 765;
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), out = [];
    for (let t = texts.nextNode(); t; t = texts.nextNode()) {
        const e = t.parentElement;
        const said = t.data.trim();
        if (said && e.checkVisibility() && light(getComputedStyle(e).color) > 0.45) out.push(said.slice(0, 40));
    }
    return out;
}"""

_OPEN = "() => document.querySelectorAll('details').forEach(e => { e.open = true })"

_LARGER = """() => {
    document.documentElement.style.fontSize = '200%';
    for (const e of document.querySelectorAll('*'))
        Object.assign(e.style, {lineHeight: 1.5, letterSpacing: '.12em', wordSpacing: '.16em'});
}"""


@dataclass(frozen=True, slots=True)
class Look:
    """How a person has a page shown: in the light or the dark, and perhaps in colours that they chose."""

    name: str
    dark: bool = False
    forced: bool = False

    def put_on(self, page: Page) -> None:
        """Show the page so."""
        page.emulate_media(color_scheme="dark" if self.dark else "light", forced_colors="active" if self.forced else "none")


LOOKS = (
    Look("light"),
    Look("dark", dark=True),
    Look("forced colours", forced=True),
    Look("forced colours in the dark", dark=True, forced=True),
)


def with_axe(page: Page, *, look: Look, own: bool) -> list[str]:
    """The findings of axe: rule, place, and what to mend. `own`: in our own colours."""
    options = FORCED if look.forced else AXE if own else AA
    return [f"axe: {each}" for each in violations(page, options)]


def headings(page: Page) -> list[str]:
    """One h1, which is the first; no level is left out (1.3.1, 2.4.6)."""
    return [f"headings: {each}" for each in page.evaluate(_HEADINGS)]


def targets(page: Page) -> list[str]:
    """The controls that are too small for a finger (2.5.8), with everything open."""
    page.evaluate(_OPEN)
    return [f"too small: {each}" for each in page.evaluate(_with_parts(_TARGETS), MIN_TARGET)]


def keyboard(page: Page) -> Iterator[str]:
    """Tab reaches everything in reading order, leaves at the end, and shows where it is (2.1.1, 2.1.2, 2.4.3, 2.4.11)."""
    styled(page)
    stop = _with_parts(_STOP)
    count = page.evaluate(_with_parts("() => stops().length"))
    for place in range(count):
        page.keyboard.press("Tab")
        at = page.evaluate(stop)
        if at["place"] != place:
            yield f"Tab {place + 1} reaches {at['place']}: {at['name']}"
            return
        if not at["uncovered"]:
            yield f"{at['name']} has the keyboard, and nobody sees it"
        if at["width"] < 2 or at["contrast"] < MIN_RING_CONTRAST:
            yield f"{at['name']} has a ring of {at['width']} px with a contrast of {at['contrast']:.2f}"
    page.keyboard.press("Tab")
    if page.evaluate(stop)["place"] not in (-1, 0):
        yield "the keyboard does not leave the page"


def small_window(page: Page, sizes: Sequence[dict[str, int]] = REFLOW) -> Iterator[str]:
    """Nobody scrolls sideways, not at 400 %, and not with letters of 200 % and wide lines (1.4.4, 1.4.10, 1.4.12)."""
    page.evaluate(_OPEN)
    before = page.viewport_size
    for size in sizes:
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
        yield from (f"{size}: {each}" for each in overflow(page))
    page.set_viewport_size({"width": 640, "height": 800})
    page.evaluate(_LARGER)
    yield from (f"larger letters: {each}" for each in overflow(page))
    if before:
        page.set_viewport_size(before)


def on_paper(page: Page) -> Iterator[str]:
    """All text is dark, whatever the theme."""
    page.emulate_media(media="print", color_scheme="dark")
    yield from (f"pale on paper: {each}" for each in page.evaluate(_PALE))
    page.emulate_media(media="screen")


def _with_parts(script: str) -> str:
    """A script that knows the stops of the keyboard."""
    head, _, body = script.partition("=>")
    body = body.strip()
    inside = body[1:-1] if body.startswith("{") else f"return {body}"
    return f"{head}=> {{ {_PARTS} {inside} }}"
