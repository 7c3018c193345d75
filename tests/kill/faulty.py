"""A broker on a disk that fails when it is told to.

`python -m tests.kill.faulty DIR` serves DIR as `tests.kill.runner` does, with the shim preloaded. The file `DIR/fault` says
what fails from now on (`MODE AT KINDS ERRNO`); it is removed when that holds.
`python -m tests.kill.faulty --store DIR N` opens the store of DIR, commits a unit, lets the N-th fsync after that fail and
lose what it was for, commits two more, tells each outcome, and ends as if the power went.
"""

import sys
import threading
from pathlib import Path

from policies.errors import StoreUnavailable
from tests.idp.store.units import NEVER, marks, opened, release, unit
from tests.kill.preloaded import Mode, arm, power_goes
from tests.kill.runner import serve

OFTEN = 0.01


def obey(folder: Path) -> None:
    """Arm the shim by what the file says."""
    order = folder / "fault"
    while True:
        if order.exists():
            mode, *numbers = (int(word) for word in order.read_text(encoding="ascii").split())
            at, kinds, error = numbers
            arm(folder / "ciconia.db", Mode(mode), at, kinds, error)
            order.unlink()
        threading.Event().wait(OFTEN)


def lose(folder: Path, at: int) -> None:
    """Three units, of which one meets an fsync that fails."""
    store = opened(folder)
    for number in range(3):
        if number == 1:
            arm(folder / "ciconia.db", Mode.LOSE, at)
        one = release()
        try:
            store.commit(unit(*marks(str(number), end=NEVER), record=one, end=NEVER))
            print("acknowledged", one.record.hex(), flush=True)
        except StoreUnavailable as error:
            print(error.detail, one.record.hex(), flush=True)
    power_goes()


if __name__ == "__main__":
    if sys.argv[1] == "--store":
        lose(Path(sys.argv[2]), int(sys.argv[3]))
    threading.Thread(target=obey, args=(Path(sys.argv[1]),), daemon=True).start()
    serve(Path(sys.argv[1]), hasty=False, descriptor=None)
