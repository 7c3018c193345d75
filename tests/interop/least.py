"""Each setting of a registration taken away, one at a time: `python -m tests.interop.least [NAME...]`.

A flow that works without a setting does not need it, and docs/interoperability.md would say that it does. Keys are left: a
client that has none is another one. So are settings that demand more. Exit codes: 0 each setting is needed, 1 one is not.
"""

import dataclasses
import logging
import sys
from collections.abc import Sequence

from tests.interop.client_peers import CLIENTS
from tests.interop.client_stage import IT_REFUSES, WE_REFUSE, Client
from tests.interop.peer import Flow, Outcome, Result
from tests.interop.run import folders, tried

# A flow that is to fail fails without its settings, too
REFUSALS = (WE_REFUSE, IT_REFUSES)
KEYS = ("--key-out ", "--jwks ")
# It allows nothing, but demands
DEMANDS = ("dpop_bound_access_tokens",)


def without(client: Client) -> Client:
    """The client with a flow for each setting, which lacks it."""
    flows = [
        Flow(f"{flow.name}, without {gone}", tuple(each for each in flow.registered if each != gone))
        for flow in client.flows
        for gone in flow.registered
        if not gone.startswith((*KEYS, *DEMANDS)) and not any(word in flow.name for word in REFUSALS)
    ]
    return dataclasses.replace(client, flows=tuple(flows), faults=())


def main(names: Sequence[str]) -> int:
    """Run what was asked for, and say what is not needed."""
    results: list[Result] = []
    with folders() as folder:
        for number, client in enumerate(each for each in CLIENTS if not names or each.name in names):
            results += tried(without(client), folder / str(number))
    needless = [one for one in results if one.outcome is Outcome.WORKS]
    for one in needless:
        print(f"{one.peer} works: {one.flow.name}")
    print(f"{len(results)} settings, {len(needless)} of them not needed")
    return 1 if needless else 0


if __name__ == "__main__":
    logging.disable(logging.ERROR)
    sys.exit(main(sys.argv[1:]))
