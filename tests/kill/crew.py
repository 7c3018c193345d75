"""The processes of a round: everything is imported once, and each process is a fork.

`python -m tests.kill.crew` reads one JSON object a line: `{"role": "worker" | "sequencer" | "both" | "switches" | "files" |
"restore" | "purge" | "again", "url", "aside", "folder", "name"}` and optionally `"control"`, `"trace": FILE`,
`"points": [NAME..], "times": n, "hits": FILE`, and `"shim": [mode, n]`. It answers with the process id; the process works
until it is killed. `aside` is a second database, for what is restored.
"""

import ctypes
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any  # JSON

from idp.system.logs import configure_logs
from tests.kill.chores import ask_again, purge, restore_copies
from tests.kill.drivers import sequence, switch, work
from tests.kill.files import make_files, quick_keys
from tests.kill.points import Points
from tests.kill.preloaded import Mode, arm

PR_SET_PDEATHSIG = 1  # prctl(2)


def run(points: Points, order: dict[str, Any]) -> None:
    """Until it is killed, or the one that forked it is gone."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    folder = Path(order["folder"])
    points.watch(folder)
    # A copy of a database sends every statement of every migration; it is its files that are killed
    points.statements = order["role"] != "files"
    if "trace" in order:
        points.trace(Path(order["trace"]))
    if "points" in order:
        points.arm(order["points"], order["times"], Path(order["hits"]))
    if "shim" in order:
        arm(folder / "ciconia.db", Mode(order["shim"][0]), order["shim"][1])
    control = order.get("control", "")
    if order["role"] in ("worker", "both"):
        work(order["url"], folder, order["name"], control)
    if order["role"] in ("sequencer", "both"):
        sequence(order["url"], folder, control)
    if order["role"] == "switches":
        switch(order["url"], folder)
    chore(order, folder, points)
    threading.Event().wait()


def chore(order: dict[str, Any], folder: Path, points: Points) -> None:
    match order["role"]:
        case "files":
            make_files(order["url"], folder)
        case "restore":
            restore_copies(order["url"], order["aside"], folder, points.quietly)
        case "purge":
            purge(order["url"], points.quietly)
        case "again":
            ask_again(order["url"])


def main() -> None:
    """One fork for each line. Whoever is dead is gone: nobody waits for it."""
    configure_logs()
    points = Points()
    quick_keys()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(points, json.loads(line))
        print(child, flush=True)


if __name__ == "__main__":
    main()
