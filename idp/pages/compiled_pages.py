"""Templates and phrases, read and compiled once, at start."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from jinja2 import DictLoader, Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from idp.pages.languages import Language, load_languages
from idp.pages.search import names_everywhere
from idp.pages.static import MARK_FILE

# A phrase in a template without any parts
_PHRASE = re.compile(r'\{\{ say\("([a-z0-9_.]+)"\) \}\}')
_PAGES = (
    "picker",
    "approval",
    "inform",
    "for_whom",
    "onward",
    "last",
    "phone",
    "checker",
    "receipt",
    "logout",
    "device",
    "trial",
    "citizen",
    "citizen_copy",
    "citizen_erasure",
    "error",
    "front",
    "countries",
)


# Imported by the others
_MACROS = "parts.html"


@dataclass(frozen=True, slots=True)
class CompiledPages:
    """The languages, the templates, each language's escaped phrases, and the digest of all. All tenants share them."""

    languages: Mapping[str, Language]
    templates: Mapping[str, Template]
    said: Mapping[str, Mapping[str, Markup]]
    digest: str


@cache
def compiled() -> CompiledPages:
    """Compile all templates. It takes some time, so the server calls it before it forks workers."""
    sources, languages = _sources(), load_languages()
    keys = sorted({key for text in sources.values() for key in _PHRASE.findall(text)})
    names_everywhere()
    said = {tag: {key: escape(language.say(key)) for key in keys} for tag, language in languages.items()}
    return CompiledPages(languages, _compiled(sources), said, _digest(sources, languages))


def template_digest() -> str:
    """The digest of `compiled`, without compiling."""
    return _digest(_sources(), load_languages())


def _sources() -> dict[str, str]:
    folder = resources.files("idp.pages").joinpath("templates")
    return {each.name: each.read_text("utf-8") for each in folder.iterdir() if each.name.endswith(".html")}


def _compiled(sources: Mapping[str, str]) -> dict[str, Template]:
    """Compile all pages. A phrase without parts is looked up, escaped already: this saves half of a page's cost."""
    environment = Environment(
        loader=DictLoader({name: _looked_up(name, text) for name, text in sources.items()}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(mark=MARK_FILE.href)
    return {name: environment.get_template(f"{name}.html") for name in _PAGES}


def _looked_up(name: str, text: str) -> str:
    """The template with its phrases without parts looked up. Macros have no languages of their own: they get `say`."""
    return text if name == _MACROS else _PHRASE.sub(r'{{ said["\1"] }}', text)


def _digest(sources: Mapping[str, str], languages: Mapping[str, Language]) -> str:
    """SHA-256 (hex) over name and text of each template and key and text of each phrase, in a fixed order."""
    texts = [*sorted(sources.items())]
    for tag, language in sorted(languages.items()):
        texts += [(f"{tag} {key}", phrase) for key, phrase in sorted(language.phrases.items())]
    return hashlib.sha256(json.dumps(texts, ensure_ascii=False).encode()).hexdigest()
