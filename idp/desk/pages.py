"""The templates, phrases and headers of desks. Pages are English until somebody translates `phrases/`."""

from collections.abc import Callable, Mapping
from functools import cached_property
from importlib import resources

from jinja2 import DictLoader, Environment, StrictUndefined, Template

from idp.desk.blocks import (
    Command,
    DeskTable,
    EditForm,
    Facts,
    GrantForm,
    Lines,
    Link,
    Notice,
    Plot,
    SimulatorForm,
    Upload,
    WithdrawForm,
    WrittenText,
)
from idp.desk.plots import FIGURE, LABEL, ROW, WIDTH, drawn
from idp.pages.headers import headers
from idp.pages.phrases import read_english
from idp.pages.static import MARK_FILE, STYLE_FILE, StaticFile
from idp.pages.views import PageKind

LANGUAGE = "en"
# The tests by which a template knows a block
KINDS: Mapping[str, type] = {
    "table": DeskTable,
    "plot": Plot,
    "facts": Facts,
    "notice": Notice,
    "link": Link,
    "command": Command,
    "lines": Lines,
    "text": WrittenText,
    "edit": EditForm,
    "simulator": SimulatorForm,
    "withdraw": WithdrawForm,
    "upload": Upload,
    "grant": GrantForm,
}
NAMES = ("page", "sign_in", "arrived", "passkey", "enrolled", "error")


def _static(name: str, media_type: str) -> StaticFile:
    content = resources.files("idp.desk").joinpath("static", name).read_bytes()
    return StaticFile(path=f"/{name}", media_type=media_type, content=content)


DESK_STYLE = _static("desk.css", "text/css; charset=utf-8")
SCRIPT = _static("passkey.js", "text/javascript; charset=utf-8")
STATIC_FILES = (STYLE_FILE, MARK_FILE, DESK_STYLE, SCRIPT)


class DeskWords:
    """The phrases and templates of one desk. A later catalogue says in its own words what an earlier one says."""

    def __init__(self, *catalogues: str) -> None:
        self._catalogues = catalogues

    def say(self, key: str, **parts: str) -> str:
        """The phrase under a key with its parts put in. Raises KeyError where there is none."""
        return self._phrases[key].format(**parts)

    def render(self, name: str, **parts: object) -> str:
        """One page."""
        return self._templates[name].render(**parts)

    def compiled(self) -> None:
        """Compile all of it before a process forks. Raises ValueError for phrases that are not whole."""
        _ = self._templates, self._phrases

    @cached_property
    def _phrases(self) -> Mapping[str, str]:
        folder = resources.files("idp.desk").joinpath("phrases")
        found: dict[str, str] = {}
        for name in self._catalogues:
            found |= read_english(folder.joinpath(name).read_bytes(), name).texts
        return found

    @cached_property
    def _templates(self) -> Mapping[str, Template]:
        folder = resources.files("idp.desk").joinpath("templates")
        sources = {each.name: each.read_text("utf-8") for each in folder.iterdir() if each.name.endswith(".html")}
        environment = Environment(
            loader=DictLoader(sources), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.globals.update(
            styles=(STYLE_FILE.href, DESK_STYLE.href), mark=MARK_FILE.href, say=self.say, drawn=drawn, language=LANGUAGE
        )
        environment.globals.update(script=SCRIPT.href)
        environment.globals.update(svg={"width": WIDTH, "row": ROW, "label": LABEL, "figure": FIGURE})
        for name, kind in KINDS.items():
            environment.tests[name] = _is(kind)
        return {name: environment.get_template(f"{name}.html") for name in NAMES}


def _is(kind: type) -> Callable[[object], bool]:
    return lambda block: isinstance(block, kind)


AUDITOR_WORDS = DeskWords("desk.pot")
OPERATOR_WORDS = DeskWords("desk.pot", "operator.pot")


def passkey_headers() -> dict[str, str]:
    """The headers of the two pages that ask for a passkey: the desk's one script, and passkeys, for them alone."""
    made = page_headers()
    made["Content-Security-Policy"] += "; script-src 'self'"
    ways = "publickey-credentials-get", "publickey-credentials-create"
    rest = made["Permissions-Policy"].replace(", publickey-credentials-get=()", "")
    made["Permissions-Policy"] = ", ".join([rest, *(f"{way}=(self)" for way in ways)])
    return made


def page_headers(**changed: str) -> dict[str, str]:
    """The headers of every page: no script, no frame, no other site."""
    return {**headers(PageKind.FORM), **changed}
