"""Peers that nobody here wrote, against a real broker over real sockets: `python -m tests.interop.run`, or `make interop`.

    --json          one JSON object on stdout
    --only NAME     this peer alone; again for another one
    --write         keep the result of these peers, and write docs/interoperability.md from all that is kept

Exit codes: 0 every failure is the peer's own, 1 one is not; with CI set, a peer that is not installed is a failure too.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog
from rich.console import Console
from rich.table import Table

from tests.interop.page import PAGE, RESULTS, as_data, merged, read, render
from tests.interop.peer import Flow, Outcome, Peer, Result, Session, judge
from tests.interop.roster import PEERS

WELL = {Outcome.WORKS, Outcome.PEER}
MOST_SAID = 1500
Lines = Sequence[Mapping[str, object]]


def tried(peer: Peer, folder: Path) -> Iterator[Result]:
    """Each flow of one peer, one after the other, against one broker."""
    version = peer.package.version()
    if not version:
        yield from (Result(peer.name, peer.role, "", flow, Outcome.MISSING) for flow in peer.flows)
        return
    with ExitStack() as stack:
        lines: Lines = stack.enter_context(structlog.testing.capture_logs())
        try:
            session = stack.enter_context(peer.opened(folder))
        except Exception as error:  # noqa: BLE001 - the outermost edge: whatever happened is a row of the table
            failure = _said(error, lines)
            yield from (judge(peer, flow, failure) for flow in peer.flows)
            return
        for flow in peer.flows:
            yield judge(peer, flow, _failure(session, flow, lines))


def _failure(session: Session, flow: Flow, lines: Lines) -> str | None:
    before = len(lines)
    try:
        session(flow)
    except Exception as error:  # noqa: BLE001 - as above
        return _said(error, lines[before:])
    return None


def _said(error: Exception, lines: Lines) -> str:
    """The words of the peer or of our driver, and the broker's reason where it refused something."""
    refused = [
        f"broker: {line.get('check') or line.get('step') or ''} {line['detail']}" for line in lines if line.get("detail")
    ]
    own = f"{type(error).__name__}: {error}"
    if len(own) > MOST_SAID:
        own = f"{own[: MOST_SAID // 2]} ... {own[-MOST_SAID // 2 :]}"
    return "\n".join([own, *dict.fromkeys(refused)])


@contextmanager
def folders() -> Iterator[Path]:
    """A folder that Apache's own account may enter, too."""
    with tempfile.TemporaryDirectory(prefix="interop-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for, and print it."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.run")
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args(arguments)
    chosen = [peer for peer in PEERS if not asked.only or peer.name in asked.only]
    if unknown := set(asked.only) - {peer.name for peer in PEERS}:
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    results: list[Result] = []
    with folders() as folder:
        for number, peer in enumerate(chosen):
            print(f"{peer.name} ...", file=sys.stderr, flush=True)
            results += tried(peer, folder / str(number))
    _print(results, as_json=asked.as_json)
    bad = [
        one for one in results if one.outcome not in WELL and (one.outcome is not Outcome.MISSING or os.environ.get("CI"))
    ]
    kept = merged(as_data(results), read(), PEERS)
    if asked.write and any(one.outcome is Outcome.MISSING for one in results):
        parser.error("--write keeps a run of peers that are installed")
    if asked.write:
        RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        PAGE.write_text(render(kept), encoding="utf-8")
    elif not bad and kept != read():
        print("docs/interoperability.md tells of another run: python -m tests.interop.run --write", file=sys.stderr)
    return 1 if bad else 0


def _print(results: Sequence[Result], *, as_json: bool) -> None:
    if as_json:
        rows = [{**row, "said": one.said} for row, one in zip(as_data(results), results, strict=True)]
        print(json.dumps({"ok": all(one.outcome in WELL for one in results), "results": rows}, ensure_ascii=False))
        return
    table = Table("peer", "version", "flow", "result", "why")
    for one in results:
        why = f"{one.fault.why} ({one.fault.issue or one.fault.source})" if one.fault else ""
        table.add_row(one.peer, one.version, one.flow.name, one.outcome, why)
    Console(width=None if sys.stdout.isatty() else 160, markup=False, highlight=False).print(table)
    for one in results:
        if one.outcome is Outcome.OURS:
            print(f"\n== {one.peer}: {one.flow.name}\n{one.said}")
    counted = {outcome: sum(one.outcome is outcome for one in results) for outcome in Outcome}
    print(", ".join(f"{count} {outcome}" for outcome, count in counted.items() if count))


if __name__ == "__main__":
    # The table is what this prints: libraries in our process would speak between its lines
    logging.disable(logging.ERROR)
    sys.exit(main(sys.argv[1:]))
