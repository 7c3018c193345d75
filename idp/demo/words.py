"""The words of the demo city and of the demo sign-ins, in English, Estonian and Chinese, and what each service decides."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from idp.pages.languages import choose_language
from idp.web.requests import cookies, header

# Each in its own words
LANGUAGES = {"en": "English", "et": "Eesti", "zh-Hans": "简体中文"}
ENGLISH = "en"
CHOSEN = "language"
Text = Mapping[str, str]

_SAID = tomllib.loads(Path(__file__).with_name("city.toml").read_text(encoding="utf-8"))
PHRASES: Mapping[str, Text] = _SAID["phrases"]
CLAIMS: Mapping[str, Text] = _SAID["claims"]
_PAGES = Environment(loader=FileSystemLoader(Path(__file__).with_name("pages")), autoescape=True, undefined=StrictUndefined)


@dataclass(frozen=True, slots=True)
class Person:
    """A citizen to try a service as: where they sign in, and the answer, which is a phrase of its own."""

    citizen: str
    at: str
    answer: str


@dataclass(frozen=True, slots=True)
class Reply:
    """A decision of a service, for whoever is as `when` says."""

    granted: bool
    title: Text
    says: Text
    when: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServiceWords:
    """The words of one service. `letter` stands before an email address that it was told."""

    title: Text
    lead: Text
    learns: Sequence[str]
    people: Sequence[Person]
    outcomes: Sequence[Reply]
    letter: Text = field(default_factory=dict)

    def decided(self, given: Mapping[str, object]) -> Reply:
        """The service's decision about somebody of whom it was told this. The last outcome takes whoever fits no other."""
        answers = {name: answer_of(value) for name, value in given.items()}
        fits = (one for one in self.outcomes if all(answers.get(name) is said for name, said in one.when.items()))
        return next(fits)


def answer_of(value: object) -> bool | None:
    """The yes or no in a claim, which may stand beside its place or limit; None where it is no such answer."""
    if isinstance(value, dict) and len(value) == 1:
        (value,) = value.values()
    return value if isinstance(value, bool) else None


def _words(said: dict[str, Any]) -> ServiceWords:
    people, outcomes = ([kind(**one) for one in said[name]] for name, kind in (("people", Person), ("outcomes", Reply)))
    return ServiceWords(**{**said, "people": people, "outcomes": outcomes})


SERVICES: Mapping[str, ServiceWords] = {name: _words(said) for name, said in _SAID["services"].items()}
# With those that are there in `ciconia demo --countries` alone
EVERY_SERVICE = {**SERVICES, **{name: _words(said) for name, said in _SAID["countries"].items()}}


def kept_back(service: str, given: Mapping[str, object], language: str) -> list[str]:
    """All that a service likes to know of somebody, and that did not come."""
    likes = [one for one in _SAID["kept"] if service in one.get("services", SERVICES)]
    return [one["says"][language] for one in likes if given.keys().isdisjoint(one["claims"])]


def language_of(request: Request) -> str:
    """The language that was chosen on the front page, else the browser's, else English."""
    if (chosen := cookies(request).get(CHOSEN, "")) in LANGUAGES:
        return chosen
    found = choose_language((), header(request, b"accept-language") or "")
    return found if found in LANGUAGES else ENGLISH


def page(template: str, language: str, **values: object) -> str:
    """A page of the demo in this language."""

    def say(key: str) -> str:
        return PHRASES[key][language]

    return filled(template, language=language, say=say, **values)


def filled(template: str, **values: object) -> str:
    """A page or message of ours, on one line: no text stands between its elements."""
    return "".join(line.strip() for line in _PAGES.get_template(template).render(values).splitlines())
