"""The programs in docs/connect-an-app.md: `python -m tests.docs.snippet_blocks` puts them in.

A comment before a fenced block names what stands in it: `<!-- snippet: flask -->`, or
`<!-- snippet: flask, lines for a key -->` or `lines for fapi2`. The text itself is that of idp/cli/snippets.
"""

import re
from pathlib import Path

from idp.cli.snippets import KEY, STRICT, Framework, lines_of, source

PAGE = Path(__file__).parents[2] / "docs" / "connect-an-app.md"
MARKED = re.compile(r"<!-- snippet: (\w+)(, lines for (?:a key|fapi2))? -->\n```(\w+)\n(.*?)```\n", re.DOTALL)


def shown(framework: Framework, lines_for: str) -> str:
    """The text on the page: the program of an app with a secret, or the lines that another one has instead."""
    if not lines_for:
        return lines_of(source(framework), key=False)
    lines = source(framework).splitlines(keepends=True)
    mark = STRICT if lines_for.endswith("fapi2") else KEY
    kept = [line.removeprefix(mark) for line in lines if line.startswith(mark)]
    return "".join(kept).strip("\n") + "\n"


def with_blocks(page: str) -> str:
    """The page, each marked block as it has to be."""

    def block(found: re.Match[str]) -> str:
        name, lines_for, language = found[1], found[2] or "", found[3]
        text = shown(Framework(name), lines_for)
        return f"<!-- snippet: {name}{lines_for} -->\n```{language}\n{text}```\n"

    return MARKED.sub(block, page)


if __name__ == "__main__":
    PAGE.write_text(with_blocks(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
