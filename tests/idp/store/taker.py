"""One of several processes that want the same marks: prints those that it got. Usage: taker FOLDER COUNT."""

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from policies.errors import Conflict
from tests.idp.store.units import marks, opened, release, unit


def main() -> None:
    folder, total = Path(sys.argv[1]), int(sys.argv[2])
    store = opened(folder)
    names = [f"mark-{number}" for number in range(total)]
    random.shuffle(names)

    def take(name: str) -> str:
        try:
            store.commit(unit(*marks(name), record=release()))
        except Conflict:
            return ""
        return name

    with ThreadPoolExecutor(4) as pool:
        print(*filter(None, pool.map(take, names)))
    store.close()


if __name__ == "__main__":
    main()
