"""The colours of pages, their contrast (WCAG 2.2), and the style sheet that is made of them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import resources

COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
TEXT_CONTRAST, SHAPE_CONTRAST = 4.5, 3.0
# WCAG 2.2, 1.4.3 for text, 1.4.11 for what shows where a control is, and where the keyboard is
PAIRS = (
    ("text", "surface", TEXT_CONTRAST),
    ("text", "background", TEXT_CONTRAST),
    ("muted", "surface", TEXT_CONTRAST),
    ("muted", "background", TEXT_CONTRAST),
    ("link", "surface", TEXT_CONTRAST),
    ("link", "background", TEXT_CONTRAST),
    ("button_text", "button", TEXT_CONTRAST),
    ("button", "surface", SHAPE_CONTRAST),
    ("border", "surface", SHAPE_CONTRAST),
    ("focus", "surface", SHAPE_CONTRAST),
    ("focus", "background", SHAPE_CONTRAST),
)
FONTS = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif'
RADIUS = 6
BLACK, WHITE = "#000000", "#ffffff"
_STEPS = 50


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of pages in the light or in the dark, each as `#rrggbb`.

    `background` lies around the sheet, and `surface` is the sheet. `border` is that of fields.
    """

    background: str
    surface: str
    text: str
    muted: str
    border: str
    link: str
    button: str
    button_text: str
    focus: str

    @property
    def faults(self) -> Iterator[tuple[str, str, float, float]]:
        """Each pair of colours that people cannot tell apart: both names, the contrast, and the least that is needed."""
        for front, behind, needed in PAIRS:
            if (found := contrast(getattr(self, front), getattr(self, behind))) < needed:
                yield front, behind, found, needed

    @property
    def variables(self) -> Mapping[str, str]:
        """The variables of the style sheet. A line that only adorns, and a button below the pointer, are mixed."""
        away = BLACK if luminance(self.button_text) > luminance(self.button) else WHITE
        return {
            "page": self.background,
            "paper": self.surface,
            "ink": self.text,
            "soft": self.muted,
            "edge": self.border,
            "line": mixed(self.border, self.surface, 0.3),
            "link": self.link,
            "act": self.button,
            "act-ink": self.button_text,
            "act-over": mixed(away, self.button, 0.35),
            "focus": self.focus,
        }


COLOURS = tuple(each.name for each in fields(Palette))
LIGHT = Palette(
    background="#f3f5f7",
    surface="#ffffff",
    text="#14202b",
    muted="#44525f",
    border="#76838f",
    link="#0b4a7f",
    button="#12395b",
    button_text="#ffffff",
    focus="#b3261e",
)
DARK = Palette(
    background="#0e151c",
    surface="#17212b",
    text="#eef2f5",
    muted="#bcc7d1",
    border="#8795a3",
    link="#9ccbf5",
    button="#a9d1f5",
    button_text="#0c1b29",
    focus="#ffb4a8",
)


def luminance(colour: str) -> float:
    """The relative luminance (WCAG 2.2, terms)."""
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, terms): 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mixed(one: str, other: str, share: float) -> str:
    """A colour with this share of `one`, and the rest of `other`."""
    parts = (round(a * share + b * (1 - share)) for a, b in zip(_parts(one), _parts(other), strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)


def legible(colour: str, behind: str, needed: float) -> str:
    """The nearest colour with enough contrast, towards black or white: whichever of both stands out more."""
    towards = max((BLACK, WHITE), key=lambda end: contrast(end, behind))
    steps = (mixed(towards, colour, step / _STEPS) for step in range(_STEPS))
    return next((each for each in steps if contrast(each, behind) >= needed), towards)


def style_sheet(light: Palette = LIGHT, dark: Palette = DARK, *, radius: int = RADIUS, fonts: Sequence[str] = ()) -> bytes:
    """The style sheet of all pages. Paper takes the colours of the light."""
    named = "".join(f'"{font}", ' for font in fonts)
    shape = f"--radius: {radius}px; --fonts: {named}{FONTS};"
    in_the_dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_said(dark)} }} }}"
    head = f":root {{ {shape} {_said(light)} }}\n{in_the_dark}\n"
    return head.encode() + resources.files("idp.pages").joinpath("static", "style.css").read_bytes()


def _said(palette: Palette) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in palette.variables.items())


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - WCAG 2.2's own figures
