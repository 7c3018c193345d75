"""Standard output of a command: one that cannot be written is said, and is no answer to whether the command was done."""

import os
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO


class UnheardError(Exception):
    """Nobody hears the answer: a full disk, a pipe whose reader is gone. No OSError: those mean what a command works on."""


class Answer(TextIOWrapper):
    """Standard output. What cannot be written raises `UnheardError` once, and goes nowhere from then on."""

    def __init__(self, stream: TextIO) -> None:
        stream.flush()
        super().__init__(
            stream.buffer, encoding=stream.encoding, errors=stream.errors, line_buffering=stream.isatty(), newline=None
        )
        self._kept = stream  # it would close the descriptor when nobody has it any more

    def write(self, text: str) -> int:
        """Write, or say that it cannot be."""
        try:
            return super().write(text)
        except OSError as error:
            raise self._unheard(error) from None

    def flush(self) -> None:
        """As `write`."""
        try:
            super().flush()
        except OSError as error:
            raise self._unheard(error) from None

    def _unheard(self, error: OSError) -> UnheardError:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), self.fileno())
        return UnheardError(os.strerror(error.errno or 0))
