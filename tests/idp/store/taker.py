"""One of several processes that want the same marks: prints those that it got. Usage: taker URL COUNT [pairs].

With the last word each unit wants two marks that lie beside each other, named in either order, and several units come at
once: processes meet in reversed orders.
"""

import itertools
import random
import sys
from concurrent.futures import ThreadPoolExecutor

from idp.store import writer
from policies.errors import Conflict
from tests.idp.store.units import marks, opened_at, release, unit


def main() -> None:
    url, total, pairs = sys.argv[1], int(sys.argv[2]), sys.argv[3:] == ["pairs"]
    # A disk with many at work beside is slow, and that is no failure
    writer.COMMIT_SECONDS = 300
    store = opened_at(url, busy_milliseconds=60_000)
    names = [f"mark-{number}" for number in range(total)]
    wanted: list[tuple[str, ...]] = [(name,) for name in names]
    if pairs:
        wanted = [random.choice([pair, pair[::-1]]) for pair in itertools.pairwise(names)]  # noqa: S311  in any order
    random.shuffle(wanted)

    def take(these: tuple[str, ...]) -> str:
        try:
            store.commit(unit(*marks(*these), record=release()))
        except Conflict:
            return ""
        return " ".join(these)

    with ThreadPoolExecutor(8 if pairs else 4) as pool:
        print(*filter(None, pool.map(take, wanted)))
    store.close()


if __name__ == "__main__":
    main()
