"""A command's standard output and error: text that cannot be written is lost, and the command goes on."""

from io import TextIOWrapper
from typing import TextIO


class LossyStream(TextIOWrapper):
    """A stream that raises nothing if the disk is full or the reader gone. `lost` has the last error."""

    def __init__(self, stream: TextIO, *, line_buffering: bool = True) -> None:
        stream.flush()
        super().__init__(
            stream.buffer, encoding=stream.encoding, errors=stream.errors, line_buffering=line_buffering, newline=None
        )
        # The stream as it was, for the log, which has to know whether a line was written. It would close the descriptor
        self.heard = stream
        self.lost: OSError | None = None

    def write(self, text: str) -> int:
        """Write, or lose it: the next line may find room."""
        try:
            super().write(text)
        except OSError as error:
            self.lost = error
        return len(text)

    def flush(self) -> None:
        """Flush, or lose the text."""
        try:
            super().flush()
        except OSError as error:
            self.lost = error
