"""`theme.toml` beside the settings: the logo, colours and fonts of an operator's pages (decision 0075).

A theme that somebody cannot read is refused as every wrong setting is, with the nearest colour that would do.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from idp.config.folder import leads_out
from idp.pages.logo import MAX_BYTES, Logo, read_logo
from idp.pages.palette import (
    COLOUR,
    COLOURS,
    DARK,
    LIGHT,
    RADIUS,
    SHAPE_CONTRAST,
    TEXT_CONTRAST,
    Palette,
    legible,
    style_sheet,
)
from idp.pages.static import MARK_FILE, STYLE_FILE, StaticFile, style_file
from idp.system.files import MAX_TEXT, read_regular
from policies.errors import Problem
from policies.load.table import Table, parse

THEME_FILE = "theme.toml"
MAX_RADIUS = 24
_LOGO = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,60}\.(svg|png)")
_FONT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 -]{0,48}")
_COPY = "put the file itself there, and let the broker read it."
_CRITERIA: Mapping[float, str] = {TEXT_CONTRAST: "1.4.3", SHAPE_CONTRAST: "1.4.11"}


@dataclass(frozen=True, slots=True)
class Theme:
    """The look of one operator's pages: a style sheet, and a logo or our mark."""

    style: StaticFile = STYLE_FILE
    logo: Logo | None = None

    @property
    def files(self) -> tuple[StaticFile, ...]:
        """Everything that pages of this theme load."""
        return (self.style, MARK_FILE, *([self.logo.file] if self.logo else []))


OWN_THEME = Theme()


def read_theme(folder: Path) -> tuple[Theme, tuple[Problem, ...]]:
    """The theme of a configuration folder, our own where it has none; and every problem of it."""
    path, problems = folder / THEME_FILE, list[Problem]()
    if not (path.exists() or path.is_symlink()):
        return OWN_THEME, ()
    octets = _read(folder, THEME_FILE, MAX_TEXT)
    if isinstance(octets, str):
        return OWN_THEME, (Problem(THEME_FILE, 0, "file", octets, _COPY),)
    table = parse(THEME_FILE, octets, problems)
    if table is None:
        return OWN_THEME, tuple(problems)
    logo = _logo(table, folder)
    sheet = style_sheet(
        _palette(table, "light", LIGHT), _palette(table, "dark", DARK), radius=_radius(table), fonts=_fonts(table)
    )
    table.close()
    return (OWN_THEME if problems else Theme(style_file(sheet), logo)), tuple(problems)


def _read(folder: Path, name: str, most: int) -> bytes | str:
    """A file of the folder, or a sentence that says why it cannot be read."""
    path = folder / name
    if leads_out(path, folder.resolve()):
        return "it is a link out of the folder."
    try:
        octets = read_regular(path, most)
    except OSError as error:
        return f"it cannot be read ({error.strerror})."
    return octets if len(octets) <= most else f"it has more than {most} bytes."


def _logo(table: Table, folder: Path) -> Logo | None:
    fix = 'write logo = "logo.svg": the name of an SVG or a PNG beside this file.'
    name = table.matching("logo", _LOGO, fix, default="")
    if not name or not _LOGO.fullmatch(name):
        return None
    octets = _read(folder, name, MAX_BYTES)
    if isinstance(octets, str):
        table.problem("logo", f"names {name}, and {octets}", _COPY)
        return None
    try:
        return read_logo(name, octets)
    except ValueError as error:
        fix = f"save it as a plain SVG of shapes alone, or as PNG, of at most {MAX_BYTES // 1024} kB."
        table.problem("logo", f"names {name}, and {error}", fix)
        return None


def _radius(table: Table) -> int:
    value = table.take("radius")
    if value is None:
        return RADIUS
    if type(value) is int and 0 <= value <= MAX_RADIUS:
        return value
    table.problem("radius", "must be a whole number of pixels.", f"write radius = {RADIUS}, and at most {MAX_RADIUS}.")
    return RADIUS


def _fonts(table: Table) -> tuple[str, ...]:
    fix = 'write fonts = ["Inter"]: names of fonts that devices have, of letters, digits and spaces.'
    named = table.texts("fonts", fix, required=False)
    if not all(_FONT.fullmatch(each) for each in named):
        table.problem("fonts", "has a name that we do not accept.", fix)
    return named


def _palette(table: Table, scheme: str, own: Palette) -> Palette:
    """The colours of one scheme, ours for those that the file leaves out."""
    said = table.table(scheme, f"write [{scheme}] with colours below it.", required=False)
    if said is None:
        return own
    found = {}
    for name in COLOURS:
        colour = said.matching(name, COLOUR, f'write {name} = "{getattr(own, name)}": # and six hex digits.', default="")
        found[name] = colour if COLOUR.fullmatch(colour) else getattr(own, name)
    said.close()
    palette = Palette(**found)
    for front, behind, ratio, needed in palette.faults:
        # A file that changes the colour behind alone has no line for the other one
        key = front if front in said else behind
        what = f"{front} on {behind} has a contrast of {int(ratio * 100) / 100}, and people need {needed}"
        enough = legible(found[front], found[behind], needed)
        said.problem(key, f"{what} (WCAG 2.2, {_CRITERIA[needed]}).", f'write {front} = "{enough}", or change {behind}.')
    return palette
