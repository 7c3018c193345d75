"""The cost of the two pages that a login shows: CPU, bytes and memory, in every language.

The question has nine attributes, five of them optional; the picker has nine entries. Each is
made whole, from a decision or a list of countries to its HTML.
"""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial

from idp.pages.languages import LANGUAGES
from idp.pages.render import Pages
from tests.benchmarks.measure import Figure, Target, in_turns
from tests.e2e.gallery import DECISION, OWNER, approval, picker

ROUNDS = 20
# A process with these languages alone, and the memory that it has for itself
_PROCESS = """
import json, os, sys
import idp.pages.languages as languages
from idp.pages import render
from tests.benchmarks.logins_stage import memory_kib
languages.LANGUAGES = tuple(json.loads(sys.argv[1]))
render.Pages()
assert set(languages.spoken().languages) == set(languages.LANGUAGES), languages.spoken().left_out
print(memory_kib([os.getpid()]))
"""


def pages() -> tuple[list[Figure], list[Target]]:
    """Measure the question and the picker in the language in which they cost the most."""
    shown = Pages(OWNER)
    figures, targets = [], []
    for name, page in (("question", _question), ("picker", _picker)):
        calls = {tag: partial(page, shown, tag) for tag in LANGUAGES}
        spent = {tag: 1000 * taken.least for tag, taken in in_turns(calls, ROUNDS).items()}
        sizes = {tag: len(call().encode()) / 1000 for tag, call in calls.items()}
        figures.append(Figure(f"CPU of a {name} in English", round(spent["en"], 3), "ms"))
        targets += [
            Target(f"{name}_ms_cpu", max(spent.values()), at_most=1),
            Target(f"{name}_kb", max(sizes.values()), at_most=30),
        ]
    memory = [_memory(tags) for tags in (("en",), LANGUAGES)]
    figures.append(Figure("languages", len(LANGUAGES), "1"))
    return figures, [*targets, Target("languages_mib", (memory[1] - memory[0]) / 1024, at_most=8)]


def _question(shown: Pages, tag: str) -> str:
    return shown.approval(approval(shown, tag, DECISION))


def _picker(shown: Pages, tag: str) -> str:
    return shown.picker(replace(picker(shown, tag), address="/login/L1/countries", searchable=True))


def _memory(tags: tuple[str, ...]) -> int:
    """The memory of a process with the pages in these languages, in KiB."""
    command = [sys.executable, "-c", _PROCESS, json.dumps(tags)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)
