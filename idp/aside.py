"""Standard error of a command. What cannot be written there is lost, and its exit code stays the command's own."""

from contextlib import suppress
from io import TextIOWrapper
from typing import TextIO


class Aside(TextIOWrapper):
    """Standard error, which raises nothing: on a full disk, or before a reader that is gone."""

    def __init__(self, stream: TextIO) -> None:
        stream.flush()
        super().__init__(stream.buffer, encoding=stream.encoding, errors=stream.errors, line_buffering=True, newline=None)
        # The stream as it was, for what has to know whether a line was written. It would close the descriptor when it ends
        self.heard = stream

    def write(self, text: str) -> int:
        """Write, or lose it: the next line may find room."""
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        """As `write`."""
        with suppress(OSError):
            super().flush()
