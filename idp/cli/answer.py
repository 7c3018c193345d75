"""Standard output of a command: one that cannot be written is said, and is no answer to whether the command was done."""

import os
import sys
from io import TextIOWrapper
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
        self._kept = stream  # that it is not closed, and the descriptor with it

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
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
        sys.stderr.flush()
        return UnheardError(os.strerror(error.errno or 0))
