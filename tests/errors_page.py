"""docs/errors.md: every code that a page, an OAuth error or a log line can have, with what it means and who mends it.

    python -m tests.errors_page            write the page
    python -m tests.errors_page --check    only say what is stale or has no text; exit 1 if anything is

Codes come from the product (`policies.errors`, `MOVES`, the responders). Names of checks come from the tables of
`connectors/checks.py` and `idp/login/check_names.py`. What can be raised comes from the source (`tests/raised_checks.py`).
What an operator does about a code stands in `tests/errors.toml`.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors import checks as of_messages
from connectors.addresses import FetchError
from connectors.request_checks import PeerRequestRefused
from idp.login import check_names as of_logins
from idp.pages.phrases import english_phrases
from idp.pages.wording import MOVES, SHOWN_AS
from policies.errors import AssertionRejected, BrokerError
from tests.raised_checks import Raised, codes_in, forget_trees, oauth_codes_in, raised_in, told_codes_in

ROOT = Path(__file__).parents[1]
PAGE, WORDS = ROOT / "docs" / "errors.md", ROOT / "tests" / "errors.toml"
PRODUCT = ("policies", "connectors", "idp")
# The demo's countries and relying parties are no part of the product
OUTSIDE = ("idp/demo/", "connectors/attacks/")
HEAD = """\
# Errors

Find the code that Ciconia showed, sent or logged: the page says what happened, whose move it is, how to correct it, and
which log line says more. `python -m tests.errors_page` makes this page from the code; a test fails if it is stale.

An error page shows a **code** and a **reference**. Search the log for the line with the same `reference`:

```json
{"event": "refused", "level": "warning", "tenant": "login.city.example", "path": "/saml/acs", "code": "signature_invalid",
 "check": "digest", "peer": "demo-ee", "detail": "...", "reference": "3f9c2a7b10"}
```

