"""The programs in docs/connect-an-app.md: `python -m tests.docs.snippet_blocks` puts them in.

A comment before a fenced block names what stands in it: `<!-- snippet: flask -->`, or
`<!-- snippet: flask, lines for a key -->`. The text itself is that of idp/cli/snippets.
"""

import re
from pathlib import Path

from idp.cli.snippets import IN_HEADER, KEY, ONCE, OUT, PLAIN, REFRESH, SECRET, STRICT, lines_of, source

PAGE = Path(__file__).parents[2] / "docs" / "connect-an-app.md"
LINES = {"a key": KEY, "fapi2": STRICT, "refresh tokens": REFRESH, "logout": OUT}
MARKED = re.compile(rf"<!-- snippet: (\w+)(?:, lines for ({'|'.join(LINES)}))? -->\n```(\w+)\n(.*?)```\n", re.DOTALL)


def shown(name: str, lines_for: str) -> str:
    """The text on the page: the program of an app with a secret, or the lines that another one has instead."""
    if not lines_for:
        return lines_of(source(name), (SECRET, IN_HEADER, PLAIN, ONCE))
    mark = LINES[lines_for]
    kept = [line.removeprefix(mark) for line in source(name).splitlines(keepends=True) if line.startswith(mark)]
    return "".join(kept).strip("\n") + "\n"


def with_blocks(page: str) -> str:
    """The page, each marked block as it has to be."""

    def block(found: re.Match[str]) -> str:
        name, lines_for, language = found[1], found[2] or "", found[3]
        told = f", lines for {lines_for}" if lines_for else ""
        return f"<!-- snippet: {name}{told} -->\n```{language}\n{shown(name, lines_for)}```\n"

    return MARKED.sub(block, page)


if __name__ == "__main__":
    PAGE.write_text(with_blocks(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
