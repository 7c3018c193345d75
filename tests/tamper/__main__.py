"""Prints each way in which an operator could cheat, and who notices. Each is carried out against a real ledger.

    python -m tests.tamper [--json]

Exit code 1 if nobody notices an attack and docs/threats.md does not say so, or says so of one that somebody notices.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.tamper.run import Outcome, faults, outcomes


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        found = list(outcomes(Path(folder)))
    wrong = faults(found)
    if "--json" in arguments:
        attacks = [{"attack": each.name, "keys": each.keys, "noticed": each.noticed} for each in found]
        print(json.dumps({"ok": not wrong, "count": len(found), "attacks": attacks, "faults": wrong}))
        return 1 if wrong else 0
    for keys in (False, True):
        print(f"\n{'With every key' if keys else 'Without keys, by writing to the database'}:")
        for each in found:
            if each.keys == keys:
                print(_line(each))
    nobody = sum(not each.noticed for each in found)
    print(
        f"\n{len(found)} ways: {len(found) - nobody} are noticed. Nobody notices {nobody}, and docs/threats.md says which."
    )
    print("".join(f"WRONG  {fault}\n" for fault in wrong), end="")
    return 1 if wrong else 0


def _line(found: Outcome) -> str:
    who = ", ".join(found.noticed) or "nobody"
    return f"  {found.name}\n      {who}" + "".join(f"\n      {name}: {said}" for name, said in found.noticed.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
