"""One target, fuzzed until its time is over: `python -m tests.fuzz.one TARGET CORPUS... -- LIBFUZZER-OPTIONS`.

The product is instrumented, so that what reaches new code is kept. The first finding ends it, with the octets in a file.
"""

import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["connectors", "idp.ledger", "idp.receipts", "policies"]):
    from tests.fuzz.targets import targets
from tests.fuzz import seeds
from tests.fuzz.mutating import MAX, mutated
from tests.fuzz.world import new_world


def main() -> None:
    """Write the seeds of this run's keys beside what was kept before, and fuzz."""
    name, kept, *options = sys.argv[1:]
    target = targets(new_world())[name]
    folder = Path(kept)
    folder.mkdir(parents=True, exist_ok=True)
    corpus = {"responses": seeds.responses, "queries": seeds.queries, "tokens": seeds.tokens}
    starts = [*target.seeds, *(corpus[name]() if name in corpus else ())]
    for number, seed in enumerate(starts):
        (folder / f"seed-{number}").write_bytes(seed)
    documents = [seed[1:] for seed in starts]

    def mutate(octets: bytes, most: int, seed: int) -> bytes:
        chance = random.Random(seed)  # noqa: S311 - a fuzzer wants to be repeated, not to be secret
        if not target.xml or chance.random() < 0.3:
            return bytes(atheris.Mutate(octets, most))
        made = octets[:1] + mutated(octets[1:], chance, documents)
        if chance.random() < 0.1:
            made = bytes([chance.randrange(8)]) + made[1:]
        return made if len(made) <= most else octets

    limits = [
        f"-max_len={MAX}",
        "-rss_limit_mb=2048",
        "-timeout=60",
        "-report_slow_units=60",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], kept, *limits, *options], target.run, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
