"""What an operator switched off: a relying party, a country, an identity provider, or a key of ours (decision 0000.31).

A deviation of a provider is the one thing that a server switches off by itself (`idp.protocols.saml.deviation_guard`).

Every worker obeys within a second and none of them is told: `Switches` holds what it read for half a second by the
monotonic clock, then reads again before it answers. A worker that was stopped for a minute and woken reads first, too, also
where it was stopped while it read; where it cannot read, or not in half a second, it raises, and nothing goes on.

Whoever writes to the database and has no key of ours switches nothing on: a row that does not verify counts as switched
off, and one that this process saw does not count as gone or as older than it was. The ledger is the second witness, also
for a process that starts later (`records`): what it says is off is off, whatever became of the row. They can switch things
off; then the log says so.

Acts have numbers, by their places in the ledger. What carries how many were known when it was asked has ended where a later
one is on its party or source: no clock has a say in that. A worker that has not read the newest ones yet gives a number
that is too low, and what it asked may end once too often. A number that another worker gave, and this one has not reached,
compares as it has to: whatever this one reads next below it was known there.

switch   one of them, the seal of its row, and what is asked by those who obey
reading  all of them, as a worker reads them, and what in them does not fit
board    setting one
records  what the ledger says of them
"""

from idp.store.switches.board import Switchboard
from idp.store.switches.reading import HOLD_SECONDS, Switches, faults_of_switches, fix_of_switch, since_boot
from idp.store.switches.switch import (
    COUNTRY,
    DEVIATION,
    KEY,
    KINDS,
    PARTY,
    PROVIDER,
    ActLost,
    MemorySwitches,
    Switch,
    Switched,
)

__all__ = [
    "COUNTRY",
    "DEVIATION",
    "HOLD_SECONDS",
    "KEY",
    "KINDS",
    "PARTY",
    "PROVIDER",
    "ActLost",
    "MemorySwitches",
    "Switch",
    "Switchboard",
    "Switched",
    "Switches",
    "faults_of_switches",
    "fix_of_switch",
    "since_boot",
]