`check` is the first check that failed ([below](#checks)). `peer` is the id, in our configuration, of the identity
provider, node or relying party that it is about. `detail` is a sentence. No line holds a value of anybody. With
`documentation_url` in `ciconia.toml`, error pages link here, and OAuth errors have the address of their code as
`error_uri`.
"""


@dataclass(frozen=True, slots=True)
class Words:
    """`tests/errors.toml`: what is to be done about each code, and who mends a table of checks."""

    mend: Mapping[str, str]
    oauth: Mapping[str, tuple[str, str]]
    tables: Mapping[str, tuple[str, str]]


def read_words(text: str) -> Words:
    """The file's three tables."""
    read = tomllib.loads(text)
    return Words(
        {code: str(sentence) for code, sentence in read["mend"].items()},
        {code: (str(one["what"]), str(one["mend"])) for code, one in read["oauth"].items()},
        {name: (str(one["title"]), str(one["mend"])) for name, one in read["checks"].items()},
    )


def page_texts() -> Mapping[str, Mapping[str, str]]:
    """The citizen's texts of each code, and of each mover."""
    found: dict[str, dict[str, str]] = {}
    for key, phrase in english_phrases().texts.items():
        if key.startswith("error.") and key.count(".") == 2:
            _, name, part = key.split(".")
            found.setdefault(name, {})[part] = phrase
    return found


def tables() -> Mapping[str, Mapping[str, str]]:
    """Every table of checks, by its name; of ALL_CHECKS what SAML_CHECKS has not, since it holds that whole."""
    found: dict[str, Mapping[str, str]] = {}
    for module in (of_messages, of_logins):
        found |= {name: table for name, table in vars(module).items() if name.endswith("_CHECKS")}
    found["ALL_CHECKS"] = {
        check: sentence for check, sentence in found["ALL_CHECKS"].items() if check not in found["SAML_CHECKS"]
    }
    return found


def sources() -> Iterator[tuple[str, str]]:
    """Path and text of each module of the product."""
    for package in PRODUCT:
        for file in sorted((ROOT / package).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            if not path.startswith(OUTSIDE):
                yield path, file.read_text(encoding="utf-8")


def kinds(base: type[Exception] = BrokerError) -> Iterator[type[Exception]]:
    """A class and all that derive from it."""
    yield base
    for derived in base.__subclasses__():
        yield from kinds(derived)


def named_by_check() -> tuple[type[Exception], ...]:
    """The errors whose first argument is the name of a check."""
    return (*kinds(AssertionRejected), PeerRequestRefused, FetchError)


def holes(words: Words, texts: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """Codes and checks that can be raised and that nothing is said of, and texts of what there is not."""
    texts = tuple(texts)
    known = {check for table in tables().values() for check in table}
    codes = {str(vars(kind)["code"]) for kind in kinds() if "code" in vars(kind)} | set(codes_in(texts))
    oauth = set(oauth_codes_in(texts))
    raised = raised_in(texts, {kind.__name__ for kind in named_by_check()})
    found = [f"{one.place}: the check `{one.check}` has no sentence" for one in raised if not _said(one, known)]
    found += [f"the code `{code}` has no page" for code in sorted(codes - set(MOVES) - set(words.mend))]
    found += [f"the code `{code}` is not in {WORDS.name}" for code in sorted({*MOVES, *codes} - set(words.mend))]
    commands = sorted(set(told_codes_in(texts)) & set(MOVES))
    found += [
        f"the code `{code}` is of commands, too, and {WORDS.name} names none"
        for code in commands
        if "`ciconia " not in words.mend[code]
    ]
    found += [f"{WORDS.name} has `{code}`, which nothing raises" for code in sorted(set(words.mend) - {*MOVES, *codes})]
    found += [f"the OAuth error `{code}` is not in {WORDS.name}" for code in sorted(oauth - set(words.oauth))]
    found += [f"{WORDS.name} has `{code}`, which nothing answers" for code in sorted(set(words.oauth) - oauth)]
    found += [f"the table {name} is not in {WORDS.name}" for name in sorted(set(tables()) - set(words.tables))]
    forget_trees()
    return tuple(found)


def _said(raised: Raised, known: set[str]) -> bool:
    """Whether a check has a sentence; of one that is put together, whether any of its beginning has."""
    if raised.whole:
        return raised.check in known
    return any(check.startswith(raised.check) for check in known)


def render(words: Words) -> str:
    """The whole page."""
    texts = page_texts()
    parts = [HEAD, "## On pages\n", *(_of_page(code, words, texts) for code in MOVES)]
    parts += ["## For relying parties\n", _OAUTH_HEAD, *(_of_oauth(code, words) for code in sorted(words.oauth))]
    parts += ["## In the log alone\n", _LOG_HEAD, *(_of_log(code, words) for code in SHOWN_AS)]
    rest = sorted(set(words.mend) - set(MOVES) - set(SHOWN_AS))
    if rest:
        parts += ["## On the command line\n", *(f"### {code}\n\n{words.mend[code]}\n" for code in rest)]
    parts += ["## Checks\n", _CHECKS_HEAD]
    found = tables()
    for name, (title, mend) in words.tables.items():
        rows = ["| check | what it says |", "|---|---|"]
        short = name.removesuffix("_CHECKS").lower().replace("_", "-")
        for check, sentence in found[name].items():
            rows.append(f'| <a id="{short}-{check}"></a>`{check}` | {sentence} |')
        parts.append(f"### {title}\n\n{mend}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


_OAUTH_HEAD = """\
The service gets these errors at its redirect address, or as JSON of `/token` and `/userinfo`. `error_description` says
more, but nothing about a person.
"""
_LOG_HEAD = """\
A page shows another code in place of these.
"""
_CHECKS_HEAD = """\
The log, `ciconia inspect` and `ciconia audit verify` name the first check that failed. Each sentence says what must
hold.
"""


def _of_page(code: str, words: Words, texts: Mapping[str, Mapping[str, str]]) -> str:
    title, text, mover = texts[code]["title"], texts[code]["text"], texts["mover"][MOVES[code]]
    return (
        f"### {code}\n\n"
        f"**{title}.** {text}\n\n"
        f"- Whose move: {_WHO[MOVES[code]]}. The page says: {mover}\n"
        f"- What to do: {words.mend[code]}\n"
        f'- In the log: `"code": "{code}"`{_LINE.get(code, "")}, with the reference of the page.{_instead(code)}\n'
    )


def _instead(code: str) -> str:
    """The log lines that belong to this code's page."""
    others = [f"`{logged}`" for logged, shown in SHOWN_AS.items() if shown == code]
    return f" The log may say {' or '.join(others)} in its place." if others else ""


def _of_log(code: str, words: Words) -> str:
    return (
        f"### {code}\n\n"
        f"- What to do: {words.mend[code]}\n"
        f'- In the log: `"code": "{code}"`{_LINE.get(code, "")}, with the reference of the page, which shows '
        f"`{SHOWN_AS[code]}`.\n"
    )


def _of_oauth(code: str, words: Words) -> str:
    what, mend = words.oauth[code]
    return f"### {code}\n\n{what}\n\n- What to do: {mend}\n"


_WHO = {
    "citizen": "the citizen",
    "service": "the service's operator",
    "provider": "the identity provider, or the country's node",
    "operator": "the operator of this broker",
    "suspension": "the operator of this broker",
    "node": "the operator of the other country's node",
    "register": "the operator of the register",
}
_CHECK_AND_PEER = ", `check` and `peer`"
_LINE = {
    **dict.fromkeys(
        ("assertion_rejected", "signature_invalid", "assurance_too_low", "authentication_failed", "replayed"),
        _CHECK_AND_PEER,
    ),
    **dict.fromkeys(("login_ended", "cookies_blocked", "started_elsewhere", "conflict"), ", `check`"),
    "node_request_refused": ", `check`, and `peer` if the signature held",
    "request_refused": ", and `peer` if the client or node is registered",
    **dict.fromkeys(("country_unavailable", "service_suspended", "country_suspended"), ", `peer`"),
    "internal": " or the event `unforeseen`, with `kind` and `frames`",
}


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` only judge it. 0 where all is well, 1 where something is to be done."""
    words = read_words(WORDS.read_text(encoding="utf-8"))
    missing = holes(words, sources())
    for one in missing:
        print(one, file=sys.stderr)
    if missing:
        return 1
    page = render(words)
    if "--check" not in arguments:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        print(f"{PAGE.name} is stale: python -m tests.errors_page", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
