"""`theme.toml`: colours that everybody can read, and a logo that runs and loads nothing."""

import re
import zlib
from pathlib import Path

import pytest

from idp.pages.logo import MAX_BYTES, read_logo
from idp.pages.palette import DARK, LIGHT, contrast, legible
from idp.pages.render import Pages
from idp.pages.static import STYLE_FILE
from idp.pages.theme import OWN_THEME, THEME_FILE, Theme, read_theme
from policies.errors import Problem
from tests.e2e.gallery import OWNER, gallery
from tests.idp.pages.reading import Read

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 36"><path d="M0 0h120v36H0z" fill="#7a1f3d"/></svg>'
BRANDED = 'logo = "logo.svg"\nradius = 0\nfonts = ["Inter"]\n[light]\nbutton = "#7a1f3d"\nlink = "#7a1f3d"\n'


def _read(folder: Path, text: str, logo: bytes = SVG) -> tuple[Theme, tuple[Problem, ...]]:
    (folder / THEME_FILE).write_text(text, encoding="utf-8")
    (folder / "logo.svg").write_bytes(logo)
    return read_theme(folder)


def _png(*more: tuple[bytes, bytes], width: int = 120) -> bytes:
    head = width.to_bytes(4) + (36).to_bytes(4) + bytes((8, 0, 0, 0, 0))
    chunks = [(b"IHDR", head), *more, (b"IDAT", zlib.compress(bytes(121 * 36))), (b"IEND", b"")]
    parts = (len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4) for kind, data in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_folder_without_a_theme_has_ours_and_it_is_legible(tmp_path: Path) -> None:
    assert read_theme(tmp_path) == (OWN_THEME, ())
    assert [*LIGHT.faults, *DARK.faults] == []


def test_a_theme_is_in_the_style_sheet_and_its_logo_on_every_page_with_the_operators_name(tmp_path: Path) -> None:
    theme, problems = _read(tmp_path, BRANDED)
    assert problems == ()
    style = theme.style.content.decode()
    assert '--radius: 0px; --fonts: "Inter", system-ui' in style
    assert "--act: #7a1f3d" in style.partition("@media")[0]
    assert f"--act: {DARK.button}" in style
    assert theme.style.href != STYLE_FILE.href
    for shown in gallery(Pages(OWNER, theme), languages=("en",)):
        page = Read(shown.html)
        (logo,) = page.find("//header//img")
        assert (logo.get("alt"), logo.get("width"), logo.get("height")) == ("City of Storkhaven", "120", "36")
        assert {each.get("href") or each.get("src") for each in page.find("//link | //img")} == {
            each.href for each in theme.files
        }


@pytest.mark.spec("WCAG 2.2, terms: contrast ratio")
def test_contrast_is_what_wcag_defines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    for behind in ("#ffffff", "#101010", "#808080", "#7a1f3d"):
        assert contrast(legible("#888888", behind, 4.5), behind) >= 4.5


@pytest.mark.spec("WCAG 2.2, 1.4.3 and 1.4.11")
@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ('[light]\ntext = "#999999"', "light.text", "text on surface has a contrast of 2.84, and people need 4.5"),
        ('[light]\nbutton = "#ffd400"', "light.button", "button_text on button"),
        ('[light]\nborder = "#c0c0c0"', "light.border", "people need 3.0 (WCAG 2.2, 1.4.11)"),
        ('[light]\nfocus = "#ffe0e0"', "light.focus", "focus on background"),
        ('[light]\nsurface = "#202020"', "light.surface", "text on surface"),
        ('[dark]\nlink = "#0b4a7f"', "dark.link", "link on surface"),
    ],
)
def test_colours_that_people_cannot_tell_apart_are_refused_with_one_that_would_do(
    tmp_path: Path, lines: str, key: str, words: str
) -> None:
    theme, problems = _read(tmp_path, lines)
    assert theme == OWN_THEME
    (found, *_) = (each for each in problems if words in each.what)
    assert (found.file, found.line, found.key) == (THEME_FILE, 2, key)
    suggested = re.search(r'write ([a-z_]+) = "(#[0-9a-f]{6})"', found.fix)
    assert suggested
    scheme = lines.partition("\n")[0]
    mended = re.sub(rf"(?m)^{suggested[1]} = .*$", f'{suggested[1]} = "{suggested[2]}"', lines)
    mended = mended if mended != lines else f'{scheme}\n{suggested[1]} = "{suggested[2]}"\n{lines.partition(chr(10))[2]}'
    assert not [each for each in _read(tmp_path, mended)[1] if words in each.what]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("logo = ", "file"),
        ('logo = "../logo.svg"', "logo"),
        ('logo = "nothing.svg"', "logo"),
        ('logo = "logo.gif"', "logo"),
        ("radius = 25", "radius"),
        ("radius = true", "radius"),
        ('fonts = ["Inter; } body { display: none"]', "fonts"),
        ('[light]\ntext = "black"', "light.text"),
        ('[light]\ntext = "#000;}"', "light.text"),
        ("[light]\nlinks = 1", "light.links"),
        ("light = 1", "light"),
        ("banana = 1", "banana"),
    ],
)
def test_a_wrong_value_is_named_and_no_theme_is_made_of_the_rest(tmp_path: Path, text: str, key: str) -> None:
    theme, problems = _read(tmp_path, text)
    assert theme == OWN_THEME
    assert [each.key for each in problems] == [key]
    assert problems[0].fix


