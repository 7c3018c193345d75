"""A federation's metadata, as it comes: fetched or read, taken apart while it comes, and put into its folder.

It is the work of a second and of much memory for what is parsed, so servers do it in a process of its own.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from connectors.addresses import MACHINE, REGISTRATION, FetchError
from connectors.fetch import NOT_MODIFIED, Fetcher
from connectors.metadata.federation_index import Index, Progress, Row, indexed, unheard
from connectors.metadata.federation_query import queried
from connectors.metadata.federations import INDEX, WAITING, Seal, opened
from policies.federations import FILE, MDQ, Federation

# 65 MB in a minute, with a margin for what is four times as large
TIMEOUT = 300.0
SUFFIX = ".octets"
ACCEPT = "application/samlmetadata+xml, application/xml;q=0.5"


class _Pieces:
    """A file of the pieces that come from elsewhere."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def read(self, _most: int) -> bytes:
        """The next piece, nothing behind the last."""
        return next(self._pieces, b"")


def come(
    federation: Federation,
    folder: Path,
    *,
    held: Index | None,
    fetcher: Fetcher,
    now: int,
    progress: Progress = unheard,
) -> Index | None:
    """The index of a new good copy, whose octets lie in the folder; None where nothing new came. Raises `FetchError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = secrets.token_hex(16) + SUFFIX
    head = held.head if held is not None else None
    try:
        if federation.kind == MDQ:
            with (folder / name).open("xb") as file:
                return queried(
                    federation,
                    file.write,
                    name=name,
                    held=held,
                    octets_of=partial(_octets, folder, held),
                    fetcher=fetcher,
                    now=now,
                    progress=progress,
                )
        with _source(federation, head.etag if head is not None else "", fetcher) as (source, etag):
            if source is None:
                return None
            with (folder / name).open("xb") as file:
                found = indexed(
                    federation,
                    source.read,
                    file.write,
                    name=name,
                    held=head,
                    now=now,
                    demo=fetcher.demo,
                    etag=etag,
                    progress=progress,
                )
                file.flush()
                os.fsync(file.fileno())
                return found
    except BaseException as error:
        (folder / name).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise FetchError("metadata_unwritable", f"its copy cannot be written ({error.strerror}).", MACHINE) from error
        raise


def _octets(folder: Path, held: Index | None, row: Row) -> bytes:
    """The held octets of an entity, none where they are not those that were verified."""
    if held is None:
        return b""
    try:
        with (folder / held.head.octets).open("rb") as file:
            file.seek(row.begin)
            octets = file.read(row.end - row.begin)
    except OSError:
        return b""
    return octets if sha256(octets).hexdigest() == row.digest else b""


def tidy(folder: Path, seal: Seal) -> None:
    """Delete the octets that no index names. Whoever has them open keeps them."""
    named = set()
    for index in (INDEX, WAITING):
        try:
            named.add(opened(folder, seal, index).head.octets)
        except FileNotFoundError:
            continue
        except ValueError:
            # Another version's: a server that still runs may use it
            return
    for path in folder.glob(f"*{SUFFIX}"):
        if path.name not in named:
            path.unlink(missing_ok=True)


@contextmanager
def _source(federation: Federation, known: str, fetcher: Fetcher) -> Iterator[tuple[BinaryIO | _Pieces | None, str]]:
    """The source and its tag; None where it is still that of `known`."""
    if federation.kind == FILE:
        try:
            file = Path(federation.location).open("rb", buffering=0)  # noqa: SIM115 - it is closed below
        except OSError as error:
            what = f"{federation.location} cannot be read ({error.strerror})."
            raise FetchError("metadata_unreadable", what, REGISTRATION) from error
        with file:
            state = os.fstat(file.fileno())
            tag = f"{state.st_ino}-{state.st_size}-{state.st_mtime_ns}"
            yield (None if tag == known else file), tag
        return
    headers = {"Accept": ACCEPT, **({"If-None-Match": known} if known else {})}
    with (
        fetcher.channel(federation.networks, connections=1, keep=False) as channel,
        channel.opened(
            federation.location, headers=headers, limit=federation.most, timeout=TIMEOUT, only_ok=True
        ) as answer,
    ):
        same = answer.status == NOT_MODIFIED
        yield (None if same else _Pieces(answer.pieces)), answer.headers.get("etag", "")
