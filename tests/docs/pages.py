"""The pages of the documentation as text: their links, their headings, their pictures."""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SITE = ROOT / "zensical.toml"
# Pages of the site that `make docs` makes
MADE = (
    "reference-generated.md",
    "conformance.md",
    "endpoints.md",
    "requirements.md",
    "security-testing.md",
    "translations.md",
)
# Read where the source is, and not on the site
AT_THE_TOP = tuple(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md"))

_FENCE = re.compile(r"^ *(```|~~~).*?^ *\1 *$", flags=re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+).+?\1", flags=re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
_SOURCE = re.compile(r"\b(?:src|href)=\"([^\"]+)\"")
_NAMED = re.compile(r"<a id=\"([^\"]+)\">|\{ ?#([\w-]+) ?\}")
_HEADING = re.compile(r"^#{1,6} (.+?)(?: #*)?$", flags=re.MULTILINE)


def pages() -> tuple[Path, ...]:
    """Every page of the site that somebody writes."""
    return tuple(sorted(page for page in DOCS.rglob("*.md") if page.name not in MADE))


def prose(page: Path) -> str:
    """A page without its code."""
    return _CODE.sub("", _FENCE.sub("", page.read_text(encoding="utf-8")))


def links(text: str) -> tuple[str, ...]:
    """The targets of a page's links and pictures, as they are written."""
    return (*_LINK.findall(text), *_SOURCE.findall(text))


def pictures(page: Path) -> tuple[tuple[str, str], ...]:
    """Each picture's text and address."""
    return tuple(_PICTURE.findall(prose(page)))


def anchors(page: Path) -> frozenset[str]:
    """The anchors that a page has on the site **and** where its source is shown: the two spell some of them differently."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    named = {one or other for one, other in _NAMED.findall(text)}
    headings = [_plain(heading) for heading in _HEADING.findall(text)]
    return frozenset(named | (set(_numbered(headings, _of_site, "_")) & set(_numbered(headings, _of_source, "-"))))


def navigation() -> tuple[str, ...]:
    """The pages that the site's navigation names, in order."""
    return tuple(_named_in(tomllib.loads(SITE.read_text(encoding="utf-8"))["project"]["nav"]))


def broken(page: Path, text: str) -> Iterator[str]:
    """The links of a text, as if it were this page, that lead nowhere."""
    for link in links(text):
        if re.match(r"(https|mailto):", link):
            continue
        address, _, anchor = link.partition("#")
        target = (page.parent / unquote(address)).resolve() if address else page
        if target.parent == DOCS and target.name in MADE and not anchor and page.is_relative_to(DOCS):
            continue
        if not target.is_relative_to(DOCS if page.is_relative_to(DOCS) else ROOT):
            yield f"{link}: leads out of the site"
        elif not target.exists() or (target.is_dir() and page.is_relative_to(DOCS)):
            yield f"{link}: there is no such file"
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target)):
            yield f"{link}: there is no such anchor"


def _named_in(nav: list[dict[str, object]]) -> Iterator[str]:
    for entry in nav:
        for inner in entry.values():
            if isinstance(inner, list):
                yield from _named_in(inner)
            else:
                yield str(inner)


def _plain(heading: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"\{[^}]*\}", "", heading)).replace("`", "").strip()


def _of_site(heading: str) -> str:
    """Spell an anchor like Python-Markdown's table of contents."""
    text = unicodedata.normalize("NFKD", heading).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower())


def _of_source(heading: str) -> str:
    """Spell an anchor like the hosts of repositories."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _numbered(headings: list[str], spell: Callable[[str], str], mark: str) -> Iterator[str]:
    seen: dict[str, int] = {}
    for heading in headings:
        slug = spell(heading)
        count = seen.get(slug, 0)
        seen[slug] = count + 1
        yield slug if count == 0 else f"{slug}{mark}{count}"