@pytest.mark.parametrize("name", ["logo.svg", THEME_FILE])
def test_a_link_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    city, elsewhere = tmp_path / "city", tmp_path / "elsewhere"
    city.mkdir()
    _read(city, BRANDED)
    (city / name).rename(elsewhere)
    (city / name).symlink_to(elsewhere)
    theme, problems = read_theme(city)
    assert (theme, len(problems)) == (OWN_THEME, 1)
    assert "link out of the folder" in problems[0].what


def _svg(inside: str, head: str = 'viewBox="0 0 120 36"') -> bytes:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" {head}>{inside}</svg>'.encode()
    )


@pytest.mark.parametrize(
    "octets",
    [
        _svg("<script>alert(1)</script>"),
        _svg('<script xmlns="http://www.w3.org/1999/xhtml">alert(1)</script>'),
        _svg('<path onload="alert(1)"/>'),
        _svg("", 'viewBox="0 0 120 36" OnLoad="alert(1)"'),
        _svg('<image href="https://evil.example/a.png"/>'),
        _svg('<use href="https://evil.example/a.svg#a"/>'),
        _svg('<use xlink:href="data:image/svg+xml,x"/>'),
        _svg('<a href="#a"><path/></a>'),
        _svg("<foreignObject/>"),
        _svg('<set attributeName="href" to="javascript:alert(1)"/>'),
        _svg("<style>@import 'https://evil.example'</style>"),
        _svg("<style>path{fill:url(https://evil.example/a)}</style>"),
        _svg("<style>path{fill:u\\72l(https://evil.example/a)}</style>"),
        _svg("<style>path{fill:url( 'https://evil.example/a')}</style>"),
        _svg("<style><g/>path{background:image-set('https://evil.example/a' 1x)}</style>"),
        _svg('<path fill="url(//evil.example/a#b)"/>'),
        _svg('<path style="fill:url(https://evil.example/a)"/>'),
        b'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + _svg("<title>&a;</title>"),
        b'<?xml version="1.0"?><?xml-stylesheet href="https://evil.example/a.css"?>' + SVG,
        _svg("", 'viewBox="0 0 120 0"'),
        _svg("", 'viewBox="0 0 9000 36"'),
        _svg("", "width='120' height='36'"),
        SVG.replace(b"2000/svg", b"2000/sgv"),
        b"<html></html>",
        SVG + b" " * MAX_BYTES,
        b"",
    ],
    ids=lambda octets: str(zlib.crc32(octets)),
)
def test_an_svg_that_is_not_shapes_alone_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"\."):
        read_logo("logo.svg", octets)


def test_an_svg_of_gradients_and_styles_of_its_own_is_taken() -> None:
    inside = (
        "<!-- drawn by hand --><title>Storkhaven</title><style>.a{fill:url(#b)}</style>"
        '<defs><linearGradient id="b"><stop offset="0" stop-color="#fff"/></linearGradient></defs>'
        '<g clip-path="url(#c)"><use xlink:href="#d"/><path class="a" style="fill: url( \'#b\')" d="M0 0h9v9z"/></g>'
    )
    logo = read_logo("logo.svg", _svg(inside))
    assert (logo.file.path, logo.file.media_type, logo.width, logo.height) == ("/logo.svg", "image/svg+xml", 120, 36)


def test_a_png_is_taken_whole_and_still_or_not_at_all() -> None:
    logo = read_logo("logo.png", _png())
    assert (logo.file.path, logo.file.media_type, logo.width) == ("/logo.png", "image/png", 120)
    for wrong in (
        SVG,
        _png()[:-4],
        _png() + b"<script>",
        _png().replace(b"IDAT", b"IDAU"),
        _png((b"acTL", bytes(8))),
        _png(width=0),
        _png(width=5000),
        _png(width=3000),
    ):
        with pytest.raises(ValueError, match=r"\."):
            read_logo("logo.png", wrong)
