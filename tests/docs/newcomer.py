"""A newcomer follows a page of docs/ about one broker, block by block, and knows nothing else.

Three things differ from the page: the ports, which may be taken; the app's resolver knows `*.localhost`; and what `pip
install` would bring is there already.
"""

import importlib.util
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, chdir, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from idp.demo.browser import Browser
from tests.docs.operators import Block
from tests.docs.pages import ROOT
from tests.idp.cli.command import CICONIA, ciconia
from tests.ports import free_port

PORTS = ("8400", "8401", "5000")
LOCALHOST = ROOT / "tests" / "interop" / "localhost"
SECONDS = 300
SECRET = re.compile(r"CLIENT_SECRET=(\S+)")
PROGRAM = re.compile(r"^== [^\n]*\n(.*?)^Wrote ", flags=re.MULTILINE | re.DOTALL)


@dataclass
class Newcomer:
    """At work in `desk`. Close it: what was started is ended."""

    desk: Path
    printed: list[str] = field(default_factory=list)
    ports: Mapping[str, str] = field(default_factory=lambda: {port: str(free_port()) for port in PORTS})
    _started: ExitStack = field(default_factory=ExitStack)
    _serving: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        """End all that runs, the last first."""
        self._started.close()
        self._serving.close()

    def here(self, text: str) -> str:
        """Put this machine's ports into a text of the page."""
        for port, free in self.ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        return text

    def follow(self, block: Block) -> None:
        """Do what one block says."""
        if block.language == "toml":
            self._write(block)
        elif block.language == "console":
            for words in block.commands:
                self._run([self.here(word) for word in words])

    def _write(self, block: Block) -> None:
        """A new file; or keys in the place of those of a file that is there."""
        path, added = block.file
        text = self.here(block.text)
        if added.startswith(", changed"):
            changed = {line.partition(" =")[0] for line in text.splitlines() if " = " in line}
            there = (self.desk / path).read_text(encoding="utf-8").splitlines()
            kept = [line for line in there if line.partition(" =")[0] not in changed]
            text = text.partition("\n")[2] + "\n".join(kept) + "\n"
        else:
            assert not (self.desk / path).exists(), path
        (self.desk / path).write_text(text, encoding="utf-8")

    def _run(self, words: list[str]) -> None:
        match words:
            case ["make", "demo"]:
                self._see_the_demo()
            case ["ciconia", "serve", *_]:
                # Where it runs already, its operator has ended it before
                self._serving.close()
                self._serving.enter_context(self._process([CICONIA, *words[1:]], "is served at"))
            case ["python", "-m", "venv", "app-env"]:
                pass  # Ours has what its pip would bring: whatever is not of it would come into the broker's own
            case ["python", *rest]:
                self._start([sys.executable, *rest], "Ctrl-C ends it")
            case ["app-env/bin/pip", "install", *names]:
                assert all(importlib.util.find_spec(name) for name in names), names
            case ["env", *rest]:
                secret = SECRET.findall(self.printed[-2])[-1]  # what `party add` printed, before `doctor`
                given = dict(word.split("=", 1) for word in rest if re.match(r"[A-Z_]+=", word))
                program = rest[len(given)].removeprefix("app-env/bin/")
                assert program != rest[len(given)], rest
                command = [str(Path(sys.executable).with_name(program)), *rest[len(given) + 1 :]]
                given = {name: value.replace("SECRET", secret) for name, value in given.items()}
                self._start(command, "Running on", {**given, "PYTHONPATH": str(LOCALHOST)})
            case ["ciconia" | "cp" | "rm", *_]:
                self._to_its_end(words)
            case _:
                raise AssertionError(f"a command that nobody knows here: {shlex.join(words)}")

    def _to_its_end(self, words: list[str], code: int = 0) -> None:
        if words[0] == "ciconia":
            with chdir(self.desk):
                ran = ciconia(*words[1:])
        else:
            ran = subprocess.run(words, cwd=self.desk, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert ran.returncode == code, f"{shlex.join(words)}: {ran.stdout}{ran.stderr}"
        self.printed.append(ran.stdout)
        if words[1] == "init":
            # The ports of the broker and of its practice sign-in
            for made in (self.desk / words[2]).rglob("*.toml"):
                made.write_text(self.here(made.read_text(encoding="utf-8")), encoding="utf-8")
        if found := PROGRAM.search(ran.stdout):
            (self.desk / "app.py").write_text(found[1], encoding="utf-8")

    def _see_the_demo(self) -> None:
        """`make demo` is `ciconia demo`: it prints an address, which shows five services, and ends by Ctrl-C."""
        recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\ndemo:")[2].splitlines()[1]
        assert recipe.strip() == "$(BIN)/ciconia demo"
        with self._process([CICONIA, "demo"], "Ctrl-C ends it") as (process, line), Browser() as browser:
            front = browser.get(line.split()[1])
            assert len(front.tree.xpath("//a[contains(@href, '/login')]")) == 5
            process.send_signal(signal.SIGINT)
            assert process.wait(SECONDS) == 0

    def _start(self, words: Sequence[str], ready: str, environment: Mapping[str, str] | None = None) -> None:
        self._started.enter_context(self._process(words, ready, environment))

    @contextmanager
    def _process(
        self, words: Sequence[str], ready: str, environment: Mapping[str, str] | None = None
    ) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """A program, from the line of its output that says it is ready; ended at the end."""
        process = subprocess.Popen(
            words,
            cwd=self.desk,
            env={**os.environ, "COLUMNS": "200", "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        alarm = threading.Timer(SECONDS, process.kill)
        alarm.start()
        output = process.stdout
        assert output is not None
        said: list[str] = []
        reader: threading.Thread | None = None
        try:
            line = next((line for line in _kept(output, said) if ready in line), "")
            alarm.cancel()
            assert line, f"{shlex.join(words)} ended: {''.join(said)}"
            # Nobody reads what it says from here on: it must not wait for that
            reader = threading.Thread(target=output.read)
            reader.start()
            yield process, line
        finally:
            alarm.cancel()
            process.terminate()
            process.wait(SECONDS)
            if reader is not None:
                reader.join(SECONDS)
            output.close()


def _kept(lines: IO[str], said: list[str]) -> Iterator[str]:
    for line in lines:
        said.append(line)
        yield line
