"""Peers that are programs: started with an environment of their own, spoken to by lines of JSON, ended by their process."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Self

HERE = Path(__file__).parent
STOPPING_SECONDS = 10


class Speaking:
    """One program, running in this folder. Close it, or use it in a `with`; whatever happens it ends then."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        # Nothing of ours by accident: npm's, node's and Python's own variables could change what the peer is
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**inherited, **environment},
            cwd=HERE,
            text=True,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def hear(self) -> dict[str, object]:
        """The next line that it says."""
        line = self._pipe(self._process.stdout).readline()
        assert line, "the peer has ended"
        said = json.loads(line)
        assert isinstance(said, dict)
        return said

    def ask(self, question: Mapping[str, object]) -> dict[str, object]:
        """Say one line, and hear the answer."""
        pipe = self._pipe(self._process.stdin)
        pipe.write(json.dumps(question) + "\n")
        pipe.flush()
        return self.hear()

    def close(self) -> None:
        """End it, by its process id."""
        self._process.terminate()
        try:
            self._process.wait(STOPPING_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            self._pipe(pipe).close()

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe
