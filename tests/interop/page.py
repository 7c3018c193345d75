"""Writes docs/interoperability.md from the kept result of a run: peer, version, flow, result.

    python -m tests.interop.run --write    run every peer, keep the result, write the page
    python -m tests.interop.page           write the page from the kept result
    python -m tests.interop.page --check   only say whether it is stale; exit 1 if it is

No times: a result holds for versions and configurations, on whatever machine.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tests.interop.covered import covered
from tests.interop.peer import HERE, ROOT, Outcome, Peer, Result, Role
from tests.interop.roster import PEERS

RESULTS = HERE / "results.json"
PAGE = ROOT / "docs" / "interoperability.md"
Data = Sequence[Mapping[str, object]]
Rows = list[dict[str, object]]
HEAD = """\
# Interoperability

Look here for the registration that your product needs; [Client libraries](client-libraries.md) has what a city's developer
writes. We ran these products against a real broker over real sockets, each as its documentation configures it. Other people
wrote them, except for the countries' nodes (see there), and Ciconia that asks Ciconia. A flow that is `refused` works if
the side that it names refuses the other's wrong part. `bash .ci/peers` installs them, and `make interop` runs them again.
`python -m tests.interop.run --write` makes this page from the kept result of a run; a test fails if it does not fit the
list of peers.
"""
REGISTERED = {
    Role.CLIENT: """\
The third column has the options of `ciconia party add`, or lines of its file, that the broker's operator writes for this
client; BASE stands for its own origin. If it is empty, the defaults suffice. No setting can be left out
(`python -m tests.interop.least` tries it), but for `dpop_bound_access_tokens`, which demands more.
""",
    Role.PROVIDER: """\
The third column has the lines that the broker's operator writes into the provider's file, besides its address, metadata and
attributes; CITY stands for the services' origin, BEHIND for that of the provider behind a proxy.
""",
    Role.OPENID_PROVIDER: """\
The third column has the lines that the broker's operator writes into the provider's file, besides `protocol`, issuer,
metadata, client_id and attributes.
""",
    Role.SERVICE: """\
`ciconia party add-saml` registers the service by the metadata that it publishes; the third column has the lines that the
broker's operator then writes into its file.
""",
    Role.NODE: """\
We cannot run these programs here. `tests/real` writes their messages from their published sources, signs and encrypts them
with python-xmlsec, and imports nothing of ours.
""",
}
FAULTS = """\
## Failures that are the peer's own

Each has its proof: a line of the installed source, which the run looks up again, or an issue of the peer's project.
"""
COVERED = """\
## Also run by the tests

The tests run these, with hostile messages beside the valid ones. "It" is the peer, "us" is the broker.
"""


def as_data(results: Iterable[Result]) -> Rows:
    """Rows for the file: what a run found, without what was said."""
    return [
        {
            "peer": one.peer,
            "role": str(one.role),
            "version": one.version,
            "flow": one.flow.name,
            "registered": list(one.flow.registered),
            "result": str(one.outcome),
            "why": one.fault.why if one.fault else "",
            "proof": _proof(one) if one.fault else "",
        }
        for one in results
    ]


def read() -> Rows:
    """The kept results; nothing where no run was."""
    if not RESULTS.exists():
        return []
    kept: Rows = json.loads(RESULTS.read_text(encoding="utf-8"))
    return kept


def merged(new: Iterable[dict[str, object]], kept: Iterable[dict[str, object]], peers: Iterable[Peer]) -> Rows:
    """The rows of a run in place of those that are kept of the same peers, in the order of the list of peers."""
    of: dict[object, Rows] = {}
    for row in new:
        of.setdefault(row["peer"], []).append(row)
    ran = set(of)
    for row in kept:
        if row["peer"] not in ran:
            of.setdefault(row["peer"], []).append(row)
    return [row for peer in peers for row in of.get(peer.name, ())]


def _proof(result: Result) -> str:
    fault = result.fault
    if fault is None:
        return ""
    return fault.issue or f"`{fault.source}`: `{fault.line}`"


def render(data: Data) -> str:
    """The whole page."""
    return "\n".join(_parts(data))


def _parts(data: Data) -> Iterator[str]:
    yield HEAD
    counted = {outcome: sum(row["result"] == outcome for row in data) for outcome in Outcome}
    total = "; ".join(f"{count} {outcome}" for outcome, count in counted.items() if count)
    yield f"{len({row['peer'] for row in data})} peers, {len(data)} flows: {total}.\n"
    documented = {peer.name: peer.documented for peer in PEERS}
    for role in Role:
        rows = [row for row in data if row["role"] == role]
        if not rows:
            continue
        yield f"## {role}s\n"
        yield REGISTERED[role]
        lines = [(_peer(row), str(row["flow"]), _registered(row), str(row["result"])) for row in rows]
        yield _table(("peer", "flow", "registered with", "result"), lines)
        yield "How each is configured:\n"
        yield "".join(f"- {name}: {documented[name]}\n" for name in dict.fromkeys(str(row["peer"]) for row in rows))
    if faults := [row for row in data if row["why"]]:
        yield FAULTS
        yield _table(
            ("peer", "flow", "why", "proof"),
            [(_peer(row), str(row["flow"]), str(row["why"]), _cell(str(row["proof"]))) for row in faults],
        )
    yield COVERED
    yield _table(("peer", "what is tried"), [(peer, ", ".join(what)) for peer, what in covered().items()]).rstrip() + "\n"


def _peer(row: Mapping[str, object]) -> str:
    return f"{row['peer']} {row['version']}"


def _registered(row: Mapping[str, object]) -> str:
    lines = row["registered"]
    return ", ".join(f"`{line}`" for line in lines) if isinstance(lines, list) else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def expected(peers: Iterable[Peer]) -> list[tuple[object, ...]]:
    """The parts of a kept result that these peers fix, version and outcome aside."""
    return [(peer.name, str(peer.role), flow.name, list(flow.registered)) for peer in peers for flow in peer.flows]


def stale() -> list[str]:
    """Why page or result do not fit the peers any more; empty where they do."""
    data = read()
    found = []
    if [(row["peer"], row["role"], row["flow"], row["registered"]) for row in data] != expected(PEERS):
        found.append("the kept result is of other peers, flows or registrations")
    pinned = {peer.name: peer.package.pinned() for peer in PEERS}
    versions = {str(row["peer"]): row["version"] for row in data}
    found += [
        f"{name} {version} is pinned" for name, version in pinned.items() if version and versions.get(name) != version
    ]
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != render(data):
        found.append(f"{PAGE.name} is not made from the kept result")
    return found


def main(arguments: Sequence[str]) -> int:
    """Write the page, or judge it."""
    if "--check" not in arguments:
        PAGE.write_text(render(read()), encoding="utf-8")
        return 0
    found = stale()
    for one in found:
        print(f"{one}: run python -m tests.interop.run --write", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
