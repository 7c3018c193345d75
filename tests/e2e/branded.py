"""The gallery in the theme of an operator, whose colours hold what AA asks for, and little more."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from idp.pages.render import Pages
from idp.pages.theme import THEME_FILE, read_theme
from tests.e2e.gallery import OWNER
from tests.e2e.gallery_server import Gallery, serve

THEME = """
logo = "logo.svg"
radius = 16
fonts = ["Inter", "DejaVu Serif"]
[light]
background = "#fdf1e7"
text = "#3b2a20"
muted = "#6b5648"
link = "#a3401a"
border = "#93806f"
button = "#a3401a"
focus = "#0b5cad"
[dark]
background = "#241a14"
surface = "#31241c"
link = "#f0a67e"
button = "#f0a67e"
button_text = "#31241c"
"""
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 36"><rect width="120" height="36" rx="8" fill="#a3401a"/>'
    '<path d="M12 26V10h6l4 8 4-8h6v16" fill="none" stroke="#fff" stroke-width="3"/></svg>'
)


@contextmanager
def branded() -> Iterator[Gallery]:
    """Serve the gallery in that theme."""
    with TemporaryDirectory() as made:
        folder = Path(made)
        (folder / THEME_FILE).write_text(THEME, encoding="utf-8")
        (folder / "logo.svg").write_text(LOGO, encoding="utf-8")
        theme, problems = read_theme(folder)
        assert problems == ()
        with serve(pages=Pages(OWNER, theme)) as shown:
            yield shown
