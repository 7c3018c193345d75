"""`# ciconia: allow REASON`: a comment on a line of a file that accepts one finding there, and says why."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from policies.lint.finding import WHY, Finding
from policies.parties import Source
from policies.visible import is_visible

_MARK = b"ciconia:"
_ALLOW = re.compile(r"#\s*ciconia:\s*allow\b[ \t:]*([^#\r\n]*)")
_FIX = "Write `# ciconia: allow REASON` with the reason, or remove it."


def accept(findings: Sequence[Finding], files: Mapping[str, bytes]) -> Iterator[Finding]:
    """The findings, those accepted with their reason, and one for each comment that has none.

    A reason that begins with a kind (`allow missing_retention: ...`) accepts this kind alone. One that does not accepts the
    finding of its line where there is one, and none where there are several.
    """
    allowed: dict[Source, list[str]] = {}
    for source, reason in _comments(files):
        if is_visible(_without_code(reason)[1]):
            allowed.setdefault(source, []).append(reason)
        else:
            what = "the comment accepts a finding and says no reason."
            yield Finding("allow_without_reason", source, "# ciconia: allow", what, _FIX)
    on_line: dict[Source, set[str]] = {}
    for one in findings:
        on_line.setdefault(one.source, set()).add(one.code)
    for one in findings:
        reason = ""
        for each in allowed.get(one.source, ()):
            code, said = _without_code(each)
            if code == one.code or (not code and len(on_line[one.source]) == 1):
                reason = said
        several = one.source in allowed and not reason
        yield replace(one, accepted=reason, fix=f"{one.fix} {_name(one.code)}" if several else one.fix)


def _name(code: str) -> str:
    return f"To accept it, name its kind: `# ciconia: allow {code}: REASON`."


def _without_code(reason: str) -> tuple[str, str]:
    """The kind that a reason begins with, "" for none, and the rest."""
    word, _, rest = reason.partition(" ")
    code = word.rstrip(":")
    return (code, rest.strip()) if code in WHY else ("", reason)


def _comments(files: Mapping[str, bytes]) -> Iterator[tuple[Source, str]]:
    for file, content in sorted(files.items()):
        if not file.endswith(".toml") or _MARK not in content:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").split("\n"), start=1):
            for match in _ALLOW.finditer(line):
                yield Source(file, number), match[1].strip()
